package data

import (
	"fmt"
	"maps"
	"slices"

	"github.com/rmc-lang/rmc/runtime/record"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// A Pair is two answers to one prompt in words, before they are tokens: what
// comparisons, augmented rows and pseudo-labels are made of.
type Pair struct {
	Row      int       // its place in the list that it is of, from 0
	Prompt   []Message // what both answer
	Chosen   []Message // the better, if not Tie
	Rejected []Message
	Tie      bool    // neither is better
	P        float32 // probability that Chosen is the better; 1 of a hard label, and 0 means 1 as well
	Made     string  // of Augment: which of its kinds; "" of a row as it was
	Long     bool    // the data set that it is of leaves it out as too long: it is counted, and not used

	from keys // of the row that it was made of; empty of a row as it was
}

// keys say which rows a split keeps together and, where the pair is of a data
// set, which split decides.
type keys struct {
	prompt, row string
	split       spec.Split
	seed        int
}

// keys are those of the pair, or of what it was made of: a row that is made of
// one that is trained on is never held out, nor the other way round.
func (p Pair) keys() keys {
	if p.from != (keys{}) {
		return p.from
	}
	rec := record.Record{Prompt: p.Prompt, Responses: [][]Message{p.Chosen, p.Rejected}}
	return keys{prompt: promptKey(rec, keys{}, nil), row: rowKey(rec, keys{})}
}

func (k keys) heldOut(d spec.Data) bool {
	split, seed := d.Split, d.Seed
	if k.split != (spec.Split{}) {
		split, seed = k.split, k.seed
	}
	if split.By == "row" {
		return split.HeldOut("", k.row, seed)
	}
	return split.HeldOut("", k.prompt, seed)
}

// PairsOf lists the pairs of a data set, as Texts has them. They are on the sides
// of its split on which it has them itself, whatever is made of them. Those of a
// row that it leaves out for its length are Long; without encode none is.
func PairsOf(d spec.Data, texts []Text, encode Encode) []Pair {
	long := make([]bool, len(texts))
	if d.OverLength == "drop" && encode != nil {
		severally(len(texts), func(i int) { long[i] = exceeds(d, texts[i].Prompt, texts[i].Responses, encode) })
	}
	var all []Pair
	for i, t := range texts {
		for _, p := range Pairs([]Text{t}) {
			p.from, p.Long = p.keys(), long[i]
			p.from.split, p.from.seed = d.Split, d.Seed
			all = append(all, p)
		}
	}
	return Union(all)
}

// Within marks the pairs of which data set d leaves out a side for its length as
// Long. They are those of d.
func Within(d spec.Data, pairs []Pair, encode Encode) []Pair {
	if d.OverLength != "drop" || encode == nil {
		return pairs
	}
	out := slices.Clone(pairs)
	severally(len(out), func(i int) {
		p := &out[i]
		p.Long = p.Long || exceeds(d, p.Prompt, [][]Message{p.Chosen, p.Rejected}, encode)
	})
	return out
}

// exceeds reports whether a row has a side that is longer than d.MaxLength.
func exceeds(d spec.Data, prompt []Message, responses [][]Message, encode Encode) bool {
	full, _, err := sequences(record.Record{Prompt: prompt, Responses: responses}, encode)
	return err == nil && longest(full) > d.MaxLength
}

// Apart leaves out the rows whose question some sets have as well, see Overlap.
func Apart(texts []Text, others ...*Set) []Text {
	has := map[string]bool{}
	for _, o := range others {
		maps.Copy(has, questions(o))
	}
	return slices.DeleteFunc(slices.Clone(texts), func(t Text) bool {
		key := questionKey(t.Prompt)
		return key != "" && has[key]
	})
}

// Pairs lists the pairs of rows, as Texts has them, one data set after another,
// and numbers them anew. A ranking gives each of its pairs.
func Pairs(texts ...[]Text) []Pair {
	var out []Pair
	for _, t := range slices.Concat(texts...) {
		for i, better := range t.Responses {
			for j := max(i+1, t.Better); j < len(t.Responses) && (t.Better == 0 || i < t.Better); j++ {
				out = append(out, Pair{Row: len(out), Prompt: t.Prompt, Chosen: better, Rejected: t.Responses[j], P: 1})
			}
		}
	}
	return out
}

// Union lists pairs one list after another and numbers them anew: what is
// trained on of labelled and pseudo-labelled rows.
func Union(lists ...[]Pair) []Pair {
	out := slices.Concat(lists...)
	for i := range out {
		out[i].Row = i
	}
	return out
}

// probability is P, of which 0 means 1.
func (p Pair) probability() float32 {
	switch {
	case p.Tie:
		return 0.5
	case p.P == 0:
		return 1
	}
	return p.P
}

// FromPairs tokenises pairs and applies the over-length and tie policies and the
// split of d, as Load does the rows of a file. Of kind preference the sides are
// sequences, and a pair that is tied is left out; of kind labels each pair is a
// comparison, or two, see spec.From.Orders. A split by prompt puts a pair on the
// side that it is on in the data it comes from, if fraction and seed are the same.
func FromPairs(d spec.Data, pairs []Pair, encode Encode) (*Set, error) {
	if d.Kind == record.KindLabels {
		d.Level = record.LevelOutcome // a comparison has one label
	}
	if err := checkPolicies(d); err != nil {
		return nil, err
	}
	if err := checkPairs(d); err != nil {
		return nil, err
	}
	l := &loading{data: d, encode: encode, met: map[string]*Filter{}, columns: map[string]*profile{}}
	l.layout = record.NewForm(d, d.Kind, "pairs")
	l.stats.Made = madeOf(pairs)
	for len(pairs) > 0 {
		n := min(chunk, len(pairs))
		var some []prepared
		for _, p := range pairs[:n] {
			some = append(some, l.fromPair(p)...)
		}
		l.stats.Read += len(some)
		if err := l.take(some); err != nil {
			return nil, err
		}
		pairs = pairs[n:]
	}
	if err := l.refusals(d.Name); err != nil {
		return nil, err
	}
	return l.set(d.Name)
}

// checkPairs reports a spec that pairs cannot serve.
func checkPairs(d spec.Data) error {
	orders := []string{ordersBalanced, ordersBoth, ordersChosenFirst}
	switch {
	case d.Kind != record.KindPreference && d.Kind != record.KindLabels:
		return fmt.Errorf("pairs give preference or labels data, not %s", d.Kind)
	case len(d.Extra) > 0:
		return fmt.Errorf("rows that are made of rows have no column %q", d.Extra[0])
	case d.Kind == record.KindLabels && !slices.Contains(orders, d.From.Orders):
		return fmt.Errorf("no orders %q: there are balanced, both and chosen_first", d.From.Orders)
	case d.Kind == record.KindLabels && len(d.Labels) > 3:
		return fmt.Errorf("labels are %v: of two responses the first is better, or the second, or neither", d.Labels)
	}
	return nil
}

// fromPair makes rows of a pair: one, or of both orders two.
func (l *loading) fromPair(p Pair) []prepared {
	where := fmt.Sprintf("%s, pair %d", l.data.Name, p.Row+1)
	rec := record.Record{Prompt: p.Prompt, Responses: [][]Message{p.Chosen, p.Rejected}}
	one := prepared{row: p.Row, where: where, record: rec, made: p.Made != "", from: p.keys(), flaw: rec.Flaw()}
	switch {
	case one.flaw != "":
	case p.Long:
		one.flaw = LongBefore
	case slices.Equal(p.Chosen, p.Rejected):
		one.flaw = Identical
	case p.Tie && (l.data.Kind == record.KindPreference || len(l.layout.Labels.Names) < 3):
		one.flaw = Tied
	}
	if l.data.Kind == record.KindPreference || one.flaw != "" {
		return []prepared{one}
	}
	var out []prepared
	orders := l.orders(p.Row)
	if one.from.heldOut(l.data) { // what is measured is asked in both
		orders = []bool{false, true}
	}
	for _, swapped := range orders {
		one.swapped = swapped
		one.record.Steps = question(l.layout.Labels, p, swapped)
		out = append(out, one)
	}
	return out
}
