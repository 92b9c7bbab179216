package judge

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/suite"
	"github.com/rmc-lang/rmc/runtime/text"
)

// A Question is a pair of which the judge is asked for the better response.
type Question struct {
	Row          int // 0-based row of the data set; each once
	Conversation []text.Message
	First        []text.Message // what follows the conversation
	Second       []text.Message
	Gold         int8 // what the row itself prefers: -1 the first, +1 the second, 0 is not known
}

// The orders in which a pair is asked, and the responses that are asked about one
// by one.
const (
	given   = "given"   // A is the first response
	swapped = "swapped" // A is the second
	first   = "first"
	second  = "second"
)

// pointwise is spec.Label.Ask where each response is rated by itself.
const pointwise = "pointwise"

// The outcomes of a pair beside first and second.
const (
	tied      = "tie"       // the judge says so, or ratings are within the band
	swayed    = "swayed"    // the order decides
	undecided = "undecided" // some answer says nothing, or samples do not agree
)

// A Result is what the judge says of pairs.
type Result struct {
	Preferences map[int]int8 // by row: -1 the first response, +1 the second, 0 neither
	Rows        []Judgement  // in the order of the questions
	Summary     Summary
}

// A Judgement is what the judge says of one pair, and in which answers.
type Judgement struct {
	Row       int        `json:"row"`                // 0-based
	Outcome   string     `json:"outcome"`            // first | second | tie | swayed | undecided
	Verdicts  []Verdict  `json:"verdicts,omitempty"` // for each order, of the responses as they were shown
	Ratings   []*float64 `json:"ratings,omitempty"`  // of the first and of the second, means; null where no answer has one
	Questions []string   `json:"questions"`          // in the table
}

// preference is the outcome as data has it.
func (j Judgement) preference() int8 {
	switch j.Outcome {
	case first:
		return -1
	case second:
		return +1
	}
	return 0
}

// A Summary counts pairs and answers.
type Summary struct {
	Pairs      int `json:"pairs"`
	First      int `json:"first"`      // pairs whose first response is preferred
	Second     int `json:"second"`     // or the second
	Ties       int `json:"ties"`       // pairs of which the judge says that neither is better
	Consistent int `json:"consistent"` // pairs asked in both orders that came to the same twice
	Swayed     int `json:"swayed"`     // or to something else: the order decided
	AlwaysA    int `json:"always_a"`   // of these, those where the response shown first won twice
	AlwaysB    int `json:"always_b"`   // or the one shown second
	Undecided  int `json:"undecided"`  // pairs with an answer that says nothing

	SaysA       int       `json:"says_a"`       // answers for the response shown first
	SaysB       int       `json:"says_b"`       // answers for the one shown second
	SaysTie     int       `json:"says_tie"`     // answers for neither
	SaysNothing int       `json:"says_nothing"` // answers without a verdict or a rating
	Gold        Agreement `json:"gold"`         // with what the rows themselves prefer
	Usage
}

// An Agreement counts where a preference is the same as another.
type Agreement struct {
	Of       int        `json:"of"` // pairs with both
	Same     int        `json:"same"`
	Share    float64    `json:"share"`
	Interval [2]float64 `json:"interval"` // of the share: Wilson, 95 %
}

func agreement(same, of int) Agreement {
	return Agreement{of, same, float64(same) / float64(max(of, 1)), suite.Wilson(same, of)}
}

// Consistency is the share of consistent pairs among those with two decided
// answers; false where there are none.
func (s Summary) Consistency() (share float64, ok bool) {
	n := s.Consistent + s.Swayed
	return float64(s.Consistent) / float64(max(n, 1)), n > 0
}

// PositionBias is by how much more than half of the answers that prefer a
// response prefer the one shown first, from -0.5 to 0.5; false where there are
// none. It says something only of pairs that were asked in both orders.
func (s Summary) PositionBias() (bias float64, ok bool) {
	n := s.SaysA + s.SaysB
	return float64(s.SaysA)/float64(max(n, 1)) - 0.5, n > 0
}

