package scoring

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"

	"github.com/rmc-lang/rmc/runtime/measure"
	"github.com/rmc-lang/rmc/runtime/rewards"
)

// maxLine is the longest line that score accepts, in bytes.
const maxLine = 64 << 20

// together is how many lines are scored in one go: enough for the batches to
// be full, few enough for a reader at the other end of a pipe not to wait.
const together = 64

// A refusal is the answer to a line that cannot be scored.
type refusal struct {
	Line  int    `json:"line"` // 1-based
	Error string `json:"error"`
}

// An answerer is what scoreLines needs of a model: rows to responses (one for a
// conversation, two for a pair) and what is said of them.
type answerer struct {
	encode func(row map[string]any) ([]rewards.Answered, error)
	say    func([]rewards.Answered) (*measure.Sayings, error)
	bare   bool // scores alone
	rivals bool // responses are compared, in both orders
}

// scoreLines answers each line of in with a line of out, in the same order. A
// line that cannot be scored is answered with its number and the reason, and
// counted; the others go on. The error is of reading, writing or the model.
func scoreLines(in io.Reader, out io.Writer, s answerer) (bad int, err error) {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 1<<16), maxLine)
	p := &pending{answerer: s, out: bufio.NewWriter(out)}
	n := 0
	for lines.Scan() {
		n++
		responses, err := s.line(lines.Bytes())
		if err != nil {
			bad++
			p.lines = append(p.lines, pendingLine{refusal: &refusal{n, err.Error()}})
		} else {
			p.lines = append(p.lines, pendingLine{responses: len(responses)})
			p.responses = append(p.responses, responses...)
		}
		if len(p.lines) == together {
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
	answerer  answerer
	out       *bufio.Writer
	lines     []pendingLine
	responses []rewards.Answered // of the lines, in order
}

// A pendingLine has so many responses, or is refused.
type pendingLine struct {
	responses int
	refusal   *refusal
}

// flush scores and answers.
func (p *pending) flush() error {
	said := &measure.Sayings{}
	if len(p.responses) > 0 {
		var err error
		if said, err = p.answerer.say(p.responses); err != nil {
			return err
		}
	}
	first := 0
	for _, line := range p.lines {
		var answer any = line.refusal
		switch {
		case line.refusal != nil:
		case p.answerer.rivals:
			answer = told(said, first, line.responses)
		default:
			answer = answerOf(said, first, line.responses, p.answerer.bare)
		}
		first += line.responses
		text, err := json.Marshal(answer)
		if err != nil {
			return fmt.Errorf("a score that JSON cannot hold: %w", err)
		}
		p.out.Write(append(text, '\n')) // an error stays until Flush
	}
	p.lines, p.responses = p.lines[:0], p.responses[:0]
	return p.out.Flush()
}

// answerOf is a line of score's output for n responses from the first: the score
// of one with its parts beside it, chosen and rejected of a pair, or the scores
// of several in their order.
func answerOf(s *measure.Sayings, first, n int, bare bool) map[string]any {
	out := map[string]any{}
	if n > 2 {
		scores := make([]float32, n)
		for i := range scores {
			scores[i] = float32(s.Scores[first+i])
		}
		out["scores"] = scores
		if s.Parts != nil && !bare {
			out["parts"] = s.Parts[first : first+n]
		}
		return out
	}
	names := []string{"chosen", "rejected"}
	if n == 1 {
		names = []string{"score"}
	}
	for i, name := range names {
		out[name] = float32(s.Scores[first+i])
		if s.Parts == nil || bare {
			continue
		}
		if n == 2 {
			out[name+"_parts"] = s.Parts[first+i]
		} else {
			maps.Copy(out, s.Parts[first])
		}
	}
	if n == 2 && s.Beats != nil {
		out["probability"] = s.Beats(first, first+1)
	}
	return out
}

// line decodes a line and encodes its row.
func (s answerer) line(text []byte) ([]rewards.Answered, error) {
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
