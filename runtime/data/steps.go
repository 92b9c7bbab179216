package data

import (
	"regexp"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/runtime/answer"
)

// A stepwise is a row of labels data: what a user says, turn by turn, and after
// each turn a label or none. Of the ids format there are tokens instead.
type stepwise struct {
	before   []Message   // a system's turn
	turns    []string    // the user's
	gold     [][]float32 // [turn] the label after it, see Mark.Gold; nil where none is known
	answer   string      // Example.Answer
	from, to int         // bytes of turns[0] that are the question's: what truncate_left may take
	flaw     string      // found while the row was read

	ids          []int32
	promptTokens int // of ids that are the prompt; 0 where the row does not say
	marks        []Mark
	labelIDs     []int32
}

// A solution is a question and the steps of one answer to it, as most layouts
// have it.
type solution struct {
	question string
	steps    []string
	gold     [][]float32 // [step]; nil where no label is known
	outcome  []float32   // of the whole; nil where it is not known
	flaw     string
}

// dialogue makes turns of a solution as RLHFlow's rows have them: question, space
// and first step are one turn, each further step is a turn; of level outcome all
// are one. Steps after the last label are left out.
func (l *layout) dialogue(s solution) *stepwise {
	question := strings.TrimSpace(s.question)
	for i := range s.steps {
		s.steps[i] = clean(s.steps[i])
	}
	if l.labels.level == levelOutcome {
		s.steps, s.gold = []string{strings.Join(s.steps, "\n")}, [][]float32{s.outcome}
	}
	out := &stepwise{turns: s.steps, gold: s.gold, answer: finalAnswer(s.steps), to: len(question), flaw: s.flaw}
	if question == "" && out.flaw == "" {
		out.flaw = NoPrompt
	}
	if len(out.turns) > 0 && out.turns[0] != "" {
		out.turns[0] = question + " " + out.turns[0]
	}
	return out.upToLabel()
}

// finalAnswer is the answer that steps come to; "" where they come to none.
func finalAnswer(steps []string) string {
	found, _, _ := answer.Final(strings.Join(steps, "\n"))
	return found
}

// upToLabel leaves out the turns after the last label: no label depends on them.
func (s *stepwise) upToLabel() *stepwise {
	n := len(s.gold)
	for n > 0 && s.gold[n-1] == nil {
		n--
	}
	if n == 0 && s.flaw == "" {
		s.flaw = Unlabelled
	}
	if n > 0 {
		s.turns, s.gold = s.turns[:n], s.gold[:n]
	}
	return s
}

// problem names what is wrong with the content, "" when nothing is.
func (s *stepwise) problem() string {
	if s.flaw != "" {
		return s.flaw
	}
	for _, turn := range s.turns {
		if strings.TrimSpace(turn) == "" {
			return Empty
		}
	}
	return ""
}

// conversation has the same label after each turn, the first: so all places can
// be read in one forward that equals one for each beginning, which is what the
// reference asks (methods: math-rm).
func (s *stepwise) conversation(label string) []Message {
	out := slices.Clone(s.before)
	for _, turn := range s.turns {
		out = append(out, Message{Role: "user", Content: turn}, Message{Role: "assistant", Content: label})
	}
	return out
}

// record is the row for all that does not depend on labels: keys, previews.
func (s *stepwise) record(question string) record {
	rec := record{prompt: []Message{{Role: "user", Content: question}}, steps: s}
	var rest []Message
	for _, turn := range s.turns {
		rest = append(rest, Message{Role: "user", Content: turn})
	}
	rec.responses = [][]Message{rest}
	return rec
}

// stepTag marks the end of a step in Math-Shepherd's rows.
const stepTag = "ки"

// clean is a step without white space around it and without the tag at its end,
// which the rows of several data sets keep.
func clean(step string) string {
	step = strings.TrimSpace(step)
	if rest, ok := strings.CutSuffix(step, stepTag); ok && rest == strings.TrimSpace(rest)+trailing(rest) && trailing(rest) != "" {
		return strings.TrimSpace(rest)
	}
	return step
}

// trailing is the white space at the end of s.
func trailing(s string) string { return s[len(strings.TrimRight(s, " \t\r\n")):] }

// tagged is the tag with the white space around it, at the end of a line or text.
var tagged = regexp.MustCompile(`\s` + stepTag + `(?:\s*\n|\s*$)`)

// blankLine is what parts steps where there is no tag.
var blankLine = regexp.MustCompile(`\n[ \t\r]*\n`)

// CutSteps cuts a solution into its steps, without white space around them: at
// the tag of Math-Shepherd where it has one, else at blank lines, else at lines.
func CutSteps(solution string) []string {
	var parts []string
	switch {
	case tagged.MatchString(solution):
		parts = tagged.Split(solution, -1)
	case blankLine.MatchString(strings.TrimSpace(solution)):
		parts = blankLine.Split(solution, -1)
	default:
		parts = strings.Split(solution, "\n")
	}
	var steps []string
	for _, part := range parts {
		if part = clean(part); part != "" {
			steps = append(steps, part)
		}
	}
	return steps
}
