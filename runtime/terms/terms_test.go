package terms

import (
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/backend"
	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/record"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// The targets of a response are its tokens, but for a first one that nothing comes
// before.
func TestTargetsOf(t *testing.T) {
	s := data.Sequence{IDs: []int32{7, 8, 9}}
	for n, want := range [][]int{nil, {2}, {1, 2}, {1, 2}} {
		if got := TargetsOf(s, n); !slices.Equal(got, want) {
			t.Errorf("the last %d of 3 tokens: %v, want %v", n, got, want)
		}
	}
}

func TestRoom(t *testing.T) {
	for n, want := range map[int]int{0: 1, 1: 1, 2: 2, 3: 4, 64: 64, 65: 128} {
		if got := Room(n); got != want {
			t.Errorf("room for %d: %d, want %d", n, got, want)
		}
	}
}

// examples are two pairs of sequences, with the same columns.
func examples(columns ...float32) []data.Example {
	sequence := func(ids ...int32) data.Sequence { return data.Sequence{IDs: ids} }
	marks := []record.Mark{{At: 1, Gold: []float32{1, 0}}, {At: 2, Gold: []float32{0, 1}}}
	return []data.Example{
		{Row: 0, Sequences: []data.Sequence{sequence(1, 5, 6), sequence(1, 7)}, Lengths: []int{2, 1}, Columns: columns, Marks: marks},
		{Row: 1, Sequences: []data.Sequence{sequence(1, 8), sequence(1, 9, 9)}, Lengths: []int{1, 2}, Columns: columns, Marks: marks[1:]},
	}
}

// sets are data of each kind, with what reads it.
func sets() map[string]struct {
	set   *data.Set
	model spec.Model
} {
	rm, policy := spec.Model{Kind: "reward"}, spec.Model{Kind: "policy"}
	one := examples()
	for i := range one {
		one[i].Sequences, one[i].Lengths = one[i].Sequences[:1], nil
	}
	ended := slices.Clone(one)
	ended[0].Tail = []int32{3, 9}
	pair := []string{"chosen", "rejected"}
	return map[string]struct {
		set   *data.Set
		model spec.Model
	}{
		"pairs":              {&data.Set{Views: pair, Width: 2, Columns: []string{"margin"}, Train: examples(1)}, rm},
		"a ranking":          {&data.Set{Width: 2, Train: examples()}, rm},
		"ratings":            {&data.Set{Views: pair, Width: 2, Columns: []string{"helpful", "weight"}, Attributes: []string{"helpful"}, Train: examples(float32(math.NaN()), 2)}, rm},
		"pairs for a policy": {&data.Set{Views: pair, Width: 2, Train: examples()}, policy},
		"labels":             {&data.Set{Views: []string{"conversation"}, Width: 1, LabelIDs: []int32{3, 4}, Labels: []string{"+", "-"}, Train: one}, policy},
		"endings":            {&data.Set{Views: []string{"conversation"}, Width: 1, LabelIDs: []int32{3, 4}, Labels: []string{"+", "-"}, Endings: true, Train: ended}, policy},
	}
}

// What the host uploads is what a graph takes: the same arrays in the same order,
// of the shapes that a blank micro-batch has but for the places.
func TestHostIsWhatAGraphTakes(t *testing.T) {
	b, err := backend.Open("go")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Finalize()
	for what, c := range sets() {
		for _, drops := range []bool{false, true} {
			s := ShapeOf(c.set, c.model)
			s.Drops = drops
			m := data.Batch(c.set.Train, c.set.Width, []int{4}, func(int) int { return 3 })[0]
			s.Place(m, c.set.Train)
			host := s.Host(m, c.set.Train, c.set.Train, nil)
			g := graph.NewGraph(b.Backend, what)
			blank := s.Blank(g, m.Examples)
			list := s.list(&blank)
			if len(host) != len(list) {
				t.Fatalf("%s: %d arrays of the host, and a graph takes %d", what, len(host), len(list))
			}
			for i, array := range host {
				got, want := array.Shape(), (*list[i]).Shape()
				same := got.DType == want.DType && got.Rank() == want.Rank()
				for k := 0; same && k < got.Rank(); k++ {
					places := want.Dimensions[k] == blankPlaces && got.Dimensions[k] == m.Marks
					same = got.Dimensions[k] == want.Dimensions[k] || places
				}
				if !same {
					t.Errorf("%s, array %d: %v, and a graph takes %v", what, i, got, want)
				}
			}
			g.Finalize()
		}
	}
}

// flat is the numbers of an array.
func flat(t *testing.T, x *tensors.Tensor) (all []float32) {
	t.Helper()
	tensors.MustConstFlatData(x, func(numbers []float32) { all = slices.Clone(numbers) })
	return all
}

// A rating that is missing is 0 and not known; what pads is neither valid nor counted.
func TestMissingRatings(t *testing.T) {
	c := sets()["ratings"]
	s := ShapeOf(c.set, c.model)
	c.set.Train[1].Columns = []float32{4, 5}
	m := data.Batch(c.set.Train, 2, []int{4}, func(int) int { return 3 })[0]
	host := s.Host(m, c.set.Train, c.set.Train, nil)
	valid, counts, columns, known := flat(t, host[0]), flat(t, host[2]), flat(t, host[4]), flat(t, host[5])
	if counts[tallyExamples] != 2 || counts[tallyCandidates] != 4 {
		t.Errorf("counts %v", counts)
	}
	for slot, i := range m.Index {
		got := []float32{valid[slot], columns[slot], columns[3+slot], known[slot]}
		want := []float32{0, 0, 0, 0}
		switch i {
		case 0:
			want = []float32{1, 0, 2, 0}
		case 1:
			want = []float32{1, 4, 5, 1}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("example %d: valid, columns and known are %v, want %v", i, got, want)
		}
	}
}

// Where endings are read, each mark has two places side by side: the token before the
// label, and the label, after which the ending is read; where none follows both are
// the first.
func TestPlacesOfEndings(t *testing.T) {
	c := sets()["endings"]
	s := ShapeOf(c.set, c.model)
	m := data.Batch(c.set.Train, 1, []int{4}, func(int) int { return 3 })[0]
	s.Place(m, c.set.Train)
	host := s.Host(m, c.set.Train, c.set.Train, nil)
	var endings []int32
	tensors.MustConstFlatData(host[len(host)-1], func(ids []int32) { endings = slices.Clone(ids) })
	for slot, i := range m.Index {
		at, ids := m.At[slot*4:slot*4+4], endings[slot*2:slot*2+2]
		wantAt, wantIDs := []int32{0, 0, 0, 0}, []int32{-1, -1}
		switch i {
		case 0: // 1 5 6 with a label after 5 and after 6, whose tail is 3 9
			wantAt, wantIDs = []int32{1, 2, 2, 3}, []int32{3, 9}
		case 1: // 1 8, and nothing follows
			wantAt = []int32{2, 2, 0, 0}
		}
		if !slices.Equal(at, wantAt) || !slices.Equal(ids, wantIDs) {
			t.Errorf("example %d: reads at %v, followed by %v; want %v and %v", i, at, ids, wantAt, wantIDs)
		}
	}
	if m.Places() != 4 || s.States(3, 7)[1] != sitesOfAMark*blankPlaces {
		t.Errorf("%d places a row, and %v blank states", m.Places(), s.States(3, 7))
	}
}
