package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/compiler"
	"github.com/rmc-lang/rmc/compiler/facts"
	"github.com/rmc-lang/rmc/compiler/plan"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// A planCommand shows what a recipe will do.
type planCommand struct {
	recipeFlags
	factsFlags
	JSON bool `name:"json" help:"Print the plan and the estimate as JSON."`
}

// Run prints the plan with what facts say it takes.
func (p *planCommand) Run(c *console) error {
	r, err := c.compileClean(p.recipeFlags)
	if err != nil {
		return err
	}
	w, err := c.gather(r, p.factsFlags)
	if err != nil {
		return err
	}
	r.problems = compiler.Check(r.Result, w.Facts)
	if err := c.report(r); err != nil {
		return err
	}
	for _, what := range w.Left {
		c.note("left out: %s", what)
	}
	estimate := r.Plan.Estimate(w.Facts)
	if p.JSON {
		return printJSON(c.out, struct {
			Plan     *plan.Plan     `json:"plan"`
			Estimate *plan.Estimate `json:"estimate"`
		}{r.Plan, estimate})
	}
	t := &planText{plan: r.Plan, estimate: estimate}
	_, err = io.WriteString(c.out, t.text())
	return err
}

// A planText is a plan being written for people.
type planText struct {
	plan     *plan.Plan
	estimate *plan.Estimate
	b        strings.Builder
}

func (t *planText) text() string {
	fmt.Fprintf(&t.b, "%s: %s\n", t.plan.Name, diag.Count(len(t.plan.Stages), "stage"))
	for _, s := range t.plan.Stages {
		t.headline(s)
	}
	if m := t.plan.Mesh; m.Devices > 1 {
		fmt.Fprintf(&t.b, "\nmesh   %d devices: fsdp %d × tensor %d\n", m.Devices, m.FSDP, m.Tensor)
	}
	for _, m := range t.estimate.Models {
		t.model(m)
	}
	for _, d := range t.estimate.Data {
		t.data(d)
	}
	for i, s := range t.plan.Stages {
		t.stage(i+1, s)
	}
	return t.b.String()
}

// headline says in a line what a stage is for.
func (t *planText) headline(s plan.Stage) {
	e := t.stageEstimate(s)
	if e == nil || s.Kind == plan.Prepare || s.Kind == plan.Embed {
		return
	}
	examples := t.most(s.Data) + t.examples(s, e.Examples)
	switch s.Kind {
	case plan.Fit:
		fmt.Fprintf(&t.b, "  fits %s by %s on %s of %s\n", s.Fit.Name, s.Fit.Kind, examples, s.Data)
	case plan.Label:
		if n := s.Label.Limit; n > 0 {
			examples = t.examples(s, min(n, e.Examples))
		}
		if s.Label.Kind == "filter" {
			examples = "the pairs that " + s.Label.Data + " made"
		}
		fmt.Fprintf(&t.b, "  "+labelling(*s.Label)+", for %s\n", asked(s), examples, s.Label.Name)
	case plan.Evaluate:
		fmt.Fprintf(&t.b, "  evaluates %s on %s of %s.%s\n", measured(s), examples, s.Data, s.Evaluate.Part)
	default:
		t.training(s, e)
	}
}

// labelling says what is asked, of whom and about how many.
func labelling(l spec.Label) string {
	switch {
	case l.Kind == "rollout":
		return "has %s go on from the steps of %s"
	case l.Ask == "pointwise":
		return "has %s rate both sides of %s"
	}
	return "asks %s of %s which side is better"
}

// asked is who labels: a judge, or a model of the recipe.
func asked(s plan.Stage) string {
	if s.Label.Scorer != "" {
		return s.Label.Scorer
	}
	return s.Label.Model
}

// measured is the name of what a stage evaluates.
func measured(s plan.Stage) string {
	switch {
	case s.Reward != "":
		return s.Reward
	case s.Fit != nil:
		return s.Fit.Name
	}
	return s.Model
}

