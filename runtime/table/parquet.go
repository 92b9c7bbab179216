package table

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/parquet-go/parquet-go"
)

// parquet reads rows from an open parquet file.
func (r *Reader) parquet(f *os.File) error {
	st, err := f.Stat()
	if err != nil {
		return err
	}
	if err := endsAsParquet(f, st.Size()); err != nil {
		return err
	}
	p, err := openParquet(f, st.Size())
	if err != nil {
		return err
	}
	r.close = append(r.close, p.rows.Close)
	r.Kind, r.next = "parquet", p.next
	return nil
}

// endsAsParquet tells a file that was cut short from one that is broken.
func endsAsParquet(f io.ReaderAt, size int64) error {
	tail := make([]byte, 4)
	if _, err := f.ReadAt(tail, size-4); err != nil {
		return err
	}
	if string(tail) != "PAR1" {
		return fmt.Errorf("the parquet file is cut short: its footer is missing; it was not copied or downloaded to its end")
	}
	return nil
}

// A parquetRows reads rows a hundred at a time.
type parquetRows struct {
	rows *parquet.GenericReader[any]
	buf  []any
	have []any // of buf, what is still to be returned
	end  error
}

// contained turns a panic into an error: the library has them for damaged files.
func contained(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("the parquet file is damaged: %v", p)
	}
}

func openParquet(f io.ReaderAt, size int64) (p *parquetRows, err error) {
	defer contained(&err)
	file, err := parquet.OpenFile(f, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, fmt.Errorf("the parquet file is damaged: %w", err)
	}
	return &parquetRows{rows: parquet.NewGenericReader[any](file, file.Schema()), buf: make([]any, 100)}, nil
}

func (p *parquetRows) next() (fields map[string]any, line int, err error) {
	defer contained(&err)
	for len(p.have) == 0 {
		if p.end != nil {
			return nil, 0, p.end
		}
		clear(p.buf)
		n, err := p.rows.Read(p.buf)
		p.have, p.end = p.buf[:n], err
		if err != nil && !errors.Is(err, io.EOF) {
			p.end = fmt.Errorf("reading parquet: %w", err)
		}
		if n == 0 && err == nil {
			p.end = io.EOF
		}
	}
	fields, ok := p.have[0].(map[string]any)
	p.have = p.have[1:]
	if !ok {
		return nil, 0, fmt.Errorf("the parquet file's rows have no columns")
	}
	return fields, 0, nil
}
