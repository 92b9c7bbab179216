package optim

import (
	"fmt"
	"maps"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/rmc-lang/rmc/runtime/fit"
	"github.com/rmc-lang/rmc/runtime/mesh"
	"github.com/rmc-lang/rmc/runtime/model"
	"github.com/rmc-lang/rmc/runtime/network"
	"github.com/rmc-lang/rmc/runtime/op"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/terms"
)

// An Aside is what an objective reads besides the model that is trained: frozen
// networks and fits. The zero value is that of an objective that reads nothing
// else and is a mean over examples.
type Aside struct {
	// Networks are small ones, and decoders that have been asked what comes next.
	Networks []*network.Network
	// Objective is a digest of the graph that the objective is.
	Objective string

	fits map[string]fitParts
	// whole says that the objective takes a statistic of all examples of a step,
	// which micro-batches do not add up to.
	whole bool
}

// fitParts are what a graph computes with of a fit: one of the two.
type fitParts struct {
	probe     *fit.Probe
	transform *fit.Transform
}

// An Opener gives by name what an objective may read besides the model that is
// trained. What is asked for twice is opened once.
type Opener struct {
	Network func(name string) (*network.Network, error)
	// Fit gives a probe or, of a decorrelation, a transform; the other is nil.
	Fit func(name string) (*fit.Probe, *fit.Transform, error)
}

// Fits names the fits, in order.
func (a *Aside) Fits() []string { return slices.Sorted(maps.Keys(a.fits)) }

// Names lists what is read by name: fits, and then models.
func (a *Aside) Names() []string {
	all := a.Fits()
	for _, n := range a.Networks {
		all = append(all, n.Model.Name)
	}
	return all
}

// parameters are those of all its networks.
func (a *Aside) parameters() (all []*network.Weight) {
	for _, n := range a.Networks {
		all = append(all, n.Parameters()...)
	}
	return all
}

func (a *Aside) fit(name string) fitParts {
	if f, ok := a.fits[name]; ok {
		return f
	}
	panic(fmt.Sprintf("optim: a graph reads the fit %s, which was not opened", name))
}

func (a *Aside) probe(name string) *fit.Probe { return a.fit(name).probe }

func (a *Aside) matrix(name string) *fit.Transform { return a.fit(name).transform }

// decoders are those of its networks that read tokens themselves.
func (a *Aside) decoders() (all []*network.Network) {
	for _, n := range a.Networks {
		if n.Decoder != nil {
			all = append(all, n)
		}
	}
	return all
}

// AsideOf opens what the objective of a train stage reads besides the model that
// is trained. What that is, the objective says itself: it is run over a batch of
// nothing, of the shape that batch says, with hidden states of so many numbers.
// An error is of the opener, or of an objective that makes no graph.
func AsideOf(s program.Stage, trained *network.Network, batch terms.Shape, hidden int, open Opener) (a *Aside, err error) {
	a = &Aside{fits: map[string]fitParts{}}
	g := NewGraph(trained.Layout.Backend, s.Name())
	defer g.Finalize()
	defer func() {
		if problem := recover(); problem != nil {
			a, err = nil, mesh.AsError(problem)
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
			n = a.network(open, name)
		}
		return n, func(parameter string) *Node { return n.Blank(g, parameter) }
	}
	in.Of = func(name string) (map[string]*Node, bool) {
		if name == trained.Model.Name {
			return nil, false
		}
		n := a.network(open, name)
		return batch.ByView(micro, states(name, n.Decoder.Config.Hidden)), true
	}
	in.Probe = func(name string) *fit.Probe { return a.openFit(open, name).probe }
	in.Decorrelation = func(name string) *fit.Transform { return a.openFit(open, name).transform }
	b := op.NewBatch(batch.Inputs(micro, in))
	objective := s.Objective(b)
	text.output("loss", b.Share(objective.Loss))
	for _, report := range objective.Reports {
		text.output(report.Name, b.Share(report.Value))
	}
	a.whole, a.Objective = b.Indivisible(), text.digest()
	return a, nil
}

// network is one of the networks, opened where it is new.
func (a *Aside) network(open Opener, name string) *network.Network {
	for _, n := range a.Networks {
		if n.Model.Name == name {
			return n
		}
	}
	n, err := open.Network(name)
	if err != nil {
		panic(fmt.Errorf("the objective reads the model %s: %w", name, err))
	}
	a.Networks = append(a.Networks, n)
	return n
}

// openFit is one of the fits, opened where it is new.
func (a *Aside) openFit(open Opener, name string) fitParts {
	if f, ok := a.fits[name]; ok {
		return f
	}
	probe, transform, err := open.Fit(name)
	if err != nil {
		panic(err)
	}
	a.fits[name] = fitParts{probe, transform}
	return a.fits[name]
}
