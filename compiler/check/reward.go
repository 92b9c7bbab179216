package check

import (
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/compiler/typed"
	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
)

// NewReward checks the let of decl that let names, with the arguments and models
// of env, on responses of which nothing is known but the text. The objective
// itself must have been found right with the same env. A let that cannot score
// goes to errs at let, and the result is nil.
func NewReward(decl *ast.Decl, let *ast.Ident, env Env, errs *diag.List) *typed.Reward {
	if env.loose() {
		return nil
	}
	on, _ := kindOf(env.Data.Kind)
	kind := on.scoredKind()
	c := newChecker(decl, env, kind)
	c.reward, c.scored = true, kind.views[0].name
	c.env.Views = kind.viewNames()
	r := &typed.Reward{Objective: decl.Name.Name, Let: let.Name, View: c.scored}
	o := &typed.Objective{}
	c.params(o)
	r.Params = o.Params
	l := c.rewardLet(let)
	if l == nil {
		*errs = append(*errs, c.errs...)
		return nil
	}
	r.Param, r.Span = l.Params[0].Name, l.Span
	c.locals = append(c.locals, map[string]local{r.Param: {view: c.scored}})
	r.Score = typed.Output{Name: let.Name, Text: text(l.Value), Span: l.Span, Value: c.expr(l.Value)}
	if c.scores(r, let) {
		c.finishReward(r)
	}
	if c.errs.HasErrors() {
		*errs = append(*errs, c.cannotScore(let))
		return nil
	}
	return r
}

// rewardLet declares the lets and returns the one that is named.
func (c *checker) rewardLet(let *ast.Ident) *ast.Let {
	var found *ast.Let
	var candidates []string
	for _, item := range c.decl.Body.Items {
		l, ok := item.(*ast.Let)
		if !ok {
			continue
		}
		c.byName[l.Name.Name] = &binding{name: l.Name, let: l}
		if l.Name.Name == let.Name {
			found = l
		}
		if len(l.Params) == 1 {
			candidates = append(candidates, l.Name.Name)
		}
	}
	if found != nil && len(found.Params) == 1 {
		return found
	}
	d := c.report(diag.NotAReward, let.Span, "%s has no let %q", c.decl.Name.Name, let.Name)
	switch near := diag.Suggest(let.Name, candidates); {
	case found != nil:
		d.Message = let.Name + " has no parameter that stands for a response"
		if len(found.Params) > 1 {
			d.Message = let.Name + " takes " + count(len(found.Params), "argument") + ", and what is scored is one response"
		}
		d.Notes = append(d.Notes, diag.Note{Span: found.Name.Span, Message: "it is declared here"})
		d.Help = "write let " + let.Name + "(x) = …, and call it for each side"
	case near != "":
		d.Help = "did you mean `" + near + "`?"
	case len(candidates) > 0:
		d.Help = "its lets with one parameter: " + list(candidates)
	default:
		d.Help = "write let " + let.Name + "(x) = … in it: what it gives a response x"
	}
	return nil
}

// scores reports whether the let is a number for each response.
func (c *checker) scores(r *typed.Reward, let *ast.Ident) bool {
	t := r.Score.Value.Type
	if t.Poisoned() || c.errs.HasErrors() {
		return false
	}
	if t.Elem == typed.Real && len(t.Axes) == 1 && t.Axes[0].Kind == typed.BatchAxis {
		return true
	}
	c.report(diag.NotAReward, r.Span, "%s(%s) is %s, and a score is real[row]", let.Name, c.scored, t).Help = rewardHelp(t, let.Name)
	return false
}

func rewardHelp(t typed.Type, let string) string {
	if batch, ok := t.Batch(); ok && len(t.Axes) > 1 {
		return "make one number of it: sum(…, over " + list(t.Without(batch.Name).Names()) + ")"
	}
	return "a score is made of what a model or a fit says of the response"
}

