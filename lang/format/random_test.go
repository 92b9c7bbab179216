package format_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// A writer makes recipes that are right and badly laid out.
type writer struct {
	*rand.Rand
	strings.Builder
	inside int // brackets in which a new line means nothing
	n      int // of comments
}

func (w *writer) add(parts ...string) {
	for _, p := range parts {
		w.WriteString(p)
		w.space()
	}
}

func (w *writer) pick(words string) string {
	f := strings.Fields(words)
	return f[w.IntN(len(f))]
}

// space writes what may stand between any two tokens.
func (w *writer) space() {
	switch w.IntN(8) {
	case 0:
		w.WriteString("\t ")
	case 1:
		if w.inside > 0 {
			w.line()
		}
	default:
		w.WriteString(" ")
	}
}

// line ends the line, perhaps with a comment, perhaps with some blank ones.
func (w *writer) line() {
	for range 1 + w.IntN(4)*w.IntN(2) {
		if w.IntN(4) == 0 {
			w.n++
			fmt.Fprintf(w, " // comment %d", w.n)
		}
		w.WriteString("\n" + strings.Repeat(" ", w.IntN(3)))
	}
}

func (w *writer) doc() {
	if w.IntN(5) == 0 {
		w.WriteString("\n/// doc\n///   more\n")
	}
}

func (w *writer) separator() {
	if w.IntN(3) == 0 {
		w.add(",")
	}
	if w.IntN(2) == 0 {
		w.line()
		w.doc()
	} else {
		w.WriteString("\n")
	}
}

func (w *writer) bracket(left, right string, f func()) {
	saved := w.inside
	w.inside++
	w.add(left)
	f()
	w.inside = saved
	w.add(right)
}

func (w *writer) block(depth int) {
	saved := w.inside
	w.inside = 0
	w.WriteString("{")
	if w.IntN(3) > 0 {
		w.line()
		w.doc()
	}
	for range w.IntN(5) {
		w.item(depth)
		w.separator()
	}
	w.WriteString("}")
	w.inside = saved
	w.WriteString(" ")
}

func (w *writer) item(depth int) {
	switch w.IntN(6) {
	case 0:
		w.add("let", w.pick("a long_name_of_a_let"), "=")
		w.expr(depth)
	case 1:
		w.add("let s(x,y)", "=")
		w.expr(depth)
	case 2:
		w.add("report", w.pick("a accuracy"), "=")
		w.expr(depth)
	default:
		w.add(w.pick(`a epochs weight_decay "*_proj" let on`), "=")
		w.value(depth)
	}
}

func (w *writer) value(depth int) {
	if w.IntN(3) == 0 && depth > 0 {
		w.WriteString(w.pick("lora none adamw") + " ")
		w.block(depth - 1)
		return
	}
	w.expr(depth)
}

func (w *writer) expr(depth int) {
	if depth <= 0 {
		w.add(w.pick(`x chosen 1e-5 3% 64 "a\"\\\n" [] 10`))
		return
	}
	d := depth - 1
	switch w.IntN(8) {
	case 0, 1, 2:
		w.bracket("(", ")", func() {
			w.expr(d)
			w.add(w.pick("+ - * / ^ && || < =="))
			w.expr(d)
		})
	case 3:
		w.add(w.pick("- !"))
		w.expr(0)
		w.add(w.pick("+ - * / ^"))
		w.add(w.pick("x y z_with_a_long_name.part f(x)[e]"))
	case 4:
		w.bracket("[", "]", func() { w.many(d, w.value) })
	case 5, 6:
		w.WriteString(w.pick("mean softmax"))
		w.bracket("(", ")", func() { w.many(d, w.argument) })
	default:
		w.expr(0)
	}
}

func (w *writer) argument(depth int) {
	switch w.IntN(3) {
	case 0:
		w.add("over", "attribute")
	case 1:
		w.add("of", "=")
		w.value(depth)
	default:
		w.expr(depth)
	}
}

func (w *writer) many(depth int, f func(int)) {
	n := 1 + w.IntN(5)
	for i := range n {
		f(depth)
		if i < n-1 || w.IntN(3) == 0 {
			w.add(",")
		}
	}
}

func (w *writer) declaration() {
	w.doc()
	switch w.IntN(5) {
	case 0:
		w.WriteString("repeat 3 as round {\n")
		for range w.IntN(3) {
			w.declaration()
		}
		w.WriteString("}")
	case 1:
		w.WriteString("objective f")
		w.bracket("(", ")", func() { w.many(1, func(int) { w.add(w.pick("a b:real c:real=0.5")) }) })
		w.WriteString("on preference ")
		w.block(3)
	case 2:
		w.WriteString("reward r = ")
		w.expr(2)
	default:
		w.WriteString(w.pick("train model") + " m " + w.pick(": on") + " hh ")
		if w.IntN(3) > 0 {
			w.block(3)
		}
	}
	w.WriteString(" ")
	w.line()
	w.WriteString("\n")
}

func TestRandomRecipesKeepTheirMeaning(t *testing.T) {
	comments := 0
	for seed := range uint64(400) {
		w := &writer{Rand: rand.New(rand.NewPCG(seed, 1))}
		if w.IntN(2) == 0 {
			w.WriteString("/// About it.\n\n")
		}
		if w.IntN(2) == 0 {
			w.WriteString("recipe r")
			w.line()
			w.WriteString("\nuse a / b\nuse \"c d\"")
			w.line()
			w.WriteString("\n")
		}
		for range 1 + w.IntN(4) {
			w.declaration()
		}
		check(t, w.String())
		comments += w.n
	}
	if comments < 1000 {
		t.Errorf("only %d comments were moved about", comments)
	}
}
