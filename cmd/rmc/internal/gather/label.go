package gather

import (
	"fmt"
	"strings"

	"github.com/rmc-lang/rmc/compiler/recipe"
	"github.com/rmc-lang/rmc/runtime/record"
	"github.com/rmc-lang/rmc/runtime/text/jinja"
)

// label looks at what a label asks: whether its prompt is a template, and whether
// the solutions that a rollout goes on from say which answer is right. No server
// is asked anything.
func (g *gathering) label(l *recipe.Label) {
	if _, err := jinja.Compile(l.Spec.Text); err != nil {
		g.wrong("label."+l.Name+".prompt", fmt.Errorf("it is no template: %w", err))
	}
	if l.Spec.Kind != "rollout" || l.Base == nil {
		return
	}
	path, ok := g.world.Paths[strings.TrimPrefix(l.Base.Path(), "data.")]
	if !ok {
		return
	}
	if _, err := record.Solutions(l.Base.Spec, path); err != nil {
		g.wrong(l.Base.Path()+".source", err)
	}
}
