package tree

import (
	"fmt"
	"strings"
)

// Rules prints the tree for a person to read, a decision a line, numbers to four
// digits. The exact tree is its JSON.
func (t *Tree) Rules() string {
	var b strings.Builder
	t.rules(&b, t.Root, 0)
	b.WriteString("\nThis is f(first, second). P(first ≻ second) = ½ [f(first, second) + 1 − f(second, first)]; ½ is a tie.\n")
	return b.String()
}

func (t *Tree) rules(b *strings.Builder, n *Node, depth int) {
	indent := strings.Repeat("    ", depth)
	if n.Leaf() {
		fmt.Fprintf(b, "%sfirst is better in %s %% of %d pairs\n", indent, number(100*n.Share), n.Pairs)
		return
	}
	name := t.Attributes[n.Attribute]
	fmt.Fprintf(b, "%sif %s(first) − %s(second) ≤ %s\n", indent, name, name, number(n.Threshold))
	t.rules(b, n.Below, depth+1)
	fmt.Fprintf(b, "%selse\n", indent)
	t.rules(b, n.Above, depth+1)
}
