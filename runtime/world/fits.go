package world

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/fit"
	"github.com/rmc-lang/rmc/runtime/fitted"
	"github.com/rmc-lang/rmc/runtime/measure"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// Remember keeps a fit that was just computed for who reads it.
func (w *World) Remember(f *fitted.Fit) {
	if w.fits == nil {
		w.fits = map[string]*fitted.Fit{}
	}
	w.fits[f.Stage.Fit.Name] = f
}

// Fitted is a fit of the program, computed in this run or an earlier one.
func (w *World) Fitted(name string) (*fitted.Fit, error) {
	if f, ok := w.fits[name]; ok {
		return f, nil
	}
	s, err := w.Program.FindFit(name)
	if err != nil {
		return nil, err
	}
	f, err := w.KeptFit(s)
	if err != nil {
		return nil, err
	}
	w.Remember(f)
	return f, nil
}

// FittedAll is fits of the program in the order of their names.
func (w *World) FittedAll(names []string) (all []*fitted.Fit, err error) {
	for _, name := range names {
		f, err := w.Fitted(name)
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}

// FitFolder is where a fit is kept.
func (w *World) FitFolder(name string) string { return filepath.Join(w.Dir, "fits", name) }

// KeptFit reads and verifies what a fit stage left.
func (w *World) KeptFit(s program.Stage) (*fitted.Fit, error) {
	f, err := fitted.Read(s, w.FitFolder(s.Fit.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s holds no fit %s; train first, or name another folder with --out", w.Dir, s.Fit.Name)
	}
	if err != nil {
		return nil, fmt.Errorf("the fit %s is damaged: %w; train --force fits it again", s.Fit.Name, err)
	}
	return f, nil
}

// ResponsesOf lists the responses of examples, one after another: their
// sequences, but for the prompt where the data has it as a view.
func ResponsesOf(d spec.Data, examples []data.Example) []data.Sequence {
	var all []data.Sequence
	for _, e := range examples {
		all = append(all, measure.Responses(d, e)...)
	}
	return all
}

// HiddenOf is the hidden states of sequences of a data set: [sequence, hidden].
func (w *World) HiddenOf(ctx context.Context, m spec.Model, d spec.Data, all []data.Sequence) (fit.Matrix[float32], error) {
	e, err := w.Embeddings(ctx, m, d)
	if err != nil {
		return fit.Matrix[float32]{}, err
	}
	out := fit.Zeros[float32](len(all), e.Size)
	for i, s := range all {
		copy(out.Row(i), e.Of(s))
	}
	return out, nil
}

// FitParts is what graphs compute with of a fit: a probe or a transform.
func (w *World) FitParts(name string) (*fit.Probe, *fit.Transform, error) {
	f, err := w.Fitted(name)
	if err != nil {
		return nil, nil, err
	}
	return f.Probe, f.Transform, nil
}
