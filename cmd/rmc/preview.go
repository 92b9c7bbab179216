package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/cmd/rmc/internal/gather"
	"github.com/rmc-lang/rmc/compiler/facts"
	"github.com/rmc-lang/rmc/compiler/recipe"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// A previewCommand shows the tokens of a row.
type previewCommand struct {
	recipeFlags
	factsFlags
	Row  int    `name:"row" short:"n" default:"1" placeholder:"N" help:"Which row, counted from 1: of the file, or of the part."`
	Part string `name:"part" enum:"all,train,holdout" default:"all" help:"Count only the rows that are trained on (train) or held out (holdout)."`
	Data string `name:"data" placeholder:"NAME" help:"Which data set, when the recipe has several."`
}

// Run prints what becomes of one row: the tokens of each side, which are prompt
// and which response, which one is scored, and what truncation takes away.
func (p *previewCommand) Run(c *console) error {
	if p.Row < 1 {
		return usagef("--row %d: rows are counted from 1", p.Row)
	}
	r, err := c.compileClean(p.recipeFlags)
	if err != nil {
		return err
	}
	u, err := p.use(r.Recipe.Uses())
	if err != nil {
		return err
	}
	w, err := c.gather(r, p.factsFlags)
	if err != nil {
		return err
	}
	look, err := p.look(c, w, u)
	if err != nil {
		return err
	}
	t := &lookText{look: look, data: u.Data.Spec, reader: w.Readers[u.Model.Spec.Name], colour: c.outColour}
	_, err = io.WriteString(c.out, t.text())
	return err
}

// look reads the row that is shown.
func (p *previewCommand) look(c *console, w *gather.World, u recipe.Use) (data.Look, error) {
	set := w.Sets[facts.Key(u.Model.Spec.Name, u.Data.Spec.Name)]
	if len(u.Data.Parts) > 0 {
		if set == nil {
			return data.Look{}, c.unread(w)
		}
		return p.made(u.Data, set)
	}
	path, ok := w.Paths[u.Data.Roots()[0].Spec.Name]
	reader := w.Readers[u.Model.Spec.Name]
	if !ok || reader == nil && u.Data.Spec.Format != "ids" {
		return data.Look{}, c.unread(w)
	}
	row, err := p.number(set)
	if err != nil {
		return data.Look{}, err
	}
	return data.Preview(u.Data.Spec, path, reader.Encode(u.Data.Spec), row)
}

// use picks the data set that is shown, as the first model that sees it does.
func (p *previewCommand) use(all []recipe.Use) (recipe.Use, error) {
	var names []string
	for _, u := range all {
		if p.Data == "" || u.Data.Spec.Name == p.Data {
			return u, nil
		}
		names = append(names, u.Data.Spec.Name)
	}
	if len(all) == 0 {
		return recipe.Use{}, usagef("the recipe uses no data")
	}
	return recipe.Use{}, usagef("no stage uses data %q; there are %s", p.Data, strings.Join(names, ", "))
}

// number turns the row of the command line into a 0-based row of the file.
func (p *previewCommand) number(set *data.Set) (int, error) {
	if p.Part == "all" {
		return p.Row - 1, nil
	}
	if set == nil {
		return 0, fmt.Errorf("the data could not be read, so there is no %s part; rmc check says why", p.Part)
	}
	part := set.Train
	if p.Part == "holdout" {
		part = set.Holdout
	}
	if p.Row > len(part) {
		return 0, fmt.Errorf("the %s part has %s", p.Part, diag.Count(len(part), "row"))
	}
	return part[p.Row-1].Row, nil
}

// unread says what keeps the data from being read.
func (c *console) unread(w *gather.World) error {
	c.absent(w)
	return fmt.Errorf("there is nothing to preview without them")
}

// A lookText is one row being written for people.
type lookText struct {
	look   data.Look
	data   spec.Data
	reader *gather.Reader
	colour bool
	b      strings.Builder
}

func (t *lookText) text() string {
	l := t.look
	fmt.Fprintf(&t.b, "%s: row %d of data %s, %s\n", l.Where, l.Row+1, t.data.Name, t.fate())
	for _, name := range slices.Sorted(maps.Keys(l.Columns)) {
		if v := l.Columns[name]; v == v {
			fmt.Fprintf(&t.b, "%s = %g\n", name, v)
		} else {
			fmt.Fprintf(&t.b, "%s is missing\n", name)
		}
	}
	for i, full := range l.Full {
		t.side(i, full)
	}
	if t.data.Kind == "preference" && len(l.Full) > 1 {
		t.difference(l.Full[0].IDs, l.Full[1].IDs)
	}
	return t.b.String()
}

// fate says what becomes of the row.
func (t *lookText) fate() string {
	switch {
	case t.look.Dropped != "":
		return "left out: " + t.look.Dropped
	case t.look.HeldOut:
		return "held out"
	}
	return "trained on"
}

