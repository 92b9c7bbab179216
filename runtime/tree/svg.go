package tree

import (
	"encoding/xml"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// Sizes of the drawing, in pixels at its natural size.
const (
	boxHeight = 44
	levelGap  = 40
	boxGap    = 14
	margin    = 12
	fontSize  = 12
	// letter is wider than a letter of a sans-serif font of fontSize is on the
	// average, capitals and digits included.
	letter = 7.2
	// longName is how many letters of an attribute's name are shown; all of it is
	// in the node's tooltip.
	longName = 28
)

// SVG draws the tree as one svg element: in each node its decision, the share
// that the first side won and of how many pairs; blue where the first side wins,
// orange where the second does. It needs no style sheet, font or script, and
// nodes do not overlap at any depth.
func (t *Tree) SVG() string {
	d := &drawing{tree: t, width: t.boxWidth()}
	d.node(t.Root, 0)
	width := 2*margin + float64(t.Leaves())*(d.width+boxGap) - boxGap
	height := float64(2*margin + boxHeight + t.Depth()*(boxHeight+levelGap))
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" role="img" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" font-family="system-ui, sans-serif" font-size="%d" text-anchor="middle">`+
		"\n<title>Decision tree over %s</title>\n%s%s</svg>\n", width, height, width, height, fontSize, escape(strings.Join(t.Attributes, ", ")), d.lines.String(), d.boxes.String())
}

// boxWidth is what the longest text of any node needs.
func (t *Tree) boxWidth() float64 {
	longest := 0
	var visit func(n *Node)
	visit = func(n *Node) {
		for _, line := range t.labels(n) {
			longest = max(longest, utf8.RuneCountInString(line))
		}
		if !n.Leaf() {
			visit(n.Below)
			visit(n.Above)
		}
	}
	visit(t.Root)
	return math.Ceil(float64(longest)*letter) + 12
}

// labels are the lines of text in n's box.
func (t *Tree) labels(n *Node) []string {
	share := fmt.Sprintf("%.3f of %d pairs", n.Share, n.Pairs)
	if n.Leaf() {
		return []string{share}
	}
	name := []rune(t.Attributes[n.Attribute])
	if len(name) > longName {
		name = append(name[:longName-1], '…')
	}
	return []string{fmt.Sprintf("Δ %s ≤ %s", string(name), number(n.Threshold)), share}
}

// A drawing collects lines, which lie below boxes.
type drawing struct {
	tree         *Tree
	width        float64 // of a box
	leaves       int     // drawn so far
	lines, boxes strings.Builder
}

// node draws what is under n, depth decisions down, and returns the x of n's
// centre. Each leaf has a column of its own and a decision stands in the middle
// of its children, so it keeps half a column's distance from those of others.
func (d *drawing) node(n *Node, depth int) float64 {
	if n.Leaf() {
		x := margin + d.width/2 + float64(d.leaves)*(d.width+boxGap)
		d.leaves++
		d.box(n, x, depth)
		return x
	}
	below, above := d.node(n.Below, depth+1), d.node(n.Above, depth+1)
	x := (below + above) / 2
	d.line(x, below, depth, "yes")
	d.line(x, above, depth, "no")
	d.box(n, x, depth)
	return x
}

// line joins a node at depth with its child.
func (d *drawing) line(from, to float64, depth int, label string) {
	y := top(depth) + boxHeight
	fmt.Fprintf(&d.lines, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="#8a94a0"/>`+"\n", from, y, to, y+levelGap)
	fmt.Fprintf(&d.lines, `<text x="%.1f" y="%.1f" fill="#5b6776" stroke="white" stroke-width="4" paint-order="stroke">%s</text>`+"\n", (from+to)/2, y+levelGap/2+4, label)
}

func (d *drawing) box(n *Node, x float64, depth int) {
	y, lines := top(depth), d.tree.labels(n)
	fmt.Fprintf(&d.boxes, `<g><title>%s</title><rect x="%.1f" y="%.1f" width="%.1f" height="%d" rx="5" fill="%s" stroke="#8a94a0"/>`,
		escape(d.tree.tooltip(n)), x-d.width/2, y, d.width, boxHeight, fill(n.Share))
	for i, line := range lines {
		down := boxHeight/2 + 4 + 17*(float64(i)-float64(len(lines)-1)/2)
		fmt.Fprintf(&d.boxes, `<text x="%.1f" y="%.1f" fill="#1c2530">%s</text>`, x, y+down, escape(line))
	}
	d.boxes.WriteString("</g>\n")
}

// tooltip is n's text in full.
func (t *Tree) tooltip(n *Node) string {
	text := fmt.Sprintf("first is better in %.4g %% of %d pairs", 100*n.Share, n.Pairs)
	if n.Leaf() {
		return text
	}
	name := t.Attributes[n.Attribute]
	return fmt.Sprintf("%s(first) − %s(second) ≤ %v; %s", name, name, n.Threshold, text)
}

// top is the y of the boxes that are depth decisions down.
func top(depth int) float64 { return float64(margin + depth*(boxHeight+levelGap)) }

// fill goes from orange (0) through white (½) to blue (1), never so dark that
// text on it could not be read. Readers who do not see red and green tell the
// two apart (Okabe and Ito).
func fill(share float64) string {
	end := [3]float64{0xd5, 0x5e, 0x00}
	if share > 0.5 {
		end = [3]float64{0x00, 0x72, 0xb2}
	}
	strength := math.Abs(share-0.5) * 0.9
	var c [3]int
	for i := range c {
		c[i] = int(math.Round(255 + strength*(end[i]-255)))
	}
	return fmt.Sprintf("#%02x%02x%02x", c[0], c[1], c[2])
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a strings.Builder takes everything
	return b.String()
}
