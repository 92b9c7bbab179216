package trainer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/rmc-lang/rmc/runtime/data"
)

// A scoreCommand scores what comes in on standard input.
type scoreCommand struct {
	Model string `help:"Which model, when the recipe trains several." placeholder:"NAME"`
}

// maxLine is the longest line that score accepts, in bytes.
const maxLine = 64 << 20

// together is how many lines are scored in one go: enough for the batches to
// be full, few enough for a reader at the other end of a pipe not to wait.
const together = 64

// An answer is a line of score's output: exactly one of the three shapes.
type answer struct {
	Score    *float64 `json:"score,omitempty"`
	Chosen   *float64 `json:"chosen,omitempty"`
	Rejected *float64 `json:"rejected,omitempty"`
	Line     int      `json:"line,omitempty"` // 1-based, with Error
	Error    string   `json:"error,omitempty"`
}

// A scoring is what scoreLines needs of a model: rows to sequences (one for a
// conversation, two for a pair) and sequences to scores.
type scoring struct {
	encode func(row map[string]any) ([]data.Sequence, error)
	score  func([]data.Sequence) ([]float64, error)
}

// scoreLines answers each line of in with a line of out, in the same order. A
// line that cannot be scored is answered with its number and the reason, and
// counted; the others go on. The error is of reading, writing or the model.
func scoreLines(in io.Reader, out io.Writer, s scoring) (bad int, err error) {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 1<<16), maxLine)
	w := bufio.NewWriter(out)
	defer w.Flush()
	var answers []answer
	var waiting []data.Sequence // of the answers, in order
	flush := func() error {
		scores, err := s.score(waiting)
		if err != nil {
			return err
		}
		for i := range answers {
			scores = answers[i].take(scores)
			line, err := json.Marshal(answers[i])
			if err != nil {
				return fmt.Errorf("a score that JSON cannot hold: %w", err)
			}
			w.Write(append(line, '\n'))
		}
		answers, waiting = answers[:0], waiting[:0]
		return w.Flush()
	}
	for n := 1; lines.Scan(); n++ {
		sequences, err := s.line(lines.Bytes())
		if err != nil {
			bad++
			answers = append(answers, answer{Line: n, Error: err.Error()})
		} else {
			answers = append(answers, expecting(len(sequences)))
			waiting = append(waiting, sequences...)
		}
		if len(answers) == together {
			if err := flush(); err != nil {
				return bad, err
			}
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return bad, fmt.Errorf("a line is longer than %d MiB", maxLine>>20)
	} else if err != nil {
		return bad, err
	}
	return bad, flush()
}

// line decodes a line and encodes its row.
func (s scoring) line(text []byte) ([]data.Sequence, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, errors.New("the line is empty")
	}
	var row any
	if err := json.Unmarshal(text, &row); err != nil {
		return nil, fmt.Errorf("broken JSON: %w", err)
	}
	object, ok := row.(map[string]any)
	if !ok {
		return nil, errors.New(`not a JSON object, as {"prompt":"…","response":"…"} is`)
	}
	return s.encode(object)
}

// expecting is an answer that takes so many scores.
func expecting(n int) answer {
	if n == 2 {
		return answer{Chosen: new(float64), Rejected: new(float64)}
	}
	return answer{Score: new(float64)}
}

// take fills the answer from the front of scores and returns the rest.
func (a *answer) take(scores []float64) []float64 {
	for _, p := range []*float64{a.Score, a.Chosen, a.Rejected} {
		if p != nil {
			*p, scores = scores[0], scores[1:]
		}
	}
	return scores
}

// Run scores standard input with the trained model.
func (c *scoreCommand) Run(in *invocation) error {
	r, _, err := in.trained()
	if err != nil {
		return err
	}
	s, err := r.Scorer(in.ctx, c.Model)
	if err != nil {
		return err
	}
	bad, err := scoreLines(in.stdin, in.stdout, scoring{
		encode: s.Encode,
		score:  func(all []data.Sequence) ([]float64, error) { return s.Score(in.ctx, all) },
	})
	if err == nil && bad > 0 {
		err = fmt.Errorf("%d of the lines could not be scored", bad)
	}
	return err
}
