package verify

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/compiler/facts"
	"github.com/rmc-lang/rmc/compiler/recipe"
	"github.com/rmc-lang/rmc/lang/diag"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// pair checks a data set as one model sees it.
func (v *verifier) pair(m *recipe.Model, d *recipe.Data) {
	v.positions(m, d)
	f, known := v.facts.Data[facts.Key(m.Spec.Name, d.Spec.Name)]
	if t, ok := v.facts.Tokenizers[m.Spec.Name]; ok && !mayBeIDs(d.Spec, f) {
		v.tokens(m, d, t, f)
	}
	if known && f.Unread != nil {
		v.unread(m, d, f.Unread)
		return
	}
	if known {
		v.columns(d, f)
		v.rows(d, f)
		v.vocabulary(m, d, f)
		v.truncation(d, f)
		v.shared(d, f)
		v.ratings(d, f)
		v.marks(d, f)
	}
}

// parts holds the data that used data is made of, and that no stage reads itself,
// against the two policies that stop a run.
func (v *verifier) parts(uses []recipe.Use) {
	seen := slices.Clone(uses)
	for _, u := range uses {
		for _, d := range u.Data.MadeOf() {
			part := recipe.Use{Model: u.Model, Data: d}
			f, known := v.facts.Data[facts.Key(u.Model.Spec.Name, d.Spec.Name)]
			if !known || slices.Contains(seen, part) {
				continue
			}
			seen = append(seen, part)
			v.tied(d, f)
			v.overLong(d, f)
		}
	}
}

// mayBeIDs reports whether rows bring token ids, and so need no tokenizer, or
// may for all that is known.
func mayBeIDs(d spec.Data, f facts.Data) bool {
	ids := []string{"chosen_ids", "response_ids", "ids"}
	has := slices.ContainsFunc(f.Columns, func(c facts.Column) bool { return slices.Contains(ids, c.Name) })
	return d.Format == "ids" || d.Format == "auto" && (has || len(f.Columns) == 0)
}

// positions demands that the model has as many positions as max_length.
func (v *verifier) positions(m *recipe.Model, d *recipe.Data) {
	f, ok := v.facts.Models[m.Spec.Name]
	if !ok || f.Positions == 0 || d.Spec.MaxLength <= f.Positions {
		return
	}
	span := v.at(d.Path()+".max_length", d.Decl.Name.Span)
	e := v.errs.Addf(diag.TooFewPositions, span, "max_length %d does not fit %s, which has %d positions", d.Spec.MaxLength, f.Architecture, f.Positions)
	e.Notes = []diag.Note{v.note("model."+m.Spec.Name+".base", "the model's base")}
	e.Help = fmt.Sprintf("the largest that fits is max_length = %d tokens", f.Positions)
}

// tokens checks the tokenizer and what it made of the data.
func (v *verifier) tokens(m *recipe.Model, d *recipe.Data, t facts.Tokenizer, f facts.Data) {
	base := v.at("model."+m.Spec.Name+".base", m.Decl.Name.Span)
	if t.Absent {
		v.errs.Addf(diag.NoTokenizer, base, "the base has no tokenizer").Help =
			"write tokenizer = \"file:…\" in model " + m.Spec.Name + ", or bring token ids (format = ids)"
		return
	}
	if !t.HasTemplate {
		v.errs.Addf(diag.NoTemplate, base, "the tokenizer has no chat template").Help =
			"write template = \"chat.jinja\" in model " + m.Spec.Name
	}
	v.pad(m, t, d)
	v.bos(m, d, t, f)
	if len(t.TemplateUses) > 0 {
		e := v.warn(diag.ClockInTemplate, v.at("model."+m.Spec.Name+".template", base), "the chat template depends on the clock")
		e.Notes = []diag.Note{{Message: "it uses " + strings.Join(t.TemplateUses, " and ") + ": the same text is scored differently tomorrow"}}
		e.Help = "write template = \"chat.jinja\", a copy with a fixed date"
	}
}

// pad warns where peers would read the wrong token.
func (v *verifier) pad(m *recipe.Model, t facts.Tokenizer, d *recipe.Data) {
	base := v.at("model."+m.Spec.Name+".base", m.Decl.Name.Span)
	const harmless = "rmc finds the last token from the mask, so training and scores are right"
	switch {
	case t.SafePad.Present: // exports are padded with it
	case !t.Pad.Present:
		e := v.warn(diag.PadAbsent, base, "the tokenizer has no pad token")
		e.Notes = []diag.Note{{Message: harmless}}
		e.Help = "a tool that scores an export in batches will need one"
	case t.EOS.Present && t.Pad.ID == t.EOS.ID:
		e := v.warn(diag.PadIsEOS, base, "pad and eos are one token, %q (%d)", t.Pad.Text, t.Pad.ID)
		e.Notes = []diag.Note{{Message: harmless}}
		e.Help = "score an export one text at a time: in a padded batch transformers reads the token before the end of the turn"
	}
}

