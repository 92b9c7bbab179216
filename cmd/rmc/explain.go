package main

import (
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/compiler/check"
	"github.com/rmc-lang/rmc/compiler/schema"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/parse"
	"github.com/rmc-lang/rmc/lang/source"
	"github.com/rmc-lang/rmc/stdlib"
)

// An explainCommand says what a code or a word of the language means.
type explainCommand struct {
	What string `arg:"" optional:"" name:"code|field" help:"A code (R0101), a field (optimizer.lr), a declaration, kind, function or objective; all codes are listed when absent."`
	JSON bool   `name:"json" help:"Print JSON."`
}

// Run prints the entry of a code, the fields of a name, or the list of codes.
func (e *explainCommand) Run(c *console) error {
	if e.What == "" {
		return e.list(c.out)
	}
	if entry, ok := diag.Lookup(e.What); ok {
		return e.code(c.out, entry)
	}
	if fields := fieldsNamed(e.What); len(fields) > 0 && !slices.Contains(schema.Keywords(), e.What) {
		return e.fields(c.out, fields)
	}
	if text := wordText(e.What); text != "" && e.JSON {
		return printJSON(c.out, map[string]string{"word": e.What, "text": text})
	} else if text != "" {
		_, err := io.WriteString(c.out, text)
		return err
	}
	near := diag.Suggest(e.What, topics())
	if near != "" {
		near = fmt.Sprintf(", did you mean %q?", near)
	}
	return usagef("there is no code, field or function %q%s", e.What, near)
}

func (e *explainCommand) list(w io.Writer) error {
	if e.JSON {
		return printJSON(w, diag.Entries())
	}
	for _, entry := range diag.Entries() {
		if _, err := fmt.Fprintf(w, "%s  %s\n", entry.Code, entry.Title); err != nil {
			return err
		}
	}
	return nil
}

func (e *explainCommand) code(w io.Writer, entry diag.Entry) error {
	if e.JSON {
		return printJSON(w, entry)
	}
	_, err := fmt.Fprintf(w, "%s: %s\n\n%s\n\nFor example:\n\n%s\n",
		entry.Code, entry.Title, strings.TrimSpace(entry.Explain), indent(entry.Example, "    "))
	return err
}

// fieldsNamed returns the fields that name ends the path of: lr, optimizer.lr,
// train.optimizer.lr and train.rm.optimizer.lr are one; max_length may be several.
func fieldsNamed(name string) []schema.Described {
	for _, d := range schema.Describe() {
		if d.Path == name {
			return []schema.Described{d}
		}
	}
	if parts := strings.Split(name, "."); len(parts) > 2 && slices.Contains(schema.Keywords(), parts[0]) {
		if fields := fieldsNamed(strings.Join(parts[2:], ".")); len(fields) > 0 {
			path := parts[0] + "." + strings.Join(parts[2:], ".")
			fields = slices.DeleteFunc(fields, func(d schema.Described) bool { return d.Path != path })
			if len(fields) > 0 {
				return fields
			}
		}
	}
	return slices.DeleteFunc(schema.Describe(), func(d schema.Described) bool {
		return d.Path != name && !strings.HasSuffix(d.Path, "."+name)
	})
}

// wordText explains a word that is no field: a declaration, a kind, a function,
// or an objective of the standard library; "" for others.
func wordText(word string) string {
	var b strings.Builder
	declarationText(&b, word)
	for _, keyword := range schema.Keywords() {
		if kinds, doc := schema.Kinds(keyword); slices.Contains(kinds, word) {
			kindText(&b, keyword, word, doc)
		}
	}
	for _, d := range schema.Describe() {
		if slices.Contains(d.Kinds, word) {
			fmt.Fprintf(&b, "%s is a kind of %s, %s\n", word, d.Path, d.Doc)
			listFields(&b, d.Path, word)
		}
	}
	if form, doc, ok := check.Describe(word); ok {
		fmt.Fprintf(&b, "%s: %s\n", form, doc)
	}
	b.WriteString(libraryText(word))
	return b.String()
}

// declarationText explains a keyword: how it is written, its kinds, and the
// fields that all of them have.
func declarationText(b *strings.Builder, word string) {
	usage := schema.Usage(word)
	if usage == "" {
		return
	}
	fmt.Fprintf(b, "%s is written %s\n", word, usage)
	if kinds, _ := schema.Kinds(word); len(kinds) > 0 {
		fmt.Fprintf(b, "its kinds: %s\n", strings.Join(kinds, ", "))
	}
	if slices.Contains(schema.Keywords(), word) {
		fmt.Fprintf(b, "%s has these fields:\n", word)
		listFields(b, word, "")
	}
}

