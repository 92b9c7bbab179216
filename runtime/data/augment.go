package data

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/runtime/record"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// An Augmented is what Augment made.
type Augmented struct {
	Pairs     []Pair         // numbered from 0; of each row first the row, then what was made of it
	Originals int            // rows as they were, training and hold-out
	Made      map[string]int // rows made, by Pair.Made
	Same      int            // rows not made because both sides would be the same text
	Capped    int            // rows not made because there are as many of their kind as its cap allows
	Left      int            // rows of which none are made: tied answers of several turns, held out, too long for their data set
}

// Augment makes RRM's rows (Liu et al. 2024) of pairs: besides each row i, an
// answer to its prompt beats an answer to another prompt, and two answers to other
// prompts are tied, so that what can be told without reading the prompt tells
// nothing. The others are the rows j and k, two derangements of the rows by
// prompt: i, j and k have three different prompts, always, and each row's answers
// serve as j once and as k once. It is a pure function of pairs, d.From and
// d.Split, and fails where a prompt has more than a third of the rows: then there
// are no such derangements.
//
// Of a kind with a cap, the rows that are kept are drawn by the seed from all that
// would be made without caps, each as likely as another. The caps of other kinds change
// nothing there, and those that a cap keeps a larger one keeps too.
//
// What is held out by d.Split is not augmented, and lends no answers: it is there as it
// is. Answers stand without white space around them.
func Augment(d spec.Data, pairs []Pair) (Augmented, error) {
	if err := makeable(d.From); err != nil {
		return Augmented{}, err
	}
	a := Augmented{Made: map[string]int{}}
	var usable []int
	for i, p := range pairs {
		if serves(p) && !p.keys().heldOut(d) {
			usable = append(usable, i)
		}
	}
	a.Left = len(pairs) - len(usable)
	j, k, err := derangements(pairs, usable, uint64(d.From.Seed))
	if err != nil {
		return Augmented{}, err
	}
	n := 0 // of usable
	for i, p := range pairs {
		if d.From.Originals || p.keys().heldOut(d) {
			a.Originals++
			a.Pairs = append(a.Pairs, stripped(p))
		}
		if n < len(usable) && usable[n] == i {
			a.add(d.From, i, p, pairs[j[n]], pairs[k[n]])
			n++
		}
	}
	a.cap(d.From)
	a.Pairs = Union(a.Pairs)
	return a, nil
}

// makeable demands numbers of rows that RRM makes, and caps of its kinds.
func makeable(from spec.From) error {
	if from.Wins < 0 || from.Wins > spec.MostWins || from.Ties < 0 || from.Ties > spec.MostTies {
		return fmt.Errorf("wins = %d and ties = %d: of each row RRM makes at most %d and %d", from.Wins, from.Ties, spec.MostWins, spec.MostTies)
	}
	all := kinds()
	for _, name := range slices.Sorted(maps.Keys(from.Caps.Map)) {
		if !slices.ContainsFunc(all, func(k kind) bool { return k.name == name }) {
			return fmt.Errorf("caps name %q, which is no kind of row that RRM makes: they are %s to %s", name, all[0].name, all[len(all)-1].name)
		}
		if most := from.Caps.Map[name]; most < 0 {
			return fmt.Errorf("the cap of %s is %d: it is the most rows of that kind, from 0 on", name, most)
		}
	}
	return nil
}

// cap leaves out the rows of each kind that has more than its cap. The rows stand in
// an order of the seed and the kind, and the first ones are kept.
func (a *Augmented) cap(from spec.From) {
	seed := mix(mix(uint64(from.Seed)+golden) + golden)
	out := map[int]bool{} // of a.Pairs
	for stream, k := range kinds() {
		most, capped := from.Caps.Map[k.name]
		if !capped || most >= a.Made[k.name] {
			continue
		}
		var of []int
		for i, p := range a.Pairs {
			if p.Made == k.name {
				of = append(of, i)
			}
		}
		for _, n := range Order(seed, stream, len(of))[most:] {
			out[of[n]] = true
		}
		a.Capped += len(of) - most
		if a.Made[k.name] = most; most == 0 {
			delete(a.Made, k.name)
		}
	}
	i := -1
	a.Pairs = slices.DeleteFunc(a.Pairs, func(Pair) bool { i++; return out[i] })
}

