package trainer

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/rundir"
)

// trainingVersion is raised when the same fields come to train another model.
const trainingVersion = 1

// The fields of a training that are digests, or names for one: what they say of a
// change to someone who made it.
var opaque = map[string]string{
	"contract":        "what a score means is another",
	"data":            "its training rows are others",
	"model":           "the weights that it is over are others",
	"start":           "it starts from other weights",
	"train.objective": "its objective is another",
}

// key names all that decides what a training comes to: the values that its recipe
// gives, the rows, the weights, fits and models that it reads, the graph of its
// objective, and how many steps are done. Where rows are from is no part of it,
// and neither is the device, which rounds and decides nothing.
func (t *training) key() string {
	all := maps.Clone(t.at.Fields)
	maps.DeleteFunc(all, func(path, _ string) bool {
		return strings.HasPrefix(path, "data.") && path != "data.kind"
	})
	text, err := json.Marshal(all)
	if err != nil {
		panic(err) // strings always marshal
	}
	return disk.Digest(fmt.Sprintf("%d %s %d", trainingVersion, text, t.until))
}

// decide fills in what decides the training besides the values of its recipe.
func (t *training) decide(ctx context.Context) error {
	fields := t.at.Fields
	fields["data"], fields["model"], fields["train.objective"] = rowsDigest(t.set), t.net.Digest, t.aside.Objective
	reads, err := t.run.Program.Reads(t.stage.Model)
	if err != nil {
		return err
	}
	if reads.Name != t.stage.Model.Name {
		program.Fields(fields, "encoder", reflect.ValueOf(reads))
	}
	t.run.NoteFits(t.stage.Model.Name, t.aside.Fits())
	for _, name := range t.aside.Fits() {
		f, err := t.run.Fitted(name)
		if err != nil {
			return err
		}
		fields["fit."+name] = f.Digest
	}
	for _, n := range t.aside.Networks {
		program.Fields(fields, "reads."+n.Model.Name, reflect.ValueOf(n.Model))
		if fields["weights."+n.Model.Name], err = t.run.WeightsDigest(n); err != nil {
			return err
		}
	}
	fields["start"] = fmt.Sprintf("as declared, seed %d", t.run.Seed(t.stage.Model.Name))
	if t.run.IsTrained(t.stage.Model.Name) && t.stage.Train.From != "base" {
		if fields["start"], err = t.run.TrainedDigest(t.stage.Model); err != nil {
			return err
		}
	}
	contract, err := t.run.ContractOf(ctx, t.stage.Model, t.stage.Data)
	if err != nil {
		return err
	}
	fields["contract"] = contract.Hash
	return nil
}

// rowsDigest is a digest of the rows that are trained on and of what a training
// knows of them.
func rowsDigest(set *data.Set) string {
	var all strings.Builder
	fmt.Fprintf(&all, "%v %v %v %v %v %d %s\n", set.Columns, set.Attributes, set.Views, set.LabelIDs, set.Endings, set.Width, data.Fingerprint(set.Train))
	for _, e := range set.Train {
		fmt.Fprintf(&all, "%s %v %d\n", e.Prompt, e.Lengths, e.Better)
	}
	return disk.Digest(all.String())
}

// differs says why this training is not the one that a model came out of.
func (t *training) differs(p *rundir.Training) string {
	var plain, hidden []string
	both := maps.Clone(p.Fields)
	maps.Copy(both, t.at.Fields)
	for _, path := range slices.Sorted(maps.Keys(both)) {
		then, now := p.Fields[path], t.at.Fields[path]
		kind, name, _ := strings.Cut(path, ".")
		switch {
		case then == now || path == "data.source" || path == "data.licence":
		case kind == "fit" || kind == "weights":
			plain = append(plain, name+" is another")
		case opaque[path] != "":
			hidden = append(hidden, opaque[path])
		default:
			plain = append(plain, fmt.Sprintf("%s was %s and is %s now", path, orNothing(then), orNothing(now)))
		}
	}
	if p.Until != t.until {
		plain = append(plain, fmt.Sprintf("it was trained for %d steps, and %d are wanted", p.Until, t.until))
	}
	if len(plain) == 0 {
		plain = hidden
	}
	return strings.Join(plain, ", ")
}

// reuse takes the model that an earlier run trained, if this training would come
// to the same: its weights, and the lines of its steps. A damaged one is none.
func (t *training) reuse(ctx context.Context) (*rundir.Training, error) {
	folder := t.run.ModelFolder(t.stage)
	past, err := rundir.ReadTraining(folder)
	if err != nil {
		t.run.Note(fmt.Sprintf("%s: %v", t.stage.Name(), err))
		return nil, nil
	}
	if past == nil || past.Key != t.key() {
		return nil, nil
	}
	undo := t.run.Leave(t.stage, folder)
	t.net.Restored = false
	if _, err := t.run.TrainedNetwork(ctx, t.stage.Model); err != nil {
		undo()
		t.run.Note(fmt.Sprintf("%s: %v", t.stage.Name(), err))
		return nil, nil
	}
	lines, err := os.ReadFile(filepath.Join(folder, rundir.MetricsFile))
	if err != nil {
		return nil, err
	}
	t.run.Note(t.stage.Name() + ": unchanged, kept")
	return past, rundir.PutMetrics(t.run.Dir, t.stage.Name(), lines)
}

// located is where the model of a train stage lies: in its folder, or where a
// recipe with another number of train stages has put it.
func (r *Run) located(s program.Stage) string {
	folder := r.ModelFolder(s)
	single, named := filepath.Join(r.Dir, "model"), filepath.Join(r.Dir, "model", s.Model.Name)
	other := map[string]string{single: named, named: single}[folder]
	if here, err := rundir.ReadTraining(folder); err != nil || here != nil || other == "" {
		return folder
	}
	if there, err := rundir.ReadTraining(other); err == nil && there != nil && there.Stage == s.Name() {
		return other
	}
	return folder
}

// settle puts the models of all train stages into their folders, and ends
// exchanges of folders, of fits too, that were interrupted.
func (r *Run) settle() error {
	for _, s := range r.Program.Stages {
		var err error
		switch s.Kind {
		case "fit":
			err = disk.Settle(r.FitFolder(s.Fit.Name))
		case "train":
			err = r.settleOne(s)
		}
		if err != nil {
			return r.Program.Failed(s, err)
		}
	}
	return nil
}

func (r *Run) settleOne(s program.Stage) error {
	folder := r.ModelFolder(s)
	if err := disk.Settle(folder); err != nil {
		return err
	}
	at := r.located(s)
	if at == folder {
		return nil
	}
	moved := filepath.Join(r.Dir, ".model.moved")
	if err := errors.Join(os.RemoveAll(moved), os.Rename(at, moved)); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return err
	}
	return disk.Exchange(moved, folder)
}

func orNothing(s string) string {
	return cmp.Or(s, "not set")
}
