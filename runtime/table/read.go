// Package table reads the rows of a file, named fields each, whatever its format:
// JSON lines, a JSON array, an object of arrays, CSV or parquet, plain or gzip.
package table

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"
)

// maxRow is the longest text of one row; more means a quote that never closes.
const maxRow = 64 << 20 // bytes

// A Row is one row of a file, as encoding/json decodes it: text is string,
// numbers are float64 (parquet: any Go number), lists []any, objects
// map[string]any. CSV has strings only.
type Row struct {
	Number int // 0-based
	Line   int // 1-based line at which it begins; 0 in parquet
	Part   int // which of the examples that the row makes, 0-based; who makes several of one counts them here
	Fields map[string]any
}

// A Reader reads the rows of a file one after another.
type Reader struct {
	Kind string // lines, array, groups, csv or parquet; found from the content

	Name   string // for messages: the base name
	number int    // of the next row
	next   func() (map[string]any, int, error)
	close  []func() error
}

// Open opens JSON lines, a JSON array, an object of such arrays, CSV with a header,
// or parquet, plain or gzip. Content decides, not the name; only CSV is known by name.
func Open(path string) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r := &Reader{Name: filepath.Base(path), close: []func() error{f.Close}}
	if err := r.sniff(f); err != nil {
		return nil, errors.Join(r.broken(err), r.Close())
	}
	return r, nil
}

// Next returns the next row, or io.EOF after the last.
func (r *Reader) Next() (Row, error) {
	fields, line, err := r.next()
	if errors.Is(err, io.EOF) && r.number == 0 {
		return Row{}, fmt.Errorf("%s: the file has no rows", r.Name)
	}
	if errors.Is(err, io.EOF) {
		return Row{}, io.EOF
	}
	if err != nil {
		return Row{}, r.broken(err)
	}
	row := Row{Number: r.number, Line: line, Fields: fields}
	r.number++
	return row, nil
}

// broken adds to err where in the file it was met.
func (r *Reader) broken(err error) error {
	var at *placed
	switch {
	case errors.As(err, &at) && errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%s: %w, after %d whole rows; it was not copied or downloaded to its end", r.Name, at.err, r.number)
	case errors.As(err, &at):
		return fmt.Errorf("%s:%d:%d: %w", r.Name, at.line, at.column, at.err)
	}
	if r.number == 0 {
		return fmt.Errorf("%s: %w", r.Name, err)
	}
	return fmt.Errorf("%s: after %d rows: %w", r.Name, r.number, err)
}

// Close closes the file.
func (r *Reader) Close() error {
	var err error
	for i := len(r.close) - 1; i >= 0; i-- {
		err = errors.Join(err, r.close[i]())
	}
	r.close = nil
	return err
}

// Where names a row for messages: file:line, or the row in formats without lines.
func (r *Reader) Where(row Row) string {
	if row.Line > 0 {
		return fmt.Sprintf("%s:%d", r.Name, row.Line)
	}
	return fmt.Sprintf("%s, row %d", r.Name, row.Number+1)
}

// A placed is an error at a place in a text file.
type placed struct {
	line, column int // 1-based; column in characters
	err          error
}

func (p *placed) Error() string { return fmt.Sprintf("%d:%d: %v", p.line, p.column, p.err) }
func (p *placed) Unwrap() error { return p.err }

// sniff decides from the first bytes how to read on.
func (r *Reader) sniff(f *os.File) error {
	in := bufio.NewReaderSize(f, 1<<16)
	head, err := in.Peek(4)
	switch {
	case len(head) == 0 && err != nil && !errors.Is(err, io.EOF):
		return err
	case len(head) == 0:
		return fmt.Errorf("the file is empty")
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return r.gunzip(in)
	case bytes.Equal(head, []byte("PAR1")):
		return r.parquet(f)
	}
	return r.text(in)
}

// gunzip reads on inside a gzip stream.
func (r *Reader) gunzip(in io.Reader) error {
	gz, err := gzip.NewReader(in)
	if err != nil {
		return cutShort(err)
	}
	plain := bufio.NewReaderSize(&unzipped{gz}, 1<<16)
	head, err := plain.Peek(4)
	switch {
	case len(head) == 0 && errors.Is(err, io.EOF):
		return fmt.Errorf("the file is empty (a gzip stream of nothing)")
	case len(head) == 0:
		return err
	case !bytes.Equal(head, []byte("PAR1")):
		return r.text(plain)
	}
	tmp, err := spool(plain)
	if err != nil {
		return err
	}
	r.close = append(r.close, func() error { return errors.Join(tmp.Close(), os.Remove(tmp.Name())) })
	return r.parquet(tmp)
}