// finishReward simplifies the score and lists what it needs.
func (c *checker) finishReward(r *typed.Reward) {
	s := &typed.Simplifier{Lets: map[*typed.Let]*typed.Let{}}
	r.Score.Value = s.Expr(r.Score.Value)
	r.Lets, r.Terms, _ = c.collect([]typed.Output{r.Score}, s)
	if !slices.ContainsFunc(r.Terms, func(t *typed.Term) bool { return t.Model != "" && t.View == c.scored }) {
		c.report(diag.NotAReward, r.Span, "%s reads no model or fit of the %s", r.Let, c.scored).Help = rewardHelp(typed.Type{}, r.Let)
		return
	}
	c.parts(r)
	c.exported(r)
	c.served()
}

// parts lists the lets whose numbers tell what a score is made of.
func (c *checker) parts(r *typed.Reward) {
	for _, l := range r.Lets {
		t := l.Value.Type
		_, batch := t.Batch()
		named := len(t.Axes) == 2 && (len(t.Axes[1].Elements) > 0 || t.Axes[1].Kind == typed.RaggedAxis)
		if t.Elem != typed.Real || !batch || len(t.Axes) > 1 && !named {
			continue
		}
		name := c.partName(r, l)
		r.Parts = append(r.Parts, typed.Output{Name: name, Text: l.Text, Span: l.Span, Value: &typed.Expr{Kind: typed.LetRef, Type: t, Span: l.Span, Let: l}})
	}
}

// partName is the let's name alone where it is called once.
func (c *checker) partName(r *typed.Reward, l *typed.Let) string {
	short, _, _ := strings.Cut(l.Head, "(")
	for _, other := range r.Lets {
		if name, _, _ := strings.Cut(other.Head, "("); other != l && name == short {
			return l.Name
		}
	}
	return short
}

// exported finds out whether the score is an output of a reward model as it is.
func (c *checker) exported(r *typed.Reward) {
	e, head := typed.Behind(r.Score.Value), ""
	if e.Kind == typed.Index {
		e, head = typed.Behind(e.Args[0]), e.Elem
	}
	if e.Kind != typed.TermRef || e.Term.View != c.scored || e.Term.Kind != "score" && (e.Term.Kind != "heads" || head == "") {
		return
	}
	m := c.model(e.Term.Model)
	if m == nil || m.Kind == "mlp" {
		return
	}
	if len(m.Labels) == 1 {
		head = m.Labels[0]
	}
	r.Model, r.Head = m.Name, head
}

// cannotScore is the first thing that is wrong with a let as a reward, told
// where the reward is declared.
func (c *checker) cannotScore(let *ast.Ident) diag.Diagnostic {
	first := c.errs[0]
	if first.Code == diag.TermNotServed || first.Span == let.Span {
		return first
	}
	d := diag.Diagnostic{Code: diag.NotAReward, Span: let.Span, Help: first.Help}
	d.Message = let.Name + " cannot score a response on its own"
	d.Notes = []diag.Note{{Span: first.Span, Message: first.Message}}
	if d.Help == "" {
		d.Help = "what is scored stands alone: write it of the let's parameter and of models"
	}
	return d
}

// notOfResponse reports a part of the data that a response which is scored does
// not have; it is for rewards alone.
func (c *checker) notOfResponse(id *ast.Ident) bool {
	kind, _ := kindOf(c.decl.On.(*ast.Ident).Name)
	what := "the column " + id.Name
	switch {
	case !c.reward:
		return false
	case kind.view(id.Name) != nil && c.kind.view(id.Name) == nil:
		what = id.Name
	case kind.labelled && id.Name == "gold":
		what = id.Name
	case kind.rated && (id.Name == "rating" || id.Name == "known"):
		what = id.Name
	case !c.hasColumn(id.Name) && !slices.Contains(kind.zeroColumns, id.Name):
		return false
	}
	c.report(diag.NotAReward, id.Span, "it reads %s, and a response that is scored has none", what)
	return true
}
