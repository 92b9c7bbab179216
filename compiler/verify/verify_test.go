package verify_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/rmc-lang/rmc/compiler"
	"github.com/rmc-lang/rmc/compiler/facts"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/runtime/lock"
)

// sound is a world in which the recipe of the examples has no problem.
func sound() *facts.Facts {
	lengths := make([]int, 900)
	for i := range lengths {
		lengths[i] = 100 + i%300
	}
	return &facts.Facts{
		Models: map[string]facts.Model{"rm": {
			Architecture: "LlamaForCausalLM", Supported: true, Known: []string{"LlamaForCausalLM", "Qwen3ForCausalLM"},
			Vocab: 49152, Layers: 30, Hidden: 576, FFN: 1536, Heads: 9, KVHeads: 3, HeadDim: 64, Positions: 8192,
			Params: []facts.Param{
				{Name: "model.embed_tokens.weight", Shape: []int{49152, 576}},
				{Name: "model.layers.0.self_attn.q_proj.weight", Shape: []int{576, 576}},
				{Name: "model.layers.0.self_attn.k_proj.weight", Shape: []int{190, 576}},
			},
		}},
		Tokenizers: map[string]facts.Tokenizer{"rm": {
			Pad: facts.Token{ID: 2, Text: "<pad>", Present: true}, EOS: facts.Token{ID: 1, Text: "</s>", Present: true},
			BOS: facts.Token{ID: 0, Text: "<s>", Present: true}, HasTemplate: true,
		}},
		Data: map[string]facts.Data{facts.Key("rm", "prefs"): {
			Rows: 1000, Kept: 1000, Train: 900, Holdout: 100, Sequences: 2, BOSCounts: map[int]int{1: 2000},
			Columns: []facts.Column{{Name: "chosen", Type: "messages"}, {Name: "rejected", Type: "messages"}, {Name: "margin", Type: "number"}},
			Lengths: lengths, ExampleMax: lengths, HoldoutMax: lengths[:100],
		}, facts.Key("backbone", "ratings"): {
			Rows: 1000, Kept: 1000, Train: 900, Holdout: 100, Sequences: 1, Lengths: lengths, ExampleMax: lengths, HoldoutMax: lengths[:100],
			Ratings: []facts.Rating{{Attribute: "helpfulness", Known: 1000}, {Attribute: "verbosity", Known: 600, Missing: 400}},
		}},
	}
}

// change alters one fact of the sound world's data, model or tokenizer.
func change[T any](all map[string]T, key string, alter func(*T)) {
	x := all[key]
	alter(&x)
	all[key] = x
}

func data(alter func(*facts.Data)) func(*facts.Facts) {
	return func(f *facts.Facts) { change(f.Data, facts.Key("rm", "prefs"), alter) }
}

func ratings(alter func(*facts.Data)) func(*facts.Facts) {
	return func(f *facts.Facts) { change(f.Data, facts.Key("backbone", "ratings"), alter) }
}

func pairs(alter func(*facts.Data)) func(*facts.Facts) {
	return func(f *facts.Facts) { change(f.Data, facts.Key("pm", "pairs"), alter) }
}

func model(alter func(*facts.Model)) func(*facts.Facts) {
	return func(f *facts.Facts) { change(f.Models, "rm", alter) }
}

func tokenizer(alter func(*facts.Tokenizer)) func(*facts.Facts) {
	return func(f *facts.Facts) { change(f.Tokenizers, "rm", alter) }
}

// locked puts a lock of one entry beside a world of another.
func locked(then, now lock.Entry) func(*facts.Facts) {
	file := func(e lock.Entry) *lock.File {
		if e == (lock.Entry{}) {
			return &lock.File{}
		}
		return &lock.File{Entries: []lock.Entry{e}}
	}
	return func(f *facts.Facts) { f.Lock, f.Resolved = file(then), file(now) }
}

var digestA, digestB = strings.Repeat("a", 64), strings.Repeat("b", 64)

