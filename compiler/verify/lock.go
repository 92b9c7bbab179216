package verify

import (
	"strings"

	"github.com/rmc-lang/rmc/compiler/recipe"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/lang/source"
	"github.com/rmc-lang/rmc/runtime/lock"
)

// lock reports how the sources differ from what rmc.lock pins. Without a lock
// there is nothing to hold them to.
func (v *verifier) lock() {
	if v.facts.Lock == nil || v.facts.Resolved == nil {
		return
	}
	for _, d := range lock.Compare(v.facts.Lock, v.facts.Resolved) {
		span := v.sourceSpan(d.Name)
		switch {
		case d.Kind == "rmc":
			if d.Field == "version" {
				v.warn(diag.LockedByOther, span, "the lock was written by rmc %s, and this is %s", d.Lock, d.Now).Help =
					`run "rmc lock" to write it anew`
			}
		case d.Lock == "":
			v.errs.Addf(diag.NotLocked, span, "%s", d.String()).Help = `run "rmc lock" to add it`
		case d.Now == "":
			v.warn(diag.LockStale, span, "%s", d.String()).Help = `run "rmc lock" to take it out`
		default:
			e := v.errs.Addf(diag.LockMismatch, span, "%s", d.String())
			e.Help = `the source has changed: restore it, or run "rmc lock" to accept what it is now`
		}
	}
}

// sourceSpan finds the value that names a locked source, which is locked under
// its own name or, where a revision was added, under one that differs after @.
// What no value names, such as the standard library, is shown at the recipe's
// first stage.
func (v *verifier) sourceSpan(name string) source.Span {
	head, _, _ := strings.Cut(name, "@")
	for _, value := range v.recipe.Values {
		if text, ok := value.Is.(string); ok && name != "" && (text == name || strings.HasPrefix(text, head) && head != name) {
			return value.Span
		}
	}
	return v.first()
}

// first is the name in the recipe's first stage.
func (v *verifier) first() source.Span {
	for _, s := range v.recipe.Stages {
		switch s := s.(type) {
		case *recipe.Train:
			return s.Decl.Name.Span
		case *recipe.Evaluate:
			return s.Decl.Name.Span
		}
	}
	return source.Span{}
}
