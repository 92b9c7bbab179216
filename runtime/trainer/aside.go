package trainer

import (
	"context"
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/rmc-lang/rmc/runtime/fit"
	"github.com/rmc-lang/rmc/runtime/mesh"
	"github.com/rmc-lang/rmc/runtime/model"
	"github.com/rmc-lang/rmc/runtime/network"
	"github.com/rmc-lang/rmc/runtime/op"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/terms"
)

// An aside is what an objective reads besides the model that is trained: frozen
// networks and fits.
type aside struct {
	networks []*network.Network // small ones, and decoders that have been asked what comes next
	fits     map[string]*fitted
	// whole says that the objective takes a statistic of all examples of a step,
	// which micro-batches do not add up to.
	whole bool
	// objective is a digest of the graph that the objective is.
	objective string
}

// parameters are those of all its networks.
func (a *aside) parameters() (all []*network.Weight) {
	for _, n := range a.networks {
		all = append(all, n.Parameters()...)
	}
	return all
}

func (a *aside) fit(name string) *fitted {
	if f, ok := a.fits[name]; ok {
		return f
	}
	panic(fmt.Sprintf("trainer: a graph reads the fit %s, which was not opened", name))
}

func (a *aside) probe(name string) *fit.Probe { return a.fit(name).probe }

func (a *aside) matrix(name string) *fit.Transform { return a.fit(name).transform }

// decoders are those of its networks that read tokens themselves.
func (a *aside) decoders() (all []*network.Network) {
	for _, n := range a.networks {
		if n.Decoder != nil {
			all = append(all, n)
		}
	}
	return all
}

// asideOf opens what the objective of a train stage reads besides the model that
// is trained. What that is, the objective says itself: it is run over a batch of
// nothing.
func (r *Run) asideOf(ctx context.Context, s program.Stage, trained *network.Network, batch terms.Shape, hidden int) (a *aside, err error) {
	a = &aside{fits: map[string]*fitted{}}
	g := NewGraph(trained.Layout.Backend, s.Name())
	defer g.Finalize()
	defer func() {
		if problem := recover(); problem != nil {
			err = mesh.AsError(problem)
		}
	}()
	const examples = 2
	micro, text := batch.Blank(g, examples), newGraphText()
	text.arrays(micro)
	states := func(of string, size int) *Node {
		return text.leaf("hidden of "+of, Zeros(g, float32s(batch.States(examples, size))))
	}
	in := batch.Reading(micro, states("the trained", hidden))
	in.Network = func(name string) (*network.Network, model.Params) {
		n := trained
		if name != trained.Model.Name {
			n = r.mustOpen(ctx, a, name)
		}
		return n, func(parameter string) *Node { return n.Blank(g, parameter) }
	}
	in.Of = func(name string) (map[string]*Node, bool) {
		if name == trained.Model.Name {
			return nil, false
		}
		n := r.mustOpen(ctx, a, name)
		return batch.ByView(micro, states(name, n.Decoder.Config.Hidden)), true
	}
	opened := func(name string) *fitted {
		f, err := r.fitted(name)
		if err != nil {
			panic(err)
		}
		a.fits[name] = f
		return f
	}
	in.Probe = func(name string) *fit.Probe { return opened(name).probe }
	in.Decorrelation = func(name string) *fit.Transform { return opened(name).transform }
	b := op.NewBatch(batch.Inputs(micro, in))
	objective := s.Objective(b)
	text.output("loss", b.Share(objective.Loss))
	for _, report := range objective.Reports {
		text.output(report.Name, b.Share(report.Value))
	}
	for _, n := range a.decoders() {
		if err := r.sameTokens(ctx, trained.Model, n.Model, s.Data); err != nil {
			return nil, err
		}
	}
	a.whole, a.objective = b.Indivisible(), text.digest()
	return a, nil
}

// mustOpen opens a frozen network, as an earlier stage left it.
func (r *Run) mustOpen(ctx context.Context, a *aside, name string) *network.Network {
	for _, n := range a.networks {
		if n.Model.Name == name {
			return n
		}
	}
	n, err := r.frozen(ctx, name)
	if err != nil {
		panic(fmt.Errorf("the objective reads the model %s: %w", name, err))
	}
	a.networks = append(a.networks, n)
	return n
}

// frozen is a model that a stage reads beside the one that it trains: as an
// earlier stage left it or, where none trains it, as it is declared.
func (r *Run) frozen(ctx context.Context, name string) (*network.Network, error) {
	s, err := r.Program.Trains(name)
	if err == nil {
		return r.trainedNetwork(ctx, s.Model)
	}
	for _, m := range r.Program.Models {
		if m.Name == name {
			return r.network(ctx, m)
		}
	}
	return nil, err
}

// sizeOf is the size of the hidden states that a network reads.
func (r *Run) sizeOf(ctx context.Context, n *network.Network) (int, error) {
	if n.Decoder != nil {
		return n.Decoder.Config.Hidden, nil
	}
	m, err := r.Program.Reads(n.Model)
	if err != nil {
		return 0, err
	}
	f, err := r.features(ctx, m)
	if err != nil {
		return 0, err
	}
	return f.Decoder.Config.Hidden, nil
}