// worlds has, for each code, the fact that makes the code's example have that
// problem, and words that the message must contain: the numbers.
var worlds = map[diag.Code]struct {
	alter func(*facts.Facts)
	words string
}{
	diag.SourceMissing: {func(f *facts.Facts) {
		f.Missing = []facts.Missing{{Path: "data.prefs.source", Reason: "no such file", Help: "files here: other.jsonl"}}
	}, "file:pairs.jsonl cannot be had: no such file"},
	diag.UnsupportedArchitecture: {model(func(m *facts.Model) { m.Architecture, m.Supported = "MambaForCausalLM", false }), "MambaForCausalLM"},
	diag.TooFewPositions:         {func(*facts.Facts) {}, "max_length 9000 does not fit LlamaForCausalLM, which has 8192 positions"},
	diag.HeadDiscarded:           {model(func(m *facts.Model) { m.HasScoreHead = true }), "thrown away"},
	diag.HeadMissing:             {func(*facts.Facts) {}, "no head to keep"},
	diag.NoSuchLayer:             {func(*facts.Facts) {}, "layer 40 is read, and the model has 30"},
	diag.NoTokenizer:             {tokenizer(func(t *facts.Tokenizer) { *t = facts.Tokenizer{Absent: true} }), "no tokenizer"},
	diag.NoTemplate:              {tokenizer(func(t *facts.Tokenizer) { t.HasTemplate = false }), "no chat template"},
	diag.PadIsEOS:                {tokenizer(func(t *facts.Tokenizer) { t.Pad = t.EOS }), `"</s>" (1)`},
	diag.PadAbsent:               {tokenizer(func(t *facts.Tokenizer) { t.Pad = facts.Token{} }), "no pad token"},
	diag.BOSTwice:                {data(func(d *facts.Data) { d.BOSCounts = map[int]int{1: 1990, 2: 10} }), "10 of 2000 sequences"},
	diag.BOSNever:                {data(func(d *facts.Data) { d.BOSCounts = map[int]int{0: 2000} }), "2000 of 2000 sequences"},
	diag.ClockInTemplate:         {tokenizer(func(t *facts.Tokenizer) { t.TemplateUses = []string{"strftime_now"} }), "clock"},
	diag.TemplateRefuses:         {data(func(d *facts.Data) { d.Refused, d.RefusedReason = 3, "roles must alternate" }), "refuses 3 rows"},
	diag.MeshDivides:             {func(*facts.Facts) {}, "tensor = 4 does not divide 190"},
	diag.MeshUneven: {model(func(m *facts.Model) {
		m.Params[2].Axes, m.Params[2].Uneven = []string{"", ""}, []string{"tensor"}
	}), "tensor = 4 does not divide model.layers.0.self_attn.k_proj.weight"},
	diag.ShardsNothing: {func(*facts.Facts) {}, "*.c_attn"},
	diag.DeviceMemory: {model(func(m *facts.Model) {
		m.Params = append(m.Params, facts.Param{Name: "model.big.weight", Shape: []int{100000, 10000}})
	}), "train.rm needs about"},
	diag.LabelTokens: {pairs(func(d *facts.Data) {
		*d = facts.Data{Unread: &facts.Unread{Label: "A", Why: "it is 2 tokens"}}
	}), `label "A" of pairs is not one token`},
	diag.AsksOtherwise: {pairs(func(d *facts.Data) {
		*d = facts.Data{Unread: &facts.Unread{Why: "it asks with x and writes y"}}
	}), "pm cannot be asked for the labels of pairs"},
	diag.EmptyData:   {data(func(d *facts.Data) { *d = facts.Data{} }), "no rows"},
	diag.NothingKept: {data(func(d *facts.Data) { *d = facts.Data{Rows: 7, OverLong: 7} }), "none of 7 rows"},
	diag.MissingColumn: {data(func(d *facts.Data) {
		d.MissingColumns = []facts.ColumnProblem{{Column: "rejected", Row: 12, Rows: 1}}
	}), `"rejected" in row 12`},
	diag.MistypedColumn: {data(func(d *facts.Data) {
		d.Mistyped = []facts.ColumnProblem{{Column: "margin", Row: 3, Rows: 2, Want: "number", Have: `text "n/a"`}}
	}), "in row 3, not number"},
	diag.ConstantColumn:      {data(func(d *facts.Data) { d.Columns[2].Constant, d.Columns[2].Value = true, "1" }), `"margin" is 1 in every row`},
	diag.SameAfterTruncation: {data(func(d *facts.Data) { d.Identical, d.IdenticalAt, d.SavingLength = 70, []int{3, 9}, 801 }), "70 rows"},
	diag.ResponseCut:         {data(func(d *facts.Data) { d.CutWhole, d.CutWholeAt = 5, []int{3} }), "5 rows"},
	diag.SharedPrompts:       {data(func(d *facts.Data) { d.SharedPrompts, d.SharedPromptsOf = 8, 100 }), "8 of 100"},
	diag.LessThanABatch:      {data(func(d *facts.Data) { d.Train = 20 }), "20 examples to train on, fewer than one batch of 32"},
	diag.EmptyHoldout:        {data(func(d *facts.Data) { d.Holdout = 0 }), "holds nothing out of 1000"},
	diag.TiesFound:           {data(func(d *facts.Data) { d.Ties, d.TiesAt = 1, []int{44} }), "1 row"},
	diag.OverLong:            {data(func(d *facts.Data) { d.OverLong, d.OverLongAt = 2, []int{5, 6} }), "longer than 512 tokens"},
	diag.MostDropped:         {data(func(d *facts.Data) { d.OverLong = 600 }), "600 of 1000 rows"},
	diag.LockMismatch: {locked(lock.Entry{Kind: "data", Name: "file:pairs.jsonl", SHA256: digestA, Bytes: 3},
		lock.Entry{Kind: "data", Name: "file:pairs.jsonl", SHA256: digestB, Bytes: 4}), "sha256 is aaaaaaaaaaaa in the lock and bbbbbbbbbbbb now"},
	diag.NotLocked: {locked(lock.Entry{}, lock.Entry{Kind: "data", Name: "file:pairs.jsonl", SHA256: digestA}), "not in the lock"},
	diag.LockStale: {locked(lock.Entry{Kind: "data", Name: "file:old.jsonl", SHA256: digestA}, lock.Entry{}), "no longer used"},
	diag.LockedByOther: {locked(lock.Entry{Kind: "rmc", Value: "v0.1.0"}, lock.Entry{Kind: "rmc", Value: "v0.2.0"}),
		"v0.1.0, and this is v0.2.0"},
	diag.NeverRated: {ratings(func(d *facts.Data) {
		*d = facts.Data{Rows: 40, Ratings: []facts.Rating{{Attribute: "verbosity", Missing: 40}}}
	}), "none of 40 rows of ratings has a rating verbosity"},
	diag.SentinelLikely: {ratings(func(d *facts.Data) {
		d.Ratings[1].Value, d.Ratings[1].ValueRows = "-100", 300
	}), "verbosity is -100 in 300 rows"},
	diag.BeyondVocabulary: {data(func(d *facts.Data) { d.LargestID, d.LargestIDAt = 49152, 8 }), "row 8 of prefs has the token id 49152, and LlamaForCausalLM knows 0 to 49151"},
}

