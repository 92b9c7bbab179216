package data

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/rmc-lang/rmc/runtime/record"
	"github.com/rmc-lang/rmc/runtime/spec"
	"github.com/rmc-lang/rmc/runtime/table"
)

// Load reads path as d says, tokenises, applies the over-length and tie
// policies and splits. Equal inputs give equal sets, rows in file order.
func Load(d spec.Data, path string, encode Encode) (*Set, error) {
	if err := checkPolicies(d); err != nil {
		return nil, err
	}
	l := &loading{data: d, encode: encode, met: map[string]*Filter{}, columns: map[string]*profile{}}
	if err := l.read(path); err != nil {
		return nil, err
	}
	if err := l.refusals(path); err != nil {
		return nil, err
	}
	return l.set(path)
}

// A loading is a Load in progress.
type loading struct {
	data    spec.Data
	encode  Encode
	layout  *record.Layout
	stats   Stats
	met     map[string]*Filter // by name; After counts the rows met until set
	columns map[string]*profile
	first   table.Row // of ratings, for messages
	firstAt string    // where it stands
	known   []bool    // of each attribute, whether a row has it
	ids     []int32   // of labels, Set.LabelIDs
	train   []prepared
	holdout []prepared
}

// chunk is how many rows are tokenised together.
const chunk = 256

func (l *loading) read(path string) error {
	r, err := table.Open(path)
	if err != nil {
		return err
	}
	defer r.Close()
	source := record.Read(r, l.data)
	for {
		some, err := l.some(source)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if err := l.take(some); err != nil {
			return err
		}
		if err != nil || l.data.Limit > 0 && l.stats.Read >= l.data.Limit {
			return nil
		}
	}
}

// take tokenises rows and keeps them or leaves them out.
func (l *loading) take(some []prepared) error {
	l.prepare(some)
	for _, p := range some {
		if err := l.add(p); err != nil {
			return err
		}
	}
	return nil
}

// some reads the next rows as records, untokenised.
func (l *loading) some(source *record.Rows) ([]prepared, error) {
	var some []prepared
	for len(some) < chunk {
		if l.data.Limit > 0 && l.stats.Read >= l.data.Limit {
			return some, io.EOF
		}
		row, where, err := source.Next()
		if err != nil {
			return some, err
		}
		l.layout = source.Layout
		l.stats.Read++
		l.observe(row)
		if l.layout.Kind == record.KindRatings {
			l.rate(row, where)
		}
		p, err := open(l.layout, row, where)
		if err != nil {
			return nil, err
		}
		some = append(some, p)
	}
	return some, nil
}

// open reads a row; a flaw of its content is part of the result.
func open(l *record.Layout, row table.Row, where string) (prepared, error) {
	p := prepared{row: row.Number, where: where}
	var err error
	p.record, err = l.Record(row, where)
	switch {
	case errors.Is(err, record.TieError{}):
		p.flaw = Tied
		return p, nil
	case errors.Is(err, record.MissingRatingError{}):
		p.flaw = Unrated
		return p, nil
	}
	if err == nil {
		p.flaw = p.record.Flaw()
	}
	return p, err
}

// prepare tokenises rows, several at a time.
func (l *loading) prepare(rows []prepared) {
	severally(len(rows), func(i int) { rows[i].tokenise(l.data, l.layout, l.encode) })
}

// severally calls f for each i below n, several at a time.
func severally(n int, f func(i int)) {
	var wg sync.WaitGroup
	workers := min(runtime.GOMAXPROCS(0), n)
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n; i += workers {
				f(i)
			}
		})
	}
	wg.Wait()
}

// A prepared is a row on its way to become an Example.
type prepared struct {
	row    int
	where  string
	record record.Record
	from   keys // of the row that it is made of; empty of a row of a file

	full     []Sequence    // the responses, before truncation
	cut      []Sequence    // after it
	lengths  []int         // Example.Lengths
	prompt   []Sequence    // the view prompt, before and after truncation; nil where it is not asked for
	marks    []record.Mark // of labels
	lost     []record.Mark // those that truncation took away
	tail     []int32       // Example.Tail
	labelIDs []int32       // the tokens of labels in this row
	swapped  bool          // Example.Swapped
	made     bool          // by Augment
	answer   string        // Example.Answer
	failure  error         // that stops the loading: a label that is no token
	flaw     string        // name of the filter that leaves it out; empty when none does
	refusal  error         // what the template said; flaw is Refused
	key      string        // promptKey
	question string        // Example.Question
	sample   string        // the prompt's last turn, shortened; once kept
	heldOut  bool
}

