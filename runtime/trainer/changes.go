package trainer

import (
	"context"
	"os"
	"path/filepath"
	"slices"

	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/rundir"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// A stale stage is one that would not find in the run directory what it comes
// to.
type stale struct {
	stage string // Stage.Name
	why   string
	loses bool // what is there of it would be replaced
}

// changes lists the train and fit stages that Execute would not find unchanged,
// without changing anything. What reads a stage that would run again is taken to
// run again, too: Execute may find that it does not.
func (r *Run) changes(ctx context.Context) ([]stale, error) {
	var all []stale
	fresh := map[string]bool{} // names of models, fits and data that may be others
	for _, s := range r.Program.Stages {
		p, err := r.changed(ctx, s, fresh)
		if err != nil {
			return nil, r.Program.Failed(s, err)
		}
		if p == nil {
			if s.Kind == "train" {
				r.Leave(s, r.located(s))
			}
			continue
		}
		if fresh[s.Produces()] = true; s.Kind != "label" {
			p.stage = s.Name()
			all = append(all, *p)
		}
	}
	return append(all, r.dropped()...), r.Forget()
}

// changed says why a stage would not be found unchanged; nil where it would.
func (r *Run) changed(ctx context.Context, s program.Stage, fresh map[string]bool) (*stale, error) {
	switch s.Kind {
	case "fit":
		return r.fitChanged(ctx, s, fresh)
	case "train":
		return r.trainChanged(ctx, s, fresh)
	case "label":
		if why := r.readsFresh(s.Data, fresh, s.Label.Scorer, s.Label.Policy); why != "" {
			return &stale{why: why}, nil
		}
	}
	return nil, nil
}

// readsFresh says which of what data and names stand for may be another; "" for
// none of them.
func (r *Run) readsFresh(d spec.Data, fresh map[string]bool, names ...string) string {
	for _, name := range slices.Concat(names, r.Program.MadeOf(d)) {
		if fresh[name] {
			return "it reads " + name + ", which changes"
		}
	}
	return ""
}

func (r *Run) fitChanged(ctx context.Context, s program.Stage, fresh map[string]bool) (*stale, error) {
	_, err := os.Stat(r.FitFolder(s.Fit.Name))
	p := &stale{loses: err == nil}
	if p.why = r.readsFresh(s.Data, fresh, s.Fit.Of...); p.why != "" {
		return p, nil
	}
	kept, err := r.KeptFit(s)
	if err != nil {
		p.why = err.Error()
		return p, nil
	}
	m, err := r.Program.ReadBy(s)
	if err != nil {
		return nil, err
	}
	set, err := r.Set(ctx, m, s.Data)
	if err != nil {
		return nil, err
	}
	inputs, err := r.fitInputs(ctx, s, m, set)
	if err != nil {
		return nil, err
	}
	if inputs == kept.Inputs {
		return nil, nil
	}
	p.why = "its settings, its rows or the weights that it reads are others"
	return p, nil
}

func (r *Run) trainChanged(ctx context.Context, s program.Stage, fresh map[string]bool) (*stale, error) {
	past, damaged := rundir.ReadTraining(r.located(s))
	p := &stale{loses: past != nil || damaged != nil}
	if p.why = r.readsFresh(s.Data, fresh, s.Model.Name); p.why != "" {
		return p, nil
	}
	t, err := r.begin(ctx, s)
	switch {
	case err != nil && len(fresh) > 0:
		p.why = "it reads what is new: " + err.Error()
	case err != nil:
		return nil, err
	case damaged != nil:
		p.why = damaged.Error()
	case past == nil:
		p.why = "it is new"
	default:
		if p.why = r.readsFresh(s.Data, fresh, t.aside.Names()...); p.why == "" && past.Key != t.key() {
			p.why = t.differs(past)
		}
	}
	if p.why == "" {
		return nil, nil
	}
	return p, nil
}

// dropped are models that are lost because nothing trains them any more: where
// one train stage is left, its model has the folder for itself.
func (r *Run) dropped() (all []stale) {
	if slices.ContainsFunc(r.Program.Stages, func(s program.Stage) bool {
		return s.Kind == "train" && r.ModelFolder(s) != filepath.Join(r.Dir, "model")
	}) {
		return nil
	}
	others, _ := filepath.Glob(filepath.Join(r.Dir, "model", "*", rundir.TrainingFile)) // the pattern is right
	for _, path := range others {
		all = append(all, stale{stage: filepath.Dir(path), why: "nothing trains it any more", loses: true})
	}
	return all
}