// serves reports whether rows can be made of a pair: both sides are one answer, and
// its data set has it.
func serves(p Pair) bool {
	return !p.Long && len(p.Chosen) == 1 && len(p.Rejected) == 1 && (record.Record{Prompt: p.Prompt, Responses: [][]Message{p.Chosen, p.Rejected}}).Flaw() == ""
}

// stripped is a pair with no white space around its answers, as those that are
// made have none.
func stripped(p Pair) Pair {
	p.from = p.keys()
	p.Chosen, p.Rejected = strip(p.Chosen), strip(p.Rejected)
	return p
}

func strip(turns []Message) []Message {
	out := slices.Clone(turns)
	for i := range out {
		out[i].Content = strings.TrimSpace(out[i].Content)
	}
	return out
}

// derangements finds for each of some rows two others, j and k, such that all
// three have different prompts, as two permutations of the rows.
//
// The rows stand in a circle, those of one prompt together, prompts and rows in
// an order of the seed. With m rows of the commonest prompt, two that are at
// least m apart, either way round, have different prompts; so j and k are what
// stands some way on, and any way that keeps all three so far apart will do.
func derangements(pairs []Pair, usable []int, seed uint64) (j, k []int, err error) {
	ring, m, commonest := circle(pairs, usable, seed)
	n := len(ring)
	if 3*m > n || n == 0 {
		return nil, nil, impossible(n, m, pairs, commonest)
	}
	on := m + Draw(seed, 0, n-3*m+1)
	further := on + m + Draw(seed, 1, n-2*m-on+1)
	at := map[int]int{} // where in the circle a row is
	for i, row := range ring {
		at[row] = i
	}
	for _, row := range usable {
		j = append(j, ring[(at[row]+on)%n])
		k = append(k, ring[(at[row]+further)%n])
	}
	return j, k, nil
}

// circle puts rows of one prompt together; m is how many the commonest has, of
// which one is commonest.
func circle(pairs []Pair, usable []int, seed uint64) (rows []int, m, commonest int) {
	of := map[string][]int{}
	var prompts []string
	for _, i := range Order(seed, 0, len(usable)) {
		row := usable[i]
		key := questionKey(pairs[row].Prompt)
		if key == "" {
			key = pairs[row].keys().prompt
		}
		if of[key] == nil {
			prompts = append(prompts, key)
		}
		of[key] = append(of[key], row)
	}
	for _, key := range prompts {
		if rows = append(rows, of[key]...); len(of[key]) > m {
			m, commonest = len(of[key]), of[key][0]
		}
	}
	return rows, m, commonest
}

func impossible(n, m int, pairs []Pair, commonest int) error {
	if n == 0 {
		return fmt.Errorf("none of the %d pairs can be augmented: they are held out, or their answers are not one turn each", len(pairs))
	}
	prompt := pairs[commonest].Prompt
	return fmt.Errorf("augmenting gives each row the answers of two others with two other prompts, and each row's answers to two others: "+
		"that is impossible where a prompt has more than a third of the rows, and %q has %d of %d; leave some of them out", record.Shortened(prompt[len(prompt)-1].Content), m, n)
}

// A kind is one of the rows that are made of three: first beats second if win,
// else they are tied.
type kind struct {
	name          string
	first, second int // of the answers in the order of answers
	win           bool
}

// The answers of three rows: chosen and rejected of i, of j and of k.
const (
	chosenI = iota
	rejectedI
	chosenJ
	rejectedJ
	chosenK
	rejectedK
)

// kinds are RRM's, in the order of its script, with the names that spec.Caps has.
func kinds() []kind {
	names := []string{"chosen_i", "rejected_i", "chosen_j", "rejected_j", "chosen_k", "rejected_k"}
	var out []kind
	add := func(first, second int, win bool) {
		relation := "_ties_"
		if win {
			relation = "_beats_"
		}
		out = append(out, kind{names[first] + relation + names[second], first, second, win})
	}
	for _, own := range []int{chosenI, rejectedI} {
		for _, other := range []int{chosenJ, chosenK, rejectedJ, rejectedK} {
			add(own, other, true)
		}
	}
	for _, two := range [][2]int{{chosenJ, rejectedJ}, {chosenK, rejectedK}, {chosenJ, chosenK}, {chosenJ, rejectedK}, {chosenK, rejectedJ}, {rejectedJ, rejectedK}} {
		add(two[0], two[1], false)
	}
	return out
}

