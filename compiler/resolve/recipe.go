// Package resolve turns the tree of a recipe into a recipe of package recipe: names are
// bound, defaults filled in, overrides applied, units removed, and every value
// knows who set it. What a recipe may say comes from the tags of runtime/spec
// alone. It reads no file: libraries come parsed.
package resolve

import (
	"slices"

	"github.com/rmc-lang/rmc/compiler/recipe"
	"github.com/rmc-lang/rmc/compiler/schema"
	"github.com/rmc-lang/rmc/compiler/unroll"
	"github.com/rmc-lang/rmc/lang/ast"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/source"
)

// A resolver holds what is shared while one recipe is resolved.
type resolver struct {
	schema.Reader
	errs      *diag.List
	recipe    *recipe.Recipe
	decls     []*ast.Decl // of the recipe
	sets      []*override
	models    map[string]*recipe.Model // nil for one whose declaration was reported
	fits      map[string]*recipe.Fit   // nil for one that was reported or is not reached yet
	rewards   map[string]*recipe.Reward
	data      map[string]*recipe.Data
	partNames map[*recipe.Data][]*ast.Ident // the names of what data is made of
	bound     map[*recipe.Data]binding      // whether these were looked up
	scored    map[string]*ast.Decl          // the models, fits and rewards, which share their names
	texts     map[string]*ast.Decl          // the data and labels
	rounds    *unroll.Rounds                // nil for a library
	twice     map[*ast.Decl]bool            // declarations of a name that another has
	objects   map[string]*recipe.Objective
	suites    map[string]*recipe.Suite // nil for one that was reported
	used      map[string]bool          // "model rm": names that a stage uses
	lost      map[string]bool          // paths below which more is said than could be parsed
	partial   bool                     // a library is missing: objectives that are not known may be in it
	meant     map[string]bool          // names of declarations that were reported: they may be anything
}

// File resolves a parsed recipe with the libraries that it uses; nil stands for
// one that could not be read, which has been reported. All problems
// go to errs; the Recipe is what could be made of it and never nil.
func File(file *ast.File, libraries []*ast.File, overrides []string, errs *diag.List) *recipe.Recipe {
	r := newResolver(file, errs)
	r.recipe.Overrides = overrides
	if file.Broken {
		return r.recipe
	}
	r.parseSets(overrides)
	r.name(file)
	unrolled := *file
	r.rounds = unroll.Decls(file.Decls, errs)
	unrolled.Decls = r.rounds.Decls
	file, r.decls = &unrolled, unrolled.Decls
	r.everyRound()
	r.libraries(libraries)
	r.declarations(file)
	r.unusedSets()
	r.semantics(file)
	r.rounds.Once()
	r.recipe.Meant = r.reported()
	r.recipe.Declared = r.suites
	return r.recipe
}

// reported lists the names of declarations that came to nothing.
func (r *resolver) reported() []string {
	names := keys(r.meant)
	for name, m := range r.models {
		if m == nil {
			names = append(names, name)
		}
	}
	for name, f := range r.fits {
		if f == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Library resolves a library by itself, with those that it uses: a Recipe with
// objectives and nothing else.
func Library(file *ast.File, libraries []*ast.File, errs *diag.List) *recipe.Recipe {
	r := newResolver(file, errs)
	r.libraries(append(slices.Clone(libraries), file))
	r.recipe.Declared = r.suites
	return r.recipe
}

func newResolver(file *ast.File, errs *diag.List) *resolver {
	return &resolver{
		Reader:    schema.Reader{Errs: errs},
		errs:      errs,
		decls:     file.Decls,
		recipe:    &recipe.Recipe{Source: file.Source.Name, Doc: file.Doc},
		models:    map[string]*recipe.Model{},
		fits:      map[string]*recipe.Fit{},
		rewards:   map[string]*recipe.Reward{},
		scored:    map[string]*ast.Decl{},
		texts:     map[string]*ast.Decl{},
		twice:     map[*ast.Decl]bool{},
		data:      map[string]*recipe.Data{},
		partNames: map[*recipe.Data][]*ast.Ident{},
		bound:     map[*recipe.Data]binding{},
		objects:   map[string]*recipe.Objective{},
		suites:    map[string]*recipe.Suite{},
		used:      map[string]bool{},
		meant:     map[string]bool{},
		lost:      map[string]bool{},
	}
}

// name takes the recipe's name.
func (r *resolver) name(file *ast.File) {
	if file.Recipe == nil {
		end := source.Span{File: file.Source, Start: 0, End: min(len(file.Source.Text), 1)}
		r.errs.Addf(diag.NoRecipe, end, "%s has no recipe line", file.Source.Name).Help =
			"start with: recipe NAME"
		return
	}
	r.recipe.Name = file.Recipe.Name
}
