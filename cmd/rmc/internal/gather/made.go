package gather

import (
	"github.com/rmc-lang/rmc/compiler/facts"
	"github.com/rmc-lang/rmc/compiler/recipe"
	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// made reads data that is made of other data as a model sees it. What a label
// will say of pairs is not known yet: they are taken as they stand, all of them.
// Where a source is not on this machine, or is wrong, that was said.
func (g *gathering) made(m spec.Model, of *recipe.Data) {
	from := g.fromPairs
	if of.Spec.From.Kind == "union" {
		from = g.union
	}
	if set, err := from(m, of); set != nil || err != nil {
		g.read(m, of, set, err, false)
	}
}

// union is the sets of the parts as one; nil where one is not known.
func (g *gathering) union(m spec.Model, of *recipe.Data) (*data.Set, error) {
	var sets []*data.Set
	for _, p := range of.Parts {
		g.tokens(m, p)
		set := g.world.Sets[facts.Key(m.Name, p.Spec.Name)]
		if set == nil {
			return nil, nil
		}
		sets = append(sets, set)
	}
	return data.Join(of.Spec.From.Data, sets...)
}

// fromPairs is what is made of the pairs of the parts; nil where a source, or the
// tokenizer, is not at hand.
func (g *gathering) fromPairs(m spec.Model, of *recipe.Data) (*data.Set, error) {
	reader := g.world.Readers[m.Name]
	if reader == nil {
		return nil, nil
	}
	pairs, err := g.pairs(m, of)
	if err != nil || pairs == nil {
		return nil, err
	}
	d := of.Spec
	d.OverLength, d.Ties = lenient(d.OverLength), lenient(d.Ties)
	return data.FromPairs(d, pairs, reader.Encode(d))
}

// pairs are those of a data set in words, or those that comparisons are made of;
// nil where a source is not at hand. There must be a tokenizer.
func (g *gathering) pairs(m spec.Model, of *recipe.Data) ([]data.Pair, error) {
	if len(of.Parts) == 0 {
		root := of.Roots()[0]
		path, ok := g.world.Paths[root.Spec.Name]
		if !ok {
			return nil, nil
		}
		if root.Spec.Ties == "error" || root.Spec.OverLength == "error" { // which holds whatever is made of the rows
			g.tokens(m, root)
		}
		texts, err := data.Texts(root.Spec, path)
		for _, other := range root.Exclude {
			if set := g.excluded(m, root, other); set != nil {
				texts = data.Apart(texts, set)
			}
		}
		return data.PairsOf(root.Spec, texts, g.world.Readers[m.Name].Encode(root.Spec)), err
	}
	var all [][]data.Pair
	for _, p := range of.Parts {
		pairs, err := g.pairs(m, p)
		if err != nil || pairs == nil {
			return nil, err
		}
		if len(p.Parts) > 0 {
			pairs = data.Within(p.Spec, pairs, g.world.Readers[m.Name].Encode(p.Spec))
		}
		all = append(all, pairs)
	}
	pairs := data.Union(all...)
	if of.Spec.From.Kind != "augment" {
		return pairs, nil
	}
	made, err := data.Augment(of.Spec, pairs)
	return made.Pairs, err
}

// sourceOf is the value that names where a data set comes from.
func sourceOf(d *recipe.Data) string {
	if len(d.Parts) > 0 {
		return d.Path() + ".from"
	}
	return d.Path() + ".source"
}

// excluded is data whose questions a data set must not have; nil where it cannot
// be read.
func (g *gathering) excluded(m spec.Model, of, other *recipe.Data) *data.Set {
	g.tokens(m, other)
	set := g.world.Sets[facts.Key(m.Name, other.Spec.Name)]
	if set == nil {
		g.leftOut("which questions of data %s are in %s", of.Spec.Name, other.Spec.Name)
	}
	return set
}

// without leaves out the questions of the data that a recipe excludes.
func (g *gathering) without(m spec.Model, of *recipe.Data, set *data.Set) *data.Set {
	for _, other := range of.Exclude {
		asked := g.excluded(m, of, other)
		if asked == nil {
			continue
		}
		rest, err := data.Without(set, asked, other.Spec.Name)
		if err != nil {
			g.wrong(of.Path()+".exclude", err)
			continue
		}
		set = rest
	}
	return set
}
