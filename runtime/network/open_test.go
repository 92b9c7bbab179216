package network

import (
	"testing"

	"github.com/rmc-lang/rmc/runtime/backend"
	"github.com/rmc-lang/rmc/runtime/mesh"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// A model knows the token ids that it has an embedding for, without its weights.
func TestKnows(t *testing.T) {
	b, err := backend.Open("go")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Finalize()
	l, err := mesh.New(b, spec.Mesh{})
	if err != nil {
		t.Fatal(err)
	}
	n, err := Features(l, spec.Model{Name: "rm", Kind: "encoder", Layer: -1, DType: "float32"}, "../../testdata/conformance/llama")
	if err != nil {
		t.Fatal(err)
	}
	vocab := int32(n.Decoder.Config.Vocab)
	if err := n.Knows(vocab - 1); err != nil {
		t.Error(err)
	}
	if n.Knows(vocab) == nil {
		t.Errorf("it knows the token id %d, and there are %d", vocab, vocab)
	}
}
