package trainer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/measure"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/results"
)

// select keeps prompts together, or parts rows of one prompt, as the recipe says.
func TestSelectByRow(t *testing.T) {
	var rows strings.Builder
	for i := range 60 {
		fmt.Fprintf(&rows, `{"prompt_ids":[1,2],"ids":[1,2,%d,%d],"helpful":%d,"brief":%d}`+"\n", 20+i%7, 10+i%4, i%2, i/2%2)
	}
	ratings := written(t, "ratings.jsonl", rows.String())
	base, pairs := tinyModel(t), tinyDomains(t, 40)
	run := func(by string) *Run {
		a := newArmoOn(base, ratings, pairs)
		a.probe.Select.By = by
		r := a.run(t, goBackend(t), false)
		r.Program.Rewards, r.Program.Stages = nil, r.Program.Stages[:1]
		return r
	}
	if err := run("prompt").Execute(t.Context()); err == nil || !strings.Contains(err.Error(), "attribute helpful") {
		t.Errorf("one prompt on one side: %v", err)
	}
	r := run("row")
	execute(t, r)
	probe, err := r.Fitted("probe")
	if err != nil {
		t.Fatal(err)
	}
	if c := probe.Probe.Chosen[0]; c.SelectRows == 0 || c.Rows == 0 || c.SelectRows >= c.Rows {
		t.Errorf("by row: %+v", c)
	}
}

// A tree that is pruned to a single leaf says nothing: that is not an accuracy of
// 0 %.
func TestTreeOfOneLeafTies(t *testing.T) {
	a := newArmo(t)
	a.tree.Prune, a.tree.Cost = "cost", 100
	r := a.run(t, goBackend(t), false)
	stages := r.Program.Stages
	r.Program.Rewards, r.Program.Stages = r.Program.Rewards[2:], []program.Stage{stages[0], stages[2], stages[9]}
	execute(t, r)
	got := results.Headline(r.Results[0])
	if !strings.Contains(got, fmt.Sprintf("all %d pairs tie", r.Results[0].Pairs)) || strings.Contains(got, "%") {
		t.Errorf("%s", got)
	}
	half := measure.Pairs([]measure.Scored{{Chosen: 1, Rejected: 1}, {Chosen: 0, Rejected: 1}})
	some := measure.Result{Stage: "evaluate", Measures: &half}
	if got := results.Headline(some); !strings.Contains(got, "accuracy 0.0 %") {
		t.Errorf("a pair that is lost: %s", got)
	}
	before := measure.Pairs([]measure.Scored{{}, {}})
	some.Before = &before
	if got := results.Headline(some); !strings.Contains(got, "accuracy (all tied before) 0.0 %") {
		t.Errorf("tied before: %s", got)
	}
}