// tokenise fills all that follows from the record.
func (p *prepared) tokenise(d spec.Data, l *record.Layout, encode Encode) {
	if p.flaw != "" {
		return
	}
	if p.record.Steps != nil {
		p.tokeniseSteps(d, l, encode)
		return
	}
	var asked []int
	if p.full, asked, p.refusal = sequences(p.record, encode); p.refusal != nil {
		p.flaw = Refused
		return
	}
	if indistinct(p.record, p.full) {
		p.flaw = Identical
		return
	}
	if p.cut, p.flaw = cut(p.full, d.MaxLength, d.OverLength); p.flaw != "" {
		return
	}
	if indistinct(p.record, p.cut) {
		p.flaw = IdenticalOnce
		return
	}
	p.lengths = lengths(p.full, p.cut, asked, d.OverLength)
	l.Ratings.Fill(p.record.Columns, p.lengths)
	if d.Prompts {
		if p.prompt, p.flaw, p.refusal = promptAlone(p.record, d, encode); p.flaw != "" {
			return
		}
	}
	p.place(d)
}

// place finds the side of the split that a row is on.
func (p *prepared) place(d spec.Data) {
	p.key = promptKey(p.record, p.from, p.full)
	p.question = questionKey(p.record.Prompt)
	group := p.from
	if group.prompt = p.key; d.Split.By == "row" {
		group.row = rowKey(p.record, p.from)
	}
	p.heldOut = group.heldOut(d)
}

// add counts a row and keeps it or leaves it out.
func (l *loading) add(p prepared) error {
	if p.failure == nil && p.labelIDs != nil {
		p.failure = sameLabels(l.data.Labels, &l.ids, p.labelIDs, p.where)
	}
	if p.failure != nil {
		return p.failure
	}
	n := longest(p.full) + len(lastLabel(p.tail))
	l.stats.Longest = max(l.stats.Longest, n)
	if n > l.data.MaxLength {
		l.stats.Over++
		l.stats.OverAt = noted(l.stats.OverAt, p.row)
	}
	for _, s := range p.full {
		l.stats.TokensBefore += int64(len(s.IDs))
	}
	if len(p.prompt) > 0 {
		l.stats.TokensBefore += int64(len(p.prompt[0].IDs))
	}
	if p.flaw == IdenticalOnce {
		l.stats.SavedBy = max(l.stats.SavedBy, savingLength(p.full))
	}
	if p.made && slices.Contains([]string{Tied, Identical, IdenticalOnce}, p.flaw) {
		p.flaw = MadeTied // which is as it should be, and no tie of the rows
	}
	switch {
	case p.flaw != "":
		l.leaveOut(p)
	case p.heldOut:
		l.holdout = append(l.holdout, p.light())
	default:
		l.train = append(l.train, p.light())
	}
	return nil
}

// light drops what is not needed any more once a row is kept.
func (p prepared) light() prepared {
	if n := len(p.record.Prompt); n > 0 {
		p.sample = strings.Clone(record.Shortened(p.record.Prompt[n-1].Content))
	}
	p.full, p.record = nil, record.Record{Columns: p.record.Columns, Better: p.record.Better, Place: p.record.Place}
	if len(p.prompt) > 0 {
		p.cut, p.prompt = append(p.cut, p.prompt[1]), nil
	}
	return p
}

// most is how many row numbers are kept as examples.
const most = 5

func noted(rows []int, row int) []int {
	if len(rows) < most {
		rows = append(rows, row)
	}
	return rows
}

func (l *loading) leaveOut(p prepared) {
	f := l.met[p.flaw]
	if f == nil {
		f = &Filter{Name: p.flaw}
		l.met[p.flaw] = f
		if p.refusal != nil {
			f.Reason = fmt.Sprintf("the chat template refuses the conversation; of row %d it says: %v", p.row+1, p.refusal)
		}
	}
	f.After++
	f.Rows = noted(f.Rows, p.row)
}

