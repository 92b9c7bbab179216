package compiler_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rmc-lang/rmc/compiler"
	"github.com/rmc-lang/rmc/compiler/plan"
	"github.com/rmc-lang/rmc/compiler/recipe"
	"github.com/rmc-lang/rmc/lang/diag"
)

// ssrm has everything that data, labels and rounds can be.
const ssrm = `/// A pairwise model that labels for itself, and a process model.
recipe ssrm

use std/labels
use std/preference

model pm: policy { base = "file:model", tune = lora { rank = 8 } }
model prm: policy { base = "file:model" }
model rm: reward { base = "file:model", tune = head }

data labeled: preference { source = "file:a.jsonl", over_length = drop, split = holdout { fraction = 20% } }
data unlabeled: preference { source = "file:b.jsonl", over_length = drop, split = none, exclude = [labeled] }
data pairs: labels { from = compare { data = [labeled] }, max_length = 512 tokens, over_length = drop }
data made: preference { from = augment { data = [labeled], wins = 2 }, over_length = drop }
data asked: labels { from = compare { data = [made], seed = 3 }, over_length = drop }
data steps: labels { source = "file:s.jsonl", over_length = truncate_right, split = holdout, exclude = [bench] }
data bench: labels { source = "file:p.jsonl", format = processbench, over_length = drop, split = none }

train pm on pairs { objective = label_loss }

repeat 2 as round {
  label pseudo = model on unlabeled { scorer = pm, keep = 0.75 }
  data more: labels { from = compare { data = [labeled, pseudo] }, max_length = 512 tokens, over_length = drop }
  train pm on more { objective = label_loss, from = base, seed = round }
  evaluate pm on labeled.holdout
}

train pm on asked as third { objective = next_token }
train rm on labeled + pseudo { objective = bradley_terry }
evaluate rm on labeled.holdout
train prm on steps { objective = label_loss, batch = 8 rows }
reward worst = label_loss.worst on prm
evaluate worst on bench.all
`

// rounds compiles ssrm with pairs of old and new text exchanged.
func rounds(t *testing.T, pairs ...string) (*compiler.Result, diag.List) {
	t.Helper()
	text := ssrm
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("the recipe has no %q", pairs[i])
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return compiler.Compile(fstest.MapFS{"ssrm.rmr": {Data: []byte(text)}}, "ssrm.rmr", compiler.Options{})
}

// The reference has no driver: its user runs scripts in turn, with folders that
// do not match. Here a recipe is all rounds, and each stage reads the one before.
func TestS4RoundsAreOneRecipe(t *testing.T) {
	r, errs := rounds(t)
	if len(errs) > 0 {
		t.Fatalf("unexpected:\n%s", show(errs))
	}
	stages := map[string]plan.Stage{}
	var order []string
	for _, s := range r.Plan.Stages {
		stages[s.Name] = s
		if s.Kind != plan.Prepare && s.Kind != plan.Embed {
			order = append(order, s.Name)
		}
	}
	want := []string{"train.pm", "label.pseudo_1", "train.pm_1", "evaluate.pm_1", "label.pseudo_2", "train.pm_2", "evaluate.pm_2",
		"train.third", "train.rm", "evaluate.rm", "train.prm", "evaluate.worst"}
	if !slices.Equal(order, want) {
		t.Errorf("stages\n%v, want\n%v", order, want)
	}
	for stage, inputs := range map[string][]string{
		"label.pseudo_1":              {"prepare.pm.unlabeled", "train.pm"},
		"prepare.pm.more_1":           {"label.pseudo_1"},
		"train.pm_1":                  {"prepare.pm.more_1"},
		"label.pseudo_2":              {"prepare.pm.unlabeled", "train.pm_1"},
		"train.pm_2":                  {"prepare.pm.more_2"},
		"evaluate.pm_2":               {"prepare.pm.labeled", "train.pm_2"},
		"train.third":                 {"prepare.pm.asked", "train.pm_2"},
		"prepare.rm.labeled_pseudo_2": {"label.pseudo_2"},
		"evaluate.worst":              {"prepare.prm.bench", "train.prm"},
	} {
		if got := stages[stage].Inputs; !slices.Equal(got, inputs) {
			t.Errorf("%s reads %v, want %v", stage, got, inputs)
		}
	}
	if a, b := stages["train.pm_1"].Train.Seed, stages["train.pm_2"].Train.Seed; a != 1 || b != 2 {
		t.Errorf("round is %d and %d, want 1 and 2", a, b)
	}
	if form := stages["label.pseudo_2"].Label.Form; form != "more_1" {
		t.Errorf("the second round asks as %q says, want as it was trained last: more_1", form)
	}
}

