package pack

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/rmc-lang/rmc/runtime/data"
)

// seen is the tokens that a query at index q of a row sees, in order: what the
// decoder's mask leaves.
func seen(r Tree, q int) (ids, positions []int32) {
	for k := 0; k <= q; k++ {
		if int32(q) < r.Ends[k] {
			ids, positions = append(ids, r.Tokens[k]), append(positions, r.Positions[k])
		}
	}
	return ids, positions
}

// holdsPack checks what Pack promises: each sequence is read once, and what is
// seen there is that sequence, from position 0 on.
func holdsPack(t *testing.T, all []data.Sequence) []Tree {
	t.Helper()
	rows := Sequences(all)
	read := make([]int, len(all))
	for _, r := range rows {
		if n := len(r.Reads); n > 1 && (len(r.Tokens) > longestRow || n > readsFor(len(r.Tokens))) {
			t.Fatalf("a row of %d tokens and %d sequences", len(r.Tokens), n)
		}
		for _, one := range r.Reads {
			read[one.Sequence]++
			ids, positions := seen(r, one.At)
			if !slices.Equal(ids, all[one.Sequence].IDs) {
				t.Fatalf("sequence %v reads %v in %+v", all[one.Sequence].IDs, ids, r)
			}
			for i, p := range positions {
				if int(p) != i {
					t.Fatalf("sequence %v has positions %v", ids, positions)
				}
			}
		}
	}
	for i, n := range read {
		if n != 1 {
			t.Fatalf("sequence %d is read %d times", i, n)
		}
	}
	return rows
}

func tokensOf(rows []Tree) (n int) {
	for _, r := range rows {
		n += len(r.Tokens)
	}
	return n
}

func sequencesOf(all ...[]int32) []data.Sequence {
	var out []data.Sequence
	for _, ids := range all {
		out = append(out, data.Sequence{IDs: ids})
	}
	return out
}

// randomTree is different sequences with beginnings in common, of every shape:
// prefixes of each other, branches of branches, strangers.
func randomTree(r *rand.Rand, n, vocab, length int) []data.Sequence {
	var all []data.Sequence
	known := map[data.Digest]bool{}
	for len(all) < n {
		var s data.Sequence
		if len(all) > 0 && r.IntN(4) > 0 {
			from := all[r.IntN(len(all))].IDs
			s.IDs = slices.Clone(from[:r.IntN(len(from)+1)])
		}
		for range r.IntN(length) {
			s.IDs = append(s.IDs, int32(r.IntN(vocab)))
		}
		if d := s.Digest(); len(s.IDs) > 0 && !known[d] {
			known[d] = true
			all = append(all, s)
		}
	}
	return all
}

func TestPackReadsEverySequenceOnce(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		all := randomTree(r, 1+r.IntN(120), 2+r.IntN(50), 2+r.IntN(300))
		rows := holdsPack(t, all)
		alone := 0
		for _, s := range all {
			alone += len(s.IDs)
		}
		if n := tokensOf(rows); n > alone {
			t.Errorf("seed %d: %d tokens, %d without sharing", seed, n, alone)
		}
		if again := Sequences(all); !reflect.DeepEqual(again, rows) {
			t.Errorf("seed %d: packed twice, two results", seed)
		}
	}
}

// No cut of the order into rows is cheaper: tried one by one.
func TestPackIsCheapest(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 2))
		all := randomTree(r, 1+r.IntN(9), 3, 150)
		slices.SortFunc(all, func(a, b data.Sequence) int { return slices.Compare(a.IDs, b.IDs) })
		got := 0
		for _, row := range Sequences(all) {
			got += rowCost(len(row.Tokens), attention)
		}
		best := got
		for cuts := range 1 << (len(all) - 1) {
			best = min(best, costOf(all, cuts))
		}
		if got != best {
			t.Errorf("seed %d: cost %d, and %d is possible", seed, got, best)
		}
	}
}

// costOf is the cost of sorted sequences cut after each whose bit is set.
func costOf(all []data.Sequence, cuts int) int {
	total, tokens, n := 0, 0, 0
	for i, s := range all {
		tokens += len(s.IDs)
		if n++; n > 1 {
			tokens -= common(all[i-1].IDs, s.IDs)
		}
		if i == len(all)-1 || cuts>>i&1 == 1 {
			if n > 1 && (tokens > longestRow || n > readsFor(tokens)) {
				return 1 << 60
			}
			total += rowCost(tokens, attention)
			tokens, n = 0, 0
		}
	}
	return total
}