// bos demands one BOS before each sequence, where the tokenizer has one.
func (v *verifier) bos(m *recipe.Model, d *recipe.Data, t facts.Tokenizer, f facts.Data) {
	if !t.BOS.Present {
		return
	}
	span := v.at("model."+m.Spec.Name+".base", m.Decl.Name.Span)
	total, many := 0, 0
	for n, count := range f.BOSCounts {
		total += count
		if n > 1 {
			many += count
		}
	}
	switch {
	case many > 0:
		e := v.errs.Addf(diag.BOSTwice, span, "%d of %s of %s begin with %q more than once", many, diag.Count(total, "sequence"), d.Spec.Name, t.BOS.Text)
		e.Help = "the text or the chat template brings one of its own: take it out"
	case f.BOSCounts[0] > 0:
		e := v.warn(diag.BOSNever, span, "%d of %s of %s begin without %q", f.BOSCounts[0], diag.Count(total, "sequence"), d.Spec.Name, t.BOS.Text)
		e.Notes = []diag.Note{{Message: "reward models trained without it lose about a point on RewardBench"}}
		e.Help = "put bos_token first in the chat template"
	}
}

// columns checks what the format and the objective read.
func (v *verifier) columns(d *recipe.Data, f facts.Data) {
	span := v.at(d.Path()+".source", d.Decl.Name.Span)
	var names []string
	for _, c := range f.Columns {
		names = append(names, c.Name)
	}
	for _, c := range f.MissingColumns {
		wanted := wantedAs(d.Spec, c.Column)
		e := v.errs.Addf(diag.MissingColumn, v.at(d.Path()+".columns."+wanted, span), "%s has no column %q", d.Spec.Name, c.Column)
		if c.Row > 0 {
			e.Message += fmt.Sprintf(" in row %d", c.Row)
		}
		if len(names) > 0 {
			e.Notes = []diag.Note{{Message: "columns: " + strings.Join(names, ", ")}}
		}
		e.Help = fmt.Sprintf("write columns = named { %s = \"…\" } with the column that holds it", wanted)
		if d.Spec.Kind == "ratings" {
			e.Help += `; "a.b" is b inside of a`
		}
		if near := diag.Suggest(c.Column, names); near != "" {
			e.Help = fmt.Sprintf("write columns = named { %s = %q }", wanted, near)
		}
	}
	for _, c := range f.Mistyped {
		e := v.errs.Addf(diag.MistypedColumn, span, "column %q is %s in row %d, not %s", c.Column, c.Have, c.Row, c.Want)
		if c.Rows > 1 {
			e.Notes = []diag.Note{{Message: diag.Count(c.Rows, "row") + " are so"}}
		}
		e.Help = "correct the row, or name another column with columns = named { … }"
	}
	v.constant(d, f)
}

// wantedAs is the name by which a recipe speaks of a column of the file.
func wantedAs(d spec.Data, column string) string {
	for _, name := range slices.Sorted(maps.Keys(d.Columns.Map)) {
		if d.Columns.Map[name] == column {
			return name
		}
	}
	return column
}

// constant warns of a column that an objective reads and that never changes.
func (v *verifier) constant(d *recipe.Data, f facts.Data) {
	for _, name := range d.Spec.Extra {
		column := name
		if renamed := d.Spec.Columns.Map[name]; renamed != "" {
			column = renamed
		}
		i := slices.IndexFunc(f.Columns, func(c facts.Column) bool { return c.Name == column })
		if i < 0 || !f.Columns[i].Constant {
			continue
		}
		span := v.at(d.Path()+".source", d.Decl.Name.Span)
		v.warn(diag.ConstantColumn, span, "column %q is %s in every row", column, f.Columns[i].Value).Help =
			"an objective that reads it learns nothing from it"
	}
}

// has is the verb of a number of things.
func has(n int) string {
	if n == 1 {
		return "has"
	}
	return "have"
}

