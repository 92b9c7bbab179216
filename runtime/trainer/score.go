package trainer

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

// A scoreCommand scores what comes in on standard input.
type scoreCommand struct {
	Model string `help:"Which reward or model; without it the recipe's only reward, or its only model." placeholder:"NAME"`
	Bare  bool   `help:"Print the scores of a reward without what they are made of."`

	Tournament bool `help:"Find the best of each line's responses by knock-out: n - 1 comparisons instead of each with each."`
}

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

// A scoring is what scoreLines needs of a model: rows to responses (one for a
// conversation, two for a pair) and what is said of them.
type scoring struct {
	encode func(row map[string]any) ([]rewards.Answered, error)
	say    func([]rewards.Answered) (*measure.Sayings, error)
	bare   bool // scores alone
	rivals bool // responses are compared, in both orders
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
	scoring   scoring
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
		if said, err = p.scoring.say(p.responses); err != nil {
			return err
		}
	}
	first := 0
	for _, line := range p.lines {
		var answer any = line.refusal
		switch {
		case line.refusal != nil:
		case p.scoring.rivals:
			answer = told(said, first, line.responses)
		default:
			answer = answerOf(said, first, line.responses, p.scoring.bare)
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
func (s scoring) line(text []byte) ([]rewards.Answered, error) {
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
	if c.Tournament && !s.rivals {
		return errors.New("--tournament compares responses two by two, and this model scores each alone")
	}
	scores := scoring{
		encode: s.Encode,
		say:    func(all []rewards.Answered) (*measure.Sayings, error) { return s.Score(in.ctx, all) },
		bare:   c.Bare,
		rivals: s.rivals,
	}
	var bad int
	if c.Tournament {
		bad, err = s.knockOut(in.ctx, in.stdin, in.stdout)
	} else {
		bad, err = scoreLines(in.stdin, in.stdout, scores)
	}
	if err == nil && bad > 0 {
		err = fmt.Errorf("%d of the lines could not be scored; their answers say why", bad)
	}
	return err
}
