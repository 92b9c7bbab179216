package judge

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/runtime/answer"
	"github.com/rmc-lang/rmc/runtime/disk"
)

// A Solution is a question with the steps of an attempt at it, of which each is to
// be labelled by where it leads (Math-Shepherd, Wang et al. 2023, arXiv
// 2312.08935).
type Solution struct {
	Row      int // 0-based row of the data set; each once
	Question string
	Steps    []string // at least one
	Answer   string   // the right one, as the row has it: alone, or with a solution before it
	Gold     []int8   // what the row says of each step: +1 right, -1 wrong, 0 is not known; may be shorter than Steps
}

// A Stepped is a solution with what its steps lead to.
type Stepped struct {
	Row    int
	Right  []int // of each step, its completions that reach the right answer; -1 where none were asked for
	Labels []*float64
	// Outcome says whether the solution's own answer is the right one; nil where it
	// gives none.
	Outcome   *bool
	Questions []string // in the table, of each step that was asked about
}

// A Rollout is what completions say of solutions.
type Rollout struct {
	Rows    []Stepped // in the order of the solutions
	Summary RolloutSummary
}

// A RolloutSummary counts solutions, steps and completions.
type RolloutSummary struct {
	Solutions   int `json:"solutions"`
	Steps       int `json:"steps"`       // that have a label
	Good        int `json:"good"`        // steps with a right completion, or that end with the right answer
	Bad         int `json:"bad"`         // steps without
	Own         int `json:"own"`         // of both, steps labelled by the answer that the solution ends with
	Completions int `json:"completions"` // of the others
	Right       int `json:"right"`
	Silent      int `json:"silent"` // completions without an answer, which count as wrong
	Alike       int `json:"alike"`  // steps of which all completions, if several, are one text: where most are, the server does not sample
	// Outcome of the solutions that give an answer.
	RightAnswers int       `json:"right_answers"`
	WrongAnswers int       `json:"wrong_answers"`
	Gold         Agreement `json:"gold"` // with the labels that the rows themselves have: good is right
	Usage
}

// String is the summary in one line.
func (s RolloutSummary) String() string {
	text := fmt.Sprintf("%d solutions, %d right and %d wrong in the end: %d steps good, %d bad; %d of %d completions right, %d without an answer",
		s.Solutions, s.RightAnswers, s.WrongAnswers, s.Good, s.Bad, s.Right, s.Completions, s.Silent)
	if s.Alike > 0 {
		text += fmt.Sprintf("; all completions of %d steps are alike", s.Alike)
	}
	if g := s.Gold; g.Of > 0 {
		text += fmt.Sprintf("; agrees with the rows in %.1f %% of %d steps (95 %%: %.1f to %.1f)", 100*g.Share, g.Of, 100*g.Interval[0], 100*g.Interval[1])
	}
	return text + "; " + s.Usage.String()
}

// Rollout has solutions gone on from, as the label says. The last step of a
// solution whose answer is marked (see answer.Final) is labelled by that answer,
// and not asked about. On failure, what was answered until then is kept.
func (j Judge) Rollout(ctx context.Context, solutions []Solution) (*Rollout, error) {
	if err := workable(solutions); err != nil {
		return nil, err
	}
	solutions = limited(j.Label, solutions)
	var out *Rollout
	err := j.with(func(s *session) error {
		attempts, err := s.attempts(solutions)
		if err != nil {
			return err
		}
		if err := s.goOn(ctx, attempts); err != nil {
			return err
		}
		out = s.rollout(attempts)
		return nil
	})
	return out, err
}

// workable reports solutions that nothing can be asked about.
func workable(solutions []Solution) error {
	seen := map[int]bool{}
	for _, s := range solutions {
		switch {
		case seen[s.Row]:
			return fmt.Errorf("row %d is gone on from twice", s.Row+1)
		case len(s.Steps) == 0:
			return fmt.Errorf("row %d has no step", s.Row+1)
		case strings.TrimSpace(answer.Gold(s.Answer)) == "":
			return fmt.Errorf("row %d has no right answer to compare with", s.Row+1)
		}
		seen[s.Row] = true
	}
	return nil
}

// An attempt is a solution while it is gone on from.
type attempt struct {
	Solution
	gold    string
	texts   []string // of each step that is asked about
	outcome *bool
	own     bool  // the last step is labelled by the solution's own answer
	right   []int // of each step so far, completions that reach the right answer
	ended   bool  // nothing more is asked
}

func (s *session) attempts(solutions []Solution) ([]*attempt, error) {
	all := make([]*attempt, len(solutions))
	for i, one := range solutions {
		var err error
		if all[i], err = s.attempt(one); err != nil {
			return nil, fmt.Errorf("row %d: %w", one.Row+1, err)
		}
	}
	return all, nil
}

