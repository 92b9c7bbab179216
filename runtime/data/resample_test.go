package data

import (
	"fmt"
	"slices"
	"testing"
)

// Computed apart, in Python, from the definition.
func TestDrawIsWhatItWas(t *testing.T) {
	for _, c := range []struct {
		seed uint64
		n    int
		want string
	}{
		{0, 10, "[7 0 0 6 1 5 6 6 3 3 4 7]"},
		{42, 10, "[2 5 5 8 9 5 6 3 8 5 8 5]"},
		{7, 1000, "[731 257 868 5 699 936 868 626 837 110 28 5]"},
	} {
		var got []int
		for position := range 12 {
			got = append(got, Draw(c.seed, position, c.n))
		}
		if fmt.Sprint(got) != c.want {
			t.Errorf("Draw(%d, …, %d) is %v, was %s", c.seed, c.n, got, c.want)
		}
	}
}

// ArmoRM's gate is trained on examples drawn by torch.randint without a seed
// (A10): here what is drawn depends on the seed and the position alone, wherever
// a run stopped and however it is cut into steps.
func TestA10ResamplingIsSeeded(t *testing.T) {
	for cut := range 40 {
		s := Stream{N: 9, Seed: 5, Resample: true}
		whole, end := s.Take(Cursor{}, 40)
		head, c := s.Take(Cursor{}, cut)
		tail, last := (&Stream{N: 9, Seed: 5, Resample: true}).Take(c, 40-cut)
		if !slices.Equal(append(head, tail...), whole) || last != end {
			t.Fatalf("resumed after %d: %v %v, want %v", cut, head, tail, whole)
		}
		other, _ := (&Stream{N: 9, Seed: 6, Resample: true}).Take(Cursor{}, 40)
		if slices.Equal(other, whole) {
			t.Fatal("the seed changes nothing")
		}
	}
}

// Each example is as likely at each draw, and draws are with replacement: of n
// draws from n, about n/e examples are not there.
func TestDrawIsEven(t *testing.T) {
	const n, draws = 50, 100000
	s := Stream{N: n, Seed: 11, Resample: true}
	all, _ := s.Take(Cursor{}, draws)
	var counts [n]int
	repeats := 0
	for i, v := range all {
		counts[v]++
		if i > 0 && all[i-1] == v {
			repeats++
		}
	}
	chi := 0.0
	for _, c := range counts {
		d := float64(c) - draws/n
		chi += d * d / (draws / n)
	}
	if chi > 90 { // 49 degrees of freedom; 1 in 3000
		t.Errorf("chi-squared is %.1f", chi)
	}
	if repeats < draws/n*8/10 || repeats > draws/n*12/10 {
		t.Errorf("%d draws repeat the one before, of %d about %d should", repeats, draws, draws/n)
	}
	seen := map[int]bool{}
	for position := range 1000 {
		seen[Draw(3, position, 1000)] = true
	}
	if left := 1000 - len(seen); left < 330 || left > 405 {
		t.Errorf("%d of 1000 are not drawn, about 368 should", left)
	}
}
