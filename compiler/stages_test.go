package compiler_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rmc-lang/rmc/compiler"
	"github.com/rmc-lang/rmc/lang/diag"
)

// whole is the recipe of every kind of stage but a label.
const whole = `/// Absolute ratings, and a gate that weighs them by the prompt.
recipe armorm

model backbone: encoder { base = "file:model", layer = 12 }

data ratings: ratings {
  source      = "file:rated.jsonl"
  attributes  = [helpfulness, correctness, coherence, complexity, length]
  columns     = named { coherence = "scores.coherence" }
  missing     = mask
  sentinels   = [-100]
  over_length = truncate_left
  split       = holdout { fraction = 20%, by = prompt }
}

data prefs: preference {
  source      = "file:pairs.jsonl"
  over_length = drop
  split       = holdout { fraction = 20%, by = prompt }
}

fit probe = ridge on backbone(ratings) { intercept = true }
fit debias = decorrelate on probe(prefs) { from = length, at_most = 0.03 }

model gate: mlp {
  input   = backbone
  hidden  = [256, 256]
  dropout = 0.2
  outputs = attribute
  scalars = named { scale = 1 }
}

objective gated on preference {
  let gates         = gate.scale * softmax(gate(prompt) / 10, over attribute)
  let attributes(x) = debias(probe(x))
  let s(x)          = sum(gates * attributes(x), over attribute)
  loss = mean(-log_sigmoid(s(chosen) - s(rejected)))
}

train gate on prefs {
  objective = gated
  steps     = 300
  batch     = 256 pairs
}

reward armo = gated.s
evaluate armo on prefs.holdout
evaluate probe on ratings.holdout
`

// rest goes on from whole: a plain head, a tree and a judge.
const rest = `
model bt: mlp { input = backbone }

objective plain on preference { loss = mean(-log_sigmoid(score(chosen) - score(rejected))) }

train bt on prefs { objective = plain }
evaluate bt on prefs.holdout

label judged = llm on prefs { endpoint = "http://127.0.0.1:8000/v1", model = "m" }

fit tree = tree on debias(probe(judged)) { depth = 3 }
reward judge = tree
evaluate judge on prefs.holdout as rules
`

// stages compiles whole and what goes on, with pairs of old and new text
// exchanged.
func stages(t *testing.T, pairs ...string) (*compiler.Result, diag.List) {
	t.Helper()
	text := whole + rest
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("the recipe has no %q", pairs[i])
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return compiler.Compile(fstest.MapFS{"armorm.rmr": {Data: []byte(text)}}, "armorm.rmr", compiler.Options{})
}

func TestStagesCompileInTheirOrder(t *testing.T) {
	r, errs := stages(t)
	if len(errs) > 0 {
		t.Fatalf("unexpected:\n%s", show(errs))
	}
	var got []string
	for _, s := range r.Plan.Stages {
		got = append(got, s.Name)
	}
	want := []string{
		"prepare.backbone.ratings", "embed.backbone.ratings", "fit.probe",
		"prepare.backbone.prefs", "embed.backbone.prefs", "fit.debias",
		"train.gate", "evaluate.armo", "evaluate.probe", "train.bt", "evaluate.bt",
		"label.judged", "prepare.backbone.judged", "embed.backbone.judged", "fit.tree", "evaluate.rules",
	}
	if !slices.Equal(got, want) {
		t.Errorf("stages\n%v, want\n%v", got, want)
	}
	for stage, inputs := range map[string][]string{
		"fit.debias":     {"embed.backbone.prefs", "fit.probe"},
		"train.gate":     {"embed.backbone.prefs", "fit.debias", "fit.probe"},
		"evaluate.armo":  {"embed.backbone.prefs", "train.gate", "fit.debias", "fit.probe"},
		"evaluate.probe": {"embed.backbone.ratings", "fit.probe"},
		"fit.tree":       {"embed.backbone.judged", "label.judged", "fit.probe", "fit.debias"},
		"evaluate.rules": {"embed.backbone.prefs", "fit.tree"},
	} {
		i := slices.Index(got, stage)
		if i < 0 || !slices.Equal(r.Plan.Stages[i].Inputs, inputs) {
			t.Errorf("%s reads %v, want %v", stage, r.Plan.Stages[max(0, i)].Inputs, inputs)
		}
	}
}