// String is the summary in one line.
func (s Summary) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d pairs: first preferred %d, second %d, tie %d, undecided %d", s.Pairs, s.First, s.Second, s.Ties, s.Undecided)
	if share, ok := s.Consistency(); ok {
		fmt.Fprintf(&b, ", %d depend on the order; order-consistency %.1f %%", s.Swayed, 100*share)
		if bias, ok := s.PositionBias(); ok {
			fmt.Fprintf(&b, ", %.1f %% of verdicts for the response shown first", 100*(0.5+bias))
		}
	}
	if g := s.Gold; g.Of > 0 {
		fmt.Fprintf(&b, "; agrees with the rows in %.1f %% of %d (95 %%: %.1f to %.1f)", 100*g.Share, g.Of, 100*g.Interval[0], 100*g.Interval[1])
	}
	return b.String() + "; " + s.Usage.String()
}

// Ask has all questions answered, as the label says. On failure, what was answered
// until then is kept.
func (j Judge) Ask(ctx context.Context, questions []Question) (*Result, error) {
	if err := eachOnce(questions); err != nil {
		return nil, err
	}
	questions = limited(j.Label, questions)
	var out *Result
	err := j.with(func(s *session) error {
		texts, err := s.texts(questions)
		if err != nil {
			return err
		}
		var all []query
		for i, q := range questions {
			for k, name := range s.shown() {
				all = append(all, s.queries(texts[i][k], fmt.Sprintf("row %d, %s", q.Row+1, name))...)
			}
		}
		if err := s.fill(ctx, all); err != nil {
			return err
		}
		out, err = s.result(questions, texts)
		return err
	})
	return out, err
}

// eachOnce reports a row that is there twice.
func eachOnce(questions []Question) error {
	seen := map[int]bool{}
	for _, q := range questions {
		if seen[q.Row] {
			return fmt.Errorf("row %d is asked about twice", q.Row+1)
		}
		seen[q.Row] = true
	}
	return nil
}

// shown names what is asked of each pair: orders, or responses.
func (s *session) shown() []string {
	switch {
	case s.label.Ask == pointwise:
		return []string{"response " + first, "response " + second}
	case s.label.Orders == given:
		return []string{"order " + given}
	}
	return []string{"order " + given, "order " + swapped}
}

// texts are what is asked of each pair, as shown lists it.
func (s *session) texts(questions []Question) ([][]string, error) {
	out := make([][]string, len(questions))
	for i, q := range questions {
		a, err := s.text(q.Conversation, q.First, q.Second)
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", q.Row+1, err)
		}
		b, err := s.text(q.Conversation, q.Second, q.First)
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", q.Row+1, err)
		}
		if a == b && !same(q.First, q.Second) {
			return nil, fmt.Errorf("row %d: the prompt %s reads the same whatever the responses are: it must show %s", q.Row+1, s.label.Prompt,
				map[bool]string{true: "response", false: "a and b"}[s.label.Ask == pointwise])
		}
		out[i] = []string{a, b}[:len(s.shown())]
	}
	return out, nil
}

// text renders the prompt for two responses as they are shown, or for the first
// of them alone.
func (s *session) text(conversation, a, b []text.Message) (string, error) {
	vars := map[string]any{"conversation": turns(conversation), "a": turns(a), "b": turns(b)}
	if s.label.Ask == pointwise {
		vars = map[string]any{"conversation": turns(conversation), "response": turns(a)}
	}
	return s.prompt.render(vars)
}

func same(a, b []text.Message) bool {
	return fmt.Sprintf("%q", a) == fmt.Sprintf("%q", b)
}

