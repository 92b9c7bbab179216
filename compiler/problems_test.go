package compiler_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rmc-lang/rmc/compiler"
	"github.com/rmc-lang/rmc/lang/diag"
)

// codes lists the codes of diagnostics in order.
func codes(errs diag.List) []string {
	var all []string
	for _, d := range errs {
		all = append(all, string(d.Code))
	}
	return all
}

// replace compiles the quickstart with pairs of old and new text exchanged.
func replace(t *testing.T, pairs ...string) diag.List {
	t.Helper()
	text := quickstart
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("the quickstart has no %q", pairs[i])
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	_, errs := compile(t, text)
	return errs
}

func TestAllProblemsOfAFileInOneRun(t *testing.T) {
	errs := replace(t,
		`base = "pypi:`, `bse = "pypi:`,
		"rank = 8", "rank = 8 pairs",
		"over_length = drop\n", "",
		"lr = 2e-5", "lr = fast",
		"batch     = 32 pairs", "batch     = 32",
		"prefs.holdout", "prefs.valid")
	want := []string{"R0101", "R0203", "R0110", "R0201", "R0202", "R0122"}
	if got := codes(errs); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v:\n%s", got, want, show(errs))
	}
}

func TestOneMistakeOneMessage(t *testing.T) {
	for name, c := range map[string]struct {
		pairs []string
		want  string
	}{
		"a misspelt required field counts as meant":   {[]string{"over_length = drop", "over_lenght = drop"}, "R0101"},
		"a wrong value counts as set":                 {[]string{"over_length = drop", "over_length = 12"}, "R0201"},
		"an unknown kind hides its fields":            {[]string{"lora { rank = 8", "lroa { rnk = 8"}, "R0103"},
		"an unknown model kind hides what uses it":    {[]string{"model rm: reward", "model rm: rewrad"}, "R0103"},
		"an unknown data kind hides what uses it":     {[]string{"data prefs: preference", "data prefs: preferences"}, "R0103"},
		"a misspelt keyword hides what uses the name": {[]string{"model rm: reward", "modle rm: reward"}, "R0102"},
		"a missing library leaves its objectives":     {[]string{"use std/preference", "use std/prefrence"}, "R0112"},
		"a misspelt objective hides its parameters":   {[]string{"bradley_terry {", "bradley_tery {"}, "R0106"},
		"a field one level too high":                  {[]string{"batch     = 32 pairs", "lr = 1e-5"}, "R0101"},
		"unknown data in train":                       {[]string{"train rm on prefs", "train rm on pref"}, "R0105"},
		"a broken source does not break the rest":     {[]string{`"file:pairs.jsonl"`, `"file:"`}, "R0209"},
		"a broken use leaves its objectives":          {[]string{"use std/preference", "use std preference"}, "R0001"},
		"a use of a file by its name":                 {[]string{"use std/preference", "use preference.rmr"}, "R0001"},
		"a data set that is only misspelt is used":    {[]string{"train rm on prefs", "train rm on prefz", "evaluate rm on prefs.holdout", ""}, "R0105"},
		"a parameter that is only misspelt is set":    {[]string{"bradley_terry { center", "smoothed_bradley_terry { noize"}, "R0401"},
		"a line that is none counts as set":           {[]string{"over_length = drop", "over_length drop"}, "R0002"},
		"a line that is none in a construct":          {[]string{"lr = 2e-5", "lr: 2e-5"}, "R0011"},
		"arguments that are none":                     {[]string{"bradley_terry { center =", "smoothed_bradley_terry { noise"}, "R0002"},
		"an objective on no kind of data":             {[]string{"evaluate rm", "objective f on prefs { loss = mean(scor(chosen)) }\n\nevaluate rm", "bradley_terry { center = 0.01 }", "f"}, "R0103"},
		"a term of what is not there yet":             {[]string{"evaluate rm", "model gate: network { hidden = 3 }\n\nobjective f on preference { loss = mean(score(chosen) * gate(prompt) * score(rejected, model = gate)) }\n\nevaluate rm", "bradley_terry { center = 0.01 }", "f"}, "R0103"},
		"an objective without a body":                 {[]string{"evaluate rm", "objective f on preference\n\nevaluate rm", "bradley_terry { center = 0.01 }", "f"}, "R0317"},
		"buckets that are none":                       {[]string{"batch  ", "buckets = [8, 0]\n  batch  "}, "R0206"},
		"an objective whose name is taken":            {[]string{"evaluate rm", "objective hinge on preference { loss = mean(score(chosen)) }\n\nevaluate rm"}, "R0108"},
		"a text of nothing":                           {[]string{"tune = lora", "template = \"\"\n  tune = lora"}, "R0201"},
		"a broken mesh":                               {[]string{"evaluate rm", "mesh { devices = two }\n\nevaluate rm"}, "R0201"},
	} {
		t.Run(name, func(t *testing.T) {
			errs := replace(t, c.pairs...)
			if got := codes(errs); !slices.Equal(got, []string{c.want}) {
				t.Errorf("got %v, want %s:\n%s", got, c.want, show(errs))
			}
		})
	}
}

