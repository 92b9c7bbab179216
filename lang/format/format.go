// Package format prints the tree of a recipe in the one style that recipes
// have. It moves no statement and changes no value.
package format

import (
	"strings"
	"unicode/utf8"

	"github.com/rmc-lang/rmc/lang/ast"
)

// width is how many columns a line may have, comments apart, if it can be
// broken at all.
const width = 100

// step is how much deeper a block or a continued line stands.
const step = "  "

// File returns the canonical text of f, which must have been parsed without an
// error. What the author decides are comments, single blank lines inside of
// blocks and between one-line declarations, and whether the body of a
// declaration that fits stands on one line.
func File(f *ast.File) []byte {
	p := &printer{text: f.Source.Text, comments: f.Comments}
	rows, _ := p.rows(topLevel(f), 0, len(p.text), "", false)
	separate(rows)
	var b strings.Builder
	if f.Recipe == nil && f.Doc != "" {
		b.WriteString(docLines(f.Doc, ""))
		if len(rows) > 0 {
			b.WriteByte('\n')
		}
	}
	b.WriteString(layOut(rows, ""))
	return []byte(b.String())
}

type printer struct {
	text     string
	comments []*ast.Comment // not printed yet
}

// An element is one of the things that a row is made of, in a file, a block or
// a list.
type element struct {
	start, end int // bytes
	doc        string
	node       any // recipeLine, *ast.Use, ast.Item or ast.Expr
}

// A recipeLine is recipe and its name.
type recipeLine struct{ *ast.Ident }

func topLevel(f *ast.File) []element {
	var out []element
	if f.Recipe != nil {
		start := strings.LastIndex(f.Source.Text[:f.Recipe.Span.Start], "recipe")
		out = append(out, element{start, f.Recipe.Span.End, f.Doc, recipeLine{f.Recipe}})
	}
	for _, u := range f.Uses {
		out = append(out, element{u.Span.Start, u.Span.End, "", u})
	}
	for _, d := range f.Decls {
		out = append(out, element{d.Span.Start, d.Span.End, d.Doc, d})
	}
	return out
}

func items(b *ast.Block) []element {
	var out []element
	for _, item := range b.Items {
		switch x := item.(type) {
		case *ast.Field:
			out = append(out, element{x.Span.Start, x.Span.End, x.Doc, x})
		case *ast.Let:
			out = append(out, element{x.Span.Start, x.Span.End, x.Doc, x})
		case *ast.Report:
			out = append(out, element{x.Span.Start, x.Span.End, x.Doc, x})
		case *ast.Decl:
			out = append(out, element{x.Span.Start, x.Span.End, x.Doc, x})
		}
	}
	return out
}

// separate puts a blank line between declarations, except between one-line
// declarations that the author kept together. Comments right above a
// declaration stay with it.
func separate(rows []row) {
	last := -1
	for i := range rows {
		if rows[i].comment() {
			continue
		}
		first := i
		for first > last+1 && !rows[first].blank {
			first--
		}
		if last >= 0 && !together(&rows[last], &rows[i]) {
			rows[first].blank = true
		}
		last = i
	}
}

func together(a, b *row) bool {
	if b.doc != "" || strings.Contains(a.text+b.text, "\n") {
		return false
	}
	switch b.node.(type) {
	case *ast.Use:
		_, ok := a.node.(*ast.Use)
		return ok
	case *ast.Decl:
		_, ok := a.node.(*ast.Decl)
		return ok
	}
	return false
}

// A row is an element or a comment with what stands on its line or lines.
type row struct {
	blank bool // a blank line before
	doc   string
	text  string // without the indentation of its first line
	trail string // the comment behind it, with its slashes
	node  any    // nil for a comment
}

func (r *row) comment() bool { return r.node == nil }

// layOut returns the rows as lines. Comments behind adjacent lines are aligned.
func layOut(rows []row, indent string) string {
	var b strings.Builder
	for i := 0; i < len(rows); {
		n, pad := 1, 0
		for pad = columns(rows[i].text); i+n < len(rows) && aligned(&rows[i+n-1], &rows[i+n]); n++ {
			pad = max(pad, columns(rows[i+n].text))
		}
		for k, r := range rows[i : i+n] {
			if r.blank && i+k > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(docLines(r.doc, indent) + indent + r.text)
			if r.trail != "" {
				b.WriteString(strings.Repeat(" ", pad-min(pad, columns(r.text))+2) + r.trail)
			}
			b.WriteByte('\n')
		}
		i += n
	}
	return b.String()
}

