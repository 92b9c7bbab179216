package resolve

import (
	"reflect"
	"slices"

	"github.com/rmc-lang/rmc/compiler/recipe"
	"github.com/rmc-lang/rmc/compiler/schema"
	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// Whom a label asks that wants answers in words: a server, which endpoint and a quoted
// model name, or a policy of the recipe, which model names without quotes.

// ofServer are the fields of a label that say how a server is asked.
var ofServer = []string{"endpoint", "key", "parallel", "retries", "timeout", "price_in", "price_out"}

// asks finds whom a label asks before its fields are read, for they depend on it.
func (r *resolver) asks(l *recipe.Label, path string) lacks {
	if l.Spec.Kind != "llm" && l.Spec.Kind != recipe.Rollout {
		return lacks{}
	}
	model, endpoint := r.said(l.Decl.Body, path, "model"), r.said(l.Decl.Body, path, "endpoint")
	if name, ok := model.(*ast.Ident); ok {
		return r.asksPolicy(l, name, endpoint)
	}
	server := lacks{fields: []string{"batch"}, because: "asks a server", help: "leave it out: parallel is how many requests are under way at once"}
	at, known := l.Decl.Name.Span, r.clear(l.Decl.Body, "model", "endpoint")
	switch text, quoted := model.(*ast.String); {
	case endpoint != nil || model != nil && !quoted:
		return server
	case !known: // what is wrong is said where it stands
	case quoted:
		at = text.Span
		e := r.errs.Addf(diag.WhoAnswers, at, "label %s names the model of a server, and no server", l.Name)
		e.Help = `write endpoint = "http://127.0.0.1:8000/v1", or the name of a policy of the recipe without quotes`
		if r.models[text.Value] != nil {
			e.Help = "a policy of the recipe is named without quotes: model = " + text.Value
		}
	default:
		r.errs.Addf(diag.WhoAnswers, at, "label %s does not say whom it asks", l.Name).Help =
			`write model = NAME for a policy of the recipe, or endpoint = "http://…/v1" and model = "NAME" for a server`
		server.fields = append(server.fields, "model")
	}
	server.fields = append(server.fields, "endpoint")
	return server
}

// asksPolicy is what a label lacks that asks a policy of the recipe.
func (r *resolver) asksPolicy(l *recipe.Label, name *ast.Ident, endpoint ast.Expr) lacks {
	of := lacks{fields: ofServer, because: "asks " + name.Name + ", a model of the recipe", help: "leave it out: it is for servers"}
	if endpoint == nil {
		return of
	}
	e := r.errs.Addf(diag.WhoAnswers, endpoint.Pos(), "label %s names a server, and %s of the recipe", l.Name, name.Name)
	e.Notes = []diag.Note{{Span: name.Span, Message: "without quotes it is a policy of the recipe"}}
	e.Help = "leave endpoint out, or write model = \"" + name.Name + "\" for the server's model of that name"
	return lacks{}
}

// clear reports whether nothing in a block may have been meant for one of some
// fields: what could not be parsed, or a name that is near.
func (r *resolver) clear(block *ast.Block, names ...string) bool {
	if block == nil {
		return true
	}
	return len(block.Lost) == 0 && !slices.ContainsFunc(block.Items, func(item ast.Item) bool {
		f, ok := item.(*ast.Field)
		return ok && !slices.Contains(names, f.Key.Name) && schema.Of(reflect.TypeFor[spec.Label]()).Field(f.Key.Name) == nil && diag.Suggest(f.Key.Name, names) != ""
	})
}

// policy binds the model of the recipe that a label asks.
func (r *resolver) policy(l *recipe.Label, path string) {
	if l.Spec.Kind != "llm" && l.Spec.Kind != recipe.Rollout {
		return
	}
	name, ok := r.said(l.Decl.Body, path, "model").(*ast.Ident)
	if !ok || !r.recipe.Has(path+".model") {
		return
	}
	switch m := r.findModel(name); {
	case m == nil:
	case m.Spec.Kind != "policy":
		r.otherKind(name, "a policy", m.Decl)
	default:
		l.Policy, l.Spec.Policy = m, m.Spec.Name
	}
	if b := r.recipe.Value(path + ".batch"); b != nil && b.Origin == recipe.Default {
		b.Text = "16 answers"
	}
}