func TestHelpNamesWhatToType(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"max_length  = 512", "max_lenght  = 512", `did you mean "max_length"?`},
		{"lora {", "lroa {", `did you mean "lora"?`},
		{"batch     = 32 pairs", "lr = 1e-5", "lr belongs to optimizer: write optimizer = adamw { lr = … }"},
		{"512 tokens", "512", "write 512 tokens"},
		{"512 tokens", "512 pairs", "write 512 tokens"},
		{"fraction = 20%", "fraction = 0.2", "write 20%"},
		{`"file:pairs.jsonl"`, `"pairs.jsonl"`, `write "file:pairs.jsonl"`},
		{"over_length = drop", `over_length = "drop"`, "write over_length = drop"},
		{"over_length = drop\n", "", "over_length = drop | truncate_left | truncate_right | error"},
		{"[q_proj, v_proj]", "[q_prj, v_proj]", `did you mean "q_proj"?`},
		{"[q_proj, v_proj]", "[c_attn, v_proj]", "choices: q_proj, k_proj"},
		{"[q_proj, v_proj]", "[]", "as in on = [q_proj, k_proj"},
		{"lr = 2e-5", "learning_rate = 2e-5", `did you mean "lr"?`},
		{"batch  ", "batch_size  ", `did you mean "batch"?`},
		{"32 pairs", "8.5 pairs", "write 8 pairs or 9 pairs"},
		{"tune = lora", "head = linear { labels = quality }\n  tune = lora", "as in labels = [quality, length]"},
		{"adamw { lr = 2e-5 }", "adamw { lr = 2e-5, weight_decay = 10% }", "write 0.1"},
		{"batch  ", "schedule = cosine { warmup = 10 }\n  batch  ", "write 10 steps"},
		{"batch  ", "schedule = cosine { warmup = 0.1 }\n  batch  ", "write 10%"},
		{"batch  ", "schedule = cosine { warmup = 150% }\n  batch  ", "as in warmup = 3%"},
		{"batch  ", "schedule = cosine { warmup = 2.5 steps }\n  batch  ", "write 2 steps or 3 steps"},
		{"batch  ", "schedule = \"linear\"\n  batch  ", "write schedule = linear"},
		{"batch  ", "buckets = 512\n  batch  ", "as in buckets = [256, 512]"},
		{"tune = lora", "template = chat.jinja\n  tune = lora", `write template = "chat.jinja"`},
		{"prefs.holdout", "prefs", "write prefs.holdout, prefs.train or prefs.all"},
		{"evaluate rm", "let x = 3\n\nevaluate rm", "a let stands in the { } of an objective"},
		{"evaluate rm", "repeat 3 tokens as r { }\n\nevaluate rm", "write repeat 3"},
		{"evaluate rm", "mesh { devices = 4, tensor = 3 }\n\nevaluate rm", "the nearest that divides 4 is tensor = 2"},
		{"evaluate rm", "mesh { devices = 4, tensor = 2, fsdp = 4 }\n\nevaluate rm", "write fsdp = 2"},
	} {
		errs := replace(t, c.old, c.new)
		if len(errs) == 0 || !strings.Contains(errs[0].Help, c.want) {
			t.Errorf("%s → %s: want help %q in\n%s", c.old, c.new, c.want, show(errs))
		}
	}
}

func TestContestedFieldsSayWhatPeersDo(t *testing.T) {
	errs := replace(t, "over_length = drop\n", "")
	if len(errs) != 1 || len(errs[0].Notes) != 1 || !strings.Contains(errs[0].Notes[0].Message, "TRL drops the pair") {
		t.Errorf("want what each peer does:\n%s", show(errs))
	}
}

