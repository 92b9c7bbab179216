package record

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/table"
)

// A Solved is a row of labels data in words, with the answer that is right: what a
// rollout goes on from.
type Solved struct {
	Row      int // as Example.Row
	Question string
	Steps    []string
	Answer   string
	Gold     []int8 // of each step: +1 where the row calls it good, -1 where it does not, 0 where it says nothing
}

// The columns with the answer that is right, of layouts that have their own name
// for it.
var answerColumns = map[string][]string{
	formatPRM800K:  {"question.ground_truth_answer"},
	formatBIGBench: {"target"},
	formatMRBen:    {"Ground_Truth_Answer"},
}

// Solutions reads the rows of path that have a question and steps, as d describes
// them and at most d.Limit, without tokenising them. Each must say which answer is
// right: in a column answer, or what d.Columns calls so, or one of the names that
// data sets have for it.
func Solutions(d spec.Data, path string) ([]Solved, error) {
	d.Unlabelled = true
	r, err := table.Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var out []Solved
	source := Read(r, d)
	for read := 0; d.Limit == 0 || read < d.Limit; read++ {
		row, where, err := source.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		one, ok, err := source.Layout.solved(row, where)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, one)
		}
	}
	return out, nil
}

// solved reads one row; ok is false of one with a flaw.
func (l *Layout) solved(row table.Row, where string) (out Solved, ok bool, err error) {
	if l.Format == FormatIDs || l.Format == formatConversations {
		return out, false, fmt.Errorf("%s: the rows (format = %s) do not have a question and steps apart", where, l.Format)
	}
	s, err := l.solution(row, where)
	if err != nil {
		return out, false, err
	}
	out = Solved{Row: row.Number, Question: strings.TrimSpace(s.question)}
	for i, step := range s.steps {
		out.Steps, out.Gold = append(out.Steps, Clean(step)), append(out.Gold, sign(s.gold[i]))
	}
	if l.dialogue(s).problem() != "" {
		return out, false, nil
	}
	out.Answer, err = l.rightAnswer(row, where)
	return out, true, err
}

// rightAnswer reads the answer that is right, a text or a number.
func (l *Layout) rightAnswer(row table.Row, where string) (string, error) {
	names := slices.Concat([]string{"answer"}, answerColumns[l.Format], []string{"ground_truth", "ground_truth_answer", "gold_answer", "reference_answer", "expected_answer"})
	if _, renamed := l.rename["answer"]; l.Format == formatBIGBench && !renamed {
		names = names[1:] // there the model's own is called so
	}
	for _, name := range names {
		switch v := l.Value(row, name).(type) {
		case nil:
		case string:
			return v, nil
		case float64:
			return strconv.FormatFloat(v, 'g', -1, 64), nil
		case int64:
			return strconv.FormatInt(v, 10), nil
		default:
			return "", l.mistyped(row, where, name, "the answer that is right, a text or a number,", v)
		}
	}
	return "", l.Missing(row, where, "answer")
}

// sign is what a gold says in a word.
func sign(gold []float32) int8 {
	switch {
	case len(gold) == 0:
		return 0
	case Likeliest(gold) == 0:
		return +1
	}
	return -1
}

// open gives each step without a label one that is to be found yet.
func (s *solution) open() {
	if s.flaw == Mislabelled {
		s.flaw = ""
	}
	for len(s.gold) < len(s.steps) {
		s.gold = append(s.gold, nil)
	}
	for i, gold := range s.gold {
		if gold == nil {
			s.gold[i] = []float32{}
		}
	}
	if s.outcome == nil {
		s.outcome = []float32{}
	}
}