// What a frozen backbone reads is computed once for each data set with rows of its
// own, however many unions and rounds there are, as the trainer computes it.
func TestUnionsAreEmbeddedByTheirParts(t *testing.T) {
	r, errs := rounds(t, "  train pm on more {", "  train rm on labeled + pseudo as head { objective = bradley_terry, from = base }\n  train pm on more {",
		"train rm on labeled + pseudo {", "data both: preference { from = union { data = [labeled, made] } }\ntrain rm on both {")
	if len(errs) > 0 {
		t.Fatalf("unexpected:\n%s", show(errs))
	}
	var embeds []string
	hashes := map[string]string{}
	for _, s := range r.Plan.Stages {
		hashes[s.Name] = s.Hash
		if s.Kind == plan.Embed {
			embeds = append(embeds, s.Name)
		}
		want := map[string][]string{
			"train.head_1": {"prepare.rm.labeled_pseudo_1", "embed.rm.labeled", "embed.rm.unlabeled"},
			"train.head_2": {"prepare.rm.labeled_pseudo_2", "embed.rm.labeled", "embed.rm.unlabeled"},
			"train.rm":     {"prepare.rm.both", "embed.rm.labeled", "embed.rm.made", "train.head_2"},
		}[s.Name]
		if want != nil && !slices.Equal(s.Inputs, want) {
			t.Errorf("%s reads %v, want %v", s.Name, s.Inputs, want)
		}
	}
	if want := []string{"embed.rm.labeled", "embed.rm.unlabeled", "embed.rm.made"}; !slices.Equal(embeds, want) {
		t.Errorf("computed are %v, want %v", embeds, want)
	}
	if hashes["train.head_1"] == hashes["train.head_2"] {
		t.Error("two rounds, of other labels, are one stage")
	}
}

// A filter stands between the training of its model and what is made of it.
func TestFilterIsAStage(t *testing.T) {
	r, errs := rounds(t, "data = [made], seed = 3", "data = [left], seed = 3",
		"train pm on asked as third", "label left = filter on made { scorer = pm, least = 0.3 }\ntrain pm on asked as third")
	if len(errs) > 0 {
		t.Fatalf("unexpected:\n%s", show(errs))
	}
	for _, s := range r.Plan.Stages {
		want := map[string][]string{
			"label.left":       {"prepare.pm.made", "train.pm_2"},
			"prepare.pm.asked": {"label.left"},
			"train.third":      {"prepare.pm.asked", "train.pm_2"},
		}[s.Name]
		if want != nil && !slices.Equal(s.Inputs, want) {
			t.Errorf("%s reads %v, want %v", s.Name, s.Inputs, want)
		}
		if s.Name == "label.left" && (s.Label.Least != 0.3 || s.Label.Form != "more_2") {
			t.Errorf("%+v", s.Label)
		}
	}
	asked := r.Recipe.Data[slices.IndexFunc(r.Recipe.Data, func(d *recipe.Data) bool { return d.Spec.Name == "asked" })]
	if roots := asked.Roots(); len(roots) != 1 || roots[0].Spec.Name != "labeled" || !asked.Holds() || !asked.Undecided() {
		t.Errorf("asked is made of %d data sets, holds %v, undecided %v", len(roots), asked.Holds(), asked.Undecided())
	}
	files, err := compiler.Emit(r)
	if err != nil {
		t.Fatal(err)
	}
	if errs := typeCheck(t, files[0].Content); len(errs) > 0 {
		t.Errorf("Go says:\n%s\nof\n%s", strings.Join(errs, "\n"), files[0].Content)
	}
	text := strings.Join(strings.Fields(string(files[0].Content)), " ")
	for _, want := range []string{
		`Name: "left", Kind: "preference", Label: "left", // ssrm.rmr:28 From: spec.From{Kind: "augment", Data: []string{"labeled"},`,
		`From: spec.From{Kind: "compare", Data: []string{"left"}`,
		`Name: "left", Kind: "filter", Data: "made", Form: "more_2", // ssrm.rmr:28 Scorer: "pm", Least: 0.3,`,
		`trainer.Label(leftLabel, made), trainer.Train(pm, asked, trainThird,`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, files[0].Content)
		}
	}
}

