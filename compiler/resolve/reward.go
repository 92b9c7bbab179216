package resolve

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/compiler/recipe"
	"github.com/rmc-lang/rmc/compiler/schema"
	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
)

// reward resolves reward NAME = OBJECTIVE.LET, with on STAGE where several
// stages use the objective, or reward NAME = TREE.
func (r *resolver) reward(d *ast.Decl) {
	w := r.rewards[d.Name.Name]
	r.recipe.Rewards = append(r.recipe.Rewards, w)
	switch x := d.Value.(type) {
	case *ast.Ident:
		r.rewardOfFit(w, x)
	case *ast.Select:
		if name, ok := x.X.(*ast.Ident); ok {
			r.rewardOfLet(w, name, x.Name)
			return
		}
		r.badReward(d.Value)
	default:
		r.badReward(d.Value)
	}
}

func (r *resolver) badReward(x ast.Expr) {
	r.errs.Addf(diag.WrongType, x.Pos(), "a reward is a let of an objective or a tree, not %s", schema.DescribeExpr(x)).Help =
		"as in reward armo = gated.s, where objective gated has let s(x) = …"
}

// rewardOfFit binds reward NAME = TREE.
func (r *resolver) rewardOfFit(w *recipe.Reward, name *ast.Ident) {
	d := r.scored[name.Name]
	if w.Decl.On != nil {
		r.errs.Addf(diag.ExtraPart, w.Decl.On.Pos(), "a reward that is a tree does not take on").Help = "write reward " + w.Name + " = " + name.Name
	}
	switch f := r.fits[name.Name]; {
	case f != nil && f.Spec.Kind == "tree":
		w.Fit = f
	case f != nil:
		e := r.otherKind(name, "a tree", f.Decl)
		e.Message = fmt.Sprintf("%s is a %s fit, which gives attributes and no reward", name.Name, f.Spec.Kind)
		e.Help = "a reward is a let of an objective, as in gated.s, or a fit of kind tree"
	case r.objects[name.Name] != nil:
		r.errs.Addf(diag.MissingPart, name.Span, "%s is an objective, and a reward is one of its lets", name.Name).Help =
			"write " + name.Name + "." + functionOf(r.objects[name.Name])
	case d != nil && d.Keyword.Name == "model":
		r.otherKind(name, "a let of an objective or a tree", d).Help =
			"a model needs no reward: evaluate " + name.Name + " on DATA.holdout"
		r.used["model "+name.Name] = true
	case d != nil && d.Keyword.Name == "fit", r.meant[name.Name]: // reported
	case d != nil:
		r.otherKind(name, "a let of an objective or a tree", d)
	default:
		r.unknownModel(name, "tree", keys(r.fits))
	}
}

// functionOf is the name of an objective's function of a text, or what stands
// for one.
func functionOf(o *recipe.Objective) string {
	if o.Decl.Body != nil {
		for _, item := range o.Decl.Body.Items {
			if let, ok := item.(*ast.Let); ok && len(let.Params) == 1 {
				return let.Name.Name
			}
		}
	}
	return "LET"
}

// rewardOfLet binds reward NAME = OBJECTIVE.LET to the stage that trains with
// the objective.
func (r *resolver) rewardOfLet(w *recipe.Reward, name, let *ast.Ident) {
	o := r.objects[name.Name]
	if o == nil {
		switch d := r.scored[name.Name]; {
		case d != nil:
			r.otherKind(name, "an objective", d)
		case !r.partial && !r.meant[name.Name]:
			r.unknownObjective(name)
		}
		return
	}
	w.Objective, w.Let = o, let
	r.used["objective "+o.Name] = true
	using := slices.DeleteFunc(r.recipe.Trains(), func(t *recipe.Train) bool { return t.Call == nil || t.Call.Objective != o })
	switch on, ok := w.Decl.On.(*ast.Ident); {
	case w.Decl.On != nil && !ok:
		r.errs.Addf(diag.WrongType, w.Decl.On.Pos(), "on takes the name of a train stage, not %s", schema.DescribeExpr(w.Decl.On)).Help =
			"as in reward " + w.Name + " = " + name.Name + "." + let.Name + " on " + stageOr(using, "STAGE")
	case ok:
		w.Train = r.stageOf(using, on, o)
	case len(using) == 1:
		w.Train = using[0]
	case len(using) == 0:
		r.noStage(name, o)
	default:
		e := r.errs.Addf(diag.RewardStage, name.Span, "several stages train with %s: %s", o.Name, stageNames(using))
		e.Help = fmt.Sprintf("write reward %s = %s.%s on %s", w.Name, o.Name, let.Name, using[0].Name)
	}
}