// name is what a side of the row is called.
func (t *lookText) name(side int) string {
	if side < len(t.look.Views) {
		return t.look.Views[side]
	}
	return fmt.Sprintf("candidate %d", side+1)
}

// side writes one sequence in its parts.
func (t *lookText) side(i int, full data.Sequence) {
	kept := full
	if t.look.Cut != nil {
		kept = t.look.Cut[i]
	}
	fmt.Fprintf(&t.b, "\n%s: %s", t.name(i), diag.Count(len(full.IDs), "token"))
	from, to := cutRange(t.data.OverLength, len(full.IDs), len(kept.IDs))
	if to > from {
		fmt.Fprintf(&t.b, ", %d of them cut away", to-from)
	}
	fmt.Fprintln(&t.b)
	inside := func(a, b int) [2]int { return [2]int{max(a, from), min(b, to)} }
	n, last := full.Prompt, len(full.IDs)
	if to == last {
		last = from
	}
	if t.data.Kind == "labels" {
		t.part("conversation", full.IDs, inside(0, len(full.IDs)), 0)
		t.marks(kept)
		return
	}
	read := "scored"
	if t.name(i) == "prompt" { // alone, for what depends on nothing else
		read = "read"
	}
	t.part("prompt", full.IDs[:n], inside(0, n), 0)
	if n < len(full.IDs) {
		t.part("response", full.IDs[n:], inside(n, len(full.IDs)), n)
	}
	if last > 0 {
		fmt.Fprintf(&t.b, "  %s: token %d, %s\n", read, last, t.paint(scored, t.piece(full.IDs[last-1])))
	}
}

// cutRange is the half-open range of a sequence that a policy takes away.
func cutRange(policy string, full, kept int) (from, to int) {
	if policy == "truncate_left" {
		return 1, 1 + full - kept
	}
	return kept, full
}

// part writes tokens that begin at an index of their sequence; those in the
// range cut are shown as taken away.
func (t *lookText) part(name string, ids []int32, cut [2]int, at int) {
	fmt.Fprintf(&t.b, "  %s, %s\n", name, diag.Count(len(ids), "token"))
	line := 0
	put := func(text string, style style) {
		width := len([]rune(text)) + 1
		if line > 0 && line+width > 96 {
			t.b.WriteByte('\n')
			line = 0
		}
		if line == 0 {
			t.b.WriteString("    ")
		} else {
			t.b.WriteString("|")
		}
		line += width
		t.b.WriteString(t.paint(style, text))
		if strings.HasSuffix(text, "⏎") { // the text's own lines are easiest to read
			t.b.WriteByte('\n')
			line = 0
		}
	}
	for i, id := range ids {
		at := at + i
		switch {
		case at == cut[0] && at < cut[1] && !t.colour:
			put("[cut away:", plain)
		case at == cut[1] && cut[0] < cut[1] && !t.colour:
			put("]", plain)
		}
		style := styleOf(name)
		if at >= cut[0] && at < cut[1] {
			style = removed
		}
		put(t.piece(id), style)
	}
	if end := at + len(ids); cut[0] < cut[1] && cut[1] == end && !t.colour {
		put("]", plain)
	}
	if line > 0 {
		t.b.WriteByte('\n')
	}
}

// difference says where two sides part.
func (t *lookText) difference(a, b []int32) {
	same := 0
	for same < len(a) && same < len(b) && a[same] == b[same] {
		same++
	}
	at := func(ids []int32) string {
		if same == len(ids) {
			return "its end"
		}
		return t.piece(ids[same])
	}
	fmt.Fprintf(&t.b, "\nboth sides begin with the same %s; then chosen has %s and rejected %s\n", diag.Count(same, "token"), at(a), at(b))
}

// piece is one token as it is shown: white space and controls made visible, and
// the id where there is no tokenizer.
func (t *lookText) piece(id int32) string {
	if t.reader == nil {
		return fmt.Sprint(id)
	}
	return visible(t.reader.Piece(id))
}

// visible shows what a terminal would swallow or obey.
func visible(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == ' ':
			b.WriteRune('·')
		case r == '\n':
			b.WriteRune('⏎')
		case r == '\t':
			b.WriteRune('→')
		case r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\u202e':
			fmt.Fprintf(&b, "<%#x>", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// A style is how a terminal shows a token.
type style string

const (
	plain   style = ""
	faint   style = "2"    // prompt
	scored  style = "1;32" // the token whose state is read
	removed style = "9;31" // cut away
)

func styleOf(part string) style {
	if part == "prompt" {
		return faint
	}
	return plain
}

// paint wraps text in a style where colours are shown.
func (t *lookText) paint(s style, text string) string {
	if !t.colour || s == plain {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}