// training says in a line how long a stage trains, and what of a model.
func (t *planText) training(s plan.Stage, e *plan.StageEstimate) {
	most, steps := t.most(s.Data), many(e.Steps, "step")
	if s.Train.Steps == 0 {
		steps = most + steps
	}
	fmt.Fprintf(&t.b, "  trains %s on %s%s of %s: %s of %s", s.Model, most, t.examples(s, e.Examples), s.Data, steps, t.examples(s, s.Train.Batch))
	if i := slices.IndexFunc(t.estimate.Models, func(m plan.ModelEstimate) bool { return m.Name == s.Model }); i >= 0 {
		m := t.estimate.Models[i]
		fmt.Fprintf(&t.b, ", %s of %s", grouped(m.Trained), many(int(m.Total), "parameter"))
	}
	t.b.WriteByte('\n')
}

// most is "at most " where a judge, or a model of the recipe, has yet to say which
// pairs of data stay; else "".
func (t *planText) most(name string) string {
	for _, s := range t.plan.Stages {
		if s.Kind == plan.Label && s.Label.Name == name && s.Label.Kind != "rollout" {
			return "at most "
		}
	}
	for _, d := range t.plan.Data {
		if d.Name == name {
			for _, part := range d.From.Data {
				if most := t.most(part); most != "" {
					return most
				}
			}
		}
	}
	return ""
}

// stageEstimate is what is known of a stage, or nil.
func (t *planText) stageEstimate(s plan.Stage) *plan.StageEstimate {
	i := slices.IndexFunc(t.estimate.Stages, func(e plan.StageEstimate) bool { return e.Name == s.Name })
	if i < 0 {
		return nil
	}
	return &t.estimate.Stages[i]
}

// examples counts what a stage works on: 74 pairs, 98 rows, 194 sequences.
func (t *planText) examples(s plan.Stage, n int) string {
	noun := "row"
	if s.Kind == plan.Embed {
		noun = "sequence"
	}
	for _, d := range t.plan.Data {
		if d.Name == s.Data && d.Kind == "preference" && s.Kind != plan.Prepare && s.Kind != plan.Embed {
			noun = "pair"
		}
	}
	return many(n, noun)
}

// many is count with the thousands apart.
func many(n int, noun string) string {
	return strings.Replace(diag.Count(n, noun), fmt.Sprint(n), grouped(n), 1)
}

// fact writes one line of a section.
func (t *planText) fact(name, format string, args ...any) {
	fmt.Fprintf(&t.b, "  %-11s %s\n", name, fmt.Sprintf(format, args...))
}

func (t *planText) model(m plan.ModelEstimate) {
	fmt.Fprintf(&t.b, "\nmodel %s: %s\n", m.Name, m.Architecture)
	t.fact("parameters", "%s: %s trained, %s frozen", grouped(m.Total), grouped(m.Trained), grouped(m.Frozen))
	for _, row := range m.Sharding {
		t.fact("split", "%s %s%s: %s a device", row.Parameter, shape(row.Shape, row.Axes), times(row.Count), shape(row.PerDevice, nil))
	}
}

func times(n int) string {
	if n == 1 {
		return ""
	}
	return fmt.Sprintf(" (%d of them)", n)
}