// are is the verb of a number of things.
func are(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// first lists the first few rows: rows 3, 17, 40 and others.
func first(at []int, of int) string {
	if len(at) == 0 {
		return ""
	}
	shown := at[:min(5, len(at))]
	var words []string
	for _, n := range shown {
		words = append(words, fmt.Sprint(n))
	}
	text := "rows " + strings.Join(words, ", ")
	if len(shown) == 1 {
		text = "row " + words[0]
	}
	if of > len(shown) {
		text += " and others"
	}
	return text
}

// rowsNote is a note with the first of the rows that a message counts.
func rowsNote(at []int, of int) []diag.Note {
	if len(at) == 0 {
		return nil
	}
	return []diag.Note{{Message: first(at, of)}}
}

// rows checks that there is something to train on.
func (v *verifier) rows(d *recipe.Data, f facts.Data) {
	span := v.at(d.Path()+".source", d.Decl.Name.Span)
	unrated := func(r facts.Rating) bool { return r.Known == 0 }
	broken := len(f.MissingColumns)+len(f.Mistyped) > 0 || slices.ContainsFunc(f.Ratings, unrated)
	switch {
	case broken: // reported, and nothing more was read
	case f.Rows == 0:
		v.errs.Addf(diag.EmptyData, span, "%s has no rows", d.Spec.Name).Help = "the file is empty; check the source"
	case f.Kept == 0:
		e := v.errs.Addf(diag.NothingKept, span, "none of %s of %s is left", diag.Count(f.Rows, "row"), d.Spec.Name)
		e.Notes = []diag.Note{{Message: fmt.Sprintf("%d over max_length, %d ties, %d the same after truncation, %d with a response cut away, %d refused by the template",
			f.OverLong, f.Ties, f.Identical, f.CutWhole, f.Refused)}}
		if len(f.Left) > 0 {
			e.Notes = []diag.Note{{Message: fmt.Sprintf("%d: %s", f.Left[0].Rows, f.Left[0].Reason)}}
		}
		if f.Refused == f.Rows {
			e.Notes = []diag.Note{{Message: f.RefusedReason}}
		}
		e.Help = "make max_length larger, or check the format"
	}
	v.tied(d, f)
	if f.Refused > 0 && f.Kept > 0 {
		e := v.warn(diag.TemplateRefuses, span, "the chat template refuses %s of %s", diag.Count(f.Refused, "row"), d.Spec.Name)
		e.Notes = []diag.Note{{Message: f.RefusedReason}}
		e.Help = "they are left out; a template of your own could render them"
	}
}

// tied holds rows with two sides that are the same, as they are or once cut, against
// ties = error.
func (v *verifier) tied(d *recipe.Data, f facts.Data) {
	if d.Spec.Ties != "error" {
		return
	}
	span := v.at(d.Path()+".ties", d.Decl.Name.Span)
	if f.Ties > 0 {
		e := v.errs.Addf(diag.TiesFound, span, "%s of %s %s two sides that are the same", diag.Count(f.Ties, "row"), d.Spec.Name, has(f.Ties))
		e.Notes = rowsNote(f.TiesAt, f.Ties)
		e.Help = "take them out, or write ties = drop"
	}
	if f.Identical > 0 {
		e := v.errs.Addf(diag.TiesFound, span, "%s of %s %s two sides that are the same after truncation", diag.Count(f.Identical, "row"), d.Spec.Name, has(f.Identical))
		e.Notes = rowsNote(f.IdenticalAt, f.Identical)
		e.Help = "make max_length larger, or write ties = drop"
		if f.SavingLength > 0 {
			e.Help = fmt.Sprintf("max_length = %d tokens would save them all, or write ties = drop", f.SavingLength)
		}
	}
}

// overLong holds rows that are longer than max_length against over_length = error.
func (v *verifier) overLong(d *recipe.Data, f facts.Data) {
	if d.Spec.OverLength != "error" || f.OverLong == 0 || d.Spec.From.Kind == "union" {
		return
	}
	span := v.at(d.Path()+".over_length", v.at(d.Path()+".max_length", d.Decl.Name.Span))
	e := v.errs.Addf(diag.OverLong, span, "%s of %s %s longer than %d tokens", diag.Count(f.OverLong, "row"), d.Spec.Name, are(f.OverLong), d.Spec.MaxLength)
	e.Notes = rowsNote(f.OverLongAt, f.OverLong)
	e.Help = "make max_length larger, or write over_length = drop"
}

// vocabulary demands that the model has an embedding for every token.
func (v *verifier) vocabulary(m *recipe.Model, d *recipe.Data, f facts.Data) {
	model, ok := v.facts.Models[m.Spec.Name]
	if !ok || model.Vocab == 0 || f.LargestID < model.Vocab {
		return
	}
	span := v.at(d.Path()+".source", d.Decl.Name.Span)
	e := v.errs.Addf(diag.BeyondVocabulary, span, "row %d of %s has the token id %d, and %s knows 0 to %d",
		f.LargestIDAt, d.Spec.Name, f.LargestID, model.Architecture, model.Vocab-1)
	e.Notes = []diag.Note{v.note("model."+m.Spec.Name+".base", "the model's base")}
	e.Help = "the ids are of another tokenizer: tokenise for this model, or name the base that they were made for"
}

// truncation checks what max_length does to the rows. A union cuts none: each of
// its parts is told of by itself.
func (v *verifier) truncation(d *recipe.Data, f facts.Data) {
	if d.Spec.From.Kind == "union" {
		return
	}
	span := v.at(d.Path()+".max_length", d.Decl.Name.Span)
	v.overLong(d, f)
	if d.Spec.OverLength == "drop" && f.Kept > 0 && 2*f.OverLong > f.Rows {
		e := v.warn(diag.MostDropped, span, "%d of %s of %s %s dropped as longer than %d tokens", f.OverLong, diag.Count(f.Rows, "row"), d.Spec.Name, are(f.OverLong), d.Spec.MaxLength)
		e.Help = "make max_length larger, or write over_length = truncate_left, which cuts the prompt first"
	}
	if f.Identical > 0 && d.Spec.Ties != "error" {
		e := v.warn(diag.SameAfterTruncation, span, "%s of %s %s the same on both sides after truncation", diag.Count(f.Identical, "row"), d.Spec.Name, are(f.Identical))
		e.Notes = rowsNote(f.IdenticalAt, f.Identical)
		e.Help = "they are left out"
		if f.SavingLength > 0 {
			e.Help = fmt.Sprintf("max_length = %d tokens would save them all", f.SavingLength)
		}
	}
	if f.CutWhole > 0 {
		e := v.warn(diag.ResponseCut, span, "%s of %s %s a %s of which truncation leaves nothing", diag.Count(f.CutWhole, "row"), d.Spec.Name, has(f.CutWhole), cutSide(d.Spec.OverLength))
		e.Notes = rowsNote(f.CutWholeAt, f.CutWhole)
		e.Help = "make max_length larger, or write over_length = truncate_left, which cuts the prompt first"
		if d.Spec.OverLength == "truncate_left" {
			e.Help = "make max_length larger; until then they are left out"
		}
	}
}

// shared warns of prompts that are on both sides of a split.
func (v *verifier) shared(d *recipe.Data, f facts.Data) {
	if f.SharedPrompts == 0 {
		return
	}
	span := v.at(d.Path()+".split", d.Decl.Name.Span)
	e := v.warn(diag.SharedPrompts, span, "%d of %s of %s %s trained on as well", f.SharedPrompts, diag.Count(f.SharedPromptsOf, "held-out prompt"), d.Spec.Name, are(f.SharedPrompts))
	if f.SharedExample != "" {
		e.Notes = []diag.Note{{Message: fmt.Sprintf("one of them: %q", f.SharedExample)}}
	}
	e.Help = "write split = holdout { by = prompt }"
}

// stage checks what a stage finds in its data.
func (v *verifier) stage(s recipe.Stage) {
	switch s := s.(type) {
	case *recipe.Train:
		if f, ok := v.data(s); ok && f.Kept > 0 && f.Train < s.Spec.Batch {
			span := v.at("train."+s.Name+".batch", s.Decl.Name.Span)
			e := v.warn(diag.LessThanABatch, span, "%s has %s to train on, fewer than one batch of %d", s.Data.Spec.Name, diag.Count(f.Train, "example"), s.Spec.Batch)
			e.Help = fmt.Sprintf("write batch = %d %ss or less", max(1, f.Train/4), batchOf(s.Data.Spec.Kind))
		}
	case *recipe.Evaluate:
		if f, ok := v.data(s); ok && f.Kept > 0 && s.Spec.Part == "holdout" && f.Holdout == 0 && s.Data.Holds() {
			span := v.at(s.Data.Roots()[0].Path()+".split", s.Decl.Name.Span)
			e := v.errs.Addf(diag.EmptyHoldout, span, "the split of %s holds nothing out of %s", s.Data.Spec.Name, diag.Count(f.Kept, "example"))
			e.Notes = []diag.Note{{Span: s.Decl.Name.Span, Message: "evaluated here"}}
			e.Help = "make fraction larger"
		}
	}
}

// batchOf is what an example of a kind of data is called.
func batchOf(kind string) string {
	if kind == "preference" {
		return "pair"
	}
	return "row"
}

// data returns the facts of a stage's data, as the first backbone that reads it
// sees them.
func (v *verifier) data(s recipe.Stage) (facts.Data, bool) {
	for _, u := range recipe.UsesOf(s) {
		if u.Data != nil {
			f, ok := v.facts.Data[facts.Key(u.Model.Spec.Name, u.Data.Spec.Name)]
			return f, ok
		}
	}
	return facts.Data{}, false
}

// cutSide is what a policy cuts.
func cutSide(overLength string) string {
	if overLength == "truncate_left" {
		return "prompt"
	}
	return "response"
}