// aligned reports whether the comments behind a and b stand below each other.
func aligned(a, b *row) bool {
	return a.trail != "" && b.trail != "" && !b.blank && b.doc == "" && !strings.Contains(a.text+b.text, "\n")
}

// columns is the width of the last line of s.
func columns(s string) int { return utf8.RuneCountInString(s[strings.LastIndexByte(s, '\n')+1:]) }

func docLines(doc, indent string) string {
	if doc == "" {
		return ""
	}
	var b strings.Builder
	for line := range strings.SplitSeq(doc, "\n") {
		b.WriteString(indent + strings.TrimRight("/// "+line, " ") + "\n")
	}
	return b.String()
}

func commentText(c *ast.Comment) string { return strings.TrimRight("// "+c.Text, " ") }

// rows prints the elements between the offsets from and to, and the comments
// around them. open is the comment behind the bracket that ends at from, if
// there is a bracket.
func (p *printer) rows(elements []element, from, to int, indent string, bracket bool) (rows []row, open string) {
	at := from // what has been seen to
	comments := func(to int) {
		for _, c := range p.take(at, to, nil) {
			onLine := !strings.Contains(p.text[at:c.Span.Start], "\n")
			switch {
			case onLine && len(rows) > 0 && !rows[len(rows)-1].comment():
				rows[len(rows)-1].trail = commentText(c)
			case onLine && len(rows) == 0 && bracket:
				open = commentText(c)
			default:
				rows = append(rows, row{blank: p.blank(at, c.Span.Start), text: commentText(c)})
			}
			at = c.Span.End
		}
	}
	for _, e := range elements {
		comments(e.start)
		blank := p.blank(at, e.start)
		for _, c := range p.take(e.start, e.end, hosts(e.node)) {
			rows = append(rows, row{blank: blank, text: commentText(c)})
			blank = false
		}
		rows = append(rows, row{blank: blank, doc: e.doc, node: e.node})
		at = e.end
	}
	comments(to)
	p.fill(rows, indent)
	return rows, open
}

// take removes the comments from the offset from to to, but for those inside
// of hosts, and returns them.
func (p *printer) take(from, to int, hosts []element) (taken []*ast.Comment) {
	var left []*ast.Comment
	for _, c := range p.comments {
		inside := from <= c.Span.Start && c.Span.Start < to
		for _, h := range hosts {
			inside = inside && (c.Span.Start < h.start || c.Span.Start >= h.end)
		}
		if inside {
			taken = append(taken, c)
		} else {
			left = append(left, c)
		}
	}
	p.comments = left
	return taken
}

// hosts are the parts of a node whose comments are printed where they stand.
// All others move above it.
func hosts(node any) []element {
	var x any
	switch n := node.(type) {
	case *ast.Decl:
		x = n.Body
	case *ast.Field:
		x = n.Value
	case *ast.Let:
		x = n.Value
	case *ast.Report:
		x = n.Value
	default:
		x = node
	}
	switch x := x.(type) {
	case *ast.List:
		return []element{{start: x.Span.Start, end: x.Span.End}}
	case *ast.Construct:
		return []element{{start: x.Body.Span.Start, end: x.Body.Span.End}}
	case *ast.Block:
		if x != nil {
			return []element{{start: x.Span.Start, end: x.Span.End}}
		}
	}
	return nil
}

// commented reports whether comments are left to print between two offsets.
func (p *printer) commented(from, to int) bool {
	for _, c := range p.comments {
		if from <= c.Span.Start && c.Span.Start < to {
			return true
		}
	}
	return false
}

// blank reports whether a blank line stands between two offsets.
func (p *printer) blank(from, to int) bool {
	lines := strings.Split(p.text[from:to], "\n")
	for i := 1; i < len(lines)-1; i++ {
		if strings.TrimSpace(lines[i]) == "" {
			return true
		}
	}
	return false
}
