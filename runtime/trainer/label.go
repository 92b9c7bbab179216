package trainer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/judge"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/rundir"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/world"
)

// verdictsFile is what a judge says of each pair, a line each.
const verdictsFile = "verdicts.jsonl"

// ask goes through a label stage, which asks a server or a model of the recipe.
func (r *Run) ask(ctx context.Context, s program.Stage, done *rundir.Done) (err error) {
	if s.Label.Kind == "model" {
		done.Pseudo, done.Reused, err = r.pseudo(ctx, s)
		return err
	}
	if s.Label.Kind == "filter" {
		done.Filtered, done.Reused, err = r.filter(ctx, s)
		return err
	}
	if s.Label.Kind == "rollout" {
		if done.Rollout, err = r.rollout(ctx, s); err == nil {
			done.Reused = done.Rollout.Asked == 0
		}
		return err
	}
	if done.Judged, err = r.label(ctx, s); err == nil {
		done.Reused = done.Judged.Asked == 0
	}
	return err
}

// label has the pairs that are kept of a data set judged. Answers of runs before
// are not asked for again.
func (r *Run) label(ctx context.Context, s program.Stage) (*judge.Summary, error) {
	m, err := r.Program.ReadBy(s)
	if err != nil {
		return nil, err
	}
	set, err := r.Set(ctx, m, s.Data)
	if err != nil {
		return nil, err
	}
	questions, err := r.questions(ctx, s.Data, set)
	if err != nil {
		return nil, err
	}
	folder := r.LabelFolder(s.Label.Name)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	local, err := r.local(ctx, s.Label)
	if err != nil {
		return nil, err
	}
	result, err := judge.Judge{Label: s.Label, Dir: folder, Note: r.Note, Local: local}.Ask(ctx, questions)
	if err != nil {
		return nil, err
	}
	var rows bytes.Buffer
	for enc, i := json.NewEncoder(&rows), 0; i < len(result.Rows); i++ {
		if err := enc.Encode(result.Rows[i]); err != nil {
			return nil, err
		}
	}
	if err := disk.Write(filepath.Join(folder, verdictsFile), rows.Bytes()); err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(rundir.Judged{Label: s.Label, Preferences: result.Preferences, Summary: result.Summary}, "", " ")
	if err != nil {
		return nil, err
	}
	r.Note(fmt.Sprintf("%s: %s", s.Name(), result.Summary))
	return &result.Summary, disk.Write(filepath.Join(folder, rundir.PreferencesFile), append(text, '\n'))
}

// questions are the texts of the pairs that a set keeps.
func (r *Run) questions(ctx context.Context, d spec.Data, set *data.Set) ([]judge.Question, error) {
	local, err := r.Fetch(ctx, "data", d.Source)
	if err != nil {
		return nil, err
	}
	texts, err := data.Texts(d, local.Path)
	if err != nil {
		return nil, fmt.Errorf("data %s: %w", d.Name, err)
	}
	kept := world.KeptRows(set)
	var all []judge.Question
	for _, t := range texts {
		if kept[t.Row] {
			all = append(all, judge.Question{Row: t.Row, Conversation: t.Prompt, First: t.Responses[0], Second: t.Responses[1], Gold: -1})
		}
	}
	return all, nil
}