// What is held out stays so through all rounds: data made of data has the sides
// of its rows, and no split of its own.
func TestHoldOutIsFrozen(t *testing.T) {
	r, errs := rounds(t)
	if len(errs) > 0 {
		t.Fatalf("unexpected:\n%s", show(errs))
	}
	for _, d := range r.Recipe.Data {
		if len(d.Spec.From.Data) == 0 {
			continue
		}
		if s := d.Spec.Split; s.Kind != "" || s.Fraction != 0 {
			t.Errorf("%s has a split of its own: %+v", d.Spec.Name, s)
		}
		if !d.Holds() {
			t.Errorf("%s is said to hold nothing out, and labeled does", d.Spec.Name)
		}
	}
}

func TestTheProgramOfRounds(t *testing.T) {
	r, errs := rounds(t)
	if errs.HasErrors() {
		t.Fatal(show(errs))
	}
	files, err := compiler.Emit(r)
	if err != nil {
		t.Fatal(err)
	}
	if errs := typeCheck(t, files[0].Content); len(errs) > 0 {
		t.Errorf("Go says:\n%s\nof\n%s", strings.Join(errs, "\n"), files[0].Content)
	}
	text := strings.Join(strings.Fields(string(files[0].Content)), " ")
	for _, want := range []string{
		`From: spec.From{Kind: "compare", Data: []string{"labeled"}, // ssrm.rmr:13 Orders: "balanced"}, // default`,
		`Labels: []string{"first", "second"}, // default Tokens: []string{"A", "B"}, // default Level: "outcome", MaxLength: 512, OverLength: "drop", // ssrm.rmr:13`,
		`Labels: []string{"first", "second", "same"}, // default`,
		`Exclude: []string{"labeled"}, // ssrm.rmr:12`,
		`From: spec.From{Kind: "union", Data: []string{"labeled", "pseudo_2"}}`,
		`Name: "pseudo_2", Kind: "model", Data: "unlabeled", Form: "more_1", // ssrm.rmr:22`,
		`Models: []spec.Model{pm},`,
		`Data: []spec.Data{labeled, unlabeled, pairs, made, steps, bench, more1, more2, pseudo1, pseudo2},`,
		`{Name: "worst", Score: worst, Models: []spec.Model{prm}, Form: "steps"},`,
		`trainer.Label(pseudo1Label, unlabeled), trainer.Train(pm, more1, trainPm1, labelLossPM), trainer.Evaluate(pm, labeled, evaluatePm1),`,
		`trainer.Train(rm, labeledPseudo2, trainRM, bradleyTerry),`,
		`loss := op.Mean(op.Neg(op.Sum(op.Mul(gold, pConversation), "label")), "row", "step")`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, files[0].Content)
		}
	}
	if n := strings.Count(text, "func labelLoss"); n != 2 { // of pm and of prm: three stages of pm have one
		t.Errorf("label_loss is written %d times", n)
	}
}

// An override of a round's own name is of that round, one of the name as the
// recipe has it of all.
func TestOverridesOfRounds(t *testing.T) {
	fsys := fstest.MapFS{"ssrm.rmr": {Data: []byte(ssrm)}}
	r, errs := compiler.Compile(fsys, "ssrm.rmr", compiler.Options{Overrides: []string{
		"label.pseudo.keep=0.9", "train.pm_2.batch=4 rows", "data.more.max_length=256 tokens", "train.pm.epochs=3",
	}})
	if len(errs) > 0 {
		t.Fatal(show(errs))
	}
	for path, want := range map[string]string{
		"label.pseudo_1.keep": "0.9", "label.pseudo_2.keep": "0.9", "train.pm_1.batch": "64 pairs", "train.pm_2.batch": "4 rows",
		"data.more_1.max_length": "256 tokens", "data.more_2.max_length": "256 tokens", "train.pm.epochs": "3", "train.pm_1.epochs": "1",
	} {
		if v := r.Recipe.Value(path); v == nil || v.Text != want {
			t.Errorf("%s is %+v, want %s", path, v, want)
		}
	}
	_, errs = compiler.Compile(fsys, "ssrm.rmr", compiler.Options{Overrides: []string{"data.pairs.split.fraction=10%"}})
	if got := codes(errs); !slices.Equal(got, []string{"R0111"}) {
		t.Errorf("a split of data made of data: got %v\n%s", got, show(errs))
	}
}

