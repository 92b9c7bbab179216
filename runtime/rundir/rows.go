package rundir

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/measure"
)

// An Evaluated is a line of evaluation.jsonl: a pair that the named stage scored.
type Evaluated struct {
	Stage string `json:"stage"`
	measure.Scored
}

// WriteRows writes one line per evaluated pair or conversation, for the report and
// for whoever wants to look at single ones.
func WriteRows(dir string, results []measure.Result) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for _, res := range results {
		for _, row := range res.Rows {
			line := struct {
				Stage string `json:"stage"`
				measure.Scored
			}{res.Stage, row}
			if err := enc.Encode(line); err != nil {
				return fmt.Errorf("%s: %w", RowsFile, err)
			}
		}
		for _, row := range res.Conversations {
			line := struct {
				Stage string `json:"stage"`
				measure.Conversation
			}{res.Stage, row}
			if err := enc.Encode(line); err != nil {
				return fmt.Errorf("%s: %w", RowsFile, err)
			}
		}
	}
	return disk.Write(filepath.Join(dir, RowsFile), b.Bytes())
}

// longestLine is the longest line that is read, in bytes.
const longestLine = 64 << 20

// ReadLines reads a file of JSON lines; a file that is not there has none.
func ReadLines[T any](path string) ([]T, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []T
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, longestLine)
	for n := 1; lines.Scan(); n++ {
		var v T
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
		out = append(out, v)
	}
	return out, lines.Err()
}
