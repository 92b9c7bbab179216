package emit

import (
	"fmt"
	"go/token"
	"slices"
	"strconv"
	"strings"

	"github.com/dave/jennifer/jen"

	"github.com/rmc-lang/rmc/compiler/typed"
)

// width is the column after which a call is broken over lines, tabs counted as 4.
const width = 100

// objective prints the function of one objective under name:
//
//	// bradleyTerry is std/preference.rmr:9 with center = 0.01 (quickstart.rmr:19), on preference.
//	func bradleyTerry(b *op.Batch) op.Objective {
//		chosen := b.Score("rm", "chosen")     // real[pair]
//		rejected := b.Score("rm", "rejected") // real[pair]
//		// let d = score(chosen) - score(rejected): real[pair]
//		d := op.Sub(chosen, rejected)
//		// loss = mean(-log_sigmoid(d))
//		loss := op.Mean(op.Neg(op.LogSigmoid(d)), "pair")
//		return op.Objective{Loss: loss}
//	}
func objective(name string, o *typed.Objective) []jen.Code {
	w := &writer{ids: map[any]string{}, taken: []string{"b", "op", "loss"}}
	doc := comment(objectiveDoc(name, o))
	return append(doc, jen.Func().Id(name).Params(jen.Id("b").Op("*").Qual(opPath, "Batch")).Qual(opPath, "Objective").
		BlockFunc(func(g *jen.Group) { w.body(g, o) }))
}

// rewardFunction prints the function of a reward that is a let of an objective:
//
//	// armo is gated.s (armorm.rmr:31): the score of a response.
//	func armo(b *op.Batch) op.Reward {
//		response := b.Fit("probe", "response") // real[row, attribute]
//		// let s(x) = sum(probe(x), over attribute), for x = response: real[row]
//		s := op.Sum(response, "attribute")
//		return op.Reward{Score: s}
//	}
func rewardFunction(name string, r *typed.Reward) []jen.Code {
	w := &writer{ids: map[any]string{}, taken: []string{"b", "op"}}
	at := fmt.Sprintf("%s:%d", r.Span.File.Name, r.Span.Line())
	doc := comment(fmt.Sprintf("%s is %s.%s (%s)%s: the score of a %s.", name, r.Objective, r.Let, at, paramText(r.Params), r.View))
	return append(doc, jen.Func().Id(name).Params(jen.Id("b").Op("*").Qual(opPath, "Batch")).Qual(opPath, "Reward").
		BlockFunc(func(g *jen.Group) { w.reward(g, r) }))
}

// objectiveDoc says where the objective and its numbers come from.
func objectiveDoc(name string, o *typed.Objective) string {
	at := fmt.Sprintf("%s is %s:%d", name, o.Span.File.Name, o.Span.Line())
	return at + paramText(o.Params) + ", on " + o.Data + "."
}

// paramText tells parameters, their values and who set them.
func paramText(params []typed.Param) string {
	text := ""
	for i, p := range params {
		text += []string{" with ", ", "}[min(i, 1)] + fmt.Sprintf("%s = %s (%s)", p.Name, p.Text, p.Origin)
	}
	return text
}

// comment breaks a text into comment lines.
func comment(text string) []jen.Code {
	var lines []jen.Code
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+len(word) > width-8 {
			lines = append(lines, jen.Comment(line))
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, jen.Comment(line))
}

// A writer prints one function. ids holds the variable of each *typed.Term,
// *typed.Let and column name.
type writer struct {
	ids   map[any]string
	taken []string
}

func (w *writer) body(g *jen.Group, o *typed.Objective) {
	w.terms(g, o.Terms)
	for _, c := range o.Columns {
		w.ids[c] = w.fresh(camel(c))
		g.Id(w.ids[c]).Op(":=").Id("b").Dot("Column").Call(jen.Lit(c)).Comment("real[" + o.Axis + "]")
	}
	w.lets(g, o.Lets)
	w.comment(g, "loss = "+o.Loss.Text)
	w.assign(g, "loss", o.Loss.Value)
	g.Return(w.reports(g, o))
}

func (w *writer) terms(g *jen.Group, terms []*typed.Term) {
	for _, t := range terms {
		w.ids[t] = w.fresh(termName(t, terms))
		g.Id(w.ids[t]).Op(":=").Id("b").Dot(termMethod(t.Kind)).Call(termArgs(t)...).Comment(t.Type.String())
	}
}

