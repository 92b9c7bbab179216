package data

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/spec"
)

// augmenting is a recipe of RRM's rows.
func augmenting() spec.Data {
	d := recipe()
	d.Name, d.From = "more", spec.From{Kind: "augment", Data: []string{"prefs"}, Originals: true, Wins: 8, Ties: 6, Seed: 3}
	return d
}

func mustAugment(t *testing.T, d spec.Data, pairs []Pair) Augmented {
	t.Helper()
	a, err := Augment(d, pairs)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// numbered is the n of "good n" or "bad n".
func numbered(t *testing.T, turns []Message) (good bool, n int) {
	t.Helper()
	var word string
	if _, err := fmt.Sscanf(turns[0].Content, "%s %d", &word, &n); err != nil {
		t.Fatal(err)
	}
	return word == "good", n
}

// T6: 14 rows of each row, 8 wins and 6 ties, the row itself before them, the same
// under one seed.
func TestAugment(t *testing.T) {
	pairs := somePairs(20)
	a := mustAugment(t, augmenting(), pairs)
	if len(a.Pairs) != 20*15 || a.Originals != 20 || len(a.Made) != 14 || a.Same != 0 || a.Left != 0 {
		t.Fatalf("%d rows, %+v", len(a.Pairs), a)
	}
	for name, n := range a.Made {
		if n != 20 {
			t.Errorf("%s: %d", name, n)
		}
	}
	for at, p := range a.Pairs {
		i := at / 15
		_, prompt := numbered(t, p.Prompt)
		chosenGood, chosen := numbered(t, p.Chosen)
		rejectedGood, rejected := numbered(t, p.Rejected)
		switch {
		case p.Row != at || prompt != i:
			t.Fatalf("row %d is %d, of prompt %d", at, p.Row, prompt)
		case at%15 == 0:
			if p.Made != "" || chosen != i || rejected != i {
				t.Errorf("row %d: %+v is not the row itself", at, p)
			}
		case at%15 <= 8:
			if p.Tie || chosen != i || rejected == i || !strings.Contains(p.Made, "_beats_") || chosenGood != (at%15 <= 4) {
				t.Errorf("row %d (%s): answer %d beats %d", at, p.Made, chosen, rejected)
			}
		case !p.Tie || chosen == i || rejected == i || !strings.Contains(p.Made, "_ties_"):
			t.Errorf("row %d (%s): answers %d and %d", at, p.Made, chosen, rejected)
		case strings.HasPrefix(p.Made, "chosen_j") && !chosenGood || strings.HasSuffix(p.Made, "_ties_rejected_k") && rejectedGood:
			t.Errorf("row %d (%s): %+v", at, p.Made, p)
		}
	}
	if again := mustAugment(t, augmenting(), pairs); !slices.EqualFunc(a.Pairs, again.Pairs, equalPairs) {
		t.Error("the same seed gives other rows")
	}
	d := augmenting()
	d.From.Seed = 4
	if other := mustAugment(t, d, pairs); slices.EqualFunc(a.Pairs, other.Pairs, equalPairs) {
		t.Error("another seed gives the same rows")
	}
}

func equalPairs(a, b Pair) bool {
	return a.Row == b.Row && a.Tie == b.Tie && a.Made == b.Made && slices.Equal(a.Prompt, b.Prompt) && slices.Equal(a.Chosen, b.Chosen) && slices.Equal(a.Rejected, b.Rejected)
}

// R1: j and k are derangements by prompt, whatever the prompts: never a row's own,
// never each other's, and each row serves as j once and as k once.
func TestR1DerangementsByPrompt(t *testing.T) {
	for _, c := range []struct {
		name   string
		repeat []int // rows of each prompt
	}{
		{"all different", slices.Repeat([]int{1}, 50)}, {"three rows", []int{1, 1, 1}}, {"a third is one prompt", []int{10, 1, 4, 5, 3, 7}},
		{"three prompts", []int{5, 5, 5}}, {"many of some", []int{6, 6, 6, 6, 1, 1, 1}},
	} {
		for seed := range uint64(20) {
			pairs := repeated(c.repeat)
			usable := make([]int, len(pairs))
			for i := range usable {
				usable[i] = i
			}
			j, k, err := derangements(pairs, usable, seed)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			key := func(i int) string { return questionKey(pairs[i].Prompt) }
			for i := range pairs {
				if key(i) == key(j[i]) || key(i) == key(k[i]) || key(j[i]) == key(k[i]) {
					t.Fatalf("%s, seed %d: rows %d, %d and %d", c.name, seed, i, j[i], k[i])
				}
			}
			for _, one := range [][]int{j, k} {
				if one = slices.Sorted(slices.Values(one)); !slices.Equal(one, usable) {
					t.Fatalf("%s, seed %d: %v is no permutation", c.name, seed, one)
				}
			}
		}
	}
}

// repeated are pairs of which prompt p has repeat[p], mixed, and written in
// different ways.
func repeated(repeat []int) []Pair {
	var out []Pair
	for left := true; left; {
		left = false
		for p, n := range repeat {
			if n > len(out) || count(out, p) < n {
				one := somePairs(len(out) + 1)[len(out)]
				one.Prompt = []Message{user(fmt.Sprintf(" Prompt %d%s", p, strings.Repeat(" ?", len(out)%3)))}
				out, left = append(out, one), true
			}
		}
	}
	return out
}

func count(pairs []Pair, prompt int) int {
	n := 0
	for _, p := range pairs {
		if questionKey(p.Prompt) == questionKey([]Message{user(fmt.Sprintf("prompt %d", prompt))}) {
			n++
		}
	}
	return n
}

func TestR1SaysWhenItIsImpossible(t *testing.T) {
	for _, repeat := range [][]int{{5, 5, 4}, {1}, {1, 1}, {4, 1, 1}} {
		_, err := Augment(augmenting(), repeated(repeat))
		wantError(t, err, "that is impossible where a prompt has more than a third of the rows, and ")
	}
	_, err := Augment(augmenting(), repeated([]int{4, 1, 1}))
	wantError(t, err, "has 4 of 6")
	_, err = Augment(augmenting(), nil)
	wantError(t, err, "none of the 0 pairs can be augmented")
}

// R2: the rows themselves are there, unless they are not wanted.
func TestR2OriginalsAreThere(t *testing.T) {
	d := augmenting()
	d.From.Originals = false
	a := mustAugment(t, d, somePairs(5))
	if len(a.Pairs) != 5*14 || a.Originals != 0 || slices.ContainsFunc(a.Pairs, func(p Pair) bool { return p.Made == "" }) {
		t.Errorf("%d rows, %d originals", len(a.Pairs), a.Originals)
	}
}

// R3: ties are a third label where there is one, and else left out with a count;
// rows for Bradley–Terry are the wins.
func TestR3TiesAreEvaluated(t *testing.T) {
	a := mustAugment(t, augmenting(), somePairs(6))
	s, err := FromPairs(augmenting(), a.Pairs, bytesEncode)
	if err != nil {
		t.Fatal(err)
	}
	if s.Stats.Met(MadeTied) != 36 || s.Stats.Met(Tied) != 0 || len(s.Train) != 6*9 || !slices.Equal(s.Views, []string{"chosen", "rejected"}) {
		t.Errorf("%d kept, %+v", len(s.Train), s.Stats.Filters)
	}
	d := comparing("balanced")
	d.Labels, d.Tokens = []string{"first", "second", "same"}, []string{"A", "B", "S"}
	s = mustPairs(t, d, a.Pairs)
	if m := s.Stats.Marks; m["same"] != 36 || m["first"]+m["second"] != 54 || len(s.Train) != 90 {
		t.Errorf("marks %v of %d", m, len(s.Train))
	}
}

// R4: no white space tells on which side an answer stood before.
func TestR4NoWhiteSpaceTellsTheSide(t *testing.T) {
	pairs := somePairs(6)
	for i := range pairs {
		pairs[i].Rejected[0].Content += " \n"
		pairs[i].Chosen[0].Content = " " + pairs[i].Chosen[0].Content
	}
	for _, p := range mustAugment(t, augmenting(), pairs).Pairs {
		for _, side := range [][]Message{p.Chosen, p.Rejected} {
			if s := side[0].Content; s != strings.TrimSpace(s) {
				t.Fatalf("%s: %q", p.Made, s)
			}
		}
		if text := wording(p.Prompt, p.Rejected, p.Chosen); strings.Contains(text, " \n ") || !strings.HasSuffix(text, p.Chosen[0].Content+" \n") {
			t.Fatalf("%q", text)
		}
	}
	if pairs[0].Rejected[0].Content != "bad 0 \n" {
		t.Error("the rows that were given are changed")
	}
}

// R5: what cannot be augmented is counted, and nothing is swallowed.
func TestR5NothingIsSwallowed(t *testing.T) {
	pairs := somePairs(8)
	pairs[1].Chosen = append(pairs[1].Chosen, user("and?"), assistant("so"))
	pairs[2].Rejected[0].Content = " "
	pairs[3].Chosen[0].Content = "I cannot help."
	pairs[4].Rejected[0].Content = "I cannot help. "
	a := mustAugment(t, augmenting(), pairs)
	if a.Left != 2 || a.Originals != 8 {
		t.Errorf("%+v", a)
	}
	made := 0
	for _, n := range a.Made {
		made += n
	}
	if made+a.Same != 6*14 || len(a.Pairs) != made+8 {
		t.Errorf("%d made and %d the same, of %d", made, a.Same, 6*14)
	}
	for _, p := range a.Pairs {
		own := pairs[0]
		for _, o := range pairs {
			if slices.Equal(o.Prompt, p.Prompt) {
				own = o
			}
		}
		if p.Made != "" && !p.Tie && slices.ContainsFunc([][]Message{own.Chosen, own.Rejected}, func(m []Message) bool { return strings.TrimSpace(m[0].Content) == p.Rejected[0].Content }) {
			t.Errorf("%s: %q, an answer to the prompt, loses as an answer to another", p.Made, p.Rejected[0].Content)
		}
	}
	for _, wrong := range []spec.From{{Wins: 9}, {Wins: -1}, {Ties: 7}, {Ties: -1}} {
		d := augmenting()
		d.From = wrong
		_, err := Augment(d, pairs)
		wantError(t, err, "of each row RRM makes at most 8 and 6")
	}
}

// R6: a model may leave out the rows that it judges right already.
func TestR6RowsAModelJudgesRight(t *testing.T) {
	a := mustAugment(t, augmenting(), somePairs(4))
	p := make([]float64, len(a.Pairs))
	for i, pair := range a.Pairs {
		p[i] = float64(pair.probability()) - 0.125
		if i%2 == 0 {
			p[i] = float64(pair.probability()) - 0.25
		}
	}
	p[1] = math.NaN() // it could not be asked
	easy, of := Easy(a.Pairs, p, 0.2)
	left := WithoutRows(a.Pairs, easy)
	if of.Made != 56 || of.Hard != 29 || of.Unasked != 1 || len(of.Kinds) != 14 || len(easy) != 27 {
		t.Fatalf("%+v, %d easy", of, len(easy))
	}
	hard := 0
	for _, k := range of.Kinds {
		if hard += k.Hard; k.Made != 4 {
			t.Errorf("%+v; of each of four rows each kind is made", k)
		}
	}
	if hard != of.Hard || of.Kinds[0].Kind != "chosen_i_beats_chosen_j" || of.Kinds[13].Kind != "rejected_j_ties_rejected_k" {
		t.Errorf("%+v", of.Kinds)
	}
	originals := 0
	for i, pair := range left {
		if pair.Row != i {
			t.Fatalf("row %d is %d", i, pair.Row)
		}
		if pair.Made == "" {
			originals++
		}
	}
	if originals != 4 || len(left) != 4+29 {
		t.Errorf("%d originals of %d", originals, len(left))
	}
	if easy, of := Easy(a.Pairs, p, 0.125); len(easy) != 0 || of.Hard != of.Made {
		t.Errorf("as far from the label as least is hard: %+v", of)
	}
}

// Ties that Augment makes are no mistake of the rows, ties of the rows are.
func TestTiesOfAugmentAreNoError(t *testing.T) {
	d := augmenting()
	d.Ties = "error"
	pairs := somePairs(6)
	s, err := FromPairs(d, mustAugment(t, d, pairs).Pairs, bytesEncode)
	if err != nil || s.Stats.Met(MadeTied) != 36 || len(s.Train) != 6*9 {
		t.Fatalf("%v, %+v", err, s)
	}
	pairs[2].Rejected = pairs[2].Chosen
	_, err = FromPairs(d, mustAugment(t, d, pairs).Pairs, bytesEncode)
	wantError(t, err, "ties = error, and 1 row is left out because two sides are the same")
}

// What its data set leaves out for its length is counted in what is made of it, and
// lends no answers; a ranking is left out whole.
func TestRowsThatWereTooLongStayOut(t *testing.T) {
	base := spec.Data{Name: "prefs", Kind: "preference", MaxLength: 40, OverLength: "drop", Ties: "drop"}
	all := texts("a", "b", "c", "d")
	all[1].Responses[1][0].Content = strings.Repeat("long ", 20)
	all[3].Responses = append(all[3].Responses, all[1].Responses[1])
	pairs := PairsOf(base, all, bytesEncode)
	if len(pairs) != 3+3 || pairs[0].Long || !pairs[1].Long || pairs[2].Long || !pairs[3].Long || !pairs[4].Long || !pairs[5].Long {
		t.Fatalf("%+v", pairs)
	}
	s := mustPairs(t, comparing("both"), pairs)
	if s.Stats.Met(LongBefore) != 4 || len(s.Train) != 2*2 || s.Stats.Read != 4+4 {
		t.Errorf("%d rows, %+v", len(s.Train), s.Stats.Filters)
	}
	base.OverLength = "truncate_left"
	for _, p := range append(PairsOf(base, all, bytesEncode), PairsOf(spec.Data{OverLength: "drop", MaxLength: 40}, all, nil)...) {
		if p.Long {
			t.Errorf("%+v: only drop leaves out, and only tokens are counted", p)
		}
	}
	more := somePairs(8)
	more[3].Long = true
	a := mustAugment(t, augmenting(), more)
	for _, p := range a.Pairs {
		for _, side := range [][]Message{p.Chosen, p.Rejected} {
			if p.Row != more[3].Row && p.Made != "" && (side[0].Content == strings.TrimSpace(more[3].Chosen[0].Content) || side[0].Content == strings.TrimSpace(more[3].Rejected[0].Content)) {
				t.Errorf("%s: %q of a row that is left out", p.Made, side[0].Content)
			}
		}
	}
	d := augmenting()
	d.OverLength, d.MaxLength = "drop", 1
	for _, p := range Within(d, somePairs(2), bytesEncode) {
		if !p.Long {
			t.Errorf("%+v is longer than a token", p)
		}
	}
}

func TestAugmentDrawsWinsAndTies(t *testing.T) {
	d := augmenting()
	d.From.Wins, d.From.Ties = 3, 2
	a := mustAugment(t, d, somePairs(40))
	if len(a.Pairs) != 40*6 || len(a.Made) != 14 {
		t.Errorf("%d rows of %d kinds; each kind is made of some rows", len(a.Pairs), len(a.Made))
	}
	wins := 0
	for name, n := range a.Made {
		if strings.Contains(name, "_beats_") {
			wins += n
		}
	}
	if wins != 120 {
		t.Errorf("%d wins", wins)
	}
}

// kindOf are the pairs of a kind; of "" those that were there.
func kindOf(pairs []Pair, kind string) []Pair {
	return slices.DeleteFunc(slices.Clone(pairs), func(p Pair) bool { return p.Made != kind })
}

// sameRows compares pairs but for their numbers.
func sameRows(a, b []Pair) bool {
	return slices.EqualFunc(a, b, func(x, y Pair) bool { x.Row = y.Row; return equalPairs(x, y) })
}

// capped is augmenting with caps, and as many wins and ties of each row.
func capped(wins, ties int, caps map[string]int) spec.Data {
	d := augmenting()
	d.From.Wins, d.From.Ties, d.From.Caps = wins, ties, spec.Caps{Kind: "named", Map: caps}
	return d
}

// A cap leaves just so many rows of its kind, and every other kind as it was; the
// rows are numbered as they stand.
func TestCapsHold(t *testing.T) {
	caps := map[string]int{"chosen_i_beats_chosen_j": 7, "rejected_i_beats_rejected_k": 0, "chosen_j_ties_rejected_j": 1, "rejected_j_ties_rejected_k": 5}
	for _, c := range []struct{ wins, ties int }{{8, 6}, {5, 4}, {8, 0}} {
		all := mustAugment(t, capped(c.wins, c.ties, nil), somePairs(40))
		a := mustAugment(t, capped(c.wins, c.ties, caps), somePairs(40))
		left := 0
		for _, k := range kinds() {
			want := all.Made[k.name]
			if most, ok := caps[k.name]; ok {
				want = min(want, most)
			} else if !sameRows(kindOf(a.Pairs, k.name), kindOf(all.Pairs, k.name)) {
				t.Errorf("%+v: rows of %s, which has no cap, are others", c, k.name)
			}
			left += all.Made[k.name] - want
			if n := len(kindOf(a.Pairs, k.name)); n != want || a.Made[k.name] != want {
				t.Errorf("%+v: %d rows of %s, and %d are said; want %d", c, n, k.name, a.Made[k.name], want)
			}
		}
		if _, said := a.Made["rejected_i_beats_rejected_k"]; said {
			t.Error("a kind of which none is made is said to be made")
		}
		if left == 0 || a.Capped != left || len(a.Pairs) != len(all.Pairs)-left || !sameRows(kindOf(a.Pairs, ""), kindOf(all.Pairs, "")) {
			t.Errorf("%+v: %d rows of %d, %d of them capped; want %d left out, and the pairs themselves as they were", c, len(a.Pairs), len(all.Pairs), a.Capped, left)
		}
		for i, p := range a.Pairs {
			if p.Row != i {
				t.Fatalf("%+v: row %d is %d", c, i, p.Row)
			}
		}
	}
}

// Which rows a cap leaves is drawn by the seed, for each kind by itself: other caps
// change nothing, and a larger one adds to them.
func TestCapsAreDrawnByTheSeed(t *testing.T) {
	const one, other = "chosen_i_beats_rejected_j", "rejected_i_beats_chosen_k"
	prompts := func(a Augmented, kind string) (of []string) {
		for _, p := range kindOf(a.Pairs, kind) {
			of = append(of, p.Prompt[0].Content)
		}
		return of
	}
	d := capped(8, 6, map[string]int{one: 10})
	pairs := somePairs(60)
	a := mustAugment(t, d, pairs)
	if again := mustAugment(t, d, pairs); !slices.EqualFunc(a.Pairs, again.Pairs, equalPairs) {
		t.Error("the same seed leaves other rows")
	}
	both := mustAugment(t, capped(8, 6, map[string]int{one: 10, other: 10}), pairs)
	if !sameRows(kindOf(a.Pairs, one), kindOf(both.Pairs, one)) {
		t.Error("the cap of another kind changes which rows are left")
	}
	if slices.Equal(prompts(both, one), prompts(both, other)) {
		t.Error("two kinds leave the rows of the same pairs")
	}
	more := prompts(mustAugment(t, capped(8, 6, map[string]int{one: 11}), pairs), one)
	for _, p := range prompts(a, one) {
		if !slices.Contains(more, p) {
			t.Errorf("a cap of 11 leaves out the row of %q, which one of 10 keeps", p)
		}
	}
	d.From.Seed++
	if slices.Equal(prompts(mustAugment(t, d, pairs), one), prompts(a, one)) {
		t.Error("another seed leaves the rows of the same pairs")
	}
}

// Each pair keeps its row of a capped kind as often as another: of 2000 seeds a
// quarter, 500, with a standard deviation of 19.
func TestCapsDrawUniformly(t *testing.T) {
	kept := map[string]int{}
	d := capped(8, 6, map[string]int{"chosen_i_beats_chosen_j": 3})
	for d.From.Seed = range 2000 {
		for _, p := range kindOf(mustAugment(t, d, somePairs(12)).Pairs, "chosen_i_beats_chosen_j") {
			kept[p.Prompt[0].Content]++
		}
	}
	for prompt, n := range kept {
		if n < 400 || n > 600 {
			t.Errorf("%q keeps its row %d times of 2000, want about 500", prompt, n)
		}
	}
	if len(kept) != 12 {
		t.Errorf("%d of 12 pairs ever keep their row", len(kept))
	}
}

// A cap that is not reached changes nothing.
func TestLargeCapsChangeNothing(t *testing.T) {
	all := mustAugment(t, capped(3, 2, nil), somePairs(40))
	caps := map[string]int{}
	for kind, n := range all.Made {
		caps[kind] = n
	}
	caps["chosen_i_beats_chosen_j"]++
	a := mustAugment(t, capped(3, 2, caps), somePairs(40))
	if a.Capped != 0 || !maps.Equal(a.Made, all.Made) || !slices.EqualFunc(a.Pairs, all.Pairs, equalPairs) {
		t.Errorf("%d rows of %d, %d capped", len(a.Pairs), len(all.Pairs), a.Capped)
	}
}

func TestCapsThatMakeNoSense(t *testing.T) {
	_, err := Augment(capped(8, 6, map[string]int{"chosen_i_beats_chosen_i": 1}), somePairs(5))
	wantError(t, err, `caps name "chosen_i_beats_chosen_i", which is no kind of row that RRM makes: they are chosen_i_beats_chosen_j to rejected_j_ties_rejected_k`)
	_, err = Augment(capped(8, 6, map[string]int{"chosen_i_beats_chosen_j": -1}), somePairs(5))
	wantError(t, err, "the cap of chosen_i_beats_chosen_j is -1")
}

// A recipe can cap the kinds that are made, by the names that a run prints, and
// knows by them which are ties.
func TestCapsNameTheKinds(t *testing.T) {
	rest, _ := reflect.TypeFor[spec.Caps]().FieldByName("Map")
	var names []string
	d := capped(8, spec.MostTies, map[string]int{})
	for _, k := range kinds() {
		names = append(names, k.name)
		d.From.Caps.Map[k.name] = 1
		if !k.win {
			d.From.Caps.Map[k.name] = 0
		}
	}
	if got := rest.Tag.Get("keys"); got != strings.Join(names, "|") || len(names) != spec.MostWins+spec.MostTies {
		t.Errorf("spec.Caps takes %s, and these are made: %v", got, names)
	}
	if a := mustAugment(t, d, somePairs(9)); d.From.Undecided() || slices.ContainsFunc(a.Pairs, func(p Pair) bool { return p.Tie }) {
		t.Error("there are ties, and the caps leave none")
	}
	d.From.Caps.Map["chosen_j_ties_chosen_k"] = 1
	if !d.From.Undecided() {
		t.Error("the caps leave a tie, and there are none")
	}
}

// A set counts what was made of it by kind, in RRM's order.
func TestASetCountsWhatWasMade(t *testing.T) {
	d := capped(8, 6, map[string]int{"chosen_i_beats_chosen_k": 2, "chosen_i_beats_chosen_j": 0, "rejected_j_ties_rejected_k": 1})
	s, err := FromPairs(d, mustAugment(t, d, somePairs(6)).Pairs, bytesEncode)
	if err != nil {
		t.Fatal(err)
	}
	made := s.Stats.Made
	if len(made) != 13 || made[0] != (MadeOf{"chosen_i_beats_chosen_k", 2}) || made[1] != (MadeOf{"chosen_i_beats_rejected_j", 6}) || made[12] != (MadeOf{"rejected_j_ties_rejected_k", 1}) {
		t.Errorf("%v", made)
	}
}

// Nothing of the hold-out is augmented or lends answers, and nothing made of a row
// that is trained on is held out.
func TestAugmentKeepsTheHoldout(t *testing.T) {
	for _, by := range []string{"prompt", "row"} {
		d := augmenting()
		d.Split = spec.Split{Kind: "holdout", Fraction: 0.3, By: by}
		pairs := somePairs(60)
		base, err := FromPairs(d, pairs, bytesEncode)
		if err != nil {
			t.Fatal(err)
		}
		held := map[int]bool{}
		for _, e := range base.Holdout {
			held[e.Row] = true
		}
		a := mustAugment(t, d, pairs)
		for _, p := range a.Pairs {
			_, prompt := numbered(t, p.Prompt)
			_, chosen := numbered(t, p.Chosen)
			_, rejected := numbered(t, p.Rejected)
			if p.Made != "" && (held[prompt] || held[chosen] || held[rejected]) {
				t.Fatalf("by %s: %s of %d has answers %d and %d; %v are held out", by, p.Made, prompt, chosen, rejected, held)
			}
		}
		s, err := FromPairs(d, a.Pairs, bytesEncode)
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Holdout) != len(base.Holdout) || len(s.Train) != 9*len(base.Train) || a.Left != len(base.Holdout) {
			t.Errorf("by %s: %d and %d, of %d and %d", by, len(s.Train), len(s.Holdout), len(base.Train), len(base.Holdout))
		}
	}
}

// An answer that is given to two prompts is never said to lose to itself, or to
// be as good as what it beats.
func TestAnswersToSeveralPrompts(t *testing.T) {
	pairs := somePairs(3)
	pairs[0].Chosen[0].Content, pairs[1].Rejected[0].Content = "I cannot.", " I cannot."
	a := mustAugment(t, augmenting(), pairs)
	// Of rows 0 and 1 two wins and three ties each, of row 2 one tie.
	if a.Same != 11 || len(a.Pairs) != 3+42-11 {
		t.Errorf("%d left out of 42; %d rows", a.Same, len(a.Pairs))
	}
	for _, p := range a.Pairs {
		_, prompt := numbered(t, p.Prompt)
		if p.Made != "" && prompt < 2 && (p.Tie && p.Chosen[0].Content == "I cannot." || p.Rejected[0].Content == "I cannot.") {
			t.Errorf("%s of prompt %d: %+v", p.Made, prompt, p)
		}
	}
}
