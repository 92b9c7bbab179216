package compiler

import (
	"io/fs"
	"path"
	"strings"

	"github.com/rmc-lang/rmc/compiler/recipe"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/stdlib"
)

// prompts reads the texts that labels ask with: they become part of the program.
func (l *loader) prompts(r *recipe.Recipe, errs *diag.List) {
	for _, label := range r.Labels {
		file := label.Spec.Prompt
		v := r.Value("label." + label.Name + ".prompt")
		if file == "" || v == nil {
			continue
		}
		fsys, local := l.fsys, path.Join(path.Dir(r.Source), file)
		if rest, ok := strings.CutPrefix(file, "std/"); ok {
			fsys, local = stdlib.FS, rest
		}
		text, err := fs.ReadFile(fsys, local)
		if err != nil || path.Ext(file) != ".jinja" {
			e := errs.Addf(diag.MissingPrompt, v.Span, "there is no prompt %s", file)
			if err == nil {
				e.Message = "a prompt is a .jinja file, and " + file + " is none"
			}
			e.Help = l.promptHelp(file, fsys, local)
			continue
		}
		label.Spec.Text = string(text)
	}
}

// promptHelp suggests a prompt of the standard library, or says where one of the
// recipe's own would be.
func (l *loader) promptHelp(file string, fsys fs.FS, local string) string {
	var names []string
	files, _ := fs.Glob(stdlib.FS, "*.jinja") // the pattern is well formed
	for _, f := range files {
		names = append(names, "std/"+f)
	}
	if near := diag.Suggest(file, names); near != "" {
		return "did you mean " + near + "?"
	}
	if fsys == fs.FS(stdlib.FS) {
		return "the standard library has: " + strings.Join(names, ", ")
	}
	return "it would be the file " + local + "; std/NAME.jinja are those of the standard library"
}
