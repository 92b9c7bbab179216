package schema

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/compiler/recipe"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/parse"
	"github.com/rmc-lang/rmc/lang/source"
)

var update = flag.Bool("update", false, "rewrite the tables of lang/SPEC.md")

// reference is the language reference with a table of fields for each keyword
// between <!-- fields of KEYWORD --> and <!-- end of fields -->.
const reference = "../../lang/SPEC.md"

func TestTablesOfTheReference(t *testing.T) {
	have, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	text := string(have)
	for _, keyword := range Keywords() {
		begin, end := "<!-- fields of "+keyword+" -->\n", "<!-- end of fields -->"
		head, rest, ok := strings.Cut(text, begin)
		_, tail, closed := strings.Cut(rest, end)
		if !ok || !closed {
			t.Fatalf("%s has no place for the fields of %s: want %s … %s", reference, keyword, strings.TrimSpace(begin), end)
		}
		text = head + begin + table(keyword) + end + tail
	}
	if text == string(have) {
		return
	}
	if !*update {
		t.Fatal("the tables are not those of runtime/spec; go test ./compiler/resolve -update rewrites them")
	}
	if err := os.WriteFile(reference, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Each declaration stands in the reference as messages say that it is written.
func TestDeclarationsOfTheReference(t *testing.T) {
	text, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range Forms {
		if !strings.Contains(string(text), "| `"+f.Usage+"` |") {
			t.Errorf("%s has no row for %s", reference, f.Usage)
		}
	}
}

// table is the markdown table of one declaration's fields.
func table(keyword string) string {
	var b strings.Builder
	b.WriteString("\n| field | takes | default | |\n|---|---|---|---|\n")
	for _, d := range Describe() {
		path, ok := strings.CutPrefix(d.Path, keyword+".")
		if !ok {
			continue
		}
		takes, silent, doc := d.Wants(), "`"+d.Usual()+"`", d.Doc
		if len(d.Kinds) > 0 {
			takes += " { … }"
		}
		switch {
		case d.Contested != "":
			silent, doc = "must be written", doc+". "+d.Contested
		case d.Silent && d.Default == "":
			silent = "–"
		case !d.Silent:
			silent = "required"
		}
		if len(d.Of) > 0 && !slices.Equal(d.Of, schemaKinds(d)) {
			doc += " (of " + strings.Join(d.Of, ", ") + ")"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", path, cell(takes), cell(silent), cell(doc))
	}
	return b.String() + "\n"
}

// schemaKinds returns the kinds of the variant that a nested field is in.
func schemaKinds(d Described) []string {
	parent := d.Path[:strings.LastIndex(d.Path, ".")]
	for _, p := range Describe() {
		if p.Path == parent {
			return p.Kinds
		}
	}
	return nil
}

func cell(text string) string { return strings.ReplaceAll(text, "|", "\\|") }

// Every tag of spec makes sense: defaults parse and are of their field's type
// and unit, of names kinds that exist, and every field is documented.
func TestTagsOfSpec(t *testing.T) {
	known := []string{"rmr", "default", "optional", "unit", "of", "one_of", "later", "zero", "min", "max", "repeats", "keys", "source", "contested", "scores", "doc"}
	for _, s := range Structs() {
		walk(t, s.Keyword, s.Type, known)
	}
}

func walk(t *testing.T, path string, typ reflect.Type, known []string) {
	s := Of(typ)
	for i := range typ.NumField() {
		for rest := string(typ.Field(i).Tag); rest != ""; {
			key, after, _ := strings.Cut(rest, ":")
			value, err := strconv.QuotedPrefix(after)
			if err != nil {
				t.Fatalf("%s.%s: tag %s: %v", path, typ.Field(i).Name, typ.Field(i).Tag, err)
			}
			rest = after[len(value):]
			if key = strings.TrimSpace(key); !slices.Contains(known, key) {
				t.Errorf("%s.%s: no tag is called %q", path, typ.Field(i).Name, key)
			}
			rest = strings.TrimSpace(rest)
		}
	}
	for _, f := range s.Fields {
		at := path + "." + f.Name
		if f.Doc == "" || strings.HasSuffix(f.Doc, ".") {
			t.Errorf("%s: a doc is one line without a stop, not %q", at, f.Doc)
		}
		for _, kind := range f.Of {
			if !slices.Contains(s.Kinds, kind) {
				t.Errorf("%s is of %s, which is no kind", at, kind)
			}
		}
		if f.Contested != "" && f.Default != "" {
			t.Errorf("%s is contested and has a default", at)
		}
		if IsVariant(f.Type) {
			walk(t, at, f.Type, known)
		}
		if f.Default == "" {
			continue
		}
		if _, errs := parse.Expr(source.New(recipe.Default, f.Default)); len(errs) > 0 {
			t.Errorf("%s: default %q: %s", at, f.Default, errs[0].Message)
		}
		if v := reflect.New(f.Type).Elem(); !IsVariant(f.Type) {
			r := Reader{new(diag.List)}
			if r.Decode(v, f, ParseDefault(f), true); len(*r.Errs) > 0 {
				t.Errorf("%s: default %q: %s", at, f.Default, (*r.Errs)[0].Message)
			}
		} else if kind, _ := Variant(ParseDefault(f)); kind == nil || !slices.Contains(Of(f.Type).Kinds, kind.Name) {
			t.Errorf("%s: default %q is none of %v", at, f.Default, Of(f.Type).Kinds)
		}
	}
}
