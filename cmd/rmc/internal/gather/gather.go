// Package gather opens what a recipe names and asks it what the compiler wants to
// know: configs, tokenizers, rows, digests.
package gather

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/compiler/facts"
	"github.com/rmc-lang/rmc/compiler/recipe"
	"github.com/rmc-lang/rmc/runtime/arch"
	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/lock"
	"github.com/rmc-lang/rmc/runtime/pack"
	"github.com/rmc-lang/rmc/runtime/record"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/text"
)

// A World is what was found out about a recipe's surroundings.
type World struct {
	Facts   *facts.Facts
	Readers map[string]*Reader   // by the model's name; what renders and tokenises for it
	Sets    map[string]*data.Set // by facts.Key
	Paths   map[string]string    // on disk, by the data's name
	Left    []string             // checks that could not be made, in words
}

// Options say where a recipe is, and how far to go for what it names.
type Options struct {
	Folder  string       // of the recipe: files are looked for there
	Offline bool         // touch no network
	Pins    *lock.File   // pins a hub source without a revision to that of an earlier look; may be nil
	Beside  []lock.Entry // what is locked that no source is: the standard library, rmc itself
	Log     func(string) // is told of what is fetched
}

// Recipe looks at what a recipe names. What is wrong with the world becomes facts
// too: the compiler knows the place in the recipe.
func Recipe(r *recipe.Recipe, o Options) *World {
	g := &gathering{
		ctx: context.Background(), recipe: r,
		sources: newSources(o),
		world: &World{
			Facts: &facts.Facts{
				Models: map[string]facts.Model{}, Tokenizers: map[string]facts.Tokenizer{}, Data: map[string]facts.Data{}, Asked: map[string]facts.Asked{},
			},
			Readers: map[string]*Reader{}, Sets: map[string]*data.Set{}, Paths: map[string]string{},
		},
	}
	for _, m := range r.Models {
		if m.Spec.Base != "" {
			g.model(m.Spec)
		}
	}
	for _, d := range r.Data {
		if d.Label == nil && len(d.Spec.From.Data) == 0 {
			g.source(d.Spec)
		}
	}
	for _, l := range r.Labels {
		g.label(l)
	}
	for _, u := range r.Uses() {
		g.tokens(u.Model.Spec, u.Data)
	}
	for _, l := range r.Labels {
		if err := g.asked(l); err != nil {
			g.leftOut("what answering takes: %v", err)
		}
	}
	g.world.Facts.Missing = g.sources.missing
	g.resolved(o.Beside)
	return g.world
}

// A gathering is a gather in progress.
type gathering struct {
	ctx     context.Context
	recipe  *recipe.Recipe
	sources *sources
	world   *World
}

// leftOut notes a check that was not made.
func (g *gathering) leftOut(format string, args ...any) {
	g.world.Left = append(g.world.Left, fmt.Sprintf(format, args...))
}

// wrong notes what is wrong with the source that a value names.
func (g *gathering) wrong(path string, err error) {
	g.sources.missing = append(g.sources.missing, facts.Missing{Path: path, Reason: err.Error()})
}

// model reads the config and the tokenizer of a model.
func (g *gathering) model(m spec.Model) {
	path := "model." + m.Name + ".base"
	local, ok := g.sources.open(g.ctx, "model", path, m.Base)
	if !ok {
		g.leftOut("shapes and tokenizer of model %s: %s is not on this machine", m.Name, m.Base)
		return
	}
	config, err := arch.Load(local.Path)
	var unsupported *arch.UnsupportedError
	switch {
	case errors.As(err, &unsupported) && unsupported.What == "architecture":
		g.world.Facts.Models[m.Name] = facts.Model{Architecture: unsupported.Name, Known: unsupported.Known}
		return
	case err != nil:
		g.wrong(path, err)
		return
	}
	g.world.Facts.Models[m.Name] = modelFacts(config, m, g.recipe.Mesh)
	g.tokenizer(m, local.Path)
}

// modelFacts is config in the compiler's words: what is loaded of it for m, and
// where the runtime puts that on the mesh.
func modelFacts(c arch.Config, m spec.Model, mesh spec.Mesh) facts.Model {
	f := facts.Model{
		Architecture: c.Family, Supported: true, Known: arch.Known(),
		Vocab: c.Vocab, Layers: c.Layers, Hidden: c.Hidden, FFN: c.Intermediate,
		Heads: c.Heads, KVHeads: c.KVHeads, HeadDim: c.HeadDim, Positions: c.MaxPositions,
		HasScoreHead: c.HasScore(),
	}
	layer := m.Depth()
	if layer > c.Layers {
		layer = -1 // the compiler will say that there is no such layer
	}
	for _, p := range c.ParametersTo(layer) {
		at := arch.Sharding(p, mesh.FSDP, mesh.Tensor)
		f.Params = append(f.Params, facts.Param{Name: p.Name, Shape: p.Shape, Axes: at.Axes, Uneven: at.Uneven})
	}
	return f
}

