package trainer

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/backend"
	"github.com/rmc-lang/rmc/runtime/generate"
	"github.com/rmc-lang/rmc/runtime/judge"
	"github.com/rmc-lang/rmc/runtime/record"
	"github.com/rmc-lang/rmc/runtime/scoring"
	"github.com/rmc-lang/rmc/runtime/speak"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/world"
)

// rolledOn runs the rollout of a program alone.
func rolledOn(t *testing.T, p Program, b *backend.Backend) (text string, answers map[string]string) {
	t.Helper()
	p.Stages = p.Stages[:1]
	r := &Run{Asker: scoring.New(&world.World{Program: p, Dir: t.TempDir(), Backend: b})}
	if err := r.Execute(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, text = rolledRows(t, r.Dir)
	return text, spokenIn(t, r.Dir)
}

// Answers are the same however the devices are arranged, and whatever computes them,
// those for which room has to be made among them.
func TestRolloutByAPolicyOnAMesh(t *testing.T) {
	b, p := xla(t), rolling(t, 2)
	pure, err := backend.Open("go")
	if err != nil {
		t.Fatal(err)
	}
	defer pure.Finalize()
	p.Stages[0].Label.Until, p.Stages[0].Label.Samples, p.Stages[0].Label.Batch = nil, 4, 4
	rows, answers := rolledOn(t, p, pure)
	long := 0
	for _, a := range answers {
		if strings.HasPrefix(a, "length ") {
			long++
		}
	}
	if long == 0 || p.Stages[0].Label.MaxTokens <= generate.Room(1) {
		t.Fatalf("%d answers are as long as they may be: nothing needs more room", long)
	}
	for _, m := range []spec.Mesh{{}, {Devices: 2}, {Devices: 4, Tensor: 2}} {
		t.Run(fmt.Sprint(m), func(t *testing.T) {
			p.Mesh = m
			got, said := rolledOn(t, p, b)
			if got != rows {
				t.Errorf("labels\n%swant\n%s", got, rows)
			}
			for at, a := range answers {
				if said[at] != a {
					t.Errorf("%s is %q, want %q", at, said[at], a)
				}
			}
		})
	}
}

// What a plan says will be asked is what is asked.
func TestRolloutIsAsPlanned(t *testing.T) {
	pure, err := backend.Open("go")
	if err != nil {
		t.Fatal(err)
	}
	defer pure.Finalize()
	p := rolling(t, 3)
	p.Stages = p.Stages[:1]
	label := p.Stages[0].Label
	r := &Run{Asker: scoring.New(&world.World{Program: p, Dir: t.TempDir(), Backend: pure})}
	d := p.Stages[0].Data
	solved, err := record.Solutions(d, strings.TrimPrefix(d.Source, "file:"))
	if err != nil {
		t.Fatal(err)
	}
	var solutions []judge.Solution
	for _, one := range solved {
		solutions = append(solutions, judge.Solution(one))
	}
	texts, err := judge.Beginnings(label, solutions)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Execute(t.Context()); err != nil {
		t.Fatal(err)
	}
	if answers := spokenIn(t, r.Dir); len(texts) == 0 || len(answers) != len(texts)*judge.SamplesOf(label) {
		t.Errorf("%d answers to %d texts, %d each", len(answers), len(texts), label.Samples)
	}
}

// A policy in bfloat16, and one with fresh adapters, can be asked as well; adapters
// that do nothing yet change no word.
func TestRolloutByOtherPolicies(t *testing.T) {
	pure, err := backend.Open("go")
	if err != nil {
		t.Fatal(err)
	}
	defer pure.Finalize()
	p := rolling(t, 2)
	rows, answers := rolledOn(t, p, pure)
	p.Models[0].Tune = spec.Tune{Kind: "lora", Rank: 2, Alpha: 4, On: []string{"q_proj", "v_proj"}}
	if got, said := rolledOn(t, p, pure); got != rows || len(said) != len(answers) {
		t.Errorf("labels of fresh adapters\n%swant\n%s", got, rows)
	}
	p.Models[0].Tune, p.Models[0].DType = spec.Tune{Kind: "full"}, "bfloat16"
	if _, said := rolledOn(t, p, pure); len(said) != len(answers) {
		t.Errorf("%d answers in bfloat16, want %d", len(said), len(answers))
	}
}

// TestSmolLM2Speaks holds the way from a question to an answer in words against
// transformers: chat template, tokens, greedy decoding and the end of the turn.
func TestSmolLM2Speaks(t *testing.T) {
	base := smolLM2(t)
	text, err := os.ReadFile(filepath.Join(tinyFamilies, "generate.json"))
	if err != nil {
		t.Fatal(err)
	}
	var ref struct {
		Tokens  int
		Answers []struct {
			Question, Text string
			Prompt, IDs    []int32
		}
	}
	if err := json.Unmarshal(text, &ref); err != nil {
		t.Fatal(err)
	}
	m := spec.Model{Name: "gen", Kind: "policy", Base: base, DType: "float32", Layer: -1, Tune: spec.Tune{Kind: "full"}}
	label := spec.Label{Name: "steps", Kind: "rollout", Policy: "gen", API: "chat", Samples: 1, MaxTokens: ref.Tokens, Batch: 2}
	r := &Run{Asker: scoring.New(&world.World{Program: Program{Models: []spec.Model{m}}, Dir: t.TempDir(), Backend: xla(t)})}
	n, err := r.Network(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	tokenizer, err := r.Tokenizer(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	var all []judge.Asked
	for _, a := range ref.Answers {
		if ids, err := tokenizer.Ask(a.Question); err != nil || !slices.Equal(ids, a.Prompt) {
			t.Errorf("%q is asked as %v, want %v (%v)", a.Question, ids, a.Prompt, err)
		}
		all = append(all, judge.Asked{Text: a.Question})
	}
	got, speaker := make([]judge.Answer, len(all)), &speak.Speaker{Label: label, Net: n, Tokenizer: tokenizer}
	if err := speaker.Ask(t.Context(), all, func(i int, a judge.Answer) error { got[i] = a; return nil }); err != nil {
		t.Fatal(err)
	}
	for i, a := range ref.Answers {
		want := judge.Answer{Text: a.Text, Finish: "length", PromptTokens: len(a.Prompt), AnswerTokens: len(a.IDs)}
		if len(a.IDs) < ref.Tokens {
			want.Finish = "stop"
		}
		if got[i] != want {
			t.Errorf("%+v, want %+v", got[i], want)
		}
	}
	if shape := generate.ShapeOf(label.Batch, label.Samples, 1); shape.Rows() != 2 {
		t.Errorf("the answers were not written together: %+v", shape)
	}
}
