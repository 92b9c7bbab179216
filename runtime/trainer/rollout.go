package trainer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/judge"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/record"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// stepsFile is what a rollout comes to, in the folder labels/NAME: rows of the
// layout steps, which another recipe can read as well.
const stepsFile = "steps.jsonl"

// A steppedRow is a line of stepsFile.
type steppedRow struct {
	Question string   `json:"question"`
	Steps    []string `json:"steps"`
	Labels   []any    `json:"labels"`  // of each step: true or false, or the share of right completions; null where nobody asked
	Label    *bool    `json:"label"`   // whether the solution's own answer is the right one; null where it gives none
	Answer   string   `json:"answer"`  // as the row has it
	Right    []*int   `json:"right"`   // of each step, right completions; null where none were asked for
	Samples  int      `json:"samples"` // completions of each step
	Row      int      `json:"row"`     // 0-based, of the data that was gone on from
}

// rollout has a language model go on from the steps of solutions. Answers of runs
// before are not asked for again.
func (r *Run) rollout(ctx context.Context, s program.Stage) (*judge.RolloutSummary, error) {
	solutions, err := r.solutions(ctx, s)
	if err != nil {
		return nil, err
	}
	folder := r.labelFolder(s.Label.Name)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	local, err := r.local(ctx, s.Label)
	if err != nil {
		return nil, err
	}
	result, err := judge.Judge{Label: s.Label, Dir: folder, Note: r.note, Local: local}.Rollout(ctx, solutions)
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
	r.note(fmt.Sprintf("%s: %s", s.Name(), result.Summary))
	return &result.Summary, disk.Write(filepath.Join(folder, stepsFile), b.Bytes())
}

// solutions are the rows that a label's base keeps, in words.
func (r *Run) solutions(ctx context.Context, s program.Stage) ([]judge.Solution, error) {
	m, err := r.Program.ReadBy(s)
	if err != nil {
		return nil, err
	}
	set, err := r.set(ctx, m, s.Data)
	if err != nil {
		return nil, err
	}
	local, err := r.fetch(ctx, "data", s.Data.Source)
	if err != nil {
		return nil, err
	}
	solved, err := record.Solutions(s.Data, local.Path)
	if err != nil {
		return nil, fmt.Errorf("data %s: %w", s.Data.Name, err)
	}
	kept := keptRows(set)
	var all []judge.Solution
	for _, one := range solved {
		if kept[one.Row] {
			all = append(all, judge.Solution(one))
		}
	}
	return all, nil
}

// keptRows are the rows that a set keeps.
func keptRows(set *data.Set) map[int]bool {
	kept := map[int]bool{}
	for _, side := range [][]data.Example{set.Train, set.Holdout} {
		for _, e := range side {
			kept[e.Row] = true
		}
	}
	return kept
}

// steppedOf is a solution with its labels as a row of data.
func steppedOf(l spec.Label, one judge.Solution, got judge.Stepped) steppedRow {
	row := steppedRow{Question: one.Question, Steps: one.Steps, Label: got.Outcome, Answer: one.Answer, Samples: l.Samples, Row: one.Row}
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

// rolledOut reads the rows that a rollout wrote.
func (r *Run) rolledOut(ctx context.Context, m spec.Model, d spec.Data) (*data.Set, error) {
	path := filepath.Join(r.labelFolder(d.Label), stepsFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s has no labels %s; train first, or name another folder with --out", r.Dir, d.Label)
	}
	encode, err := r.encoder(ctx, m, d)
	if err != nil {
		return nil, err
	}
	rows := d
	rows.Format, rows.Columns, rows.Limit, rows.Unlabelled = "steps", spec.Columns{}, 0, false
	set, err := data.Load(rows, path, encode)
	if err != nil {
		return nil, fmt.Errorf("data %s: %w; train again, which asks for nothing that is answered", d.Name, err)
	}
	return r.without(ctx, m, d, set)
}