// source opens the file of a data set.
func (g *gathering) source(d spec.Data) {
	local, ok := g.sources.open(g.ctx, "data", "data."+d.Name+".source", d.Source)
	if !ok {
		g.leftOut("rows of data %s: %s is not on this machine", d.Name, d.Source)
		return
	}
	g.world.Paths[d.Name] = local.Path
}

// tokens reads a data set as a model sees it.
func (g *gathering) tokens(m spec.Model, of *recipe.Data) {
	if _, twice := g.world.Facts.Data[facts.Key(m.Name, of.Spec.Name)]; twice {
		return
	}
	if len(of.Parts) > 0 {
		g.made(m, of)
		return
	}
	d := of.Spec
	d.Unlabelled = d.Unlabelled || of.Label != nil && of.Label.Spec.Kind == "rollout"
	path, ok := g.world.Paths[strings.TrimPrefix(of.Path(), "data.")]
	if !ok {
		return // said already
	}
	reader := g.world.Readers[m.Name]
	encode, wanted := reader.Encode(d), false
	if reader == nil {
		encode = func([]data.Message) (data.Encoded, error) {
			wanted = true
			return data.Encoded{}, errors.New("there is no tokenizer")
		}
	}
	// The compiler holds the counts against these two policies and knows where
	// they are written; the loader would stop at the first.
	d.OverLength, d.Ties = lenient(d.OverLength), lenient(d.Ties)
	set, err := data.Load(d, path, encode)
	if err == nil {
		set = g.without(m, of, set)
	}
	g.read(m, of, set, err, wanted)
}

// read notes what became of a data set as a model sees it. wanted tells that
// there was no tokenizer where one was needed.
func (g *gathering) read(m spec.Model, of *recipe.Data, set *data.Set, err error, wanted bool) {
	d, key := of.Spec, facts.Key(m.Name, of.Spec.Name)
	var label *text.LabelError
	var column *record.ColumnError
	var nothing *data.NothingLeftError
	var unrated *data.UnratedError
	switch {
	case errors.As(err, &column):
		g.world.Facts.Data[key] = columnFacts(column)
	case errors.As(err, &label):
		g.world.Facts.Data[key] = facts.Data{Unread: &facts.Unread{Label: label.Label, Why: label.Why}}
	case errors.As(err, &unrated):
		g.world.Facts.Data[key] = facts.Data{Rows: unrated.Rows, Ratings: []facts.Rating{{Attribute: unrated.Attribute, Missing: unrated.Rows}}}
	case wanted && errors.As(err, &nothing):
		g.leftOut("tokens of data %s: there is no tokenizer of model %s to count them with", d.Name, m.Name)
		g.world.Facts.Data[key] = uncounted(nothing.Stats)
	case errors.As(err, &nothing):
		g.world.Facts.Data[key] = dataFacts(&data.Set{Stats: nothing.Stats}, nil)
	case err != nil:
		g.wrong(sourceOf(of), err)
	case set != nil:
		g.world.Sets[key] = set
		known := dataFacts(set, g.world.Readers[m.Name].bosCounts(set))
		known.Ratings = ratingFacts(d, set)
		g.world.Facts.Data[key] = known
	}
}

// uncounted is what can be said of rows of which nobody knows the tokens: which
// columns they have. None of them is known to be left out.
func uncounted(s data.Stats) facts.Data {
	return facts.Data{Rows: s.Read, Kept: s.Read, Train: s.Read, Columns: columns(s)}
}

func lenient(policy string) string {
	if policy == "error" {
		return "drop"
	}
	return policy
}

func columnFacts(e *record.ColumnError) facts.Data {
	p := facts.ColumnProblem{Column: e.Column, Row: e.Row + 1, Rows: 1, Want: e.Want, Have: e.Have}
	if e.Have == "" {
		f := facts.Data{MissingColumns: []facts.ColumnProblem{p}}
		for _, name := range e.Known {
			f.Columns = append(f.Columns, facts.Column{Name: name})
		}
		return f
	}
	return facts.Data{Mistyped: []facts.ColumnProblem{p}}
}

