package data

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"sort"
	"testing"

	"github.com/rmc-lang/rmc/runtime/spec"
)

func TestOrderIsAPermutation(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 100, 1000} {
		for epoch := range 3 {
			order := Order(7, epoch, n)
			sorted := slices.Clone(order)
			sort.Ints(sorted)
			for i, v := range sorted {
				if i != v {
					t.Fatalf("Order(7, %d, %d) is no permutation: %v", epoch, n, order)
				}
			}
			if len(order) != n || !slices.Equal(order, Order(7, epoch, n)) {
				t.Fatalf("Order(7, %d, %d) has %d entries or differs from call to call", epoch, n, len(order))
			}
		}
	}
}

// The order is for good: a run that is resumed years later, on another machine,
// must go on as it began. Computed apart, in Python, from the definition.
func TestOrderIsWhatItWas(t *testing.T) {
	for _, c := range []struct {
		seed     uint64
		epoch, n int
		want     string
	}{
		{0, 0, 10, "[1 2 5 7 0 8 4 3 9 6]"},
		{0, 1, 10, "[4 3 0 6 5 9 8 7 1 2]"},
		{42, 0, 10, "[1 7 2 5 6 4 0 9 8 3]"},
	} {
		if got := fmt.Sprint(Order(c.seed, c.epoch, c.n)); got != c.want {
			t.Errorf("Order(%d, %d, %d) is %s, was %s", c.seed, c.epoch, c.n, got, c.want)
		}
	}
}

// Every example must be as likely anywhere: chi-squared over positions.
func TestOrderIsEven(t *testing.T) {
	const n, seeds = 8, 4000
	var at [n][n]int
	for seed := range uint64(seeds) {
		for i, v := range Order(seed, int(seed)%5, n) {
			at[i][v]++
		}
	}
	chi := 0.0
	for i := range at {
		for _, count := range at[i] {
			d := float64(count) - seeds/n
			chi += d * d / (seeds / n)
		}
	}
	if chi > 90 { // 49 degrees of freedom; 1 in 3000
		t.Errorf("chi-squared is %.1f", chi)
	}
}

func TestStreamDoesNotDependOnBatch(t *testing.T) {
	take := func(s Stream, sizes ...int) []int {
		var c Cursor
		var all, part []int
		for _, k := range sizes {
			part, c = s.Take(c, k)
			all = append(all, part...)
		}
		return all
	}
	s := Stream{N: 7, Seed: 3}
	want := take(s, 30)
	if got := take(s, 1, 2, 7, 13, 4, 3); !slices.Equal(got, want) {
		t.Errorf("%v and %v", got, want)
	}
	if !slices.Equal(want[:7], Order(3, 0, 7)) || !slices.Equal(want[7:14], Order(3, 1, 7)) {
		t.Errorf("the stream is not the epochs' orders: %v", want)
	}
	listed := Stream{N: 3, Listed: true}
	if got := take(listed, 2, 5); !slices.Equal(got, []int{0, 1, 2, 0, 1, 2, 0}) {
		t.Errorf("listed wraps round as %v", got)
	}
}

func TestStreamResumesAtAnyCursor(t *testing.T) {
	for cut := range 40 {
		s := Stream{N: 9, Seed: 5}
		whole, end := s.Take(Cursor{}, 40)
		head, c := s.Take(Cursor{}, cut)
		fresh := Stream{N: 9, Seed: 5}
		tail, last := fresh.Take(c, 40-cut)
		if !slices.Equal(append(head, tail...), whole) || last != end {
			t.Fatalf("resumed after %d: %v %v, want %v", cut, head, tail, whole)
		}
	}
}

// pairsOf makes rows with prompts p0, p1, …; several rows share a prompt.
func pairsOf(n, perPrompt int) []string {
	rows := make([]string, n)
	for i := range rows {
		rows[i] = fmt.Sprintf(`{"prompt":"p%d","chosen":"a%d","rejected":"b"}`, i/perPrompt, i)
	}
	return rows
}

// held lists the first sequences of the hold-out.
func held(s *Set) []string {
	var out []string
	for _, e := range s.Holdout {
		out = append(out, spelt(e.Sequences[0].IDs))
	}
	sort.Strings(out)
	return out
}

func holdout(by string, fraction float64, seed int) spec.Data {
	d := recipe()
	d.Split, d.Seed = spec.Split{Kind: "holdout", Fraction: fraction, By: by}, seed
	return d
}