func TestOverrides(t *testing.T) {
	r := mustCompile(t, quickstart, "train.rm.optimizer.lr=1e-4", "train.rm.batch = 8 pairs", "model.rm.tune=head",
		"train.rm.objective.center=0", "mesh.devices=4", "train.rm.schedule.warmup=10 steps")
	train := r.Recipe.Trains()[0].Spec
	if train.Optimizer.LR != 1e-4 || train.Batch != 8 || train.Schedule.Warmup != 10 {
		t.Errorf("overrides are not applied: %+v", train)
	}
	if tune := r.Recipe.Models[0].Spec.Tune; tune.Kind != "head" || tune.Rank != 0 {
		t.Errorf("tune is %+v; an override takes the place of the whole value", tune)
	}
	if r.Recipe.Mesh.FSDP != 4 {
		t.Errorf("mesh is %+v", r.Recipe.Mesh)
	}
	for _, path := range []string{"train.rm.optimizer.lr", "model.rm.tune", "train.rm.objective.center", "train.rm.batch"} {
		if v := r.Recipe.Value(path); v == nil || v.Origin != "--set" {
			t.Errorf("%s: %+v, want origin --set", path, v)
		}
	}
	if v := r.Recipe.Value("train.rm.optimizer.eps"); v.Origin != "default" {
		t.Errorf("a value beside an override has origin %s", v.Origin)
	}
}

func TestBadOverrides(t *testing.T) {
	for _, c := range []struct{ set, code, want string }{
		{"train.rm.optimizer.lr=fast", "R0201", "lr takes a number, not the name fast"},
		{"train.rm.optimizer.rl=1", "R0101", `adamw has no field "rl"`},
		{"train.rm.optimiser.lr=1", "R0101", `train rm has no field "optimiser"`},
		{"train.rn.batch=8 pairs", "R0120", "the recipe has no train.rn"},
		{"trian.rm.batch=8 pairs", "R0120", "the recipe has no trian.rm"},
		{"train.rm.batch=8", "R0202", "batch needs a unit"},
		{"train.rm.batch.size=8", "R0120", "batch has no fields"},
		{"model.rm.tune.alfa=8", "R0101", `lora has no field "alfa"`},
		{"train.rm.batch", "R0121", "an override is PATH=VALUE"},
		{"train.rm.batch=", "R0121", "an override is PATH=VALUE"},
		{"=8", "R0121", "an override is PATH=VALUE"},
		{"train=8", "R0120", "the recipe has no train"},
		{"train.rm=8", "R0120", "train.rm has no value of its own, only fields"},
		{"rm.batch=8 pairs", "R0120", "the recipe has no rm.batch"},
		{"batch=8 pairs", "R0120", "the recipe has no batch"},
		{"train.rm.lr=1", "R0101", `train rm has no field "lr"`},
		{"data.prefs.columns.gap=gap", "R0101", `same has no field "gap"`},
		{"train.rm.objective.centre=1", "R0401", `bradley_terry has no parameter "centre"`},
		{"train.rm.objective.center=high", "R0403", "parameter center is real, and high is none"},
		{"train.rm.objective.center=3 pairs", "R0403", "parameter center is real"},
	} {
		_, errs := compile(t, quickstart, c.set)
		if len(errs) != 1 || string(errs[0].Code) != c.code || !strings.Contains(errs[0].Message, c.want) {
			t.Errorf("%s: want one %s, %q; got\n%s", c.set, c.code, c.want, show(errs))
			continue
		}
		if f := errs[0].Span.File; f == nil || f.Name != "--set" || !strings.Contains(c.set, errs[0].Span.Text()) || errs[0].Span.Text() == "" {
			t.Errorf("%s: the place is %q", c.set, errs[0].Span.Text())
		}
	}
}

// What an override should have been can be typed.
func TestHelpOfOverrides(t *testing.T) {
	for set, want := range map[string]string{
		"train.rm.batch=8":           "--set 'train.rm.batch=8 pairs'",
		"train.rm.lr=1":              "--set train.rm.optimizer.lr=…",
		"rm.batch=8 pairs":           "did you mean evaluate.rm.batch or train.rm.batch?",
		"lr=1":                       "did you mean train.rm.optimizer.lr?",
		"train.rm=8":                 "as in --set train.rm.optimizer=adamw",
		"data.prefs.columns.gap=x":   "write columns = named { gap = … }",
		"data.prefs.over_length='x'": "strings stand in",
		"model.rm.base=a/b c":        `--set 'PATH="TEXT"'`,
	} {
		_, errs := compile(t, quickstart, set)
		if len(errs) == 0 || !strings.Contains(errs[0].Help, want) {
			t.Errorf("%s: want help %q in\n%s", set, want, show(errs))
		}
	}
}