// A change reaches the stages that read what has changed, and no other: a gate
// of another width is trained anew on hidden states, probe and transform that
// stay as they are.
func TestAChangeRerunsWhatReadsIt(t *testing.T) {
	before, errs := stages(t)
	if errs.HasErrors() {
		t.Fatal(show(errs))
	}
	for _, c := range []struct {
		old, new string
		changed  []string
	}{
		{"hidden  = [256, 256]", "hidden  = [256]", []string{"train.gate", "evaluate.armo"}},
		{"scale = 1", "scale = 2", []string{"train.gate", "evaluate.armo"}},
		{"/ 10", "/ 5", []string{"train.gate", "evaluate.armo"}},
		{"steps     = 300", "steps     = 301", []string{"train.gate", "evaluate.armo"}},
		{"at_most = 0.03", "at_most = 0.05", []string{"fit.debias", "train.gate", "evaluate.armo", "fit.tree", "evaluate.rules"}},
		{"depth = 3", "depth = 4", []string{"fit.tree", "evaluate.rules"}},
		{`model = "m"`, `model = "n"`, []string{"label.judged", "fit.tree", "evaluate.rules"}},
		{`model = "m"`, `model = "m", retries = 9, parallel = 2`, nil},
		{"model bt: mlp { input = backbone }", "model bt: mlp { input = backbone, bias = false }", []string{"train.bt", "evaluate.bt"}},
		{"steps     = 300", "steps     = 300\n  save      = 10\n  micro     = 8 pairs", nil},
	} {
		after, errs := stages(t, c.old, c.new)
		if errs.HasErrors() {
			t.Fatal(show(errs))
		}
		var changed []string
		for i, s := range after.Plan.Stages {
			if s.Hash != before.Plan.Stages[i].Hash {
				changed = append(changed, s.Name)
			}
		}
		if !slices.Equal(changed, c.changed) {
			t.Errorf("%q → %q changes %v, want %v", c.old, c.new, changed, c.changed)
		}
	}
}

// The reference script of ArmoRM computes the transform that takes verbosity out
// of the attributes, and trains its gate without it. Such a recipe does not
// compile, whatever else reads the probe.
func TestA2ATransformThatIsNotAppliedIsAnError(t *testing.T) {
	for _, pairs := range [][]string{
		{"= debias(probe(x))", "= probe(x)", "tree on debias(probe(judged))", "tree on probe(judged)"},
		{"reward judge = tree\nevaluate judge on prefs.holdout as rules\n", ""},
	} {
		_, errs := stages(t, pairs...)
		if got := codes(errs); !slices.Equal(got, []string{"R0219"}) {
			t.Errorf("%v: got %v, want R0219:\n%s", pairs, got, show(errs))
		}
	}
	_, errs := stages(t, "= debias(probe(x))", "= probe(x)")
	if len(errs) > 0 {
		t.Errorf("the tree reads the transform, and it says:\n%s", show(errs))
	}
}