// kindText explains a kind of a declaration, in the words that its doc has for
// it, with the fields of it alone.
func kindText(b *strings.Builder, keyword, word, doc string) {
	for _, of := range strings.Split(doc, "; ") {
		if is, ok := strings.CutPrefix(of, word+": "); ok {
			word += ", " + is
		}
	}
	name, _, _ := strings.Cut(word, ",")
	fmt.Fprintf(b, "%s is a kind of %s\n", name, keyword+strings.TrimPrefix(word, name))
	listFields(b, keyword, name)
}

// listFields writes a line for each field right below a path that a kind has.
func listFields(b *strings.Builder, path, kind string) {
	for _, d := range schema.Describe() {
		name, below := strings.CutPrefix(d.Path, path+".")
		if below && !strings.Contains(name, ".") && (kind == "" || len(d.Of) == 0 || slices.Contains(d.Of, kind)) {
			fmt.Fprintf(b, "  %-12s %s\n", name, d.Doc)
		}
	}
}

// libraryText is the text of an objective of the standard library.
func libraryText(name string) string {
	files, _ := fs.Glob(stdlib.FS, "*.rmr") // the pattern is well formed
	for _, path := range files {
		text, err := fs.ReadFile(stdlib.FS, path)
		if err != nil {
			panic(err) // it is embedded
		}
		file, _ := parse.File(source.New("std/"+path, string(text)))
		for _, d := range file.Decls {
			if d.Name != nil && d.Name.Name == name {
				return fmt.Sprintf("use std/%s\n\n/// %s\n%s\n", strings.TrimSuffix(path, ".rmr"),
					strings.ReplaceAll(d.Doc, "\n", "\n/// "), d.Span.Text())
			}
		}
	}
	return ""
}

// topics are the words that explain knows.
func topics() []string {
	var words []string
	for _, entry := range diag.Entries() {
		words = append(words, string(entry.Code))
	}
	for _, d := range schema.Describe() {
		words = append(words, d.Path, d.Name)
		words = append(words, d.Kinds...)
	}
	for _, keyword := range schema.Keywords() {
		kinds, _ := schema.Kinds(keyword)
		words = append(words, kinds...)
	}
	return append(append(append(words, schema.Keywords()...), "reward", "shard"), check.Words()...)
}

func (e *explainCommand) fields(w io.Writer, fields []schema.Described) error {
	if e.JSON {
		return printJSON(w, jsonFields(fields))
	}
	for i, d := range fields {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if _, err := io.WriteString(w, fieldText(d)); err != nil {
			return err
		}
	}
	return nil
}

// fieldText is what explain prints of a field: a line a fact.
func fieldText(d schema.Described) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", d.Path, d.Doc)
	fact := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "  %-8s %s\n", name, value)
		}
	}
	fact("takes", d.Wants())
	fact("later", strings.Join(d.Later, " | "))
	fact("of", strings.Join(d.Of, " | "))
	fact("bounds", bounds(d.Min, d.Max))
	switch {
	case d.Contested != "":
		fact("default", "none, because peers disagree: "+d.Contested)
	case d.Default != "":
		fact("default", d.Usual())
	case d.Silent:
		fact("default", "nothing")
	default:
		fact("default", "none: a recipe must say it")
	}
	if d.Scores {
		fact("scores", "a change changes scores: it is part of the scoring contract")
	}
	return b.String()
}

func bounds(least, most *float64) string {
	switch {
	case least != nil && most != nil:
		return fmt.Sprintf("%g to %g", *least, *most)
	case least != nil:
		return fmt.Sprintf("at least %g", *least)
	case most != nil:
		return fmt.Sprintf("at most %g", *most)
	}
	return ""
}

// jsonFields is fields as explain -json prints them.
func jsonFields(fields []schema.Described) any {
	type field struct {
		Path      string   `json:"path"`
		Doc       string   `json:"doc"`
		Takes     string   `json:"takes"`
		Default   string   `json:"default,omitempty"`
		Contested string   `json:"contested,omitempty"`
		Of        []string `json:"of,omitempty"`
		Min       *float64 `json:"min,omitempty"`
		Max       *float64 `json:"max,omitempty"`
		Scores    bool     `json:"scores"`
	}
	out := make([]field, len(fields))
	for i, d := range fields {
		out[i] = field{d.Path, d.Doc, d.Wants(), d.Usual(), d.Contested, d.Of, d.Min, d.Max, d.Scores}
	}
	return out
}

// indent puts prefix before each line of text that is not empty.
func indent(text, prefix string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, line := range lines {
		if line != "" {
			lines[i] = prefix + line
		}
	}
	return strings.Join(lines, "\n")
}