// spool copies a stream to a temporary file, since parquet is read from its end.
func spool(in io.Reader) (*os.File, error) {
	tmp, err := os.CreateTemp("", "rmc-*.parquet")
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(tmp, in); err != nil {
		return nil, errors.Join(err, tmp.Close(), os.Remove(tmp.Name()))
	}
	return tmp, nil
}

// An unzipped is a gzip stream whose errors say what happened.
type unzipped struct{ *gzip.Reader }

func (u *unzipped) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	return n, cutShort(err)
}

func cutShort(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &placed{err: fmt.Errorf("the gzip stream is cut short: %w", err)}
	case errors.Is(err, gzip.ErrChecksum):
		return fmt.Errorf("the gzip stream is damaged: its checksum does not match")
	case errors.Is(err, gzip.ErrHeader):
		return fmt.Errorf("the gzip stream is damaged: what follows is no gzip header")
	}
	return err
}

// text tells JSON lines, JSON arrays and CSV apart.
func (r *Reader) text(in *bufio.Reader) error {
	head, _ := in.Peek(3)
	switch {
	case bytes.Equal(head, []byte("\xef\xbb\xbf")):
		in.Discard(3)
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		return fmt.Errorf("the file is UTF-16; convert it to UTF-8 (iconv -f utf-16 -t utf-8)")
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f")):
		return fmt.Errorf("the file is compressed with zstd; rmc reads gzip: decompress it, or compress it with gzip")
	}
	if comma, ok := r.comma(); ok {
		return r.csv(in, comma)
	}
	j := &jsonText{in: in, line: 1, column: 1}
	first, err := j.skipSpace()
	switch {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("the file is empty")
	case err != nil:
		return err
	case first == '[':
		r.Kind, r.next = "array", j.nextOfArray
	case first == '{' && areGroups(in):
		r.Kind, r.next = "groups", j.nextOfGroups
	case first == '{':
		r.Kind, r.next = "lines", j.nextLine
	default:
		return fmt.Errorf("is neither JSON (it begins with %q), nor parquet, and not named .csv", string(rune(first)))
	}
	return nil
}

// groups are how an object of several lines begins whose values are lists of
// rows: MR-Ben has the rows of each question in one.
var groups = regexp.MustCompile(`^\{[ \t\r]*\n\s*"(?:[^"\\]|\\.)*"\s*:\s*\[\s*\{`)

func areGroups(in *bufio.Reader) bool {
	head, _ := in.Peek(4096)
	return groups.Match(head)
}

// comma tells the separator of a file that its name calls CSV.
func (r *Reader) comma() (rune, bool) {
	switch filepath.Ext(strings.TrimSuffix(r.Name, ".gz")) {
	case ".csv":
		return ',', true
	case ".tsv":
		return '\t', true
	}
	return 0, false
}

func (r *Reader) csv(in io.Reader, comma rune) error {
	c := csv.NewReader(in)
	c.Comma = comma
	header, err := c.Read()
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("the file is empty")
	}
	if err != nil {
		return csvError(err)
	}
	for i, name := range header {
		for _, other := range header[:i] {
			if name == other {
				return fmt.Errorf("two columns are called %q", name)
			}
		}
	}
	r.Kind, r.next = "csv", func() (map[string]any, int, error) { return csvRow(c, header) }
	return nil
}

func csvRow(c *csv.Reader, header []string) (map[string]any, int, error) {
	record, err := c.Read()
	if err != nil {
		return nil, 0, csvError(err)
	}
	line, _ := c.FieldPos(0)
	fields := make(map[string]any, len(header))
	for i, name := range header {
		if !utf8.ValidString(record[i]) {
			l, col := c.FieldPos(i)
			return nil, 0, &placed{l, col, fmt.Errorf("column %q is not valid UTF-8", name)}
		}
		fields[name] = record[i]
	}
	return fields, line, nil
}

func csvError(err error) error {
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		return &placed{parse.Line, parse.Column, fmt.Errorf("broken CSV: %w", parse.Err)}
	}
	return err
}