// A shell takes the quotes of a source away.
func TestOverridesOfSources(t *testing.T) {
	for _, set := range []string{"data.prefs.source=file:other.jsonl", `data.prefs.source="file:other.jsonl"`, "data.prefs.source = file:other.jsonl"} {
		if got := mustCompile(t, quickstart, set).Recipe.Data[0].Spec.Source; got != "file:other.jsonl" {
			t.Errorf("%s sets %q", set, got)
		}
	}
	if _, errs := compile(t, strings.Replace(quickstart, "model rm", "modle rm", 1), "model.rm.tune=head"); len(errs) != 1 {
		t.Errorf("an override of what was reported is reported:\n%s", show(errs))
	}
}

func TestWhatIsNotThereIsNoCrash(t *testing.T) {
	for _, text := range []string{
		"", "recipe", "recipe x", "use std/preference", "recipe x\ntrain\n", "recipe x\ntrain rm on\n",
		"recipe x\nmodel\n", "recipe x\nmodel m: reward\n", "recipe x\ndata d: preference\n", "recipe x\nmesh\n", "recipe x\nshard m\n",
		"recipe x\nevaluate m on d + e\n", "recipe x\ntrain m on d.holdout { }\n", "recipe x\nobjective\n",
		"recipe x\nobjective f on preference { }\n", "recipe x\nmodel m: reward { base = [1] }\n",
		"recipe x\nrepeat 3 as round { train m on d { } }\n", "recipe x\nfit p = ridge on b(r) { }\n",
		"recipe x\ndata d: preference { split = holdout { fraction = -5% } }\n",
		"recipe x\nmesh { devices = 99999999999999999999 }\n", "recipe x\nmesh { devices = 1e400 }\n",
	} {
		_, errs := compile(t, text)
		if !errs.HasErrors() {
			t.Errorf("%q has no error", text)
		}
		show(errs)
	}
}

func TestLibrariesBesideTheRecipe(t *testing.T) {
	r := mustCompileFiles(t, map[string]string{
		"quickstart.rmr": strings.Replace(strings.Replace(quickstart, "use std/preference", "use lib/mine", 1), "bradley_terry { center = 0.01 }", "mine", 1),
		"lib/mine.rmr":   "use other\n\nobjective mine on preference {\n  loss = mean(-log_sigmoid(score(chosen) - score(rejected)))\n}\n",
		"lib/other.rmr":  "use mine\n\nobjective other on preference {\n  loss = mean(-log_sigmoid(score(chosen) - score(rejected)))\n}\n",
	})
	if len(r.Recipe.Objectives) != 2 || r.Objectives["rm"].Name != "mine" {
		t.Errorf("objectives: %v", r.Recipe.Objectives)
	}
	if at := r.Objectives["rm"].Span.File.Name; at != "lib/mine.rmr" {
		t.Errorf("shown as %s", at)
	}
}

// An error inside the standard library is shown at the stage that uses it, and
// one of a library of the user's where it is.
func TestErrorsOfLibraries(t *testing.T) {
	two := strings.Replace(quickstart, "model rm: reward {", "model rm: reward {\n  head = linear { outputs = 2 }", 1)
	_, errs := compile(t, two)
	if got := codes(errs); !slices.Equal(got, []string{"R0406"}) || errs[0].Span.Text() != "bradley_terry { center = 0.01 }" ||
		len(errs[0].Notes) != 2 || errs[0].Notes[0].Span.File.Name != "std/preference.rmr" {
		t.Errorf("got\n%s", show(errs))
	}
}

func TestUseLines(t *testing.T) {
	for line, want := range map[string]string{
		"use std/prefrence":  "did you mean std/preference?",
		"use preference":     "did you mean std/preference?",
		"use mine/los":       "did you mean use mine/loss?",
		"use mine/other":     "it would be the file mine/other.rmr",
		`use "mine/my-lo"`:   `did you mean use "mine/my-loss"?`,
		`use ""`:             "as in use std/preference",
		`use "/home/loss"`:   "as in use std/preference",
		"use quickstart":     "take the line away",
		`use "./quickstart"`: "take the line away",
	} {
		fsys := fstest.MapFS{
			"quickstart.rmr": {Data: []byte(strings.Replace(quickstart, "use std/preference", "use std/preference\n"+line, 1))},
			"mine/loss.rmr":  {Data: []byte("/// Mine.\n")}, "mine/my-loss.rmr": {Data: []byte("/// Mine.\n")},
		}
		_, errs := compiler.Compile(fsys, "quickstart.rmr", compiler.Options{})
		if path := strings.TrimPrefix(line, "use "); len(errs) != 1 || !strings.Contains(errs[0].Help, want) || errs[0].Span.Text() != path {
			t.Errorf("%s: want help %q in\n%s", line, want, show(errs))
		}
	}
}