// Caps reach the program, with who set each, and make other data of a plan; an
// override sets one of them. Where no kind of tie is left, a comparison has no third answer.
func TestCapsOfAugment(t *testing.T) {
	const caps = "wins = 2, caps = named { rejected_j_ties_rejected_k = 1000 rows, chosen_i_beats_chosen_j = 0 pairs }"
	plain, _ := rounds(t)
	r, errs := rounds(t, "wins = 2", caps)
	if len(errs) > 0 {
		t.Fatalf("unexpected:\n%s", show(errs))
	}
	files, err := compiler.Emit(r)
	if err != nil {
		t.Fatal(err)
	}
	if errs := typeCheck(t, files[0].Content); len(errs) > 0 {
		t.Errorf("Go says:\n%s\nof\n%s", strings.Join(errs, "\n"), files[0].Content)
	}
	text := strings.Join(strings.Fields(string(files[0].Content)), " ")
	if want := `Caps: spec.Caps{Kind: "named", Map: map[string]int{"chosen_i_beats_chosen_j": 0, "rejected_j_ties_rejected_k": 1000}}, // ssrm.rmr:14`; !strings.Contains(text, want) {
		t.Errorf("no %q in\n%s", want, files[0].Content)
	}
	stage := func(r *compiler.Result, name string) string {
		return r.Plan.Stages[slices.IndexFunc(r.Plan.Stages, func(s plan.Stage) bool { return s.Name == name })].Hash
	}
	set, errs := compiler.Compile(fstest.MapFS{"ssrm.rmr": {Data: []byte(strings.Replace(ssrm, "wins = 2", caps, 1))}}, "ssrm.rmr",
		compiler.Options{Overrides: []string{"data.made.from.caps.rejected_j_ties_rejected_k=999 rows"}})
	if len(errs) > 0 {
		t.Fatalf("unexpected:\n%s", show(errs))
	}
	for _, name := range []string{"prepare.pm.asked", "train.third"} {
		if stage(r, name) == stage(plain, name) || stage(r, name) == stage(set, name) {
			t.Errorf("%s is the same, whatever the caps", name)
		}
	}
	if stage(r, "prepare.pm.pairs") != stage(plain, "prepare.pm.pairs") {
		t.Error("caps change data that has none")
	}
	none := "wins = 2, caps = named { chosen_j_ties_rejected_j = 0 rows, chosen_k_ties_rejected_k = 0 rows, chosen_j_ties_chosen_k = 0 rows, " +
		"chosen_j_ties_rejected_k = 0 rows, chosen_k_ties_rejected_j = 0 rows, rejected_j_ties_rejected_k = 0 rows }"
	without, errs := rounds(t, "wins = 2", none)
	if len(errs) > 0 {
		t.Fatalf("unexpected:\n%s", show(errs))
	}
	labels := func(r *compiler.Result) int {
		return len(r.Recipe.Data[slices.IndexFunc(r.Recipe.Data, func(d *recipe.Data) bool { return d.Spec.Name == "asked" })].Spec.Labels)
	}
	if labels(r) != 3 || labels(without) != 2 {
		t.Errorf("%d answers with ties and %d without", labels(r), labels(without))
	}
}