func (w *writer) lets(g *jen.Group, lets []*typed.Let) {
	for _, l := range lets {
		w.comment(g, letText(l))
		id := w.fresh(letName(l))
		w.assign(g, id, l.Value)
		w.ids[l] = id
	}
}

func (w *writer) reward(g *jen.Group, r *typed.Reward) {
	w.terms(g, r.Terms)
	w.lets(g, r.Lets)
	score := &typed.Let{Head: r.Let + "(" + r.Param + ")", Args: r.Param + " = " + r.View, Text: r.Score.Text, Value: r.Score.Value}
	w.comment(g, letText(score))
	id := w.fresh(camel(r.Let))
	w.assign(g, id, r.Score.Value)
	var parts [][2]string
	for _, p := range r.Parts {
		parts = append(parts, [2]string{p.Name, w.ids[p.Value.Let]})
	}
	g.Return(result("Reward", "Score", id, "Parts", parts))
}

// result prints op.Objective{Loss: loss, Reports: …} and its like; each of rest
// is a name and the variable with its value.
func result(kind, first, id, second string, rest [][2]string) *jen.Statement {
	fields := []jen.Code{jen.Id(first).Op(":").Id(id)}
	if len(rest) == 0 {
		return jen.Qual(opPath, kind).Values(fields...)
	}
	var entries []jen.Code
	length := len("return op." + kind + first + id + second + "{: , : []op.Report{}}")
	for _, r := range rest {
		entries = append(entries, jen.Values(jen.Id("Name").Op(":").Lit(r[0]), jen.Id("Value").Op(":").Id(r[1])))
		length += len(r[0]) + len(r[1]) + len(`{Name: "", Value: }, `)
	}
	options := jen.Options{Open: "{", Close: "}", Separator: ", "}
	if length+4 > width {
		options = jen.Options{Open: "{\n", Close: ",\n}", Separator: ",\n"}
	}
	fields = append(fields, jen.Id(second).Op(":").Index().Qual(opPath, "Report").Custom(options, entries...))
	return jen.Qual(opPath, kind).Values(fields...)
}

// reports prints the reports and returns what the function returns.
func (w *writer) reports(g *jen.Group, o *typed.Objective) *jen.Statement {
	var entries [][2]string
	for _, r := range o.Reports {
		w.comment(g, "report "+r.Name+" = "+r.Text)
		id := w.fresh(camel(r.Name))
		w.assign(g, id, r.Value)
		entries = append(entries, [2]string{r.Name, id})
	}
	return result("Objective", "Loss", "loss", "Reports", entries)
}

func (w *writer) comment(g *jen.Group, text string) {
	for _, line := range comment(text) {
		g.Add(line)
	}
}

func (w *writer) assign(g *jen.Group, id string, value *typed.Expr) {
	g.Id(id).Op(":=").Add(w.expr(value, 4, len(id)+4))
}

// letText is a let as the recipe has it, with its type.
func letText(l *typed.Let) string {
	text := "let " + l.Head + " = " + l.Text
	if l.Args != "" {
		text += ", for " + l.Args
	}
	return text + ": " + l.Value.Type.String()
}

// letName is the variable of a let, sChosen for the call s(chosen).
func letName(l *typed.Let) string {
	var words []string
	word := func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_')
	}
	for _, part := range strings.FieldsFunc(l.Name, word) {
		if len(words) == 0 || part[0] > '9' {
			words = append(words, part)
		}
	}
	return camel(strings.Join(words[:min(len(words), 4)], "_"))
}

// termName is the variable of a term: its view, or what it is where it has none,
// and its kind and model where another term has the same name.
func termName(t *typed.Term, all []*typed.Term) string {
	kind, model := "", ""
	for _, other := range all {
		if other == t || stem(other) != stem(t) {
			continue
		}
		if other.Kind != t.Kind {
			kind = "_" + t.Kind
		}
		if other.Model != t.Model {
			model = "_" + t.Model
		}
	}
	return camel(stem(t) + kind + model)
}

// stem is what the variable of a term is called if no other is.
func stem(t *typed.Term) string {
	if t.View == "" {
		return t.Kind
	}
	return t.View
}

func termMethod(kind string) string {
	if kind == "logprob" {
		return "LogProb"
	}
	return capital(kind)
}