// A prompt, and two answers to it: one row, in which the prompt is once.
// P3: no token is taken for padding, neither what a row is filled with nor what may
// end a turn.
func TestP3PackedTurnEndsAreRead(t *testing.T) {
	holdsPack(t, sequencesOf([]int32{1, 2, 5, 2, 0, 2, 2}, []int32{1, 2, 5, 2, 7, 0, 2, 0}))
}

func TestPackOfAPair(t *testing.T) {
	prompt := make([]int32, 100)
	for i := range prompt {
		prompt[i] = int32(i)
	}
	chosen, rejected := append(slices.Clone(prompt), 7, 8, 9), append(slices.Clone(prompt), 7, 5)
	rows := holdsPack(t, sequencesOf(chosen, rejected, prompt))
	if len(rows) != 1 || len(rows[0].Tokens) != 104 {
		t.Fatalf("%d rows, the first of %d tokens", len(rows), len(rows[0].Tokens))
	}
	r := rows[0]
	if r.Ends[99] != 104 || r.Ends[100] != 104 || r.Ends[101] != 102 || r.Ends[103] != 104 {
		t.Errorf("ends %v", r.Ends[98:])
	}
	if want := []Read{{Sequence: 2, At: 99}, {Sequence: 1, At: 101}, {Sequence: 0, At: 103}}; !slices.Equal(r.Reads, want) {
		t.Errorf("reads %v, want %v", r.Reads, want)
	}
}

// Many answers to a long prompt repeat it in several rows, none beyond the cap.
func TestPackSplitsLargeGroups(t *testing.T) {
	prompt := make([]int32, 900)
	var all []data.Sequence
	for i := range int32(64) {
		answer := slices.Repeat([]int32{1000 + i}, 100)
		all = append(all, data.Sequence{IDs: append(slices.Clone(prompt), answer...)})
	}
	rows := holdsPack(t, all)
	if len(rows) < 6 || len(rows) > 16 {
		t.Errorf("%d rows", len(rows))
	}
}

// Many short sequences fit a row by tokens before they do by reads.
func TestPackBoundsReads(t *testing.T) {
	var all []data.Sequence
	for i := range int32(500) {
		all = append(all, data.Sequence{IDs: []int32{i}})
	}
	for i := range int32(300) { // each goes on from the one before
		all = append(all, data.Sequence{IDs: append(slices.Clone(all[len(all)-1].IDs), i)})
	}
	holdsPack(t, all)
}

func TestPackOfLongAndNothing(t *testing.T) {
	if rows := Sequences(nil); len(rows) != 0 {
		t.Errorf("%d rows of nothing", len(rows))
	}
	long := make([]int32, 3*longestRow)
	rows := holdsPack(t, sequencesOf(long, long[:5], []int32{4}))
	if slices.ContainsFunc(rows, func(r Tree) bool { return len(r.Tokens) > longestRow && len(r.Reads) > 1 }) {
		t.Error("the long sequence is not alone")
	}
}

// Forwards have few shapes, and every row is in one.
func TestForwards(t *testing.T) {
	all := randomTree(rand.New(rand.NewPCG(5, 5)), 200, 40, 200)
	rows := Sequences(all)
	longest := 0
	for _, r := range rows {
		longest = max(longest, len(r.Tokens))
	}
	buckets := []int{64, 128, longest}
	shapes, read := map[string]bool{}, map[int]bool{}
	for _, p := range Forwards(rows, buckets, func(bucket int) int { return max(1, 512/bucket) }) {
		shapes[fmt.Sprint(p.Rows, p.Bucket, p.Reads)] = true
		real := 0
		for i, s := range p.Index {
			if s < 0 {
				continue
			}
			row := i / p.Reads
			r := Tree{Tokens: p.Tokens[row*p.Bucket:][:p.Bucket], Positions: p.Positions[row*p.Bucket:][:p.Bucket], Ends: p.Ends[row*p.Bucket:][:p.Bucket]}
			if ids, _ := seen(r, int(p.At[i])); !slices.Equal(ids, all[s].IDs) || read[s] {
				t.Fatalf("sequence %d reads %v, again %t", s, ids, read[s])
			}
			read[s] = true
		}
		for _, end := range p.Ends {
			if end > 0 {
				real++
			}
		}
		if real != p.Real {
			t.Errorf("%d tokens, %d told", real, p.Real)
		}
	}
	if len(shapes) > len(buckets) || len(read) != len(all) {
		t.Errorf("%d shapes, %d of %d sequences", len(shapes), len(read), len(all))
	}
}