func TestOneMistakeOfStagesOneMessage(t *testing.T) {
	for name, c := range map[string]struct {
		pairs []string
		want  string
		words string // of the message or the help
	}{
		"a method that is none":                 {[]string{"= ridge on", "= rigde on"}, "R0103", `did you mean "ridge"?`},
		"a method with the features":            {[]string{"decorrelate on probe(prefs)", "decorrelate(probe) on probe(prefs)"}, "R0201", "decorrelate on PROBE(DATA)"},
		"data without an encoder":               {[]string{"on backbone(ratings)", "on ratings"}, "R0201", "write on backbone(ratings)"},
		"an encoder that is none":               {[]string{"on backbone(ratings)", "on bakbone(ratings)"}, "R0104", `did you mean "backbone"?`},
		"a part of data":                        {[]string{"on backbone(ratings)", "on backbone(ratings.train)"}, "R0201", "write on backbone("},
		"a probe of preferences":                {[]string{"backbone(ratings)", "backbone(prefs)"}, "R0211", "name data of kind ratings: ratings"},
		"a probe of a network":                  {[]string{"on backbone(ratings)", "on gate(ratings)"}, "R0126", "gate is a model of kind mlp, not an encoder"},
		"a tree of hidden states":               {[]string{"tree on debias(probe(judged))", "tree on backbone(judged)"}, "R0126", "declare fit PROBE = ridge on backbone(RATINGS)"},
		"a transform as a probe":                {[]string{"debias(probe(judged))", "debias(judged)"}, "R0126", "debias is a decorrelate fit"},
		"a probe of a probe":                    {[]string{"fit debias", "fit more = ridge on probe(ratings)\nfit debias"}, "R0126", "on an encoder"},
		"itself":                                {[]string{"decorrelate on probe(prefs)", "decorrelate on debias(prefs)"}, "R0127", "debias is made of itself"},
		"each other":                            {[]string{"decorrelate on probe(prefs)", "decorrelate on tree(prefs)"}, "R0127", "are made of each other"},
		"a tree of ratings":                     {[]string{"probe(judged)", "probe(ratings)", "label judged = llm on prefs { endpoint = \"http://127.0.0.1:8000/v1\", model = \"m\" }\n", ""}, "R0211", "is on preference"},
		"an attribute":                          {[]string{"from = length", "from = lenght"}, "R0128", `did you mean "length"?`},
		"an attribute in quotes":                {[]string{"from = length", `from = "length"`}, "R0201", "write from = length"},
		"a field of another method":             {[]string{"{ intercept = true }", "{ depth = 3 }"}, "R0111", "depth is a field of tree"},
		"an encoder that is called":             {[]string{"input   = backbone", "input   = backbone(prompt)"}, "R0201", "write input = backbone"},
		"an input that is no encoder":           {[]string{"input = backbone }", "input = gate }"}, "R0126", "gate is a model of kind mlp, not an encoder"},
		"layers of nothing":                     {[]string{"  input   = backbone\n", "", "  dropout = 0.2\n", ""}, "R0111", "gate reads no encoder"},
		"an axis that is none":                  {[]string{"outputs = attribute", "outputs = atribute"}, "R0205", "write outputs = attribute"},
		"labels of one output":                  {[]string{"mlp { input = backbone }", "mlp { input = backbone, labels = [a, b] }"}, "R0207", "labels names 2 outputs"},
		"a trained encoder":                     {[]string{"train bt on prefs", "train backbone on prefs", "evaluate bt on prefs.holdout\n", "", "model bt: mlp { input = backbone }\n", ""}, "R0126", "train model NAME: mlp { input = backbone }"},
		"a trained fit":                         {[]string{"train bt on prefs", "train probe on prefs", "evaluate bt on prefs.holdout\n", "", "model bt: mlp { input = backbone }\n", ""}, "R0126", "probe is a fit, not a model"},
		"an evaluated tree":                     {[]string{"evaluate judge on", "evaluate tree on"}, "R0126", "write reward NAME = tree"},
		"an evaluated transform":                {[]string{"evaluate judge on", "evaluate debias on"}, "R0211", "an evaluation of debias is on ratings"},
		"an evaluated gate":                     {[]string{"evaluate bt on", "evaluate gate on"}, "R0126", "reward NAME = OBJECTIVE.LET"},
		"an evaluated encoder":                  {[]string{"evaluate bt on", "evaluate backbone on"}, "R0126", "not what gives scores"},
		"a probe on pairs":                      {[]string{"probe on ratings.holdout", "probe on prefs.holdout"}, "R0211", "an evaluation of probe is on ratings"},
		"a reward on ratings":                   {[]string{"armo on prefs.holdout", "armo on ratings.holdout"}, "R0211", "preference or ranking"},
		"a reward that is misspelt":             {[]string{"evaluate armo", "evaluate amro"}, "R0104", `did you mean "armo"?`},
		"a reward of a probe":                   {[]string{"reward judge = tree", "reward judge = probe", "evaluate judge on prefs.holdout as rules", "reward j = tree"}, "R0126", "gives attributes and no reward"},
		"a reward of a model":                   {[]string{"reward judge = tree", "reward judge = bt", "evaluate judge on prefs.holdout as rules", "reward j = tree"}, "R0126", "a model needs no reward: evaluate bt"},
		"a reward of an objective":              {[]string{"reward armo = gated.s", "reward armo = gated"}, "R0115", "write gated.attributes"},
		"a reward of no objective":              {[]string{"gated.s", "gatd.s"}, "R0106", `did you mean "gated"?`},
		"a reward of a number":                  {[]string{"gated.s", "3"}, "R0201", "as in reward armo = gated.s"},
		"a reward of an objective nobody uses":  {[]string{"reward judge", "objective o on preference {\n  let z(x) = score(x)\n  loss = mean(-log_sigmoid(z(chosen) - z(rejected)))\n}\nreward other = o.z\nreward judge"}, "R0221", "no stage trains with o"},
		"a reward of several stages":            {[]string{"reward armo", "train gate on prefs as again { objective = gated }\nreward armo"}, "R0221", "write reward armo = gated.s on gate"},
		"a reward of a stage that is none":      {[]string{"gated.s", "gated.s on gat"}, "R0221", `did you mean "gate"?`},
		"a tree of a stage":                     {[]string{"reward judge = tree", "reward judge = tree on gate"}, "R0116", "write reward judge = tree"},
		"a label of ratings":                    {[]string{"llm on prefs", "llm on ratings", "probe(judged)", "probe(prefs)"}, "R0211", "a label is on preference"},
		"a label of a label":                    {[]string{"fit tree", "label more = llm on judged { endpoint = \"http://h\", model = \"m\" }\nfit tree", "probe(judged)", "probe(more)"}, "R0126", "judge its base: label more = llm on prefs"},
		"a label without a judge":               {[]string{`, model = "m"`, ""}, "R0109", "needs model"},
		"an endpoint without a scheme":          {[]string{"http://127", "127"}, "R0223", "http://127.0.0.1:8000/v1"},
		"a label that nobody reads":             {[]string{"probe(judged)", "probe(prefs)"}, "R0125", "label judged is not used"},
		"a label of a name that is taken":       {[]string{"label judged", "label ratings", "probe(judged)", "probe(prefs)"}, "R0108", "ratings is declared twice, as data and as label"},
		"a fit of a name that is taken":         {[]string{"fit tree", "fit bt = ridge on backbone(ratings)\nfit tree"}, "R0108", "bt is declared twice, as model and as fit"},
		"a fit without features":                {[]string{"ridge on backbone(ratings)", "ridge"}, "R0115", "fit needs on DATA"},
		"a fit without a method":                {[]string{"fit probe = ridge on", "fit probe on"}, "R0115", "fit needs a value"},
		"penalties that fall":                   {[]string{"from = length,", "from = length, penalties = [0.5, 0.25, 0],"}, "R0222", "write penalties = [0, 0.25, 0.5]"},
		"a penalty in per cent":                 {[]string{"at_most = 0.03", "at_most = 3%"}, "R0203", "write 0.03"},
		"a sentinel that is a name":             {[]string{"[-100]", "-100"}, "R0201", "as in sentinels = [-100]"},
		"missing ratings must be spoken of":     {[]string{"  missing     = mask\n", ""}, "R0110", "missing = mask | drop | error"},
		"attributes must be named":              {[]string{"  attributes  = [helpfulness, correctness, coherence, complexity, length]\n", ""}, "R0109", "needs attributes"},
		"a scalar that is a text":               {[]string{"scale = 1", `scale = "1"`}, "R0201", "scale takes a number"},
		"a fit that stands below what reads it": {[]string{"fit debias = decorrelate on probe(prefs) { from = length, at_most = 0.03 }\n", "", "reward armo", "fit debias = decorrelate on probe(prefs) { from = length, at_most = 0.03 }\nreward armo"}, "R0127", "move fit debias above this stage"},
		"a label that stands below":             {[]string{"label judged = llm on prefs { endpoint = \"http://127.0.0.1:8000/v1\", model = \"m\" }\n", "", "reward judge", "label judged = llm on prefs { endpoint = \"http://127.0.0.1:8000/v1\", model = \"m\" }\nreward judge"}, "R0127", "move label judged above"},
		"a tree that is grown afterwards":       {[]string{"fit tree = tree on debias(probe(judged)) { depth = 3 }\n", "", "as rules\n", "as rules\nfit tree = tree on debias(probe(judged)) { depth = 3 }\n"}, "R0127", "move fit tree above"},
		"a reward that is trained afterwards":   {[]string{"evaluate armo on prefs.holdout\n", "", "train gate on prefs", "evaluate armo on prefs.holdout\ntrain gate on prefs"}, "R0127", "move the evaluation after train gate"},
	} {
		t.Run(name, func(t *testing.T) {
			_, errs := stages(t, c.pairs...)
			if got := codes(errs); !slices.Equal(got, []string{c.want}) {
				t.Fatalf("got %v, want %s:\n%s", got, c.want, show(errs))
			}
			if text := show(errs); !strings.Contains(text, c.words) {
				t.Errorf("it does not say %q:\n%s", c.words, text)
			}
		})
	}
}