func TestOneMistakeOfLabelsOneMessage(t *testing.T) {
	for name, c := range map[string]struct {
		pairs []string
		want  string
		words string
	}{
		"a split of data made of data":         {[]string{"max_length = 512 tokens, over_length = drop }", "max_length = 512 tokens, over_length = drop, split = none }"}, "R0111", "takes its rows from other data, and so has no split of its own"},
		"a source of data made of data":        {[]string{"data made: preference {", `data made: preference { source = "file:m.jsonl",`}, "R0111", "or say it in data labeled"},
		"a length of a union":                  {[]string{"train rm on labeled + pseudo", "data both: preference { from = union { data = [labeled, pseudo] }, max_length = 9 tokens }\ntrain rm on both"}, "R0111", "has no max_length of its own"},
		"no source and no data":                {[]string{`source = "file:s.jsonl", `, ""}, "R0109", "needs source"},
		"a policy must be said of data":        {[]string{"[made], seed = 3 }, over_length = drop", "[made], seed = 3 }"}, "R0110", "must say over_length"},
		"preferences by comparison":            {[]string{"data made: preference { from = augment { data = [labeled], wins = 2 }", "data made: preference { from = compare { data = [labeled] }"}, "R0211", "declare data made: labels"},
		"a cap of no kind":                     {[]string{"wins = 2", `wins = 2, caps = named { chosen_i_beat_chosen_j = 9 rows }`}, "R0101", `did you mean "chosen_i_beats_chosen_j"?`},
		"a cap of no kind at all":              {[]string{"wins = 2", `wins = 2, caps = named { everything = 9 rows }`}, "R0101", "rejected_j_ties_rejected_k"},
		"a negative cap":                       {[]string{"wins = 2", `wins = 2, caps = named { chosen_i_beats_chosen_j = -1 rows }`}, "R0206", "chosen_i_beats_chosen_j must be at least 0"},
		"a cap in another unit":                {[]string{"wins = 2", `wins = 2, caps = named { chosen_i_beats_chosen_j = 9 tokens }`}, "R0203", "write 9 rows"},
		"a cap without a unit":                 {[]string{"wins = 2", `wins = 2, caps = named { chosen_i_beats_chosen_j = 9 }`}, "R0202", "write 9 rows"},
		"half a row as a cap":                  {[]string{"wins = 2", `wins = 2, caps = named { chosen_i_beats_chosen_j = 1.5 rows }`}, "R0201", "write 1 rows or 2 rows"},
		"a quoted cap":                         {[]string{"wins = 2", `wins = 2, caps = named { chosen_i_beats_chosen_j = "9" }`}, "R0201", "a whole number in rows or pairs"},
		"two caps of a kind":                   {[]string{"wins = 2", `wins = 2, caps = named { chosen_i_beats_chosen_j = 9 rows, chosen_i_beats_chosen_j = 8 rows }`}, "R0107", "chosen_i_beats_chosen_j is set twice"},
		"caps of no kind of caps":              {[]string{"wins = 2", `wins = 2, caps = names { chosen_i_beats_chosen_j = 9 rows }`}, "R0103", `did you mean "named"?`},
		"caps of none":                         {[]string{"wins = 2", `wins = 2, caps = none { chosen_i_beats_chosen_j = 9 rows }`}, "R0101", "write caps = named { chosen_i_beats_chosen_j = … }"},
		"a cap outside of caps":                {[]string{"wins = 2", `wins = 2, chosen_i_beats_chosen_j = 9 rows`}, "R0101", "write caps = named { chosen_i_beats_chosen_j = … }"},
		"caps of a comparison":                 {[]string{"[made], seed = 3", "[made], seed = 3, caps = none"}, "R0111", "caps is a field of augment"},
		"a comparison of labels":               {[]string{"compare { data = [labeled] }", "compare { data = [steps] }"}, "R0211", "compare is on preference or ranking, and steps is labels"},
		"a union of kinds":                     {[]string{"train rm on labeled + pseudo", "train rm on labeled + steps"}, "R0211", "union is on preference"},
		"a union of other labels":              {[]string{"train prm on steps {", "train prm on steps + asked {"}, "R0211", "steps and asked have different labels"},
		"a difference of data":                 {[]string{"labeled + pseudo", "labeled - pseudo"}, "R0201", "put together with +"},
		"one data set twice":                   {[]string{"labeled + pseudo", "labeled + labeled"}, "R0208", "labeled is in the sum twice"},
		"data that is misspelt":                {[]string{"compare { data = [labeled] }", "compare { data = [labelled] }"}, "R0105", `did you mean "labeled"?`},
		"data in quotes":                       {[]string{"compare { data = [labeled] }", `compare { data = ["labeled"] }`}, "R0201", "without quotes"},
		"data of no data":                      {[]string{"compare { data = [labeled] }", "compare { data = [] }"}, "R0207", "data is empty"},
		"data of itself":                       {[]string{"data made: preference { from = augment { data = [labeled]", "data made: preference { from = augment { data = [made]"}, "R0127", "made is made of itself"},
		"data of each other":                   {[]string{"data made: preference { from = augment { data = [labeled], wins = 2 }", "data other: preference { from = augment { data = [made] }, over_length = drop }\ndata made: preference { from = augment { data = [other] }"}, "R0127", "are made of each other"},
		"questions left out of each other":     {[]string{"over_length = drop, split = holdout { fraction = 20% } }", "over_length = drop, split = holdout { fraction = 20% }, exclude = [unlabeled] }"}, "R0127", "not both"},
		"itself left out":                      {[]string{"exclude = [bench]", "exclude = [steps]"}, "R0127", "leaves itself out"},
		"a label left out":                     {[]string{"exclude = [bench]", "exclude = [pseudo]"}, "R0126", "name unlabeled"},
		"left out without a list":              {[]string{"exclude = [bench]", "exclude = bench"}, "R0201", "as in exclude = [prefs]"},
		"a held-out part of nothing":           {[]string{"evaluate worst on bench.all", "evaluate worst on bench.holdout"}, "R0212", "bench holds nothing out"},
		"one label":                            {[]string{"format = processbench", "labels = [good], tokens = [\"+\"], format = processbench"}, "R0207", "nothing to tell apart"},
		"labels without tokens":                {[]string{"format = processbench", "labels = [a, b, c], format = processbench"}, "R0207", "3 labels and 2 tokens"},
		"tokens that are the same":             {[]string{"format = processbench", `tokens = ["+", "+"], format = processbench`}, "R0208", "is in tokens twice"},
		"a third answer that cannot be":        {[]string{"data = [labeled] }, max", `data = [labeled] }, labels = [a, b, c], tokens = ["A", "B", "C"], max`}, "R0207", "the first is better or the second"},
		"a level of a comparison":              {[]string{"data = [labeled] }, max", "data = [labeled] }, level = step, max"}, "R0111", "no level of its own"},
		"labels of preferences":                {[]string{"data made: preference {", "data made: preference { labels = [a, b],"}, "R0111", "labels is a field of labels"},
		"a head of a policy":                   {[]string{"tune = lora { rank = 8 }", "tune = head"}, "R0205", "a policy has no head of its own"},
		"a head in a policy":                   {[]string{"tune = lora { rank = 8 }", "head = linear"}, "R0111", "head is a field of reward"},
		"a score of a policy":                  {[]string{"train prm on steps { objective = label_loss", "objective f on labels { loss = mean(score(conversation)) }\ntrain prm on steps { objective = f", "reward worst = label_loss.worst on prm\nevaluate worst on bench.all\n", ""}, "R0409", "prm is of kind policy, which has no score"},
		"logits of preferences":                {[]string{"train rm on", "objective f on preference { loss = mean(logits(chosen)) }\ntrain pm on labeled as d { objective = f }\ntrain rm on"}, "R0409", "logprob(chosen) is the log-probability"},
		"tokens of a reward model":             {[]string{"train rm on labeled + pseudo { objective = bradley_terry }", "objective f on preference { loss = mean(sum(logprob(chosen), over token)) }\ntrain rm on labeled + pseudo { objective = f }"}, "R0409", "a model of kind policy has it"},
		"a label that is no element":           {[]string{"train prm on steps { objective = label_loss", "objective f on labels { loss = mean(logits(conversation)[god], over row, over step) }\ntrain prm on steps { objective = f", "reward worst = label_loss.worst on prm\nevaluate worst on bench.all\n", ""}, "R0310", "did you mean `[good]`?"},
		"the step is not named":                {[]string{"train prm on steps { objective = label_loss", "objective f on labels { loss = mean(logits(conversation)[good]) }\ntrain prm on steps { objective = f", "reward worst = label_loss.worst on prm\nevaluate worst on bench.all\n", ""}, "R0308", "add over step"},
		"steps after the rows":                 {[]string{"train prm on steps { objective = label_loss", "objective f on labels { loss = max(mean(logits(conversation)[good], over row), over step) }\ntrain prm on steps { objective = f", "reward worst = label_loss.worst on prm\nevaluate worst on bench.all\n", ""}, "R0309", "reduce over step first"},
		"the last row":                         {[]string{"train prm on steps { objective = label_loss", "objective f on labels { loss = sum(last(logits(conversation)[good], over row), over step) }\ntrain prm on steps { objective = f", "reward worst = label_loss.worst on prm\nevaluate worst on bench.all\n", ""}, "R0307", "over `row` mixes unrelated examples"},
		"gold in a reward":                     {[]string{"train prm on steps { objective = label_loss", "objective f on labels {\n  let s(x) = last((gold * logits(x))[good], over step)\n  loss = mean(s(conversation))\n}\ntrain prm on steps { objective = f", "reward worst = label_loss.worst on prm", "reward worst = f.s"}, "R0410", "it reads gold"},
		"a reward of conversations on pairs":   {[]string{"evaluate worst on bench.all", "evaluate worst on labeled.holdout"}, "R0211", "an evaluation of worst is on labels"},
		"an unused let of the recipe":          {[]string{"train prm on steps { objective = label_loss", "objective f on labels {\n  let s(x) = last(logits(x)[good], over step)\n  loss = mean(sum(gold * logits(conversation), over label), over row, over step)\n}\ntrain prm on steps { objective = f", "reward worst = label_loss.worst on prm\nevaluate worst on bench.all\n", ""}, "R0313", "s is computed and never used"},
		"a policy that was never asked":        {[]string{"scorer = pm,", "scorer = prm,"}, "R0225", "from = compare { data = [labeled] }"},
		"an evaluation of what is never asked": {[]string{"evaluate rm on labeled.holdout", "evaluate rm on labeled.holdout\nevaluate prm on labeled.holdout"}, "R0225", "nothing says how prm is asked"},
		"a scorer that is none":                {[]string{"scorer = pm,", "scorer = pn,"}, "R0104", `did you mean "pm"?`},
		"a scorer that is not there":           {[]string{"scorer = pm, ", ""}, "R0109", "needs scorer"},
		"a threshold of nothing":               {[]string{"keep = 0.75", "keep = 0.3"}, "R0206", "keep must be at least 0.5"},
		"a label of a comparison":              {[]string{"label pseudo = model on unlabeled", "label pseudo = model on made", "evaluate rm on labeled.holdout", "evaluate rm on unlabeled.all"}, "R0126", "label what it is made of: labeled"},
		"a filter of rows":                     {[]string{"train pm on asked as third", "label left = filter on labeled { scorer = pm }\ntrain rm on left as l { objective = bradley_terry, from = base }\ntrain pm on asked as third"}, "R0126", "augment { data = [labeled] }"},
		"a filter of comparisons":              {[]string{"train pm on asked as third", "label left = filter on asked { scorer = pm }\ntrain rm on left as l { objective = bradley_terry, from = base }\ntrain pm on asked as third"}, "R0211", "a filter is on preference"},
		"a filter of a filter":                 {[]string{"train pm on asked as third", "label left = filter on made { scorer = pm }\nlabel less = filter on left { scorer = pm }\ntrain rm on left as l { objective = bradley_terry, from = base }\ntrain pm on asked as third"}, "R0126", "left is judged already"},
		"a filter by what was never asked":     {[]string{"train pm on asked as third", "label left = filter on made { scorer = prm }\ntrain rm on left as l { objective = bradley_terry, from = base }\ntrain pm on asked as third"}, "R0225", "nothing says how prm is asked"},
		"a filter by an untrained model":       {[]string{"train pm on asked as third", "label left = filter on made { scorer = rm }\ntrain rm on left as l { objective = bradley_terry, from = base }\ntrain pm on asked as third"}, "R0218", "rm is asked before it is trained"},
		"a filter that keeps":                  {[]string{"train pm on asked as third", "label left = filter on made { scorer = pm, keep = 0.9 }\ntrain rm on left as l { objective = bradley_terry, from = base }\ntrain pm on asked as third"}, "R0111", "keep is a field of model"},
		"a filter that comes later":            {[]string{"train pm on asked as third", "train pm on left as l { objective = label_loss }\nlabel left = filter on made { scorer = pm }\ntrain pm on asked as third"}, "R0127", "move label left above this stage"},
		"data of a label that comes later":     {[]string{"train pm on pairs {", "data early: labels { from = compare { data = [labeled, pseudo] }, over_length = drop }\ntrain pm on early as e { objective = label_loss }\ntrain pm on pairs {"}, "R0127", "move label pseudo above this stage"},
		"rounds that do not say from what":     {[]string{", from = base, seed", ", seed"}, "R0110", "from = base | last"},
		"rounds in a unit":                     {[]string{"repeat 2 as", "repeat 2 epochs as"}, "R0203", "write repeat 2"},
		"half a round":                         {[]string{"repeat 2 as", "repeat 2.5 as"}, "R0201", "a whole number of rounds"},
		"no rounds":                            {[]string{"repeat 2 as", "repeat 0 as"}, "R0206", "1 to 99 rounds"},
		"a mesh in a round":                    {[]string{"  label pseudo", "  mesh { devices = 2 }\n  label pseudo"}, "R0117", "move it out of the braces"},
		"an objective in a round":              {[]string{"  label pseudo", "  objective o on labels { loss = 1 }\n  label pseudo"}, "R0117", "move it out of the braces"},
		"a mistake of all rounds":              {[]string{"on unlabeled { scorer = pm, keep = 0.75 }", "on unlabeled { scorer = pm, kep = 0.75 }"}, "R0101", `did you mean "keep"?`},
		"a name of a round":                    {[]string{"data made:", "data more_2: labels { from = compare { data = [labeled] }, over_length = drop }\ndata made:"}, "R0108", "more_2 is declared twice"},
	} {
		t.Run(name, func(t *testing.T) {
			_, errs := rounds(t, c.pairs...)
			if got := codes(errs); !slices.Equal(got, []string{c.want}) {
				t.Fatalf("got %v, want %s:\n%s", got, c.want, show(errs))
			}
			if text := show(errs); !strings.Contains(text, c.words) {
				t.Errorf("it does not say %q:\n%s", c.words, text)
			}
		})
	}
}

