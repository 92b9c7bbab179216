package states

import (
	"reflect"
	"testing"
	"time"

	"github.com/rmc-lang/rmc/runtime/data"
)

func sequence(ids ...int32) data.Sequence { return data.Sequence{IDs: ids} }

// What a head reads of sequences is their states, whichever reader of several had
// them; of others there is none.
func TestReadersJoin(t *testing.T) {
	one := NewReader([]data.Sequence{sequence(1), sequence(2, 3)}, 2, 2)
	one.Values = []float32{1, 10, 2, 20}
	two := NewReader([]data.Sequence{sequence(4)}, 2, 2)
	two.Values = []float32{4, 40}
	r := Join([]*Reader{one, two})
	for _, c := range []struct {
		of   data.Sequence
		want []float32
	}{{sequence(1), []float32{1, 10}}, {sequence(2, 3), []float32{2, 20}}, {sequence(4), []float32{4, 40}}, {sequence(2), nil}} {
		if got := r.Of(c.of); !reflect.DeepEqual(got, c.want) {
			t.Errorf("state of %v: %v, want %v", c.of.IDs, got, c.want)
		}
	}
	// Steps of 3 examples of 1 sequence, on 2 devices: 4 slots, the last one padding.
	batched := r.Batched(1, 3)
	micros := batched.Step([]data.Example{{Sequences: []data.Sequence{sequence(4)}}, {Sequences: []data.Sequence{sequence(1)}}, {Sequences: []data.Sequence{sequence(2, 3)}}})
	if len(micros) != 1 || micros[0].Examples != 4 {
		t.Fatalf("%d micro-batches of %d", len(micros), micros[0].Examples)
	}
	rows := batched.Rows(micros[0])
	if dims := rows[0].Shape().Dimensions; len(rows) != 1 || !reflect.DeepEqual(dims, []int{4, 2}) {
		t.Fatalf("%d arrays, of shape %v", len(rows), dims)
	}
	values := rows[0].Value().([][]float32)
	for slot, i := range micros[0].Index {
		if want := [][]float32{{4, 40}, {1, 10}, {2, 20}}; i >= 0 && !reflect.DeepEqual(values[slot], want[i]) {
			t.Errorf("example %d reads %v, want %v", i, values[slot], want[i])
		}
	}
}

// A sequence that has no state is a mistake of ours.
func TestReaderWithoutAState(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a sequence that has no state was placed")
		}
	}()
	NewReader([]data.Sequence{sequence(1)}, 1, 1).Batches([]data.Sequence{sequence(2)}, 1)
}

// A pace counts what is left and what was there, and speaks at most every five
// seconds.
func TestPace(t *testing.T) {
	p := (&Plan{Chunks: []Chunk{{Sequences: []data.Sequence{sequence(1, 2)}}, {Sequences: []data.Sequence{sequence(1), sequence(3)}}, {Sequences: []data.Sequence{sequence(9)}}}}).pace(func(i int) bool { return i < 2 })
	if p.sequences != 3 || p.left != 4 || p.summary() != "" {
		t.Fatalf("%+v, %q", p, p.summary())
	}
	p.skip([]data.Sequence{sequence(1, 2)})
	if !p.first() || p.first() {
		t.Error("computing begins once")
	}
	if line := p.pass([]data.Sequence{sequence(1)}); line != "" {
		t.Errorf("it says %q at once", line)
	}
	if p.left != 1 || p.reused != 1 || p.done != 1 {
		t.Errorf("%+v", p)
	}
	p.told = p.told.Add(-6 * time.Second)
	p.left++
	if line := p.pass([]data.Sequence{sequence(3)}); line == "" {
		t.Error("it says nothing after six seconds")
	}
	if p.summary() == "" {
		t.Error("nothing to sum up")
	}
}