// The program of every kind of stage is Go that fits the runtime, and that of
// the longest method is short enough to read.
func TestTheProgramOfStages(t *testing.T) {
	r, errs := stages(t)
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
		`var judged = spec.Data{ Name: "judged", Kind: "preference", Label: "judged", // armorm.rmr:57`,
		`Source: "file:pairs.jsonl", // armorm.rmr:17`,
		`Name: "debias", Kind: "decorrelate", Of: []string{"backbone", "probe"}, Data: "prefs", // armorm.rmr:23`,
		`Labels: []string{"helpfulness", "correctness", "coherence", "complexity", "length"}, // armorm.rmr:8`,
		`Scalars: spec.Scalars{Kind: "named", Map: map[string]float64{"scale": 1}}, // armorm.rmr:30`,
		`Sentinels: []float64{-100}, // armorm.rmr:11`,
		`Prompts: true, // the view prompt is read`,
		`Encoders: []spec.Model{backbone},`,
		`{Name: "armo", Score: armo, Models: []spec.Model{gate}}, {Name: "judge", Fit: "tree"},`,
		`trainer.Fit(probe, ratings), trainer.Fit(debias, prefs), trainer.Train(gate, prefs, trainGate, gated), ` +
			`trainer.EvaluateReward("armo", prefs, evaluateArmo), trainer.EvaluateFit(probe, ratings, evaluateProbe),`,
		`trainer.Label(judgedLabel, prefs), trainer.Fit(tree, judged), trainer.EvaluateReward("judge", prefs, evaluateRules),`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, files[0].Content)
		}
	}
	short, errs := stages(t, rest, "")
	if errs.HasErrors() {
		t.Fatal(show(errs))
	}
	if files, err = compiler.Emit(short); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(files[0].Content), "\n"); n > 150 {
		t.Errorf("the program of ArmoRM has %d lines", n)
	}
}

