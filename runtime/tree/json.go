package tree

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
)

// What a tree's JSON says first: what it is, in which version, and how it is
// read, so that no other document is needed to run it.
const (
	format  = "rmc decision tree"
	version = 1
	meaning = "P(first better than second) = (1 + f(d) - f(-d)) / 2, where d = attributes of first - attributes of second, " +
		"and f(d) goes from tree to below if d[attribute] is at most threshold, else to above, until a node has neither: its share. 1/2 is a tie."
)

// document is the JSON of a tree.
type document struct {
	Format     string    `json:"format"`
	Version    int       `json:"version"`
	Meaning    string    `json:"meaning"`
	Attributes []string  `json:"attributes"`
	Tree       *nodeJSON `json:"tree"`
}

// nodeJSON is the JSON of a node: a decision has the first two and the last two.
type nodeJSON struct {
	Attribute string    `json:"attribute,omitempty"`
	Threshold *float64  `json:"threshold,omitempty"`
	Share     *float64  `json:"share"`
	Weight    *float64  `json:"weight"`
	Pairs     *int      `json:"pairs"`
	Below     *nodeJSON `json:"below,omitempty"`
	Above     *nodeJSON `json:"above,omitempty"`
}

// MarshalJSON writes the tree. json.MarshalIndent makes it readable; numbers are
// exact either way.
func (t *Tree) MarshalJSON() ([]byte, error) {
	return json.Marshal(document{format, version, meaning, t.Attributes, t.write(t.Root)})
}

func (t *Tree) write(n *Node) *nodeJSON {
	out := &nodeJSON{Share: &n.Share, Weight: &n.Weight, Pairs: &n.Pairs}
	if !n.Leaf() {
		out.Attribute, out.Threshold = t.Attributes[n.Attribute], &n.Threshold
		out.Below, out.Above = t.write(n.Below), t.write(n.Above)
	}
	return out
}

// UnmarshalJSON reads a tree that MarshalJSON wrote, or somebody by hand, and
// takes nothing else: whatever it accepts can be asked, printed and drawn. The
// error says which node is wrong, by the way to it from the root.
func (t *Tree) UnmarshalJSON(text []byte) error {
	var doc document
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&doc); err != nil {
		return fmt.Errorf("this is no decision tree: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("something follows the decision tree")
	}
	switch {
	case doc.Format != format:
		return fmt.Errorf("this is no decision tree: its format is %q; want %q", doc.Format, format)
	case doc.Version != version:
		return fmt.Errorf("this decision tree has version %d and this program reads version %d: read it with the rmc that wrote it", doc.Version, version)
	}
	if err := named(doc.Attributes); err != nil {
		return err
	}
	root, err := doc.read(doc.Tree, 0, "tree")
	if err != nil {
		return err
	}
	*t = Tree{Attributes: doc.Attributes, Root: root}
	return nil
}

// read checks and converts the node at the end of path, depth decisions down.
func (doc document) read(n *nodeJSON, depth int, path string) (*Node, error) {
	switch {
	case n == nil:
		return nil, fmt.Errorf("%s is missing", path)
	case depth > MaxDepth:
		return nil, fmt.Errorf("%s is more than %d decisions deep", path, MaxDepth)
	case n.Share == nil || !(*n.Share >= 0 && *n.Share <= 1):
		return nil, fmt.Errorf("%s: share is missing or not between 0 and 1", path)
	case n.Weight == nil || !(*n.Weight >= 0 && *n.Weight <= math.MaxFloat64/4):
		return nil, fmt.Errorf("%s: weight is missing, below 0 or too large", path)
	case n.Pairs == nil || *n.Pairs < 0:
		return nil, fmt.Errorf("%s: pairs is missing or below 0", path)
	}
	out := &Node{Share: *n.Share, Weight: *n.Weight, Pairs: *n.Pairs}
	if n.Attribute == "" && n.Threshold == nil && n.Below == nil && n.Above == nil {
		return out, nil
	}
	if out.Attribute = slices.Index(doc.Attributes, n.Attribute); out.Attribute < 0 {
		return nil, fmt.Errorf("%s decides by %q, which is none of the attributes %q", path, n.Attribute, doc.Attributes)
	}
	if n.Threshold == nil {
		return nil, fmt.Errorf("%s: threshold is missing", path)
	}
	out.Threshold = *n.Threshold
	var err error
	if out.Below, err = doc.read(n.Below, depth+1, path+".below"); err != nil {
		return nil, err
	}
	out.Above, err = doc.read(n.Above, depth+1, path+".above")
	return out, err
}
