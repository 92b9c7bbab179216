package judge

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/spec"
)

// A speaker is a model of the recipe that goes on as solver does, by the seed. It
// fails after so many answers; -1 is never.
type speaker struct {
	fails int
	asked []Asked
}

func (s *speaker) ask(_ context.Context, all []Asked, answered func(int, Answer) error) error {
	s.asked = append(s.asked, all...)
	for n := range all {
		i := len(all) - 1 - n // any order
		if n == s.fails {
			return errors.New("the power is off")
		}
		text := `so it is \boxed{7}`
		if all[i].Seed[0] < 128 {
			text = `so it is \boxed{100}`
		}
		if err := answered(i, Answer{Text: text, Finish: "stop", PromptTokens: 10, AnswerTokens: 3}); err != nil {
			return err
		}
	}
	return nil
}

func (s *speaker) judge(dir, identity string) Judge {
	return Judge{
		Label: spec.Label{Kind: "rollout", Name: "steps", Model: "gen", Policy: "gen", API: "chat", Prompt: "std/rollout.jinja", Text: standard("rollout"),
			Samples: 8, Temperature: 0.7, Grade: "soft", MaxTokens: 100},
		Dir: dir, Local: &Local{Name: "gen", Identity: identity, Ask: s.ask},
	}
}

// A model of the recipe is asked what a server would be, and no server is; what it
// said before it failed is kept.
func TestLocal(t *testing.T) {
	dir, want := t.TempDir(), mustRoll(t, (&speaker{fails: -1}).judge(t.TempDir(), "x"), solutions(1))
	s := &speaker{fails: 5}
	if _, err := s.judge(dir, "x").Rollout(context.Background(), solutions(1)); err == nil || !strings.Contains(err.Error(), "power") {
		t.Fatalf("error %v", err)
	}
	s.fails = -1
	got := mustRoll(t, s.judge(dir, "x"), solutions(1))
	if shownRows(got) != shownRows(want) {
		t.Errorf("rows\n%swant\n%s", shownRows(got), shownRows(want))
	}
	if u := got.Summary.Usage; u.Requests != 0 || u.Asked != 11 || u.Reused != 5 || u.PromptTokens != 160 || u.AnswerTokens != 48 {
		t.Errorf("usage %+v", u)
	}
	if n := len(s.asked); n != 16+11 {
		t.Errorf("%d answers were asked for, want 27", n)
	}
	if !strings.Contains(got.Summary.String(), "; 11 answers generated, 5 kept from before; ") {
		t.Errorf("summary %s", got.Summary)
	}
	if right := *got.Rows[0].Labels[0]; right == 0 || right == 1 {
		t.Errorf("the seeds of all samples are alike: %v of them are right", right)
	}
}

// Another model has other answers; a name is not what makes it another.
func TestLocalIdentity(t *testing.T) {
	dir, s := t.TempDir(), &speaker{fails: -1}
	mustRoll(t, s.judge(dir, "x"), solutions(1))
	if got := mustRoll(t, s.judge(dir, "y"), solutions(1)); got.Summary.Asked != 16 {
		t.Errorf("%d answers of another model, want 16", got.Summary.Asked)
	}
	j := s.judge(dir, "y")
	j.Label.Model, j.Label.Policy, j.Local.Name = "other", "other", "other"
	if got := mustRoll(t, j, solutions(1)); got.Summary.Asked != 0 {
		t.Errorf("%d answers of a model with another name, want 0", got.Summary.Asked)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	tables := 0
	for _, f := range files {
		if strings.HasSuffix(f.Name(), ".jsonl") {
			tables++
		}
	}
	if tables != 2 {
		t.Errorf("%d tables, want 2", tables)
	}
}
