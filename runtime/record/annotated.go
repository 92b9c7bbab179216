package record

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rmc-lang/rmc/runtime/table"
)

// signed reads a conversation of which the assistant's turns are labels, as
// RLHFlow's PRM, ORM and preference models are trained on.
func (l *Layout) signed(row table.Row, where string) (Record, error) {
	name := "conversations"
	if !l.has(row, name) {
		name = "messages"
	}
	turns, err := l.turns(row, where, name, "")
	if err != nil {
		return Record{}, err
	}
	s := &Stepwise{}
	if len(turns) > 0 && turns[0].Role == "system" {
		s.Before, turns = turns[:1], turns[1:]
	}
	if !alternate(turns) || slices.ContainsFunc(turns, func(m Message) bool { return m.Role == "tool" }) {
		return (&Stepwise{Flaw: Roles}).Record(""), nil
	}
	for i := 0; i < len(turns); i += 2 {
		gold, ok := l.Labels.read(turns[i+1].Content)
		if !ok {
			return Record{}, l.mistyped(row, where, name, l.Labels.want(), turns[i+1].Content)
		}
		s.Turns, s.Gold = append(s.Turns, Clean(turns[i].Content)), append(s.Gold, gold)
	}
	s.Answer = finalAnswer(s.Turns)
	if l.Labels.level == LevelOutcome && len(s.Turns) > 1 {
		s.Turns, s.Gold = []string{strings.Join(s.Turns, "\n")}, s.Gold[len(s.Gold)-1:]
	}
	return l.signedOf(row, where, s)
}

// signedOf finds the question, which stands before the first step in one turn.
func (l *Layout) signedOf(row table.Row, where string, s *Stepwise) (Record, error) {
	from, to, ok := l.division(row, s.Turns[0])
	if !ok && l.byPrompt {
		return Record{}, fmt.Errorf("%s: a split by prompt must know the questions, and nothing says where the first turn's ends: "+
			"give the rows a column prompt that the turn begins with, or \"Step 1\" before its first step, or split by row", where)
	}
	s.From, s.To = from, to
	question := s.Turns[0]
	if ok {
		question = strings.TrimSpace(question[from:to])
	}
	return s.upToLabel().Record(question), nil
}

// firstStep is where the steps of a solution begin. Step 10 is not the first.
var firstStep = regexp.MustCompile(`\sStep 1\b`)

// division is where the question is in a turn that goes on with the first step,
// or with responses to compare: bytes [from, to).
func (l *Layout) division(row table.Row, turn string) (from, to int, ok bool) {
	if rest, question := strings.CutPrefix(turn, ContextMark); question {
		if end := strings.Index(rest, FirstMark); end >= 0 {
			return len(ContextMark), len(ContextMark) + end, true
		}
	}
	for _, name := range []string{"prompt", "question", "problem"} {
		if asked, _ := l.Value(row, name).(string); strings.TrimSpace(asked) != "" && strings.HasPrefix(turn, strings.TrimSpace(asked)) {
			return 0, len(strings.TrimSpace(asked)), true
		}
	}
	if at := firstStep.FindStringIndex(turn); at != nil && strings.TrimSpace(turn[:at[0]]) != "" {
		return 0, at[0], true
	}
	return 0, 0, false
}

// shepherd reads Math-Shepherd: input has a tag after each step, and label is
// input with the signs in the places of the tags.
func (l *Layout) shepherd(row table.Row, where string) (s solution, err error) {
	input, err := l.text(row, where, "input")
	if err != nil {
		return s, err
	}
	signs, err := l.text(row, where, "label")
	if err != nil {
		return s, err
	}
	parts := strings.Split(input, stepTag)
	for i, part := range parts {
		rest, ok := strings.CutPrefix(signs, part)
		if !ok || i < len(parts)-1 && rest == "" {
			return s, l.mistyped(row, where, "label", "the text of input with a sign for each tag "+stepTag, signs)
		}
		if i == len(parts)-1 {
			break
		}
		gold, ok := l.Labels.read(rest[:1])
		if !ok {
			return s, l.mistyped(row, where, "label", l.Labels.want(), rest[:1])
		}
		s.steps, s.gold, s.outcome = append(s.steps, part), append(s.gold, gold), gold
		signs = rest[1:]
	}
	if len(s.steps) == 0 {
		s.flaw = Unlabelled
		return s, nil
	}
	cut := firstStep.FindStringIndex(s.steps[0])
	if cut == nil {
		s.flaw = NoPrompt // nothing says where the question ends
		return s, nil
	}
	s.question, s.steps[0] = s.steps[0][:cut[0]], s.steps[0][cut[0]:]
	return s, nil
}