func BenchmarkPack(b *testing.B) {
	all := randomTree(rand.New(rand.NewPCG(6, 6)), 20_000, 1000, 200)
	for b.Loop() {
		Sequences(all)
	}
}

func FuzzPack(f *testing.F) {
	f.Add([]byte("abc\nabd\nab\nx"))
	f.Add([]byte("\n\na\na"))
	f.Fuzz(func(t *testing.T, text []byte) {
		seen := map[string]bool{}
		var all []data.Sequence
		for line := range bytes.Lines(text) {
			if line = bytes.TrimSuffix(line, []byte("\n")); len(line) == 0 || seen[string(line)] {
				continue
			}
			seen[string(line)] = true
			var s data.Sequence
			for _, c := range line {
				s.IDs = append(s.IDs, int32(c))
			}
			all = append(all, s)
		}
		holdsPack(t, all)
	})
}

// Every place of every sequence, twins included, is read once, sees what comes
// before it in its sequence, and knows what comes next.
func TestPackPlacesReadsEveryBeginningOnce(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 3))
		all := randomTree(r, 1+r.IntN(40), 2+r.IntN(50), 2+r.IntN(200))
		all = append(all, all[0])
		places := make([][]int, len(all))
		want := map[[2]int]bool{}
		for i, s := range all {
			for at := range s.IDs {
				if at == len(s.IDs)-1 || r.IntN(5) == 0 {
					places[i] = append(places[i], at)
					want[[2]int{i, len(places[i]) - 1}] = true
				}
			}
		}
		rows := Places(all, places)
		if seed%2 == 0 {
			filled := Fill(rows, 700)
			if tokensOf(filled) != tokensOf(rows) || len(rows) > 3 && len(filled) >= len(rows) {
				t.Fatalf("seed %d: %d rows of %d tokens became %d of %d", seed, len(rows), tokensOf(rows), len(filled), tokensOf(filled))
			}
			rows = filled
		}
		for _, f := range Forwards(rows, []int{1 << 14}, func(int) int { return 4 }) {
			for k, i := range f.Index {
				if i < 0 {
					continue
				}
				row := Tree{Positions: f.Positions, Tokens: f.Tokens, Ends: f.Ends}
				from := k / f.Reads * f.Bucket
				row.Positions, row.Tokens, row.Ends = row.Positions[from:], row.Tokens[from:], row.Ends[from:]
				at := places[i][f.Place[k]]
				ids, _ := seen(row, int(f.At[k]))
				if !slices.Equal(ids, all[i].IDs[:at+1]) {
					t.Fatalf("seed %d: place %d of sequence %d sees %v, want %v", seed, at, i, ids, all[i].IDs[:at+1])
				}
				if next := append(slices.Clone(all[i].IDs), 0)[at+1]; f.Next[k] != next {
					t.Fatalf("seed %d: what comes next is %d, want %d", seed, f.Next[k], next)
				}
				delete(want, [2]int{i, f.Place[k]})
			}
		}
		if len(want) > 0 {
			t.Fatalf("seed %d: %d places are not read", seed, len(want))
		}
	}
}

// M3: the reference runs one forward for each beginning of each solution, tokens
// by the square of the steps. Here the solutions of one problem cost their own
// tokens and, nearly, the problem once.
func TestM3SolutionsCostTheirTokens(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	problem := make([]int32, 120)
	for i := range problem {
		problem[i] = int32(r.IntN(1000))
	}
	var all []data.Sequence
	var places [][]int
	solutions, quadratic := 0, 0
	for range 64 {
		ids, at := slices.Clone(problem), []int(nil)
		for range 4 + r.IntN(8) {
			for range 20 + r.IntN(40) {
				ids = append(ids, int32(r.IntN(1000)))
			}
			at = append(at, len(ids)-1)
			quadratic += len(ids)
		}
		all, places = append(all, data.Sequence{IDs: ids}), append(places, at)
		solutions += len(ids) - len(problem)
	}
	got := tokensOf(Places(all, places))
	if least := solutions + len(problem); float64(got) > 1.15*float64(least) || 4*got > quadratic {
		t.Errorf("%d tokens; the solutions and the problem once are %d, a forward for each beginning %d", got, least, quadratic)
	}
}
