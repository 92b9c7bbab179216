package record

import (
	"regexp"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/runtime/answer"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/table"
)

// A Stepwise is a row of labels data: what a user says, turn by turn, and after
// each turn a label or none. Of the ids format there are tokens instead.
type Stepwise struct {
	Before   []Message   // a system's turn
	Turns    []string    // the user's
	Gold     [][]float32 // [turn] the label after it, see Mark.Gold; nil where none is known
	Answer   string      // Example.Answer
	From, To int         // bytes of turns[0] that are the question's: what truncate_left may take
	Flaw     string      // found while the row was read

	Ids          []int32
	PromptTokens int // of ids that are the prompt; 0 where the row does not say
	Marks        []Mark
	Tail         []int32 // Ids end with the last mark; at most two tokens that follow: the label, and what comes after it
	LabelIDs     []int32
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
func (l *Layout) dialogue(s solution) *Stepwise {
	question := strings.TrimSpace(s.question)
	for i := range s.steps {
		s.steps[i] = Clean(s.steps[i])
	}
	if l.Labels.level == LevelOutcome {
		s.steps, s.gold = []string{strings.Join(s.steps, "\n")}, [][]float32{s.outcome}
	}
	out := &Stepwise{Turns: s.steps, Gold: s.gold, Answer: finalAnswer(s.steps), To: len(question), Flaw: s.flaw}
	if question == "" && out.Flaw == "" {
		out.Flaw = NoPrompt
	}
	if len(out.Turns) > 0 && out.Turns[0] != "" {
		out.Turns[0] = question + " " + out.Turns[0]
	}
	return out.upToLabel()
}

// finalAnswer is the answer that steps come to; "" where they come to none.
func finalAnswer(steps []string) string {
	found, _, _ := answer.Final(strings.Join(steps, "\n"))
	return found
}

// upToLabel leaves out the turns after the last label: no label depends on them.
func (s *Stepwise) upToLabel() *Stepwise {
	n := len(s.Gold)
	for n > 0 && s.Gold[n-1] == nil {
		n--
	}
	if n == 0 && s.Flaw == "" {
		s.Flaw = Unlabelled
	}
	if n > 0 {
		s.Turns, s.Gold = s.Turns[:n], s.Gold[:n]
	}
	return s
}

// Conversation has the same label after each turn, the first: so all places can
// be read in one forward that equals one for each beginning, which is what the
// reference asks (methods: math-rm).
func (s *Stepwise) Conversation(label string) []Message {
	out := slices.Clone(s.Before)
	for _, turn := range s.Turns {
		out = append(out, Message{Role: "user", Content: turn}, Message{Role: "assistant", Content: label})
	}
	return out
}

// Record is the row for all that does not depend on labels: keys, previews.
func (s *Stepwise) Record(question string) Record {
	rec := Record{Prompt: []Message{{Role: "user", Content: question}}, Steps: s}
	var rest []Message
	for _, turn := range s.Turns {
		rest = append(rest, Message{Role: "user", Content: turn})
	}
	rec.Responses = [][]Message{rest}
	return rec
}

// stepTag marks the end of a step in Math-Shepherd's rows.
const stepTag = "ки"

// Clean is a step without white space around it and without the tag at its end,
// which the rows of several data sets keep.
func Clean(step string) string {
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
		if part = Clean(part); part != "" {
			steps = append(steps, part)
		}
	}
	return steps
}

// ToScore is a question and the steps of an answer with a place after each step, or
// of level outcome one, at which a score is wanted.
func (l *Layout) ToScore(question string, steps []string) *Stepwise {
	s := solution{question: question, steps: slices.Clone(steps), outcome: []float32{}}
	for range steps {
		s.gold = append(s.gold, []float32{})
	}
	return l.dialogue(s)
}

// SolutionsToScore reads a row that is to be scored: a question with steps, a
// response or several responses.
func SolutionsToScore(row table.Row, d spec.Data) (question string, all [][]string, err error) {
	const where = "the row"
	l := &Layout{Format: formatAuto, rename: d.Columns.Map}
	question, err = l.asks(row, where)
	if err != nil {
		return "", nil, err
	}
	switch name, _ := l.first(row, "steps", "responses", "response"); {
	case name == "responses":
		texts, err := l.list(row, where, name)
		if err != nil {
			return "", nil, err
		}
		for _, text := range texts {
			all = append(all, CutSteps(text))
		}
	case name == "response":
		text, err := l.text(row, where, name)
		if err != nil {
			return "", nil, err
		}
		all = [][]string{CutSteps(text)}
	default:
		steps, err := l.list(row, where, name)
		if err != nil {
			return "", nil, err
		}
		all = [][]string{steps}
	}
	return question, all, nil
}

// The marks of a comparison, as RLHFlow's pairwise preference models have them.
const (
	ContextMark = "[CONTEXT]"
	FirstMark   = "[RESPONSE A]"
	SecondMark  = "[RESPONSE B]"
)