func (s *session) attempt(one Solution) (*attempt, error) {
	a := &attempt{Solution: one, gold: answer.Gold(one.Answer)}
	whole := strings.Join(one.Steps, "\n")
	found, marked, ok := answer.Final(whole)
	if ok {
		right := answer.Same(found, a.gold)
		a.outcome = &right
	}
	_, inLast, _ := answer.Final(one.Steps[len(one.Steps)-1])
	a.own = ok && marked && inLast
	n := len(one.Steps)
	if a.own {
		n--
	}
	for i := range n {
		steps := one.Steps[:i+1]
		text, err := s.prompt.render(map[string]any{"question": one.Question, "steps": anys(steps), "solution": strings.Join(steps, "\n")})
		if err != nil {
			return nil, err
		}
		if slices.Contains(a.texts, text) {
			return nil, fmt.Errorf("the prompt %s reads the same for steps %d and %d: it must show steps, or solution", s.label.Prompt, slices.Index(a.texts, text)+1, i+1)
		}
		a.texts = append(a.texts, text)
	}
	return a, nil
}

func anys(all []string) []any {
	out := make([]any, len(all))
	for i, s := range all {
		out[i] = s
	}
	return out
}

// goOn asks for all completions: at once, or, where nothing is asked after the
// first step that leads nowhere, step by step.
func (s *session) goOn(ctx context.Context, all []*attempt) error {
	width := 1
	for _, a := range all {
		if !s.label.StopAtWrong {
			width = max(width, len(a.texts))
		}
	}
	for from := 0; ; from += width {
		var ask []query
		for _, a := range all {
			for i := range a.open(from, width) {
				ask = append(ask, s.queries(a.texts[i], fmt.Sprintf("row %d, step %d", a.Row+1, i+1))...)
			}
		}
		if len(ask) == 0 {
			return nil
		}
		if err := s.fill(ctx, ask); err != nil {
			return err
		}
		for _, a := range all {
			for i := range a.open(from, width) {
				a.right = append(a.right, s.rightOf(a, i))
				a.ended = s.label.StopAtWrong && a.right[i] == 0
			}
		}
	}
}

// open are the steps from one on that are asked about, at most so many.
func (a *attempt) open(from, width int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := from; i < min(from+width, len(a.texts)) && !a.ended; i++ {
			if !yield(i) {
				return
			}
		}
	}
}

// rightOf counts the completions of a step that reach the right answer.
func (s *session) rightOf(a *attempt, step int) int {
	n := 0
	for _, one := range s.answers(a.texts[step]) {
		if found, ok := a.reached(step, one); ok && answer.Same(found, a.gold) {
			n++
		}
	}
	return n
}

// reached is the answer that a completion of a step ends with. One that was cut
// off has an answer only if it marks one. An empty one after the last step takes
// the solution for complete.
func (a *attempt) reached(step int, one Answer) (found string, ok bool) {
	if strings.TrimSpace(one.Text) == "" && !one.cut() && step == len(a.Steps)-1 {
		found, _, ok = answer.Final(strings.Join(a.Steps, "\n"))
		return found, ok
	}
	found, marked, ok := answer.Final(one.Text)
	return found, ok && (marked || !one.cut())
}

// rollout reads what all completions came to.
func (s *session) rollout(all []*attempt) *Rollout {
	out := &Rollout{}
	sum := &out.Summary
	agree, of := 0, 0
	for _, a := range all {
		row := s.stepped(a, sum)
		out.Rows = append(out.Rows, row)
		for i, label := range row.Labels {
			if label == nil || i >= len(a.Gold) || a.Gold[i] == 0 {
				continue
			}
			of++
			if (*label > 0) == (a.Gold[i] > 0) {
				agree++
			}
		}
	}
	if of > 0 {
		sum.Gold = agreement(agree, of)
	}
	sum.Usage = s.usage()
	return out
}

// stepped labels the steps of one solution.
func (s *session) stepped(a *attempt, sum *RolloutSummary) Stepped {
	row := Stepped{Row: a.Row, Outcome: a.outcome, Right: make([]int, len(a.Steps)), Labels: make([]*float64, len(a.Steps))}
	sum.Solutions++
	switch {
	case a.outcome == nil:
	case *a.outcome:
		sum.RightAnswers++
	default:
		sum.WrongAnswers++
	}
	for i := range a.Steps {
		row.Right[i] = -1
		switch {
		case i < len(a.right):
			row.Right[i] = a.right[i]
			row.Questions = append(row.Questions, disk.Digest(a.texts[i]))
			row.Labels[i] = s.grade(a, i, sum)
		case a.own && !a.ended && i == len(a.Steps)-1:
			label := 0.0
			if *a.outcome {
				label = 1
			}
			row.Labels[i] = &label
			sum.Own++
		default:
			continue
		}
		sum.Steps++
		if *row.Labels[i] > 0 {
			sum.Good++
		} else {
			sum.Bad++
		}
	}
	return row
}

// grade is the label of a step by its completions.
func (s *session) grade(a *attempt, step int, sum *RolloutSummary) *float64 {
	all := s.answers(a.texts[step])
	alike := len(all) > 1
	for _, one := range all {
		if _, ok := a.reached(step, one); !ok {
			sum.Silent++
		}
		alike = alike && one.Text == all[0].Text
	}
	if alike {
		sum.Alike++
	}
	sum.Completions += len(all)
	sum.Right += a.right[step]
	label := float64(a.right[step]) / float64(len(all))
	if s.label.Grade == "hard" && label > 0 {
		label = 1
	}
	return &label
}
