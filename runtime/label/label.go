// Package label goes through label stages: it asks a judge or a model of the recipe, keeps
// what is said, and what that comes to. Who reads it finds it in runtime/world.
package label

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
	"github.com/rmc-lang/rmc/runtime/scoring"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/world"
)

// verdictsFile is what a judge says of each pair, a line each.
const verdictsFile = "verdicts.jsonl"

// An asker is what a label stage asks with.
type asker struct{ *scoring.Asker }

// Ask goes through a label stage, which asks a server or a model of the recipe, and
// notes in done what it came to.
func Ask(ctx context.Context, with *scoring.Asker, s program.Stage, done *rundir.Done) (err error) {
	a := asker{with}
	switch s.Label.Kind {
	case "model":
		done.Pseudo, done.Reused, err = a.pseudo(ctx, s)
	case "filter":
		done.Filtered, done.Reused, err = a.filter(ctx, s)
	case "rollout":
		if done.Rollout, err = a.rollout(ctx, s); err == nil {
			done.Reused = done.Rollout.Asked == 0
		}
	default:
		if done.Judged, err = a.judged(ctx, s); err == nil {
			done.Reused = done.Judged.Asked == 0
		}
	}
	return err
}

// judged has the pairs that are kept of a data set judged. Answers of runs before
// are not asked for again.
func (a asker) judged(ctx context.Context, s program.Stage) (*judge.Summary, error) {
	m, err := a.Program.ReadBy(s)
	if err != nil {
		return nil, err
	}
	set, err := a.Set(ctx, m, s.Data)
	if err != nil {
		return nil, err
	}
	questions, err := a.questions(ctx, s.Data, set)
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
	result, err := judge.Judge{Label: s.Label, Dir: folder, Note: a.Note, Local: local}.Ask(ctx, questions)
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
	a.Note(fmt.Sprintf("%s: %s", s.Name(), result.Summary))
	return &result.Summary, disk.Write(filepath.Join(folder, rundir.PreferencesFile), append(text, '\n'))
}

// questions are the texts of the pairs that a set keeps.
func (a asker) questions(ctx context.Context, d spec.Data, set *data.Set) ([]judge.Question, error) {
	local, err := a.Fetch(ctx, "data", d.Source)
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
