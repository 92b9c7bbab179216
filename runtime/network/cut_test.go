package network

import (
	"reflect"
	"testing"

	"github.com/rmc-lang/rmc/runtime/pack"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// Rows are cut into chunks whole, in an order and at places that devices have no
// part in.
func TestChunks(t *testing.T) {
	var rows []pack.Tree
	for i := range 300 {
		rows = append(rows, pack.Tree{Tokens: make([]int32, 1+i%97), Reads: []pack.Read{{Sequence: i}}})
	}
	chunks := NewPacker(rows, 1).Chunks(rows)
	seen, last := map[int]bool{}, 97
	for _, c := range chunks {
		tokens := 0
		for _, row := range c {
			if len(row.Tokens) > last || seen[row.Reads[0].Sequence] {
				t.Fatalf("row %d of %d tokens after one of %d", row.Reads[0].Sequence, len(row.Tokens), last)
			}
			last, seen[row.Reads[0].Sequence] = len(row.Tokens), true
			tokens += len(row.Tokens)
		}
		if tokens > 2*spec.TokensPerForward {
			t.Errorf("a chunk of %d tokens", tokens)
		}
	}
	if len(seen) != len(rows) || len(chunks) < 12 {
		t.Errorf("%d of %d rows in %d chunks", len(seen), len(rows), len(chunks))
	}
	if more := NewPacker(rows, 4).Chunks(rows); !reflect.DeepEqual(more, chunks) {
		t.Error("four devices make other chunks")
	}
}
