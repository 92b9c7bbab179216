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
	Score    *float32 `json:"score,omitempty"`
	Chosen   *float32 `json:"chosen,omitempty"`
	Rejected *float32 `json:"rejected,omitempty"`
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
	p := &pending{scoring: s, out: bufio.NewWriter(out)}
	n := 0
	for lines.Scan() {
		n++
		sequences, err := s.line(lines.Bytes())
		if err != nil {
			bad++
			p.answers = append(p.answers, answer{Line: n, Error: err.Error()})
		} else {
			p.answers = append(p.answers, expecting(len(sequences)))
			p.sequences = append(p.sequences, sequences...)
		}
		if len(p.answers) == together {
			if err := p.flush(); err != nil {
				return bad, err
			}
		}
	}
	if err := p.flush(); err != nil {
		return bad, err
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return bad, fmt.Errorf("line %d is longer than %d MiB", n+1, maxLine>>20)
	}
	return bad, lines.Err()
}

// A pending is lines that were read and not answered yet.
type pending struct {
	scoring   scoring
	out       *bufio.Writer
	answers   []answer
	sequences []data.Sequence // of the answers, in order
}

// flush scores and answers.
func (p *pending) flush() error {
	scores, err := p.scoring.score(p.sequences)
	if err != nil {
		return err
	}
	for i := range p.answers {
		scores = p.answers[i].take(scores)
		line, err := json.Marshal(p.answers[i])
		if err != nil {
			return fmt.Errorf("a score that JSON cannot hold: %w", err)
		}
		p.out.Write(append(line, '\n')) // an error stays until Flush
	}
	p.answers, p.sequences = p.answers[:0], p.sequences[:0]
	return p.out.Flush()
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
		return answer{Chosen: new(float32), Rejected: new(float32)}
	}
	return answer{Score: new(float32)}
}

// take fills the answer from the front of scores and returns the rest.
func (a *answer) take(scores []float64) []float64 {
	for _, p := range []*float32{a.Score, a.Chosen, a.Rejected} {
		if p != nil {
			*p, scores = float32(scores[0]), scores[1:]
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
		err = fmt.Errorf("%d of the lines could not be scored; their answers say why", bad)
	}
	return err
}