// termArgs are the model and the view of a term, as far as it has them.
func termArgs(t *typed.Term) []jen.Code {
	var args []jen.Code
	for _, arg := range []string{t.Model, t.View} {
		if arg != "" {
			args = append(args, jen.Lit(arg))
		}
	}
	return args
}

// fresh returns an identifier that the function does not have yet.
func (w *writer) fresh(name string) string {
	id := name
	for n := 2; slices.Contains(w.taken, id) || token.IsKeyword(id) || predeclared(id); n++ {
		id = name + strconv.Itoa(n)
	}
	w.taken = append(w.taken, id)
	return id
}

// expr prints e, on lines of its own where it is too long for the rest of this
// one: indent is where a new line would start, used what this one already has.
func (w *writer) expr(e *typed.Expr, indent, used int) *jen.Statement {
	if id, ok := w.variable(e); ok {
		return jen.Id(id)
	}
	name, rest := opName(e), extra(e)
	if e.Kind == typed.Literal {
		return jen.Qual(opPath, name).Call(jen.Op(rest[0]))
	}
	if e.Kind == typed.Column {
		return jen.Id("b").Dot(name).Call(jen.Op(rest[0]))
	}
	head := jen.Qual(opPath, name)
	if e.Kind == typed.Transform {
		head = jen.Id("b").Dot(name)
	}
	multi := indent+used+len(w.flat(e)) > width
	if multi {
		indent, used = indent+4, 0
	} else {
		used += len("op." + name + "(")
	}
	var args []jen.Code
	if e.Kind == typed.Transform {
		args = append(args, jen.Lit(e.Name))
	}
	for _, a := range e.Args {
		args = append(args, w.expr(a, indent, used))
	}
	for _, r := range rest {
		args = append(args, jen.Op(r))
	}
	options := jen.Options{Open: "(", Close: ")", Separator: ", "}
	if multi {
		options = jen.Options{Open: "(\n", Close: ",\n)", Separator: ",\n"}
	}
	return head.Custom(options, args...)
}

// flat is e on one line.
func (w *writer) flat(e *typed.Expr) string {
	if id, ok := w.variable(e); ok {
		return id
	}
	var args []string
	if e.Kind == typed.Transform {
		args = append(args, strconv.Quote(e.Name))
	}
	for _, a := range e.Args {
		args = append(args, w.flat(a))
	}
	return "op." + opName(e) + "(" + strings.Join(append(args, extra(e)...), ", ") + ")"
}

// variable is the identifier that holds e already.
func (w *writer) variable(e *typed.Expr) (string, bool) {
	var key any
	switch e.Kind {
	case typed.TermRef:
		key = e.Term
	case typed.LetRef:
		key = e.Let
	case typed.Column:
		key = e.Name
	default:
		return "", false
	}
	id, ok := w.ids[key]
	return id, ok
}

// extra is what stands after the tensors of a call.
func extra(e *typed.Expr) []string {
	switch {
	case e.Kind == typed.Literal && e.Type.Elem == typed.Bool:
		return []string{strconv.FormatFloat(e.Value, 'g', -1, 64)}
	case e.Kind == typed.Literal:
		return []string{e.Text}
	case e.Kind == typed.Column:
		return []string{"0"}
	case e.Kind == typed.Index:
		return []string{strconv.Quote(e.Axes[0]), strconv.Itoa(e.Pos) + " /* " + e.Elem + " */"}
	}
	var axes []string
	for _, a := range e.Axes {
		axes = append(axes, strconv.Quote(a))
	}
	return axes
}

// opName is the function of runtime/op, or the method of its Batch, for e.
func opName(e *typed.Expr) string {
	switch {
	case e.Kind == typed.Literal:
		return "Real"
	case e.Kind == typed.Column:
		return "Constant"
	case e.Kind == typed.Index:
		return "At"
	case e.Kind == typed.Transform:
		return "Transform"
	case e.Name == "logsumexp":
		return "LogSumExp"
	case e.Name == "suffix_logsumexp":
		return "SuffixLogSumExp"
	}
	return capital(e.Name)
}

// capital turns log_sigmoid into LogSigmoid and lt into Lt.
func capital(name string) string {
	word := camel(name)
	return strings.ToUpper(word[:1]) + word[1:]
}
