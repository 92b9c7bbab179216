package tree

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os/exec"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

func TestT14JSONRoundTrip(t *testing.T) {
	for depth := 1; depth <= 6; depth++ {
		tree, p := grown(t, depth)
		text, err := json.MarshalIndent(tree, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		var back Tree
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(tree, &back) {
			t.Errorf("depth %d: the tree that was read is not the one that was written", depth)
		}
		for _, d := range p.Delta[:50] {
			if tree.Probability(d) != back.Probability(d) {
				t.Errorf("depth %d: another probability", depth)
			}
		}
	}
}

// The reference ships its tree as a pickle, which runs what is in it.
func TestD4TreeIsJSONNotPickle(t *testing.T) {
	tree, _ := grown(t, 2)
	text, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	// Another program needs no more than maps, lists and numbers.
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	root := doc["tree"].(map[string]any)
	if doc["version"] != 1.0 || root["attribute"] != "helpfulness" || root["threshold"] != tree.Root.Threshold || root["below"] == nil {
		t.Errorf("%s", text)
	}
	if strings.Contains(string(text), `\u00`) {
		t.Errorf("the text is escaped where a person should read it: %s", text)
	}
	var read Tree
	if err := read.UnmarshalJSON([]byte("\x80\x04\x95\x0f\x00\x00\x00\x00\x00\x00\x00cos\nsystem\n.")); err == nil {
		t.Error("a pickle was read")
	}
}

// reader is another program that runs a tree: what its JSON says of itself, in
// Python. It prints P for each row of differences.
const reader = `
import json, sys
job = json.load(sys.stdin)
def f(d):
    node = job["tree"]["tree"]
    while "attribute" in node:
        node = node["below" if d[node["attribute"]] <= node["threshold"] else "above"]
    return node["share"]
for row in job["rows"]:
    d = dict(zip(job["tree"]["attributes"], row))
    print((1 + f(d) - f({name: -x for name, x in d.items()})) / 2)
`

func TestAnotherProgramRunsTheTree(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("needs python3: it reads the tree as another program would")
	}
	tree, p := grown(t, 5)
	job, err := json.Marshal(map[string]any{"tree": tree, "rows": p.Delta[:200]})
	if err != nil {
		t.Fatal(err)
	}
	run := exec.Command(python, "-c", reader)
	run.Stdin = bytes.NewReader(job)
	out, err := run.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(out))
	if len(lines) != 200 {
		t.Fatalf("%d answers", len(lines))
	}
	for i, line := range lines {
		if got, err := strconv.ParseFloat(line, 64); err != nil || math.Abs(got-tree.Probability(p.Delta[i])) > 1e-15 {
			t.Errorf("pair %d: %s, want %v", i, line, tree.Probability(p.Delta[i]))
		}
	}
}

const leafJSON = `{"share":0.5,"weight":2,"pairs":1}`

// file is a tree file over a and b with this root.
func file(root string) string {
	return fmt.Sprintf(`{"format":%q,"version":1,"meaning":"","attributes":["a","b"],"tree":%s}`, format, root)
}

// deep is a root with a way down of n decisions.
func deep(n int) string {
	return strings.Repeat(`{"attribute":"a","threshold":0,"share":0.5,"weight":2,"pairs":1,"above":`+leafJSON+`,"below":`, n) + leafJSON + strings.Repeat("}", n)
}

func TestUnmarshalRefuses(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{``, "no decision tree"},
		{`{}`, `its format is ""`},
		{`null`, `its format is ""`},
		{`[1]`, "no decision tree"},
		{strings.Replace(file(leafJSON), `"version":1`, `"version":2`, 1), "version 2"},
		{strings.Replace(file(leafJSON), `"version":1`, `"version":1,"more":3`, 1), `unknown field "more"`},
		{strings.Replace(file(leafJSON), `["a","b"]`, `[]`, 1), "needs attributes"},
		{strings.Replace(file(leafJSON), `["a","b"]`, `["a","a"]`, 1), "two attributes"},
		{file(leafJSON) + "{}", "something follows"},
		{file(`null`), "tree is missing"},
		{file(`{"share":2,"weight":2,"pairs":1}`), "tree: share"},
		{file(`{"weight":2,"pairs":1}`), "tree: share"},
		{file(`{"share":1,"weight":-2,"pairs":1}`), "tree: weight"},
		{file(`{"share":1,"weight":1e999,"pairs":1}`), "no decision tree"},
		{file(`{"share":1,"weight":1e308,"pairs":1}`), "tree: weight"},
		{file(`{"share":1,"weight":1,"pairs":-1}`), "tree: pairs"},
		{file(`{"share":1,"weight":1,"pairs":1,"threshold":1}`), `tree decides by ""`},
		{file(`{"attribute":"c","threshold":1,"share":1,"weight":1,"pairs":1}`), `tree decides by "c"`},
		{file(`{"attribute":"a","share":1,"weight":1,"pairs":1}`), "tree: threshold is missing"},
		{file(`{"attribute":"a","threshold":1,"share":1,"weight":1,"pairs":1,"above":` + leafJSON + `}`), "tree.below is missing"},
		{file(`{"attribute":"a","threshold":1,"share":1,"weight":1,"pairs":1,"below":` + leafJSON + `}`), "tree.above is missing"},
		{file(deep(MaxDepth + 1)), "more than 64 decisions deep"},
		{file(deep(3000)), "more than 64 decisions deep"},
		{file(deep(20000)), "no decision tree"},
	} {
		kept := by(0, 0, 1)
		err := kept.UnmarshalJSON([]byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.100s: %v; want %q", c.text, err, c.want)
		}
		if !reflect.DeepEqual(kept, by(0, 0, 1)) {
			t.Errorf("%.100s: what was refused has changed the tree", c.text)
		}
	}
	var tree Tree
	if err := json.Unmarshal([]byte(file(deep(MaxDepth))), &tree); err != nil || tree.Depth() != MaxDepth {
		t.Errorf("a tree as deep as may be: %v", err)
	}
}