// result reads the table.
func (s *session) result(questions []Question, texts [][]string) (*Result, error) {
	out := &Result{Preferences: map[int]int8{}}
	sum := &out.Summary
	var bad []int
	agree, of := 0, 0
	for i, q := range questions {
		one := s.judgement(q, texts[i], sum)
		out.Rows = append(out.Rows, one)
		p := one.preference()
		out.Preferences[q.Row] = p
		if one.Outcome == undecided || one.Outcome == swayed {
			bad = append(bad, q.Row+1)
		}
		if p != 0 && q.Gold != 0 {
			of++
			if p == q.Gold {
				agree++
			}
		}
	}
	sum.Usage = s.usage()
	if of > 0 {
		sum.Gold = agreement(agree, of)
	}
	if len(bad) > 0 && s.label.Undecided == "error" {
		return nil, fmt.Errorf("undecided = error, and the judge decides nothing of %d of %d pairs (row %s): %s", len(bad), len(questions), few(bad), sum)
	}
	return out, nil
}

// judgement reads what the judge says of one pair.
func (s *session) judgement(q Question, texts []string, sum *Summary) Judgement {
	out := Judgement{Row: q.Row}
	for _, t := range texts {
		out.Questions = append(out.Questions, disk.Digest(t))
		if s.label.Ask == pointwise {
			out.Ratings = append(out.Ratings, s.rating(t, sum))
		} else {
			out.Verdicts = append(out.Verdicts, s.verdict(t, sum))
		}
	}
	if s.label.Ask == pointwise {
		out.Outcome = rankedBy(out.Ratings, s.label.Band)
	} else {
		out.Outcome = decidedBy(out.Verdicts)
	}
	sum.count(out)
	return out
}

// verdict is what the answers to a text agree on.
func (s *session) verdict(text string, sum *Summary) Verdict {
	var all []Verdict
	for _, a := range s.answers(text) {
		v := Parse(a.Text, s.label.Verdict)
		switch v {
		case A:
			sum.SaysA++
		case B:
			sum.SaysB++
		case Tie:
			sum.SaysTie++
		default:
			sum.SaysNothing++
		}
		all = append(all, v)
	}
	return agreed(all)
}

// rating is the mean of the ratings that the answers to a text have; nil where
// none has one.
func (s *session) rating(text string, sum *Summary) *float64 {
	total, n := 0.0, 0
	for _, a := range s.answers(text) {
		if r, ok := Rating(a.Text); ok {
			total, n = total+r, n+1
		} else {
			sum.SaysNothing++
		}
	}
	if n == 0 {
		return nil
	}
	mean := total / float64(n)
	return &mean
}

// decidedBy is the outcome of a pair by the verdicts on it, in one order or two.
func decidedBy(verdicts []Verdict) string {
	won := verdicts[0]
	for i, v := range verdicts {
		if i > 0 {
			v = v.swapped()
		}
		switch {
		case v == Undecided || won == Undecided:
			return undecided
		case v != won:
			won = "both"
		}
	}
	return map[Verdict]string{A: first, B: second, Tie: tied, "both": swayed}[won]
}

// rankedBy is the outcome of a pair by two mean ratings.
func rankedBy(r []*float64, band float64) string {
	switch {
	case r[0] == nil || r[1] == nil:
		return undecided
	case math.Abs(*r[0]-*r[1]) <= band+1e-9: // means of decimals are not exact
		return tied
	case *r[0] > *r[1]:
		return first
	}
	return second
}

// count adds one pair.
func (s *Summary) count(j Judgement) {
	s.Pairs++
	switch j.Outcome {
	case first:
		s.First++
	case second:
		s.Second++
	case tied:
		s.Ties++
	case undecided:
		s.Undecided++
	}
	if len(j.Verdicts) < 2 || j.Outcome == undecided {
		return
	}
	if j.Outcome != swayed {
		s.Consistent++
		return
	}
	s.Swayed++
	switch {
	case j.Verdicts[0] == A && j.Verdicts[1] == A:
		s.AlwaysA++
	case j.Verdicts[0] == B && j.Verdicts[1] == B:
		s.AlwaysB++
	}
}