func TestSplitByPrompt(t *testing.T) {
	rows := pairsOf(2000, 4)
	s := mustLoad(t, holdout("prompt", 0.1, 0), rows...)
	if s.Stats.InBoth != 0 || s.Stats.Prompts != 500 {
		t.Errorf("%d prompts on both sides of %d", s.Stats.InBoth, s.Stats.Prompts)
	}
	if share := float64(len(s.Holdout)) / 2000; math.Abs(share-0.1) > 0.05 {
		t.Errorf("%.3f is held out", share)
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	if shuffled := mustLoad(t, holdout("prompt", 0.1, 0), rows...); !slices.Equal(held(shuffled), held(s)) {
		t.Error("the split depends on the order of the rows")
	}
	half := map[string]bool{}
	for _, e := range mustLoad(t, holdout("prompt", 0.1, 0), rows[:1000]...).Holdout {
		half[spelt(e.Sequences[0].IDs)] = true
	}
	for _, e := range s.Holdout {
		delete(half, spelt(e.Sequences[0].IDs))
	}
	if len(half) > 0 {
		t.Errorf("rows changed sides when others were taken away: %v", half)
	}
	if other := mustLoad(t, holdout("prompt", 0.1, 1), rows...); slices.Equal(held(other), held(s)) {
		t.Error("the split does not depend on the seed")
	}
	grown := map[string]bool{}
	for _, r := range held(mustLoad(t, holdout("prompt", 0.2, 0), rows...)) {
		grown[r] = true
	}
	for _, r := range held(s) {
		if !grown[r] {
			t.Errorf("a larger fraction lets %s go", r)
		}
	}
}

func TestSplitByRow(t *testing.T) {
	s := mustLoad(t, holdout("row", 0.3, 0), pairsOf(400, 20)...)
	if s.Stats.InBoth < 15 || s.Stats.InBothExample == "" {
		t.Errorf("%d of 20 prompts are on both sides, for example %q", s.Stats.InBoth, s.Stats.InBothExample)
	}
	twice := append(pairsOf(100, 1), pairsOf(100, 1)...)
	s = mustLoad(t, holdout("row", 0.3, 0), twice...)
	if len(s.Holdout)%2 != 0 {
		t.Error("equal rows are on different sides")
	}
}

func TestSplitOfTokenIDs(t *testing.T) {
	var rows []string
	for i := range 300 {
		rows = append(rows, fmt.Sprintf(`{"chosen_ids":[1,%d,7,8],"rejected_ids":[1,%d,9]}`, 100+i/3, 100+i/3))
	}
	s := mustLoad(t, holdout("prompt", 0.3, 0), rows...)
	if s.Stats.Prompts != 100 || s.Stats.InBoth != 0 || len(s.Holdout) == 0 {
		t.Errorf("%+v", s.Stats)
	}
}

func TestSplitLeavesNothing(t *testing.T) {
	_, err := load(t, holdout("prompt", 1, 0), pairsOf(4, 4)...)
	wantError(t, err, "rows.jsonl: the split holds out all 4 rows and leaves none to train on; they have 1 different prompts: lower fraction, split by row, or use more data")
}

func TestLoadIsDeterministic(t *testing.T) {
	rows := pairsOf(1000, 3)
	a, b := mustLoad(t, holdout("prompt", 0.2, 9), rows...), mustLoad(t, holdout("prompt", 0.2, 9), rows...)
	if !reflect.DeepEqual(a, b) {
		t.Error("two loads of one file differ")
	}
	for i := 1; i < len(a.Train); i++ {
		if a.Train[i].Row <= a.Train[i-1].Row {
			t.Fatal("examples are not in file order")
		}
	}
}

func exampleOf(lengths ...int) Example {
	e := Example{Columns: []float32{float32(lengths[0])}}
	for v, n := range lengths {
		ids := make([]int32, n)
		for i := range ids {
			ids[i] = int32(100*v + i + 1)
		}
		e.Sequences = append(e.Sequences, Sequence{IDs: ids})
	}
	return e
}

func slots(n int) func(int) int { return func(int) int { return n } }

func TestBatchLayout(t *testing.T) {
	micros := Batch([]Example{exampleOf(2, 3), exampleOf(5, 1), exampleOf(1, 2)}, 2, []int{4, 8}, slots(2))
	if len(micros) != 2 {
		t.Fatalf("%d micro-batches", len(micros))
	}
	m := micros[0] // the longest first: examples 1 and 0
	want := &Micro{
		Examples: 2, Views: 2, Bucket: 8,
		Tokens: slices.Concat(
			[]int32{1, 2, 3, 4, 5, 0, 0, 0}, []int32{1, 2, 0, 0, 0, 0, 0, 0}, // chosen
			[]int32{101, 0, 0, 0, 0, 0, 0, 0}, []int32{101, 102, 103, 0, 0, 0, 0, 0}), // rejected
		Positions: slices.Concat([]int32{0, 1, 2, 3, 4, 0, 0, 0}, []int32{0, 1, 0, 0, 0, 0, 0, 0}, []int32{0, 0, 0, 0, 0, 0, 0, 0}, []int32{0, 1, 2, 0, 0, 0, 0, 0}),
		Ends:      slices.Concat([]int32{5, 5, 5, 5, 5, 0, 0, 0}, []int32{2, 2, 0, 0, 0, 0, 0, 0}, []int32{1, 0, 0, 0, 0, 0, 0, 0}, []int32{3, 3, 3, 0, 0, 0, 0, 0}),
		Last:      []int32{4, 1, 0, 2}, Present: []float32{1, 1, 1, 1}, Valid: []float32{1, 1},
		Columns: [][]float32{{5, 2}}, Index: []int{1, 0}, Real: 11,
	}
	if !reflect.DeepEqual(m, want) {
		t.Errorf("got  %+v\nwant %+v", m, want)
	}
	m = micros[1] // example 2 and a slot to spare
	if m.Bucket != 4 || !slices.Equal(m.Index, []int{2, -1}) || !slices.Equal(m.Valid, []float32{1, 0}) || !slices.Equal(m.Present, []float32{1, 0, 1, 0}) || m.Real != 3 {
		t.Errorf("%+v", m)
	}
}

func TestBatchOfRankings(t *testing.T) {
	m := Batch([]Example{exampleOf(2, 2, 2), exampleOf(2, 2)}, 3, []int{2}, slots(2))[0]
	if !slices.Equal(m.Present, []float32{1, 1, 1, 1, 1, 0}) {
		t.Errorf("present is %v", m.Present)
	}
}

// However a step is cut, each example is there once, whole.
func TestBatchKeepsTheStep(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var step []Example
	real := 0
	for range 37 {
		e := exampleOf(1+random.IntN(60), 1+random.IntN(60))
		step = append(step, e)
		real += len(e.Sequences[0].IDs) + len(e.Sequences[1].IDs)
	}
	for _, micro := range []int{1, 2, 5, 37, 64} {
		for _, buckets := range [][]int{{64}, {16, 32, 64}} {
			seen, total := map[int]bool{}, 0
			for _, m := range Batch(step, 2, buckets, slots(micro)) {
				total += m.Real
				for slot, i := range m.Index {
					if i < 0 {
						continue
					}
					if seen[i] {
						t.Fatalf("example %d is there twice", i)
					}
					seen[i] = true
					for v, s := range step[i].Sequences {
						row := v*m.Examples + slot
						if got := m.Tokens[row*m.Bucket : row*m.Bucket+len(s.IDs)]; !slices.Equal(got, s.IDs) || int(m.Last[row]) != len(s.IDs)-1 {
							t.Fatalf("example %d, sequence %d: %v, want %v", i, v, got, s.IDs)
						}
					}
				}
			}
			if len(seen) != 37 || total != real {
				t.Errorf("micro %d, buckets %v: %d examples, %d tokens of %d", micro, buckets, len(seen), total, real)
			}
		}
	}
}

// Shorter sequences go more at a time, as many tokens in each forward.
func TestBatchSlotsByBucket(t *testing.T) {
	var step []Example
	for n := 1; n <= 10; n++ {
		step = append(step, exampleOf(n, 1))
	}
	var got []string
	for _, m := range Batch(step, 2, []int{4, 16}, func(bucket int) int { return 16 / bucket }) {
		got = append(got, fmt.Sprint(m.Bucket, m.Index))
	}
	want := "[16 [9] 16 [8] 16 [7] 16 [6] 16 [5] 16 [4] 4 [3 2 1 0]]"
	if fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}
