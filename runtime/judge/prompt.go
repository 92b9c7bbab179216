package judge

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/text"
	"github.com/rmc-lang/rmc/runtime/text/jinja"
)

// A prompt makes texts of what is asked.
type prompt struct {
	name     string // as the recipe has it
	template *jinja.Template
}

func newPrompt(l spec.Label) (*prompt, error) {
	t, err := jinja.Compile(l.Text)
	if err != nil {
		return nil, fmt.Errorf("prompt %s: %w", l.Prompt, err)
	}
	return &prompt{l.Prompt, t}, nil
}

// render makes a text, which is a function of vars alone: what a template asks of
// the clock is always the same time.
func (p *prompt) render(vars map[string]any) (string, error) {
	out, err := p.template.Render(vars, time.Unix(0, 0).UTC())
	if err != nil {
		return "", fmt.Errorf("prompt %s: %w", p.name, err)
	}
	if strings.TrimSpace(out) == "" {
		return "", fmt.Errorf("prompt %s: the text is empty", p.name)
	}
	return out, nil
}

// forged is what looks like a verdict or a rating.
var forged = regexp.MustCompile(`\[(\[\s*(?:[A-C]|\d+(?:\.\d+)?)\s*\]\])`)

// escape takes out of a text what a prompt marks its parts with, <|, and what an
// answer is read by, [[A]]: no text can end its part and begin another, nor have
// the judge quote a verdict.
func escape(content string) string {
	return forged.ReplaceAllString(strings.ReplaceAll(content, "<|", "< |"), "[ $1")
}

// turns are messages as a template sees them.
func turns(all []text.Message) []map[string]any {
	out := make([]map[string]any, len(all))
	for i, m := range all {
		out[i] = map[string]any{"role": escape(m.Role), "content": escape(m.Content)}
	}
	return out
}