// check compiles the example of a code and holds it against a world.
func check(t *testing.T, e diag.Entry, f *facts.Facts) diag.List {
	t.Helper()
	fsys := fstest.MapFS{}
	for _, file := range txtar.Parse([]byte(e.Example)).Files {
		fsys[file.Name] = &fstest.MapFile{Data: file.Data}
	}
	r, errs := compiler.Compile(fsys, "recipe.rmr", compiler.Options{})
	if len(errs) > 0 {
		t.Fatalf("the example has problems of its own:\n%s", show(errs))
	}
	return compiler.Check(r, f)
}

func show(errs diag.List) string {
	var b strings.Builder
	if err := diag.WriteText(&b, errs, false); err != nil {
		return err.Error()
	}
	return b.String()
}

func TestEachFactHasItsCode(t *testing.T) {
	for _, e := range diag.Entries() {
		if !strings.HasPrefix(string(e.Code), "R05") && !strings.HasPrefix(string(e.Code), "R06") {
			continue
		}
		t.Run(string(e.Code), func(t *testing.T) {
			world, ok := worlds[e.Code]
			if !ok {
				t.Fatal("no world has this problem")
			}
			f := sound()
			world.alter(f)
			errs := check(t, e, f)
			if len(errs) != 1 || errs[0].Code != e.Code {
				t.Fatalf("want one problem, %s; got %d:\n%s", e.Code, len(errs), show(errs))
			}
			d := errs[0]
			if d.Severity != e.Severity || !d.Span.Valid() || d.Help == "" || len(d.Notes) > 2 {
				t.Errorf("severity %v (entry: %v), or no place, or no help:\n%s", d.Severity, e.Severity, show(errs))
			}
			if !strings.Contains(d.Message, world.words) {
				t.Errorf("%q does not say %q", d.Message, world.words)
			}
		})
	}
}