func TestCompileIsDeterministic(t *testing.T) {
	emit := func() string {
		files, err := compiler.Emit(mustCompile(t, quickstart))
		if err != nil {
			t.Fatal(err)
		}
		return string(files[0].Content)
	}
	first := emit()
	for range 5 {
		if emit() != first {
			t.Fatal("two compilations differ")
		}
	}
}

// What is wrong with one thing hides nothing of another, and is said once.
func TestObjectivesAreCheckedWhateverUsesThem(t *testing.T) {
	const own = `
objective f(weight: real) on preference {
  let d = score(chosen) - scor(rejected)
  loss = mean(-log_sigmoid(d)) * weight
}

objective ranked(weight: real) on ranking {
  loss = weight * mean(score(candidates))
}
`
	for name, c := range map[string]struct {
		pairs []string
		want  []string
	}{
		"no stage":      {nil, []string{"R0125", "R0302", "R0125", "R0308"}},
		"unknown data":  {[]string{"train rm on prefs", "train rm on prefz", "bradley_terry { center", "f { weight"}, []string{"R0105", "R0302", "R0125", "R0308"}},
		"unknown model": {[]string{"train rm on prefs", "train rn on prefs", "bradley_terry { center", "f { wieght"}, []string{"R0104", "R0401", "R0302", "R0125", "R0308"}},
		"other data":    {[]string{"bradley_terry { center", "ranked { weight"}, []string{"R0211", "R0125", "R0302", "R0308"}},
		"a lost let":    {[]string{"bradley_terry { center", "f { weight", "let d = score(chosen) - scor(rejected)", "let d score(chosen)"}, []string{"R0002", "R0125", "R0308"}},
	} {
		t.Run(name, func(t *testing.T) {
			text := quickstart + own
			for i := 0; i < len(c.pairs); i += 2 {
				text = strings.Replace(text, c.pairs[i], c.pairs[i+1], 1)
			}
			_, errs := compile(t, text)
			if got := codes(errs); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v:\n%s", got, c.want, show(errs))
			}
		})
	}
}

// Columns, labels and parameters that were reported are taken for what they were
// meant to be.
func TestWhatWasReportedIsNotAskedForAgain(t *testing.T) {
	const own = "\nobjective f(weight: real) on preference {\n  loss = mean(heads(chosen)[quality] * gap) * weight + mean(heads(chosen)[length])\n}\n"
	for old, c := range map[string]struct{ new, want string }{
		`columns = named { gap = "gap" }`: {`columns = nmed { gap = "gap" }`, "R0103"},
		`named { gap = "gap" }`:           {`named { gap = gap }`, "R0201"},
		`{ gap = "gap" }`:                 {`{ gap "gap" }`, "R0002"},
		`labels = [quality, length]`:      {`labels = quality`, "R0201"},
		`labels = [quality, length] `:     {`labels [quality, length] `, "R0002"},
		`linear { outputs = 2`:            {`liner { outputs = 2`, "R0103"},
		`outputs = 2`:                     {`outputs = two`, "R0201"},
		`{ weight = 1 }`:                  {`{ weight 1 }`, "R0002"},
		`head = linear { outputs = 2, labels = [quality, length] }`: {`head linear`, "R0002"},
	} {
		text := strings.Replace(quickstart, "over_length = drop", `columns = named { gap = "gap" }`+"\n  over_length = drop", 1) + own
		text = strings.Replace(text, "bradley_terry { center = 0.01 }", "f { weight = 1 }", 1)
		text = strings.Replace(text, "model rm: reward {", "model rm: reward {\n  head = linear { outputs = 2, labels = [quality, length] }", 1)
		if _, errs := compile(t, text); len(errs) > 0 {
			t.Fatalf("the recipe has problems of its own:\n%s", show(errs))
		}
		if !strings.Contains(text, old) {
			t.Fatalf("no %q in\n%s", old, text)
		}
		_, errs := compile(t, strings.Replace(text, old, c.new, 1))
		if got := codes(errs); !slices.Equal(got, []string{c.want}) {
			t.Errorf("%s: got %v, want %s:\n%s", c.new, got, c.want, show(errs))
		}
	}
}

// Files that are no text in our sense have one problem.
func TestUnreadableFiles(t *testing.T) {
	utf16 := "\xff\xfe"
	for _, c := range quickstart {
		utf16 += string([]byte{byte(c), 0})
	}
	for _, text := range []string{utf16, strings.ReplaceAll(quickstart, "\n", "\r")} {
		_, errs := compile(t, text)
		if got := codes(errs); !slices.Equal(got, []string{"R0009"}) || errs[0].Help == "" {
			t.Errorf("got\n%s", show(errs))
		}
	}
}