// shape writes the sizes of a tensor, with the mesh axis that splits each:
// [576/tensor, 1536].
func shape(sizes []int, axes []string) string {
	parts := make([]string, len(sizes))
	for i, n := range sizes {
		parts[i] = fmt.Sprint(n)
		if i < len(axes) && axes[i] != "" {
			parts[i] += "/" + axes[i]
		}
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func (t *planText) data(d plan.DataEstimate) {
	fmt.Fprintf(&t.b, "\ndata %s, as %s sees it\n", d.Name, d.Model)
	if i := slices.IndexFunc(t.plan.Data, func(s spec.Data) bool { return s.Name == d.Name }); i >= 0 && len(t.plan.Data[i].From.Data) > 0 {
		t.fact("made", "%s of %s", t.plan.Data[i].From.Kind, strings.Join(t.plan.Data[i].From.Data, ", "))
	}
	for _, made := range d.Made {
		t.fact("", "%s %s", grouped(made.Pairs), made.Kind)
	}
	t.fact("rows", "%s: %s kept, %s", grouped(d.Rows), grouped(d.Kept), uses(d))
	for _, loss := range []struct {
		rows int
		why  string
	}{
		{d.OverLong, "longer than max_length"},
		{d.Ties, "with identical sides"},
		{d.Identical, "with sides that are identical once cut"},
		{d.CutWhole, "cut to nothing"},
	} {
		if loss.rows > 0 {
			t.fact("", "%s %s", grouped(loss.rows), loss.why)
		}
	}
	for _, left := range d.Left {
		t.fact("", "%s left out: %s", grouped(left.Rows), left.Reason)
	}
	t.fact("tokens", "%s kept of %s", grouped(d.Tokens), grouped(d.TokensBefore))
	t.fact("length", "%d to %d; half have at most %d, 90 %% %d, 99 %% %d", d.Shortest, d.Longest, d.Median, d.P90, d.P99)
}

// uses says what becomes of the rows that are kept.
func uses(d plan.DataEstimate) string {
	switch {
	case d.Trains:
		return fmt.Sprintf("of which %s to train on and %s held out", grouped(d.Train), grouped(d.Holdout))
	case d.Evaluated > 0:
		return fmt.Sprintf("of which %s evaluated and none trained on", grouped(d.Evaluated))
	}
	return "none of which is trained on"
}

func (t *planText) stage(number int, s plan.Stage) {
	fmt.Fprintf(&t.b, "\nstage %d: %s\n", number, s.Name)
	if len(s.Inputs) > 0 {
		t.fact("after", "%s", strings.Join(s.Inputs, ", "))
	}
	e := t.stageEstimate(s)
	switch {
	case e != nil && s.Train != nil:
		t.steps(s, e)
	case e != nil:
		t.fact("reads", "%s", t.examples(s, e.Examples))
	}
	t.made(s)
	if e != nil && e.Asked != nil {
		t.asked(s, *e.Asked)
	}
	if i := slices.IndexFunc(t.plan.Objectives, func(o plan.Objective) bool { return o.Stage == s.Name }); i >= 0 {
		t.objective(t.plan.Objectives[i])
	}
	if e == nil {
		return
	}
	for _, b := range e.Buckets {
		examples := t.examples(s, b.Examples)
		if s.Kind == plan.Embed { // several sequences each
			examples = many(b.Examples, "row")
		}
		t.fact("bucket", "%s: %s, %d a forward", many(b.Length, "token"), examples, b.Micro)
	}
	if e.Stored > 0 {
		t.fact("stores", "%s of hidden states", size(e.Stored))
	}
	if e.Padded > 0 {
		t.fact("tokens", "%s, and %s of padding (%.0f %%)", grouped(e.Tokens), grouped(e.Padded-e.Tokens),
			100*float64(e.Padded-e.Tokens)/float64(e.Padded))
	}
	if e.Compiles > 0 {
		t.fact("compiles", "%d", e.Compiles)
	}
	if e.Memory != nil {
		t.memory(*e.Memory)
	}
}

// asked writes what it takes that a policy of the recipe answers.
func (t *planText) asked(s plan.Stage, a facts.Asked) {
	answers := "answer"
	if s.Label.Kind == "rollout" {
		answers = "completion"
	}
	t.fact("prompts", "at most %s, of %s to %s", grouped(a.Prompts), grouped(a.Shortest), many(a.Longest, "token"))
	t.fact("draws", "at most %s of %s each: %s new", many(a.Answers, answers), many(s.Label.MaxTokens, "token"), many(int(a.Tokens), "token"))
	t.fact("cache", "%s a device: keys and values of the largest batch", size(a.Cache))
}

// made writes what a fit or a label is made of, and what a reward is.
func (t *planText) made(s plan.Stage) {
	switch {
	case s.Kind == plan.Fit:
		features := s.Data
		for _, of := range s.Fit.Of[min(1, len(s.Fit.Of)-1):] { // as the recipe has it: a probe knows its encoder
			features = of + "(" + features + ")"
		}
		t.fact("fits", "%s on %s", s.Fit.Kind, features)
	case s.Kind == plan.Label && s.Label.Kind == "filter":
		t.fact("asks", "%s about what was made; leaves out what it is less than %g from the label of", s.Label.Scorer, s.Label.Least)
	case s.Kind == plan.Label && s.Label.Scorer != "":
		t.fact("asks", "%s, each pair %s; keeps what it is surer of than %g", s.Label.Scorer, orders(s), s.Label.Keep)
	case s.Kind == plan.Label && s.Label.Policy != "":
		t.fact("asks", "%s, with the weights that it has by then, %s", s.Label.Policy, questions(*s.Label))
		t.fact("prompt", "%s", s.Label.Prompt)
	case s.Kind == plan.Label:
		t.fact("asks", "%s at %s, %s", s.Label.Model, s.Label.Endpoint, questions(*s.Label))
		t.fact("prompt", "%s", s.Label.Prompt)
	case s.Kind == plan.Evaluate && s.Evaluate.Suite != "":
		t.suite(s.Evaluate.Suite)
	}
	if i := slices.IndexFunc(t.plan.Rewards, func(w plan.Reward) bool { return w.Name == s.Reward }); i >= 0 {
		w := t.plan.Rewards[i]
		t.fact("reward", "%s = %s of %s", w.Name, w.Is, w.Stage)
		if w.Score != "" {
			t.fact("", "%s", w.Score)
		}
	}
}

// questions says what one row is asked.
func questions(l spec.Label) string {
	switch {
	case l.Kind == "rollout":
		return fmt.Sprintf("%s of each step", many(l.Samples, "completion"))
	case l.Ask == "pointwise":
		return fmt.Sprintf("%s of each side", many(l.Samples, "rating"))
	}
	text := "each pair " + orders(plan.Stage{Label: &l})
	if l.Samples > 1 {
		text += fmt.Sprintf(", %d times", l.Samples)
	}
	return text
}

// orders says in which orders the sides of a pair are shown.
func orders(s plan.Stage) string {
	return map[string]string{"both": "in both orders", "given": "in the order in which it stands"}[s.Label.Orders]
}

// suite writes what a benchmark puts together.
func (t *planText) suite(name string) {
	i := slices.IndexFunc(t.plan.Suites, func(s spec.Suite) bool { return s.Name == name })
	var sections []string
	for _, sec := range t.plan.Suites[i].Sections {
		sections = append(sections, fmt.Sprintf("%s × %g", sec.Name, sec.Weight))
	}
	t.fact("suite", "%s by %s: %s", name, t.plan.Suites[i].Rule.Kind, strings.Join(sections, ", "))
}

// steps writes how long a stage trains.
func (t *planText) steps(s plan.Stage, e *plan.StageEstimate) {
	warmup := "no warm-up"
	switch {
	case e.WarmupSteps == 1:
		warmup = "the first is warm-up"
	case e.WarmupSteps > 1:
		warmup = fmt.Sprintf("the first %s are warm-up", grouped(e.WarmupSteps))
	}
	t.fact("steps", "%s of %s, %s", grouped(e.Steps), t.examples(s, s.Train.Batch), warmup)
	if e.Examples > 0 {
		t.fact("", "%.3g passes over %s", float64(e.Steps)*float64(s.Train.Batch)/float64(e.Examples), t.examples(s, e.Examples))
	}
}

func (t *planText) objective(o plan.Objective) {
	t.fact("objective", "%s", o.Name)
	for _, p := range o.Params {
		is := fmt.Sprintf("%g", p.Is)
		if p.Names != "" {
			is = p.Names
		}
		t.fact("", "%s = %s (%s)", p.Name, is, p.From)
	}
	for _, l := range o.Lets {
		t.fact("", "let %s = %s", l.Name, l.Is)
	}
	t.fact("", "loss = %s", o.Loss)
	for _, r := range o.Reports {
		t.fact("", "report %s = %s", r.Name, r.Is)
	}
	t.fact("forwards", "%s", strings.Join(o.Terms, "; "))
	for _, note := range o.Notes {
		t.fact("note", "%s", note)
	}
}

func (t *planText) memory(m plan.Memory) {
	parts := fmt.Sprintf("weights %s, gradients %s, moments %s", size(m.Weights), size(m.Gradients), size(m.Moments))
	if m.Activations > 0 {
		parts += ", activations about " + size(m.Activations)
	}
	t.fact("memory", "%s a device: %s", size(m.Total), parts)
	if m.Stated > 0 {
		t.fact("", "of %s that the mesh says it has", size(m.Stated))
	}
}

// grouped writes a whole number with its thousands apart: 134,515,008.
func grouped[N int | int64](n N) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// size writes a number of bytes for people: 1.5 GiB.
func size(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	x, i := float64(n), 0
	for x >= 1024 && i < len(units)-1 {
		x, i = x/1024, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.3g %s", x, units[i])
}
