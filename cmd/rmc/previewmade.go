package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/compiler/recipe"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/runtime/data"
)

// made is a row of data that is made of other data: of those that are kept, as
// they are trained on.
func (p *previewCommand) made(d *recipe.Data, set *data.Set) (data.Look, error) {
	rows := map[string][]data.Example{"all": slices.Concat(set.Train, set.Holdout), "train": set.Train, "holdout": set.Holdout}[p.Part]
	if p.Row > len(rows) {
		return data.Look{}, fmt.Errorf("the %s part has %s", p.Part, diag.Count(len(rows), "row"))
	}
	e := rows[p.Row-1]
	return data.Look{
		Row: p.Row - 1, Where: d.Spec.From.Kind + " of " + strings.Join(d.Spec.From.Data, ", "), Views: set.Views, Full: e.Sequences, Cut: e.Sequences,
		Lengths: e.Lengths, Marks: e.Marks, HeldOut: p.Part != "train" && p.Row > len(rows)-len(set.Holdout),
	}, nil
}

// marks writes where labels are read, and which stand there.
func (t *lookText) marks(kept data.Sequence) {
	for i, m := range t.look.Marks {
		var gold []string
		for k, share := range m.Gold {
			switch {
			case share == 1:
				gold = []string{t.data.Labels[k]}
			case share > 0:
				gold = append(gold, fmt.Sprintf("%.3g %s", share, t.data.Labels[k]))
			}
		}
		fmt.Fprintf(&t.b, "  label %d: after token %d, %s: %s\n", i+1, m.At+1, t.paint(scored, t.piece(kept.IDs[m.At])), strings.Join(gold, ", "))
	}
}
