package gather

import (
	"fmt"
	"slices"

	"github.com/rmc-lang/rmc/compiler/facts"
	"github.com/rmc-lang/rmc/compiler/recipe"
	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/generate"
	"github.com/rmc-lang/rmc/runtime/judge"
	"github.com/rmc-lang/rmc/runtime/record"
)

// asked notes what it takes that a policy of the recipe answers all that a label asks.
// Where something of it is not at hand, or is wrong, that was said.
func (g *gathering) asked(l *recipe.Label) error {
	if l.Policy == nil || l.Base == nil {
		return nil
	}
	m, known := g.world.Facts.Models[l.Policy.Spec.Name]
	reader := g.world.Readers[l.Policy.Spec.Name]
	set := g.judged(l)
	if !known || !m.Supported || reader == nil || set == nil {
		return nil
	}
	texts, err := g.textsOf(l, set)
	if err != nil {
		return fmt.Errorf("label %s: %w", l.Name, err)
	}
	var all []generate.Question
	for _, text := range texts {
		ids, err := judge.Tokens(l.Spec, reader.tokenizer, text)
		if err != nil {
			return nil // which the compiler says of the tokenizer
		}
		all = append(all, generate.Question{IDs: ids, Answers: make([]int, judge.SamplesOf(l.Spec))})
	}
	cache := generate.Cache{Layers: m.Layers, KVHeads: m.KVHeads, HeadDim: m.HeadDim, Bytes: 4}
	if n := l.Policy.Spec.Depth(); n >= 0 {
		cache.Layers = n
	}
	if l.Policy.Spec.DType == "bfloat16" {
		cache.Bytes = 2
	}
	ways := max(1, g.recipe.Mesh.FSDP)
	load := generate.LoadOf(all, generate.ShapeOf(l.Spec.Batch, l.Spec.Samples, ways), generate.Settings{MaxTokens: l.Spec.MaxTokens, Positions: m.Positions}, cache)
	load.Cache /= int64(ways)
	g.world.Facts.Asked[l.Name] = facts.Asked(load)
	return nil
}

// judged is the rows that a label asks about, as the first model sees them that reads
// what comes of it; nil where they are not known.
func (g *gathering) judged(l *recipe.Label) *data.Set {
	for _, u := range g.recipe.Uses() {
		for _, d := range append(u.Data.MadeOf(), u.Data) {
			if d.Label == l {
				g.tokens(u.Model.Spec, d)
				return g.world.Sets[facts.Key(u.Model.Spec.Name, d.Spec.Name)]
			}
		}
	}
	return nil
}

// textsOf are the texts that a label asks about the rows that a set keeps.
func (g *gathering) textsOf(l *recipe.Label, set *data.Set) ([]string, error) {
	kept := map[int]bool{}
	for _, e := range slices.Concat(set.Train, set.Holdout) {
		kept[e.Row] = true
	}
	path := g.world.Paths[l.Base.Spec.Name]
	if l.Spec.Kind == "rollout" {
		solved, err := record.Solutions(l.Base.Spec, path)
		if err != nil {
			return nil, nil // which was said of the source
		}
		var all []judge.Solution
		for _, one := range solved {
			if kept[one.Row] {
				all = append(all, judge.Solution(one))
			}
		}
		return judge.Beginnings(l.Spec, all)
	}
	texts, err := data.Texts(l.Base.Spec, path)
	if err != nil {
		return nil, err
	}
	var all []judge.Question
	for _, t := range texts {
		if kept[t.Row] {
			all = append(all, judge.Question{Row: t.Row, Conversation: t.Prompt, First: t.Responses[0], Second: t.Responses[1]})
		}
	}
	return judge.Texts(l.Spec, all)
}
