package optim

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/rmc-lang/rmc/runtime/terms"
)

// A graphText writes the part of a graph that some nodes depend on: a line a
// node, its inputs by the numbers of their lines. Two graphs with one text
// compute the same, whatever else was built beside them and in which order.
// Where the graph ends stand the names of leaves; of a constant there is the
// value, unless it is so large (32 numbers) that only a fit can be its source.
type graphText struct {
	leaves map[uintptr]string // by node
	lines  map[uintptr]int
	text   strings.Builder
}

// nodeNumbers are GoMLX's numbers of nodes, which count all that were made.
var nodeNumbers = regexp.MustCompile(`#\d+`)

func newGraphText() *graphText {
	return &graphText{leaves: map[uintptr]string{}, lines: map[uintptr]int{}}
}

// leaf names a node that nothing above is asked of.
func (g *graphText) leaf(name string, n *Node) *Node {
	g.leaves[reflect.ValueOf(n).Pointer()] = name
	return n
}

// arrays names what a micro-batch has.
func (g *graphText) arrays(b terms.MicroBatch) {
	b.Each(func(name string, array *Node) { g.leaf(name, array) })
}

// write writes what a node depends on and then, if it is a new one, the node. It
// returns the number of its line.
func (g *graphText) write(n *Node) int {
	key := reflect.ValueOf(n).Pointer()
	if line, ok := g.lines[key]; ok {
		return line
	}
	what, isLeaf := g.leaves[key]
	var inputs []int
	if !isLeaf {
		for _, input := range n.Inputs() {
			inputs = append(inputs, g.write(input))
		}
		what = nodeNumbers.ReplaceAllString(n.String(), "")
	}
	line := len(g.lines)
	fmt.Fprintf(&g.text, "%d %s %v %s\n", line, what, inputs, n.Shape())
	g.lines[key] = line
	return line
}

// output writes a node as one that is wanted.
func (g *graphText) output(name string, n *Node) {
	line := g.write(n)
	fmt.Fprintf(&g.text, "%s = %d\n", name, line)
}

// digest names what was written.
func (g *graphText) digest() string {
	sum := sha256.Sum256([]byte(g.text.String()))
	return hex.EncodeToString(sum[:])
}