func TestASoundWorldHasNoProblem(t *testing.T) {
	e, ok := diag.Lookup(string(diag.BOSNever)) // its example is the unchanged recipe
	if !ok {
		t.Fatal("no such code")
	}
	if errs := check(t, e, sound()); len(errs) > 0 {
		t.Errorf("unexpected:\n%s", show(errs))
	}
	noTokenizer := &facts.Facts{Tokenizers: map[string]facts.Tokenizer{"rm": {Absent: true}}}
	if errs := check(t, e, noTokenizer); len(errs) > 0 {
		t.Errorf("rows that nobody has read may be token ids, and it says:\n%s", show(errs))
	}
	if errs := check(t, e, &facts.Facts{}); len(errs) > 0 {
		t.Errorf("knowing nothing, it says:\n%s", show(errs))
	}
}

// What the world says of an encoder and of ratings is checked as it is of a
// reward model and of pairs.
func TestRatingsAndEncoders(t *testing.T) {
	e, ok := diag.Lookup(string(diag.NeverRated)) // its example is the recipe of fits
	if !ok {
		t.Fatal("no such code")
	}
	encoder := func(alter func(*facts.Model)) func(*facts.Facts) {
		return func(f *facts.Facts) {
			m := f.Models["rm"]
			m.Params = nil
			alter(&m)
			f.Models["backbone"] = m
		}
	}
	for name, c := range map[string]struct {
		alter func(*facts.Facts)
		code  diag.Code
		words string
	}{
		"sound": {encoder(func(*facts.Model) {}), "", ""},
		"a trained head is none of an encoder's business": {encoder(func(m *facts.Model) { m.HasScoreHead = true }), "", ""},
		"an architecture":      {encoder(func(m *facts.Model) { m.Supported = false }), diag.UnsupportedArchitecture, "is not supported"},
		"positions":            {encoder(func(m *facts.Model) { m.Positions = 512 }), diag.TooFewPositions, "max_length 1024"},
		"a constant attribute": {ratings(func(d *facts.Data) { d.Ratings[0].Constant, d.Ratings[0].Value = true, "3" }), diag.ConstantColumn, "helpfulness is 3"},
		"a missing column": {ratings(func(d *facts.Data) {
			*d = facts.Data{MissingColumns: []facts.ColumnProblem{{Column: "verbosity", Row: 1}}}
		}), diag.MissingColumn, "verbosity"},
		"a mistyped column": {ratings(func(d *facts.Data) {
			*d = facts.Data{Mistyped: []facts.ColumnProblem{{Column: "verbosity", Row: 1, Want: "a rating", Have: "text"}}}
		}), diag.MistypedColumn, "not a rating"},
		"prompts in both parts": {ratings(func(d *facts.Data) { d.SharedPrompts, d.SharedPromptsOf = 8, 100 }), diag.SharedPrompts, "8 of 100"},
		"a file of nothing":     {ratings(func(d *facts.Data) { *d = facts.Data{} }), diag.EmptyData, "no rows"},
	} {
		t.Run(name, func(t *testing.T) {
			f := sound()
			c.alter(f)
			errs := check(t, e, f)
			if c.code == "" && len(errs) == 0 {
				return
			}
			if len(errs) == 0 || errs[0].Code != c.code || !strings.Contains(errs[0].Message, c.words) {
				t.Errorf("want %s %q:\n%s", c.code, c.words, show(errs))
			}
		})
	}
}

// The trainer refuses sides that are the same once cut where ties are an error, so
// that they are no warning.
func TestTiesOnceCut(t *testing.T) {
	e, ok := diag.Lookup(string(diag.TiesFound))
	if !ok {
		t.Fatal("no such code")
	}
	f := sound()
	data(func(d *facts.Data) { d.Identical, d.IdenticalAt, d.SavingLength = 2, []int{3, 9}, 801 })(f)
	errs := check(t, e, f)
	if len(errs) != 1 || errs[0].Code != diag.TiesFound || errs[0].Severity != diag.Error || !strings.Contains(errs[0].Message, "2 rows of prefs have two sides that are the same after truncation") {
		t.Errorf("unexpected:\n%s", show(errs))
	}
}
