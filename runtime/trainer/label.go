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
	"github.com/rmc-lang/rmc/runtime/rundir"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// preferencesFile is what a judge's answers come to, in the folder labels/NAME,
// and verdictsFile what it says of each pair, a line each.
const (
	preferencesFile = "preferences.json"
	verdictsFile    = "verdicts.jsonl"
)

// A judged is preferencesFile.
type judged struct {
	Label       spec.Label    `json:"label"`
	Preferences map[int]int8  `json:"preferences"` // by row: -1 the side that was chosen, +1 the other, 0 neither
	Summary     judge.Summary `json:"summary"`
}

func (r *Run) labelFolder(name string) string { return filepath.Join(r.Dir, "labels", name) }

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
	set, err := r.set(ctx, m, s.Data)
	if err != nil {
		return nil, err
	}
	questions, err := r.questions(ctx, s.Data, set)
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
	result, err := judge.Judge{Label: s.Label, Dir: folder, Note: r.note, Local: local}.Ask(ctx, questions)
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
	text, err := json.MarshalIndent(judged{s.Label, result.Preferences, result.Summary}, "", " ")
	if err != nil {
		return nil, err
	}
	r.note(fmt.Sprintf("%s: %s", s.Name(), result.Summary))
	return &result.Summary, disk.Write(filepath.Join(folder, preferencesFile), append(text, '\n'))
}

// questions are the texts of the pairs that a set keeps.
func (r *Run) questions(ctx context.Context, d spec.Data, set *data.Set) ([]judge.Question, error) {
	local, err := r.fetch(ctx, "data", d.Source)
	if err != nil {
		return nil, err
	}
	texts, err := data.Texts(d, local.Path)
	if err != nil {
		return nil, fmt.Errorf("data %s: %w", d.Name, err)
	}
	kept := keptRows(set)
	var all []judge.Question
	for _, t := range texts {
		if kept[t.Row] {
			all = append(all, judge.Question{Row: t.Row, Conversation: t.Prompt, First: t.Responses[0], Second: t.Responses[1], Gold: -1})
		}
	}
	return all, nil
}

// relabelled is the pairs of a label's base with the sides that the judge gave
// them; those without a preference are left out.
func (r *Run) relabelled(ctx context.Context, m spec.Model, d spec.Data) (*data.Set, error) {
	set, err := r.set(ctx, m, r.Program.Unjudged(d))
	if err != nil {
		return nil, err
	}
	preferences, err := r.preferences(d.Label)
	if err != nil {
		return nil, err
	}
	out, err := data.Relabel(set, preferences)
	if err != nil {
		return nil, fmt.Errorf("data %s: %w", d.Name, err)
	}
	return out, nil
}

// preferences is what the judge of a label said, by row.
func (r *Run) preferences(label string) (map[int]int8, error) {
	path := filepath.Join(r.labelFolder(label), preferencesFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s has no labels %s; train first, or name another folder with --out", r.Dir, label)
	}
	var j judged
	if err == nil {
		err = json.Unmarshal(text, &j)
	}
	if err != nil {
		return nil, fmt.Errorf("the labels %s are damaged: %s: %w; train again, which asks for nothing that is answered", label, path, err)
	}
	return j.Preferences, nil
}
