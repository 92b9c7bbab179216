package label

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/judge"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/record"
	"github.com/rmc-lang/rmc/runtime/rundir"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/world"
)

// rollout has a language model go on from the steps of solutions. Answers of runs
// before are not asked for again.
func (a asker) rollout(ctx context.Context, s program.Stage) (*judge.RolloutSummary, error) {
	solutions, err := a.solutions(ctx, s)
	if err != nil {
		return nil, err
	}
	folder := a.LabelFolder(s.Label.Name)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	local, err := a.local(ctx, s.Label)
	if err != nil {
		return nil, err
	}
	result, err := judge.Judge{Label: s.Label, Dir: folder, Note: a.Note, Local: local}.Rollout(ctx, solutions)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for i, one := range result.Rows {
		if err := enc.Encode(steppedOf(s.Label, solutions[i], one)); err != nil {
			return nil, err
		}
	}
	a.Note(fmt.Sprintf("%s: %s", s.Name(), result.Summary))
	return &result.Summary, disk.Write(filepath.Join(folder, rundir.StepsFile), b.Bytes())
}

// solutions are the rows that a label's base keeps, in words.
func (a asker) solutions(ctx context.Context, s program.Stage) ([]judge.Solution, error) {
	m, err := a.Program.ReadBy(s)
	if err != nil {
		return nil, err
	}
	set, err := a.Set(ctx, m, s.Data)
	if err != nil {
		return nil, err
	}
	local, err := a.Fetch(ctx, "data", s.Data.Source)
	if err != nil {
		return nil, err
	}
	solved, err := record.Solutions(s.Data, local.Path)
	if err != nil {
		return nil, fmt.Errorf("data %s: %w", s.Data.Name, err)
	}
	kept := world.KeptRows(set)
	var all []judge.Solution
	for _, one := range solved {
		if kept[one.Row] {
			all = append(all, judge.Solution(one))
		}
	}
	return all, nil
}

// steppedOf is a solution with its labels as a row of data.
func steppedOf(l spec.Label, one judge.Solution, got judge.Stepped) rundir.Stepped {
	row := rundir.Stepped{Question: one.Question, Steps: one.Steps, Label: got.Outcome, Answer: one.Answer, Samples: l.Samples, Row: one.Row}
	for i, label := range got.Labels {
		var value any
		switch {
		case label == nil:
		case l.Grade == "soft":
			value = *label
		default:
			value = *label > 0
		}
		var right *int
		if got.Right[i] >= 0 {
			right = &got.Right[i]
		}
		row.Labels, row.Right = append(row.Labels, value), append(row.Right, right)
	}
	return row
}
