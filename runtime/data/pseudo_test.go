package data

import (
	"math"
	"strings"
	"testing"
)

// T5 and S1: the label is the model's, turned round where P(chosen) is below ½;
// the threshold is strict, and ½ has no label.
func TestS1PseudoLabelsAreApplied(t *testing.T) {
	pairs := somePairs(7)
	judged := []Judgement{{0, 0.05, 0.15}, {1, 0.8, 0.8}, {2, 0.9, 0.72}, {3, 0.5, 0.5}, {4, 0.2, 0.2}, {5, 1, 1}, {6, 0.9, 0.1}}
	kept, of, err := Confident(judged, 0.8)
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, p := range applied(pairs, kept) {
		rows = append(rows, p.Chosen[0].Content+" over "+p.Rejected[0].Content)
	}
	if got, want := strings.Join(rows, ", "), "bad 0 over good 0, good 2 over bad 2, good 5 over bad 5"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	// P: 0.1, 0.8, 0.81, 0.5, 0.2, 1, 0.5.
	if of != (Yield{Pairs: 7, Kept: 3, Swapped: 1, Agree: 3, KeptAgree: 2, Undecided: 2}) {
		t.Errorf("%+v", of)
	}
	if pairs[0].Chosen[0].Content != "good 0" {
		t.Error("the rows that were given are changed")
	}
	if kept, _, err := Confident(judged, 0.5); err != nil || len(kept) != 5 {
		t.Errorf("a threshold of ½ keeps %d of 7 (%v): ½ is never kept", len(kept), err)
	}
}

// applied is pairs with the sides of what was kept, as a round has them.
func applied(pairs []Pair, kept []Pseudo) []Pair {
	sides, texts := map[int]int8{}, make([]Text, len(pairs))
	for _, k := range kept {
		sides[k.Row] = -1
		if k.Swap {
			sides[k.Row] = +1
		}
	}
	for i, p := range pairs {
		texts[i].Row = p.Row
	}
	return Relabelled(pairs, texts, sides)
}

// S3: what is counted is what was there before, and what is left.
func TestS3YieldCountsWhatWasJudged(t *testing.T) {
	_, of, err := Confident([]Judgement{{0, 0.9, 0.9}, {1, 0.6, 0.6}, {2, 0.4, 0.4}}, 0.8)
	if err != nil || of.Pairs != 3 || of.Kept != 1 || of.Agree != 2 || of.KeptAgree != 1 {
		t.Errorf("%+v (%v)", of, err)
	}
}

// S4: a round's training rows are the labelled ones and those that were kept, as
// one list with rows of its own.
func TestS4UnionOfARound(t *testing.T) {
	labelled, hidden := somePairs(2), somePairs(3)
	kept, _, err := Confident([]Judgement{{0, 0, 0}, {2, 1, 1}}, 0.9)
	if err != nil {
		t.Fatal(err)
	}
	all := Union(labelled, applied(hidden, kept))
	var rows []string
	for i, p := range all {
		if p.Row != i {
			t.Errorf("row %d is %d", i, p.Row)
		}
		rows = append(rows, p.Chosen[0].Content)
	}
	if got := strings.Join(rows, ", "); got != "good 0, good 1, bad 0, good 2" || labelled[1].Row != 1 || hidden[2].Row != 2 {
		t.Errorf("%s", got)
	}
}

func TestConfidentErrors(t *testing.T) {
	for _, threshold := range []float64{0.49, 1, math.NaN()} {
		_, _, err := Confident(nil, threshold)
		wantError(t, err, "a confidence is at least 0.5 and less than 1")
	}
	for _, p := range []float64{-0.1, 1.1, math.NaN()} {
		_, _, err := Confident([]Judgement{{0, 1, 1}, {6, p, 0.5}}, 0.8)
		wantError(t, err, "row 7: ")
	}
}