// refusals are the policies that say error, and files of which nothing is left.
func (l *loading) refusals(path string) error {
	name := path[strings.LastIndexAny(path, `/\`)+1:]
	if n := l.stats.Over; n > 0 && l.data.OverLength == "error" {
		return fmt.Errorf("%s: over_length = error, and %s longer than max_length = %d tokens (%s; the longest has %d)",
			name, rowsAre(n), l.data.MaxLength, rowList(l.stats.OverAt, n), l.stats.Longest)
	}
	for _, tie := range []string{Tied, Identical, IdenticalOnce} {
		if f := l.met[tie]; f != nil && l.data.Ties == "error" {
			return fmt.Errorf("%s: ties = error, and %s left out because %s (%s)%s",
				name, rowsAre(f.After), reasonOf(tie), rowList(f.Rows, f.After), l.saving(tie))
		}
	}
	if err := l.unknown(); err != nil {
		return err
	}
	if len(l.train)+len(l.holdout) == 0 {
		l.stats.Filters, l.stats.Columns = l.filters(), l.columnReports()
		return &NothingLeftError{name, l.stats, l.all()}
	}
	if len(l.train) == 0 {
		return fmt.Errorf("%s: the split holds out all %d rows and leaves none to train on; they have %d different prompts: lower fraction, split by row, or use more data",
			name, len(l.holdout), l.prompts(l.holdout))
	}
	return nil
}

// A NothingLeftError says that a file has no row that can be used.
type NothingLeftError struct {
	File  string // its base name
	Stats Stats  // what became of the rows
	why   string // each reason with its count
}

func (e *NothingLeftError) Error() string {
	return fmt.Sprintf("%s: none of its %d rows can be used: %s", e.File, e.Stats.Read, e.why)
}

func (l *loading) saving(tie string) string {
	if tie != IdenticalOnce {
		return ""
	}
	return fmt.Sprintf("; max_length = %d tokens would keep them apart", l.stats.SavedBy)
}

func rowsAre(n int) string {
	if n == 1 {
		return "1 row is"
	}
	return fmt.Sprintf("%d rows are", n)
}

// rowList names the first rows of n, 1-based.
func rowList(rows []int, n int) string {
	s := make([]string, len(rows))
	for i, r := range rows {
		s[i] = fmt.Sprint(r + 1)
	}
	text := "row " + strings.Join(s, ", ")
	if n > len(rows) {
		text += ", …"
	}
	return text
}

func reasonOf(name string) string {
	for _, f := range reasons() {
		if f.Name == name {
			return f.Reason
		}
	}
	panic("data: no filter " + name)
}

// all lists why rows were left out, with counts.
func (l *loading) all() string {
	var parts []string
	for _, f := range l.filters() {
		parts = append(parts, fmt.Sprintf("%d: %s (%s)", f.Before-f.After, f.Reason, rowList(f.Rows, f.Before-f.After)))
	}
	return strings.Join(parts, "; ")
}

// filters returns the filters that met a row, in order, with running counts.
func (l *loading) filters() []Filter {
	var out []Filter
	left := l.stats.Read
	for _, f := range reasons() {
		met := l.met[f.Name]
		if met == nil {
			continue
		}
		if met.Reason != "" {
			f.Reason = met.Reason
		}
		f.Before, f.After, f.Rows = left, left-met.After, met.Rows
		left = f.After
		out = append(out, f)
	}
	return out
}

func (l *loading) prompts(rows []prepared) int {
	seen := map[string]bool{}
	for _, p := range rows {
		seen[p.key] = true
	}
	return len(seen)
}

// set makes the result.
func (l *loading) set(path string) (*Set, error) {
	s := &Set{Columns: l.layout.Numbers, Attributes: l.layout.Ratings.Names, Views: views(l.layout.Kind, l.data.Prompts), Train: examples(l.train), Holdout: examples(l.holdout)}
	l.stats.Format, l.stats.Decided = l.layout.Format, l.layout.Why
	l.stats.Filters = l.filters()
	l.stats.MaxLength = l.data.MaxLength
	l.stats.Columns = l.columnReports()
	s.Stats = l.stats
	if l.data.Kind == record.KindLabels {
		s.Labels, s.LabelIDs, s.Endings = l.data.Labels, l.ids, l.data.Endings
	}
	s.count()
	if s.Stats.InBoth > 0 {
		s.Stats.InBothExample = l.inBoth()
	}
	return s, nil
}

func examples(rows []prepared) []Example {
	out := make([]Example, len(rows))
	for i, p := range rows {
		out[i] = Example{Row: p.row, Sequences: p.cut, Lengths: p.lengths, Columns: p.record.Columns, Prompt: p.key,
			Better: p.record.Better, Subset: p.record.Place.Subset, Name: p.record.Place.Name,
			Marks: p.marks, Lost: p.lost, Tail: p.tail, Swapped: p.swapped, Answer: p.answer, Question: p.question}
	}
	return out
}

// inBoth is the last turn of a prompt that is on both sides of the split.
func (l *loading) inBoth() string {
	train := map[string]bool{}
	for _, p := range l.train {
		train[p.key] = true
	}
	for _, p := range l.holdout {
		if train[p.key] {
			return p.sample
		}
	}
	return ""
}
