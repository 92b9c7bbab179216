package emit

import (
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/dave/jennifer/jen"

	"github.com/rmc-lang/rmc/compiler/recipe"
)

// label prints what a label stage is told, and before it the text of its prompt,
// once for all labels that have it:
//
//	// promptJudgePairwise is std/judge_pairwise.jinja.
//	const promptJudgePairwise = `…`
func (p *program) label(s *recipe.Label) {
	l := p.literal("label."+s.Name, reflect.ValueOf(s.Spec))
	if i := slices.IndexFunc(l.elements, func(e element) bool { return e.keys[0] == "Prompt" }); i >= 0 {
		e := &l.elements[i]
		e.keys, e.values = append(e.keys, "Text"), append(e.values, jen.Id(p.prompt(s.Spec.Prompt, s.Spec.Text)))
	}
	p.variable("label", s.Name, "Label", l)
}

// prompt prints the constant of a prompt's text, the first time, and returns its
// name.
func (p *program) prompt(file, text string) string {
	_, there := p.names["prompt "+file]
	base := strings.TrimSuffix(path.Base(file), path.Ext(file))
	id := p.names.of("prompt", file, "prompt_"+strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			return r
		}
		return '_'
	}, base))
	if !there {
		p.file.Line()
		p.file.Comment(id + " is " + file + ".")
		p.file.Const().Id(id).Op("=").Op(quoted(text))
	}
	return id
}

// quoted is a text as Go source, with its lines as they are where Go allows it.
func quoted(text string) string {
	if strings.ContainsAny(text, "`\r\ufeff") || strings.ContainsFunc(text, func(r rune) bool { return r == unicode.ReplacementChar }) {
		return strconv.Quote(text)
	}
	return "`" + text + "`"
}