// add makes the rows of row i.
func (a *Augmented) add(from spec.From, i int, p, j, k Pair) {
	answers := [][]Message{p.Chosen, p.Rejected, j.Chosen, j.Rejected, k.Chosen, k.Rejected}
	for n := range answers {
		answers[n] = strip(answers[n])
	}
	for _, c := range picked(from, i) {
		first, second := answers[c.first], answers[c.second]
		own := answers[:chosenJ]
		foreign := func(n int) bool { return n >= chosenJ && (alike(answers[n], own[0]) || alike(answers[n], own[1])) }
		// An answer that another prompt got as well would beat itself.
		if alike(first, second) || foreign(c.first) || foreign(c.second) {
			a.Same++
			continue
		}
		a.Made[c.name]++
		a.Pairs = append(a.Pairs, Pair{Prompt: p.Prompt, Chosen: first, Rejected: second, Tie: !c.win, P: 1, Made: c.name, from: p.keys()})
	}
}

// A MadeOf is how many pairs of a kind Augment made.
type MadeOf struct {
	Kind  string `json:"kind"` // Pair.Made
	Pairs int    `json:"pairs"`
}

// madeOf counts the pairs that Augment made, by kind.
func madeOf(pairs []Pair) []MadeOf {
	n := map[string]int{}
	for _, p := range pairs {
		n[p.Made]++
	}
	var all []MadeOf
	for _, k := range kinds() {
		if n[k.name] > 0 {
			all = append(all, MadeOf{k.name, n[k.name]})
		}
	}
	return all
}

func alike(a, b []Message) bool { return a[0].Content == b[0].Content }

// picked are the kinds that are made of row i: all, or as many of each sort as
// from says, drawn anew for each row.
func picked(from spec.From, i int) []kind {
	all := kinds()
	seed := mix(uint64(from.Seed)+golden) + uint64(i)
	pick := func(of []kind, n, draw int) []kind {
		order := Order(seed, draw, len(of))[:min(n, len(of))]
		slices.Sort(order)
		out := make([]kind, len(order))
		for at, o := range order {
			out[at] = of[o]
		}
		return out
	}
	return append(pick(all[:spec.MostWins], from.Wins, 0), pick(all[spec.MostWins:], from.Ties, 1)...)
}

// A Hardness says which of the rows that Augment made a model did not judge right
// already.
type Hardness struct {
	Made    int          `json:"made"`              // rows that were made
	Hard    int          `json:"hard"`              // of these, kept
	Unasked int          `json:"unasked,omitempty"` // of those kept, the ones that the model could not be asked about
	Kinds   []HardnessOf `json:"kinds"`             // the same by kind, in RRM's order
}

// A HardnessOf is the Hardness of one kind of made rows.
type HardnessOf struct {
	Kind string `json:"kind"` // Pair.Made
	Made int    `json:"made"`
	Hard int    `json:"hard"`
}

// Easy lists the rows that were made and that a model judges right already (RRM,
// Liu et al. 2024): with p its probability that the chosen side is better (of a
// tie, the first side), those of which p is less than least from the label, 1 or
// ½. RRM has 0.2. Rows as they were are never easy, and no more are those of
// which p is NaN, for the model could not be asked.
func Easy(pairs []Pair, p []float64, least float64) (easy []int, of Hardness) {
	made, hard := map[string]int{}, map[string]int{}
	for i, pair := range pairs {
		if pair.Made == "" {
			continue
		}
		made[pair.Made]++
		if math.Abs(p[i]-float64(pair.probability())) < least { // false of NaN
			easy = append(easy, pair.Row)
			continue
		}
		hard[pair.Made]++
		if of.Hard++; math.IsNaN(p[i]) {
			of.Unasked++
		}
	}
	for _, k := range kinds() {
		if n := made[k.name]; n > 0 {
			of.Made += n
			of.Kinds = append(of.Kinds, HardnessOf{k.name, n, hard[k.name]})
		}
	}
	return easy, of
}

// WithoutRows lists pairs but for some rows, and numbers them anew.
func WithoutRows(pairs []Pair, rows []int) []Pair {
	out := map[int]bool{}
	for _, row := range rows {
		out[row] = true
	}
	return Union(slices.DeleteFunc(slices.Clone(pairs), func(p Pair) bool { return out[p.Row] }))
}