// Overrides reach fits, labels and networks by the paths that rmc render prints.
func TestOverridesOfStages(t *testing.T) {
	fsys := fstest.MapFS{"armorm.rmr": {Data: []byte(whole + rest)}}
	r, errs := compiler.Compile(fsys, "armorm.rmr", compiler.Options{Overrides: []string{
		"fit.probe.alphas=[1, 10]", "fit.probe.select=none", "fit.debias.from=coherence", "fit.tree.depth=2",
		"label.judged.endpoint=\"https://example.org/v1\"", "model.gate.scalars.scale=3", "model.gate.dropout=10%",
	}})
	if len(errs) > 0 {
		t.Fatal(show(errs))
	}
	probe, debias, tree, gate := r.Recipe.Fits[0].Spec, r.Recipe.Fits[1].Spec, r.Recipe.Fits[2].Spec, r.Recipe.Models[1].Spec
	if !slices.Equal(probe.Alphas, []float64{1, 10}) || probe.Select.Kind != "none" || debias.From != "coherence" || tree.Depth != 2 {
		t.Errorf("fits are %+v, %+v, %+v", probe, debias, tree)
	}
	if gate.Scalars.Map["scale"] != 3 || gate.Dropout != 0.1 || r.Recipe.Labels[0].Spec.Endpoint != "https://example.org/v1" {
		t.Errorf("gate is %+v, label %+v", gate, r.Recipe.Labels[0].Spec)
	}
}

// Attributes name the outputs of a network only where all ratings agree.
func TestAttributesOfSeveralRatings(t *testing.T) {
	second := "data others: ratings { source = \"file:o.jsonl\", attributes = [tone], missing = mask, over_length = drop, split = none }\n\ndata prefs"
	_, errs := stages(t, "data prefs", second, "evaluate probe on ratings.holdout", "fit tone = ridge on backbone(others)\nevaluate tone on others.all\nevaluate probe on ratings.holdout as probed")
	if got := codes(errs); !slices.Equal(got, []string{"R0220"}) || !strings.Contains(show(errs), "write labels = [helpfulness, correctness, coherence, complexity, length]") {
		t.Errorf("got %v, want R0220:\n%s", got, show(errs))
	}
	_, errs = stages(t, "data prefs", second, "evaluate probe on ratings.holdout", "fit tone = ridge on backbone(others)\nevaluate tone on others.all\nevaluate probe on ratings.holdout as probed",
		"outputs = attribute", "outputs = attribute\n  labels  = [helpfulness, correctness, coherence, complexity, length]")
	if len(errs) > 0 {
		t.Errorf("with labels it says:\n%s", show(errs))
	}
}

// A probe, a transform of it and a network of the same attributes can be held
// against ratings; what gives others cannot.
func TestWhatIsEvaluatedOnRatings(t *testing.T) {
	for subject, words := range map[string]string{
		"debias": "", "gate": "", "bt": "bt does not give helpfulness", "judge": "an evaluation of judge is on preference or ranking",
	} {
		_, errs := stages(t, "evaluate probe on ratings.holdout", "evaluate probe on ratings.holdout\n", "as rules\n", "as rules\nevaluate "+subject+" on ratings.holdout as rated\n")
		if words == "" && len(errs) > 0 || words != "" && (len(errs) != 1 || !strings.Contains(errs[0].Message, words)) {
			t.Errorf("%s: want %q:\n%s", subject, words, show(errs))
		}
	}
}