// A round may stand in the middle, and what follows means its last.
func TestNamesBelowARepeatAreThoseOfItsLastRound(t *testing.T) {
	r, errs := rounds(t, "evaluate rm on labeled.holdout", "evaluate rm on labeled.holdout\nevaluate pm on more.holdout as late\nevaluate pm on more_1.train as early")
	if len(errs) > 0 {
		t.Fatal(show(errs))
	}
	found := map[string]string{}
	for _, s := range r.Recipe.Stages {
		if e, ok := s.(*recipe.Evaluate); ok {
			found[e.Name] = e.Spec.Data
		}
	}
	if found["late"] != "more_2" || found["early"] != "more_1" {
		t.Errorf("they are evaluated on %q and %q", found["late"], found["early"])
	}
}

// Half-written recipes of all this have errors and no crash.
func TestWhatIsHalfWrittenOfLabelsIsNoCrash(t *testing.T) {
	for _, text := range []string{
		"recipe x\nrepeat 3 { }\n", "recipe x\nrepeat { }\n", "recipe x\nrepeat 3 as r { train r on r { } }\n",
		"recipe x\nrepeat 2 as r { repeat 2 as s { label p = model on q } }\n", "recipe x\nrepeat 99999999999 { evaluate m on d.all }\n",
		"recipe x\ndata d: labels { from = compare }\n", "recipe x\ndata d: labels { from = compare { data = [d, d] } }\n",
		"recipe x\ndata d: labels { from = 3 }\n", "recipe x\ndata d: labels { from = rows { data = [d] } }\n",
		"recipe x\ndata d: preference { from = union { data = [e] } }\ntrain m on d + d + (e + d) { }\n",
		"recipe x\nlabel p = model on p { scorer = p }\ntrain m on p { }\n", "recipe x\ntrain m on 3 + x { }\n",
		"recipe x\ndata d: labels { exclude = [[d], 3] }\nevaluate m on d.all\n", "recipe x\nmodel m: policy\nevaluate m on m.m\n",
	} {
		_, errs := compile(t, text)
		if !errs.HasErrors() {
			t.Errorf("%q has no error", text)
		}
		show(errs)
	}
}