// noStage reports a reward of an objective that nothing trains with. A stage
// whose objective was reported may have meant it.
func (r *resolver) noStage(name *ast.Ident, o *recipe.Objective) {
	if o.Decl.Broken || slices.ContainsFunc(r.recipe.Trains(), func(t *recipe.Train) bool { return t.Call == nil }) {
		return
	}
	r.errs.Addf(diag.RewardStage, name.Span, "no stage trains with %s, so that its parameters have no values", o.Name).Help =
		"add: train MODEL on DATA { objective = " + o.Name + " }"
}

// stageOf finds the stage that a reward names, among those of its objective.
func (r *resolver) stageOf(using []*recipe.Train, on *ast.Ident, o *recipe.Objective) *recipe.Train {
	for _, t := range using {
		if t.Name == on.Name {
			return t
		}
	}
	var names []string
	for _, t := range using {
		names = append(names, t.Name)
	}
	r.errs.Addf(diag.RewardStage, on.Span, "no stage %s trains with %s", on.Name, o.Name).Help = schema.DidYouMean(on.Name, names, "stages")
	return nil
}

func stageOr(using []*recipe.Train, otherwise string) string {
	if len(using) > 0 {
		return using[0].Name
	}
	return otherwise
}

func stageNames(using []*recipe.Train) string {
	var names []string
	for _, t := range using {
		names = append(names, t.Name)
	}
	return strings.Join(names, ", ")
}

// measured binds what an evaluation names: a reward, a fit or a model.
func (r *resolver) measured(e *recipe.Evaluate) {
	name := r.ofLastRound(e.Decl.Name)
	d := r.scored[name.Name]
	switch {
	case d == nil && !r.meant[name.Name]:
		r.unknownModel(name, r.measurables(), keys(r.scored))
	case d == nil:
	case d.Keyword.Name == "reward":
		e.Reward = r.rewards[name.Name]
	case d.Keyword.Name == "fit":
		if e.Fit = r.fits[name.Name]; e.Fit == nil {
			r.usedBefore(name.Span, d)
		}
	default:
		e.Model = r.findModel(name)
	}
}

// measurables says what a recipe has that can be evaluated.
func (r *resolver) measurables() string {
	for _, d := range r.scored {
		if d.Keyword.Name != "model" {
			return "model, fit or reward"
		}
	}
	return "model"
}

// measurable demands that what is evaluated gives what the data can be held
// against: scores for preferences, attributes for ratings, labels or a score for
// labels.
func (r *resolver) measurable(e *recipe.Evaluate) {
	name := e.Decl.Name
	rated := e.Data != nil && e.Data.Spec.Kind == "ratings"
	labelled := e.Data != nil && e.Data.Spec.Kind == "labels"
	switch m := e.Model; {
	case m != nil && m.Spec.Kind == "policy" && !rated:
		if e.Data != nil && !labelled {
			askedBy(e, r.form(m, name))
		}
	case labelled && (m != nil && m.Spec.Kind == "mlp" || e.Fit != nil):
		r.dataKind(name, "an evaluation of "+name.Name, "preference or ranking", e.Data)
		e.Data = nil
	case m != nil && m.Spec.Kind == "encoder":
		r.otherKind(name, "what gives scores", m.Decl).Help = "evaluate a model that is trained on it, a fit or a reward"
		e.Model = nil
	case m != nil && m.Spec.Kind == "mlp" && rated:
		r.predicts(e, m.Spec.Labels, m.Loose)
	case m != nil && m.Spec.Kind == "mlp" && m.Spec.Axis != "":
		r.otherKind(name, "what gives one score", m.Decl).Help =
			"declare what is scored: reward NAME = OBJECTIVE.LET, and evaluate NAME"
		e.Model = nil
	case e.Fit != nil && e.Fit.Spec.Kind == "tree":
		r.otherKind(name, "a reward", e.Fit.Decl).Help = "write reward NAME = " + name.Name + ", and evaluate NAME"
		e.Fit = nil
	case e.Fit != nil && rated:
		r.predicts(e, e.Fit.Attributes(), false)
	case e.Fit != nil && e.Data != nil:
		r.dataKind(name, "an evaluation of "+name.Name, "ratings", e.Data)
		e.Data = nil
	case rated && (e.Reward != nil || m != nil):
		r.dataKind(name, "an evaluation of "+name.Name, "preference or ranking", e.Data)
		e.Data = nil
	}
}