// prm800k reads the path that the labellers chose: of each step the chosen
// completion, or the one that they wrote, which counts as right. A path that ends
// because no completion was right ends with one that is wrong. A rating of 0
// (neither helps nor harms) is a label of its own where there are three, the
// middle one; of two labels it is the first, as PRM800K's authors score it.
func (l *Layout) prm800k(row table.Row, where string) (s solution, err error) {
	if s.question, err = l.text(row, where, "question.problem"); err != nil {
		return s, err
	}
	steps, ok := l.Value(row, "label.steps").([]any)
	if !ok {
		return s, l.mistyped(row, where, "label.steps", "a list of steps", l.Value(row, "label.steps"))
	}
	for i, item := range steps {
		step, _ := item.(map[string]any)
		text, rating, more := chosenCompletion(step)
		if text == "" {
			break // nothing was chosen: the labeller gave up
		}
		gold, ok := l.rating(rating)
		if !ok {
			return s, l.mistyped(row, where, fmt.Sprintf("label.steps.%d", i), "a step with a rating of -1, 0 or 1", item)
		}
		s.steps, s.gold = append(s.steps, text), append(s.gold, gold)
		if !more {
			break
		}
	}
	return s, nil
}

// chosenCompletion is the text that a step of PRM800K goes on with, and its
// rating. more is false where it is wrong and the path ends with it.
func chosenCompletion(step map[string]any) (text string, rating any, more bool) {
	completions, _ := step["completions"].([]any)
	of := func(i int) (string, any) {
		c, _ := completions[i].(map[string]any)
		text, _ := c["text"].(string)
		return text, c["rating"]
	}
	if i, ok := number(step["chosen_completion"]); ok && i >= 0 && int(i) < len(completions) {
		text, rating = of(int(i))
		return text, rating, true
	}
	if human, ok := step["human_completion"].(map[string]any); ok {
		text, _ = human["text"].(string)
		return text, 1.0, true
	}
	for i := range completions {
		if text, rating = of(i); rating != nil {
			if r, ok := number(rating); ok && r < 0 {
				return text, rating, false
			}
		}
	}
	return "", nil, false
}

// rating reads one of PRM800K; null is no label.
func (l *Layout) rating(v any) ([]float32, bool) {
	if v == nil {
		return nil, true
	}
	switch r, ok := number(v); {
	case !ok:
		return nil, false
	case r == 1, r == 0 && len(l.Labels.Names) != 3:
		return l.Labels.verdict(true), true
	case r == 0:
		return l.Labels.Hot[1], true
	case r == -1:
		return l.Labels.verdict(false), true
	}
	return nil, false
}

// processBench reads the index of the first wrong step, -1 where all are right.
func (l *Layout) processBench(row table.Row, where string) (s solution, err error) {
	if s.question, err = l.text(row, where, "problem"); err != nil {
		return s, err
	}
	if s.steps, err = l.list(row, where, "steps"); err != nil {
		return s, err
	}
	wrong, err := l.whole(row, where, "label")
	if err != nil {
		return s, err
	}
	s.gold, s.flaw = l.upTo(wrong, len(s.steps))
	s.outcome, err = l.outcome(row, where, "final_answer_correct")
	return s, err
}

// bigBench reads the index of the first mistake, null where there is none. The
// whole is right if the answer is the target.
func (l *Layout) bigBench(row table.Row, where string) (s solution, err error) {
	if s.question, err = l.text(row, where, "input"); err != nil {
		return s, err
	}
	if s.steps, err = l.list(row, where, "steps"); err != nil {
		return s, err
	}
	wrong := -1
	if l.has(row, "mistake_index") {
		if wrong, err = l.whole(row, where, "mistake_index"); err != nil {
			return s, err
		}
		if wrong < 0 {
			s.flaw = Mislabelled
			return s, nil
		}
	}
	s.gold, s.flaw = l.upTo(wrong, len(s.steps))
	answer, answered := l.Value(row, "answer").(string)
	target, known := l.Value(row, "target").(string)
	if answered && known {
		s.outcome = l.Labels.verdict(strings.TrimSpace(answer) == strings.TrimSpace(target))
	}
	return s, nil
}

// mrBen reads the 1-based number of the first wrong step, "N/A" where all are right.
func (l *Layout) mrBen(row table.Row, where string) (s solution, err error) {
	if s.question, err = l.text(row, where, "Question"); err != nil {
		return s, err
	}
	if options, _ := l.Value(row, "Options").(string); strings.TrimSpace(options) != "" {
		s.question = strings.TrimSpace(s.question) + "\n" + strings.TrimSpace(options)
	}
	if s.steps, err = l.list(row, where, "Model_Solution_Steps"); err != nil {
		return s, err
	}
	first, err := l.text(row, where, "Model_Solution_First_Error_Step")
	if err != nil {
		return s, err
	}
	wrong := 0
	if first = strings.TrimSpace(first); first != "N/A" {
		if wrong, err = strconv.Atoi(first); err != nil || wrong < 1 {
			return s, l.mistyped(row, where, "Model_Solution_First_Error_Step", `the number of a step, or "N/A",`, first)
		}
	}
	s.gold, s.flaw = l.upTo(wrong-1, len(s.steps))
	if right, _ := l.Value(row, "Model_Solution_Correctness").(string); right != "" {
		s.outcome = l.Labels.verdict(strings.TrimSpace(right) == "correct")
	}
	return s, nil
}