// Who reads what follows a label says so to whoever loads the data, of which the
// sequences are one token longer: of all parts of a union, and of no other data.
func TestEndingsOfData(t *testing.T) {
	r, errs := rounds(t, "train prm on steps { objective = label_loss,", "train prm on proofs { objective = completion,", "label_loss.worst on prm", "completion.worst on prm",
		"train pm on pairs {", `data other: labels { source = "file:o.jsonl", over_length = drop, split = none }
data proofs: labels { from = union { data = [steps, other] } }

train pm on pairs {`)
	if len(errs) > 0 {
		t.Fatal(show(errs))
	}
	for _, d := range r.Recipe.Data {
		if want := slices.Contains([]string{"proofs", "steps", "other"}, d.Spec.Name); d.Spec.Endings != want {
			t.Errorf("data %s is read with endings: %v", d.Spec.Name, d.Spec.Endings)
		}
	}
	files, err := compiler.Emit(r)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(files[0].Content), "// what follows a label is read"); n != 3 {
		t.Errorf("%d data of the program say that what follows a label is read, want 3", n)
	}
}

// What follows a label is for a loss: nothing that is scored has it, and no data
// without labels.
func TestEndingsAreOfALoss(t *testing.T) {
	const own = "objective own on labels {\n  let ends(x) = mean(ending(x), over step)\n  loss = -mean(ends(conversation))\n}\n\ntrain prm on steps { objective = own,"
	for _, c := range []struct {
		edits []string
		code  diag.Code
		span  string
	}{
		{[]string{"train prm on steps { objective = label_loss,", own, "reward worst = label_loss.worst on prm", "reward worst = own.ends on prm"}, diag.NotAReward, "ends"},
		{[]string{"train rm on labeled + pseudo { objective = bradley_terry }", "objective own on preference { loss = -mean(ending(chosen)) }\n\ntrain rm on labeled { objective = own }"}, diag.WrongTerm, "chosen"},
		{[]string{"train prm on steps { objective = label_loss,", strings.Replace(own, "ending(x), over step", "ending(x), over label", 1), "reward worst = label_loss.worst on prm\nevaluate worst", "evaluate prm"}, diag.NoSuchAxis, ""},
	} {
		_, errs := rounds(t, c.edits...)
		if len(errs) != 1 || errs[0].Code != c.code || errs[0].Help == "" || c.span != "" && errs[0].Span.Text() != c.span {
			t.Errorf("want %s at %q, once and with help:\n%s", c.code, c.span, show(errs))
		}
	}
}
