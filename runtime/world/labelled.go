package world

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/rundir"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// LabelFolder is where a label stage keeps what it came to.
func (w *World) LabelFolder(name string) string { return filepath.Join(w.Dir, "labels", name) }

// relabelled is the pairs of a label's base with the sides that the judge gave
// them; those without a preference are left out.
func (w *World) relabelled(ctx context.Context, m spec.Model, d spec.Data) (*data.Set, error) {
	set, err := w.Set(ctx, m, w.Program.Unjudged(d))
	if err != nil {
		return nil, err
	}
	preferences, err := w.Preferences(d.Label)
	if err != nil {
		return nil, err
	}
	out, err := data.Relabel(set, preferences)
	if err != nil {
		return nil, fmt.Errorf("data %s: %w", d.Name, err)
	}
	return out, nil
}

// Preferences is what the judge of a label said, by row.
func (w *World) Preferences(label string) (map[int]int8, error) {
	path := filepath.Join(w.LabelFolder(label), rundir.PreferencesFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s has no labels %s; train first, or name another folder with --out", w.Dir, label)
	}
	var j rundir.Judged
	if err == nil {
		err = json.Unmarshal(text, &j)
	}
	if err != nil {
		return nil, fmt.Errorf("the labels %s are damaged: %s: %w; train again, which asks for nothing that is answered", label, path, err)
	}
	return j.Preferences, nil
}

// rolledOut reads the rows that a rollout wrote.
func (w *World) rolledOut(ctx context.Context, m spec.Model, d spec.Data) (*data.Set, error) {
	path := filepath.Join(w.LabelFolder(d.Label), rundir.StepsFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s has no labels %s; train first, or name another folder with --out", w.Dir, d.Label)
	}
	encode, err := w.Encoder(ctx, m, d)
	if err != nil {
		return nil, err
	}
	rows := d
	rows.Format, rows.Columns, rows.Limit, rows.Unlabelled = "steps", spec.Columns{}, 0, false
	set, err := data.Load(rows, path, encode)
	if err != nil {
		return nil, fmt.Errorf("data %s: %w; train again, which asks for nothing that is answered", d.Name, err)
	}
	return w.without(ctx, m, d, set)
}

// hard is the pairs that a filter kept of those that augment made.
func (w *World) hard(label string, pairs []data.Pair) ([]data.Pair, error) {
	folder := w.LabelFolder(label)
	kept, err := rundir.ReadLabels[rundir.Filtering](folder, rundir.FilterFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s has no labels %s; train first, or name another folder with --out", w.Dir, label)
	case err != nil:
		return nil, fmt.Errorf("the labels %s are damaged: %s: %w; train again, which asks for nothing that is answered", label, filepath.Join(folder, rundir.FilterFile), err)
	}
	return data.WithoutRows(pairs, kept.Easy), nil
}

// KeptRows are the rows that a set keeps.
func KeptRows(set *data.Set) map[int]bool {
	kept := map[int]bool{}
	for _, side := range [][]data.Example{set.Train, set.Holdout} {
		for _, e := range side {
			kept[e.Row] = true
		}
	}
	return kept
}
