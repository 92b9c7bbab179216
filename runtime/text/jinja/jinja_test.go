package jinja

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// conversation is what the goldens were rendered with.
var conversation = []Dict{
	{{"role", "system"}, {"content", " Be kind. "}},
	{{"role", "user"}, {"content", "Hi <b>\n"}},
	{{"role", "assistant"}, {"content", "Hello “you” 🚀"}},
}

func variables() map[string]any {
	return map[string]any{
		"messages": conversation, "tools": nil, "documents": nil, "add_generation_prompt": true,
		"bos_token": "<s>", "eos_token": "</s>",
	}
}

func render(source string) (string, error) {
	compiled, err := Compile(source)
	if err != nil {
		return "", err
	}
	return compiled.Render(variables(), time.Now())
}

// Each golden is a template and what transformers 5.23 with Jinja 3.1.6 made
// of it: expressions.jsonl by hand, random.jsonl by chance.
func TestGoldens(t *testing.T) {
	for file, least := range map[string]int{"expressions.jsonl": 150, "random.jsonl": 400} {
		f, err := os.Open(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		n := 0
		for ; lines.Scan(); n++ {
			var golden struct{ Template, Out, Error string }
			if err := json.Unmarshal(lines.Bytes(), &golden); err != nil {
				t.Fatal(err)
			}
			got, err := render(golden.Template)
			if golden.Error != "" && err == nil {
				t.Errorf("%s\ngives %q, want an error like %s", golden.Template, got, golden.Error)
			}
			if golden.Error == "" && (err != nil || got != golden.Out) {
				t.Errorf("%s\ngives %q (%v), want %q", golden.Template, got, err, golden.Out)
			}
		}
		if n < least {
			t.Errorf("%s has only %d goldens", file, n)
		}
	}
}

func TestErrors(t *testing.T) {
	for source, want := range map[string]string{
		"a\n{{ f(a b) }}":             `line 2: "b" where ")" must be`,
		"{{ 1":                        "a tag that nothing closes",
		"{{ 'x }}":                    "a string that nothing closes",
		"{# x":                        "a comment that nothing closes",
		`{{ "\x1" }}`:                 `the escape \x1 is not complete`,
		"{{ 1 ? 2 }}":                 "'?' cannot be in an expression",
		"{% if true %}":               "Unexpected EOF",
		"{% for x in %}{% endfor %}":  "where a value must be",
		"{% include 'x' %}":           `the tag "include" is not known here`,
		"{{ a[] }}":                   "[] without a key",
		"{{ x is none if y else z }}": "put the test in parentheses",
		"x\n\n{{ 'a' + nothing }}":    `line 3 of the template: "nothing" is undefined`,
		"{{ 1 + 'a' }}":               "+ cannot take int and str",
		"{{ messages.append(1) }}":    "the sandbox forbids",
		"{{ 'x' | frobnicate }}":      "filter frobnicate: no filter of that name",
		"{{ 1 is frobnicated }}":      "is frobnicated: no test of that name",
		"{{ range(1000000) }}":        "a range of more than",
		"{{ strftime_now('%Q') }}":    "%Q is not known",
		"{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}": "calls itself without end",
	} {
		got, err := render(source)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s gives %q and error %v, want %q", source, got, err, want)
		}
	}
}

func TestRaise(t *testing.T) {
	_, err := render("{% for m in messages %}{% if m.role == 'user' %}{{ raise_exception('no ' ~ m.role) }}{% endif %}{% endfor %}")
	var raised *RaisedError
	if !errors.As(err, &raised) || raised.Message != "no user" {
		t.Errorf("error %v, want a RaisedError that says no user", err)
	}
}

func TestClock(t *testing.T) {
	compiled, err := Compile("{{ strftime_now('%d %b %Y|%-d %B|%H:%M:%S|%y%m%d|%j|%A %a|%I %p|%%') }}")
	if err != nil {
		t.Fatal(err)
	}
	got, err := compiled.Render(nil, time.Date(2024, 7, 4, 15, 6, 7, 0, time.UTC))
	want := "04 Jul 2024|4 July|15:06:07|240704|186|Thursday Thu|03 PM|%"
	if err != nil || got != want {
		t.Errorf("%q (%v), want %q", got, err, want)
	}
}

func TestUnknownVariableType(t *testing.T) {
	compiled, err := Compile("x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := compiled.Render(map[string]any{"c": make(chan int)}, time.Now()); err == nil || !strings.Contains(err.Error(), "variable c") {
		t.Errorf("a channel as variable gives %v", err)
	}
}

// One template renders many conversations at a time.
func TestConcurrent(t *testing.T) {
	compiled, err := Compile("{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{{ loop.index }}{{ x }}{% endfor %}{{ ns.n }}")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			vars := variables()
			vars["x"] = i
			want := strings.NewReplacer("x", str(i)).Replace("1x2x3x3")
			if got, err := compiled.Render(vars, time.Now()); err != nil || got != want {
				t.Errorf("%q (%v), want %q", got, err, want)
			}
		})
	}
	all.Wait()
}

// Whatever the source, compiling and rendering end without a panic.
func FuzzCompile(f *testing.F) {
	f.Add("{% for m in messages -%} {{ m.content | trim }} {%- endfor %}")
	f.Add("{{ ('a' if x else 'b') ~ [1, {'k': (2,)}][0] is not none }}")
	f.Add("{% set ns = namespace(a=1) %}{% macro f(x, y=2) %}{{ x[1:] }}{% endmacro %}{{ f('ab') }}")
	f.Fuzz(func(t *testing.T, source string) {
		if got, err := render(source); err != nil && got != "" {
			t.Errorf("text %q and error %v", got, err)
		}
	})
}
