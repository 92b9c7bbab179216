package data

import (
	"regexp"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/runtime/record"
)

// The orders of comparisons, as spec.From.Orders names them.
const (
	ordersBalanced    = "balanced"
	ordersBoth        = "both"
	ordersChosenFirst = "chosen_first"
)

// orders lists the orders in which a pair is shown: whether the chosen side is
// second. Balanced is a pure function of seed and row, and of each two rows that
// are neighbours (0 and 1, 2 and 3, …) one is swapped: the sides are exactly
// balanced over any even number of rows from the first on.
func (l *loading) orders(row int) []bool {
	switch l.data.From.Orders {
	case ordersBoth:
		return []bool{false, true}
	case ordersChosenFirst:
		return []bool{false}
	}
	coin := mix(mix(uint64(l.data.From.Seed)+golden)+golden*(uint64(row/2)+1)) & 1
	return []bool{coin != uint64(row&1)}
}

// question is a pair as a question with one label: first, second, or where there
// is a third and the pair is tied, that.
func question(g record.Labelling, p Pair, swapped bool) *record.Stepwise {
	first, second := p.Chosen, p.Rejected
	better := p.probability()
	if swapped {
		first, second, better = second, first, 1-better
	}
	gold := make([]float32, len(g.Names))
	gold[0], gold[1] = better, 1-better
	if p.Tie {
		gold = g.Hot[2]
	}
	text, from, to := comparison(p.Prompt, first, second)
	return &record.Stepwise{Turns: []string{text}, Gold: [][]float32{gold}, From: from, To: to}
}

// comparison is the user's turn that asks which of two answers to a conversation
// is better: RLHFlow's wording with its context template, white space around each
// text taken off, so that nothing tells which side a text was on before. What
// looks like a mark inside a text is escaped. It also says which bytes are the
// context's turns.
func comparison(prompt, first, second []Message) (text string, from, to int) {
	var b strings.Builder
	b.WriteString(record.ContextMark + " ")
	from = b.Len()
	b.WriteString("\n")
	for _, m := range prompt {
		b.WriteString("\n<turn> " + m.Role + "\n " + plain(m.Content))
	}
	b.WriteString("\n")
	to = b.Len()
	b.WriteString(" " + record.FirstMark + " " + said(first) + " " + record.SecondMark + " " + said(second) + " \n")
	return b.String(), from, to
}

// said is the text of an answer: its one turn, or its turns as the context has
// them where an answer goes on for several.
func said(answer []Message) string {
	if len(answer) == 1 {
		return plain(answer[0].Content)
	}
	var turns []string
	for _, m := range answer {
		turns = append(turns, "<turn> "+m.Role+"\n "+plain(m.Content))
	}
	return strings.Join(turns, "\n")
}

// marks are what a text could forge a section or a turn with, in any case and
// spacing, escaped or not.
var marks = regexp.MustCompile(`(?i)([\[<])(\\*\s*(?:CONTEXT|RESPONSE\s+[A-Z])\s*\]|\\*\s*turn\s*>)`)

// plain takes white space off around a text and puts a backslash into what looks
// like a mark: [RESPONSE A] becomes [\RESPONSE A]. No two texts become one.
func plain(text string) string {
	return marks.ReplaceAllString(strings.TrimSpace(text), `$1\$2`)
}

// Positions says how often a judge of comparisons prefers the side that is shown
// first, and how often it prefers the same side in both orders.
type Positions struct {
	First      float64 `json:"first"`      // share of comparisons in which the first is preferred; a tie counts half
	Consistent float64 `json:"consistent"` // share of pairs with the same answer in both orders
	Pairs      int     `json:"pairs"`      // asked in both orders
}

// InBothOrders averages P(chosen) of each pair over its two orders, by Example.Row,
// and says what it is that averaging hides. p has one for each example: the
// probability that the side that is chosen is better, whichever it was shown as.
// Rows of one order alone are not in the result.
func InBothOrders(examples []Example, p []float64) (chosen map[int]float64, of Positions) {
	type orders struct {
		p    [2]float64
		seen [2]bool
	}
	asked := map[int]*orders{}
	var rows []int
	for i, e := range examples {
		o := asked[e.Row]
		if o == nil {
			o = &orders{}
			asked[e.Row], rows = o, append(rows, e.Row)
		}
		k := 0
		if e.Swapped {
			k = 1
		}
		o.p[k], o.seen[k] = p[i], true
	}
	chosen = map[int]float64{}
	first, consistent := 0.0, 0
	slices.Sort(rows)
	for _, row := range rows {
		o := asked[row]
		if !o.seen[0] || !o.seen[1] {
			continue
		}
		of.Pairs++
		chosen[row] = (o.p[0] + o.p[1]) / 2
		first += prefers(o.p[0]) + prefers(1-o.p[1])
		if prefers(o.p[0]) == prefers(o.p[1]) {
			consistent++
		}
	}
	if of.Pairs > 0 {
		of.First, of.Consistent = first/float64(2*of.Pairs), float64(consistent)/float64(of.Pairs)
	}
	return chosen, of
}

// prefers is 1 where a probability is for a side, ½ where it is for neither.
func prefers(p float64) float64 {
	switch {
	case p > 0.5:
		return 1
	case p < 0.5:
		return 0
	}
	return 0.5
}