// Whatever is read can be asked, printed, drawn and written again.
func FuzzUnmarshal(f *testing.F) {
	tree, _ := grown(f, 3)
	text, _ := json.Marshal(tree)
	for _, seed := range []string{string(text), file(leafJSON), file(deep(3)), file(deep(70)), `{}`, "\x80\x04."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var tree Tree
		if tree.UnmarshalJSON([]byte(text)) != nil {
			return
		}
		for _, value := range []float64{0, 1, -1e300, math.Inf(1)} {
			d, reversed := make([]float64, len(tree.Attributes)), make([]float64, len(tree.Attributes))
			for a := range d {
				d[a], reversed[a] = value, -value
			}
			if tree.Probability(d)+tree.Probability(reversed) != 1 {
				t.Errorf("P(%v) and its reverse do not add up to 1", d)
			}
		}
		if loss := tree.Loss(Pairs{Delta: [][]float64{make([]float64, len(tree.Attributes))}}); math.IsNaN(loss) || math.IsInf(loss, 0) {
			t.Errorf("log loss %v", loss)
		}
		for _, share := range gains(tree.Root, len(tree.Attributes)) {
			if !(share >= 0 && share <= 1+1e-12) {
				t.Errorf("importance %v", share)
			}
		}
		if tree.Rules() == "" {
			t.Error("no rules")
		}
		elements(t, tree.SVG())
		again, err := json.Marshal(&tree)
		if err != nil {
			t.Fatal(err)
		}
		var back Tree
		if err := back.UnmarshalJSON(again); err != nil || !reflect.DeepEqual(&tree, &back) {
			t.Errorf("what was written is not what was read: %v", err)
		}
	})
}

// An element is one of an SVG, with its numbers by name and its text.
type element struct {
	name    string
	numbers map[string]float64
	text    string
}

// elements parses an SVG and fails t where it is not well-formed.
func elements(t *testing.T, svg string) []element {
	t.Helper()
	var out []element
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("the drawing is not XML: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := element{name: token.Name.Local, numbers: map[string]float64{}}
			for _, a := range token.Attr {
				if x, err := strconv.ParseFloat(a.Value, 64); err == nil {
					e.numbers[a.Name.Local] = x
				}
			}
			out = append(out, e)
		case xml.CharData:
			if len(out) > 0 {
				out[len(out)-1].text += strings.TrimSpace(string(token))
			}
		}
	}
}

func TestSVG(t *testing.T) {
	for depth := 1; depth <= 6; depth++ {
		tree, _ := grown(t, depth)
		tree.Attributes[4] = `verbosity <of the "answer"> & more, a name that is far too long to be shown`
		all := elements(t, tree.SVG())
		width, height := all[0].numbers["width"], all[0].numbers["height"]
		var boxes []element
		for _, e := range all {
			switch e.name {
			case "rect":
				boxes = append(boxes, e)
			case "text":
				inside(t, e, width, height)
			}
		}
		if len(boxes) != 2*tree.Leaves()-1 || tree.Depth() != depth {
			t.Fatalf("depth %d: %d boxes for %d leaves", depth, len(boxes), tree.Leaves())
		}
		for i, a := range boxes {
			x, y, w, h := a.numbers["x"], a.numbers["y"], a.numbers["width"], a.numbers["height"]
			if x < 0 || y < 0 || x+w > width || y+h > height {
				t.Errorf("depth %d: box %d is outside of the drawing", depth, i)
			}
			for _, b := range boxes[:i] {
				if x < b.numbers["x"]+w && b.numbers["x"] < x+w && y < b.numbers["y"]+h && b.numbers["y"] < y+h {
					t.Errorf("depth %d: two boxes overlap: %v, %v", depth, a, b)
				}
			}
		}
	}
}

// inside fails where a text is outside of the drawing.
func inside(t *testing.T, e element, width, height float64) {
	t.Helper()
	half := float64(len([]rune(e.text))) * letter / 2
	if e.numbers["x"]-half < 0 || e.numbers["x"]+half > width || e.numbers["y"] > height {
		t.Errorf("%q is outside of the drawing", e.text)
	}
}

func TestSVGSaysWhatNodesDecide(t *testing.T) {
	tree := by(-0.25, 0.125, 0.75)
	tree.Attributes = []string{"a<b"}
	svg := tree.SVG()
	for _, want := range []string{"Δ a&lt;b ≤ −0.25", "0.125 of 1 pairs", "0.750 of 1 pairs", ">yes<", ">no<", `fill="#ffffff"`} {
		if !strings.Contains(svg, want) {
			t.Errorf("%q is not in\n%s", want, svg)
		}
	}
	if n := strings.Count(by(0, 0, 1).SVG(), "<rect"); n != 3 {
		t.Errorf("%d boxes", n)
	}
}