// rewardData demands that a reward is measured on texts as it reads them:
// conversations with labels, or responses.
func (r *resolver) rewardData() {
	for _, s := range r.recipe.Stages {
		e, ok := s.(*recipe.Evaluate)
		if !ok || e.Reward == nil || e.Data == nil || e.Reward.Fit == nil && (e.Reward.Train == nil || e.Reward.Train.Data == nil) {
			continue
		}
		wanted := "preference or ranking"
		if e.Reward.Form() != nil {
			wanted = "labels"
		}
		if (e.Data.Spec.Kind == "labels") != (wanted == "labels") {
			r.dataKind(e.Decl.Name, "an evaluation of "+e.Reward.Name, wanted, e.Data)
		}
	}
}

// rewardsMade demands that what a reward is made of is there before it is
// evaluated.
func (r *resolver) rewardsMade() {
	if slices.ContainsFunc(r.recipe.Trains(), func(t *recipe.Train) bool { return t.Model == nil }) {
		return // reported, and any may have been meant
	}
	done := map[recipe.Stage]bool{}
	for _, s := range r.recipe.Stages {
		if e, ok := s.(*recipe.Evaluate); ok && e.Reward != nil {
			r.rewardMade(e, done)
		}
		done[s] = true
	}
}

func (r *resolver) rewardMade(e *recipe.Evaluate, done map[recipe.Stage]bool) {
	name := e.Decl.Name
	switch w := e.Reward; {
	case w.Fit != nil && !done[w.Fit]:
		r.usedBefore(name.Span, w.Fit.Decl)
	case w.Train != nil && !done[w.Train]:
		d := r.errs.Addf(diag.UsedBefore, name.Span, "%s is evaluated before it is made", w.Name)
		d.Notes = []diag.Note{{Span: w.Train.Decl.Name.Span, Message: "by this stage, and stages run in their order"}}
		d.Help = "move the evaluation after train " + w.Train.Name
	}
}

// askedBy notes what says how a policy is asked.
func askedBy(e *recipe.Evaluate, form *recipe.Data) {
	if e.Form = form; form != nil {
		e.Spec.Form = form.Spec.Name
	}
}

// predicts demands that what is held against ratings gives each of their
// attributes.
func (r *resolver) predicts(e *recipe.Evaluate, gives []string, loose bool) {
	name := e.Decl.Name
	missing := slices.IndexFunc(e.Data.Spec.Attributes, func(a string) bool { return !slices.Contains(gives, a) })
	if missing < 0 || loose {
		return
	}
	d := r.errs.Addf(diag.AttributeAxis, name.Span, "%s does not give %s, an attribute of %s", name.Name, e.Data.Spec.Attributes[missing], e.Data.Spec.Name)
	d.Notes = r.recipe.Note(e.Data.Path()+".attributes", "the attributes of "+e.Data.Spec.Name)
	d.Help = "take it out of attributes, or evaluate what was fitted on such ratings"
	if len(gives) > 0 {
		d.Help = "it gives " + strings.Join(gives, ", ") + ": evaluate it on ratings of these"
	}
}

// reads finds what the objective of a stage calls by the names of models and
// fits, beside the model that is trained.
func (r *resolver) reads(t *recipe.Train) recipe.Reads {
	var reads recipe.Reads
	early := map[string]bool{}
	mentions(t.Call.Objective.Decl.Body, func(name *ast.Ident) {
		name = t.Call.Means(name)
		f, m, d := r.fits[name.Name], r.models[name.Name], r.scored[name.Name]
		switch {
		case f != nil && !slices.Contains(reads.Fits, f):
			reads.Fits = append(reads.Fits, f)
		case f == nil && d != nil && d.Keyword.Name == "fit" && !early[name.Name]:
			early[name.Name] = true
			r.usedBefore(t.Decl.Name.Span, d)
		case m != nil && m != t.Model && !slices.Contains(reads.Models, m):
			reads.Models = append(reads.Models, m)
			r.used["model "+name.Name] = true
		}
	})
	return reads
}

// mentions calls found with each name in a block that may be that of a model or
// a fit: what is called, what has a part, and what stands for a model.
func mentions(block *ast.Block, found func(*ast.Ident)) {
	if block == nil {
		return
	}
	owner := func(x ast.Expr) {
		if name, ok := x.(*ast.Ident); ok {
			found(name)
		}
	}
	for _, value := range block.Values() {
		ast.Walk(value, func(x ast.Expr) {
			switch x := x.(type) {
			case *ast.Select:
				owner(x.X)
			case *ast.Call:
				owner(x.Fun)
				for _, a := range x.Args {
					if a.Name != nil && a.Name.Name == "model" {
						owner(a.Value)
					}
				}
			}
		})
	}
}