// dataFacts is what was read in the compiler's words. Rows are 1-based there.
func dataFacts(s *data.Set, bos map[int]int) facts.Data {
	return facts.Data{
		Rows: s.Stats.Read, Columns: columns(s.Stats), Kept: s.Stats.Kept, Train: s.Stats.Train, Holdout: s.Stats.Holdout,
		OverLong: s.Stats.Over, OverLongAt: oneBased(s.Stats.OverAt),
		Ties: s.Stats.Met(data.Identical) + s.Stats.Met(data.Tied), TiesAt: oneBased(filter(s.Stats, data.Identical).Rows),
		Identical: s.Stats.Met(data.IdenticalOnce), IdenticalAt: oneBased(filter(s.Stats, data.IdenticalOnce).Rows),
		SavingLength: s.Stats.SavedBy,
		CutWhole:     s.Stats.Met(data.CutWhole), CutWholeAt: oneBased(filter(s.Stats, data.CutWhole).Rows),
		Refused: s.Stats.Met(data.Refused), RefusedReason: filter(s.Stats, data.Refused).Reason,
		Left: otherReasons(s.Stats), Made: madeFacts(s.Stats),
		SharedPrompts: s.Stats.InBoth, SharedPromptsOf: prompts(s.Holdout), SharedExample: s.Stats.InBothExample,
		Marks: s.Stats.Marks, BOSCounts: bos, Lengths: s.Stats.Lengths, Distinct: lengths(s.Distinct()), Packed: packed(s.Distinct()), ExampleMax: longest(s.Train), HoldoutMax: longest(s.Holdout),
		LargestID: int(s.Stats.LargestID), LargestIDAt: s.Stats.LargestIDAt + 1,
		Sequences: s.Width, TokensBefore: s.Stats.TokensBefore, TokensAfter: s.Stats.TokensAfter,
	}
}

func columns(s data.Stats) []facts.Column {
	var out []facts.Column
	for _, c := range s.Columns {
		out = append(out, facts.Column{Name: c.Name, Type: c.Type, Constant: c.Constant, Value: c.Value})
	}
	return out
}

func oneBased(rows []int) []int {
	out := make([]int, len(rows))
	for i, r := range rows {
		out[i] = r + 1
	}
	return out
}

// filter returns what a filter left out; of one that met no row, nothing.
func filter(s data.Stats, name string) data.Filter {
	for _, f := range s.Filters {
		if f.Name == name {
			return f
		}
	}
	return data.Filter{}
}

// otherReasons counts the rows that were left out for a reason that facts have
// no place of its own for.
func otherReasons(s data.Stats) []facts.Left {
	own := []string{data.Identical, data.Tied, data.OverLong, data.CutWhole, data.IdenticalOnce, data.Refused}
	var left []facts.Left
	for _, f := range s.Filters {
		if !slices.Contains(own, f.Name) {
			left = append(left, facts.Left{Rows: f.Before - f.After, Reason: f.Reason})
		}
	}
	return left
}

// madeFacts is how many pairs augment made, by kind.
func madeFacts(s data.Stats) []facts.Made {
	var made []facts.Made
	for _, of := range s.Made {
		made = append(made, facts.Made(of))
	}
	return made
}

// lengths returns the tokens of each sequence.
func lengths(all []data.Sequence) []int {
	out := make([]int, len(all))
	for i, s := range all {
		out[i] = len(s.IDs)
	}
	return out
}

// packed lays sequences into rows, as the trainer does to embed them.
func packed(all []data.Sequence) []int {
	var out []int
	for _, row := range pack.Sequences(all) {
		out = append(out, len(row.Tokens))
	}
	return out
}

// prompts counts the different prompts of examples.
func prompts(examples []data.Example) int {
	seen := map[string]bool{}
	for _, e := range examples {
		seen[e.Prompt] = true
	}
	return len(seen)
}

// longest returns the tokens of each example's longest sequence.
func longest(examples []data.Example) []int {
	out := make([]int, len(examples))
	for i, e := range examples {
		out[i] = e.Len()
	}
	return out
}

// resolved completes the lock with what is no source. When a source is missing
// there is no telling what it should be locked to, and nothing is compared.
func (g *gathering) resolved(beside []lock.Entry) {
	if g.sources.absent || len(g.sources.missing) > 0 {
		return
	}
	for _, e := range beside {
		g.sources.add(e)
	}
	resolved := g.sources.locked
	g.world.Facts.Resolved = &resolved
}
