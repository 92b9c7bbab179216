package judge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// An Answer is one whole answer of the judge. What went wrong is never one.
type Answer struct {
	Row          int    `json:"row"`      // 0-based
	Order        string `json:"order"`    // given or swapped
	Question     string `json:"question"` // digest of the text that was asked
	Model        string `json:"model"`    // what the server says answered
	Text         string `json:"text"`     // as it came
	PromptTokens int    `json:"prompt_tokens"`
	AnswerTokens int    `json:"answer_tokens"`
}

// A place is where in a table an answer belongs.
type place struct {
	row      int
	order    string
	question string
}

func (a Answer) place() place { return place{a.Row, a.Order, a.Question} }

// A header is the first line of a table: who was asked, and how.
type header struct {
	Wording     int     `json:"wording"`
	Endpoint    string  `json:"endpoint"`
	Model       string  `json:"model"`
	MaxTokens   int     `json:"max_tokens"`
	Temperature float64 `json:"temperature"`
}

func headerOf(l spec.Label) header {
	return header{wording, l.Endpoint, l.Model, l.MaxTokens, l.Temperature}
}

// line is v as one line of JSON.
func line(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("judge: " + err.Error())
	}
	return append(b, '\n')
}

// name is that of the header's file: another judge has another table.
func (h header) name() string { return "answers-" + digest(string(line(h)))[:16] + ".jsonl" }

// A table is answers on the disk. Each is one line that is on the disk before
// add returns; a line that was cut off by a crash does not count and is taken
// away when the table is opened again.
type table struct {
	mu      sync.Mutex
	file    *os.File
	unlock  func()
	answers map[place]Answer
}

// openTable opens the table of h in a folder, or makes it. One process has it at
// a time.
func openTable(dir string, h header) (*table, error) {
	path := filepath.Join(dir, h.name())
	unlock, held, err := disk.TryLock(path + ".lock")
	if err != nil {
		return nil, err
	}
	if held {
		return nil, fmt.Errorf("another process is adding to %s", path)
	}
	t := &table{unlock: unlock}
	if err := t.open(path, h); err != nil {
		return nil, errors.Join(err, t.close())
	}
	return t, nil
}

func (t *table) open(path string, h header) error {
	content, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		content = line(h)
		err = disk.Write(path, content)
	}
	if err != nil {
		return err
	}
	answers, whole, err := parseTable(content, h)
	if err != nil {
		return fmt.Errorf("%s: %w; move the file away to ask anew", path, err)
	}
	t.answers = map[place]Answer{}
	for _, a := range answers {
		t.answers[a.place()] = a
	}
	if t.file, err = os.OpenFile(path, os.O_WRONLY, 0); err != nil {
		return err
	}
	if err = t.file.Truncate(int64(whole)); err == nil {
		_, err = t.file.Seek(0, io.SeekEnd)
	}
	return err
}

// parseTable reads whole lines; whole is where the last ends, in bytes.
func parseTable(content []byte, h header) (answers []Answer, whole int, err error) {
	first, ok := bytes.CutPrefix(content, line(h))
	if !ok {
		return nil, 0, fmt.Errorf("line 1 is not of this judge, %s", bytes.TrimSpace(line(h)))
	}
	seen := map[place]int{}
	whole = len(content) - len(first)
	for number := 2; ; number++ {
		end := bytes.IndexByte(content[whole:], '\n')
		if end < 0 {
			return answers, whole, nil
		}
		a, err := parseAnswer(content[whole : whole+end])
		if err != nil {
			return nil, 0, fmt.Errorf("line %d is damaged: %w", number, err)
		}
		if before := seen[a.place()]; before > 0 {
			return nil, 0, fmt.Errorf("lines %d and %d are answers to one question", before, number)
		}
		seen[a.place()] = number
		answers, whole = append(answers, a), whole+end+1
	}
}

func parseAnswer(text []byte) (Answer, error) {
	var a Answer
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil {
		return a, err
	}
	if !bytes.Equal(append(text[:len(text):len(text)], '\n'), line(a)) {
		return a, fmt.Errorf("it is not as it was written: %.60q", text)
	}
	if a.Row < 0 || a.Order != given && a.Order != swapped || len(a.Question) != len(digest("")) || a.PromptTokens < 0 || a.AnswerTokens < 0 {
		return a, fmt.Errorf("no answer to row %d, order %q, question %q", a.Row, a.Order, a.Question)
	}
	return a, nil
}

// add puts an answer on the disk.
func (t *table) add(a Answer) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, there := t.answers[a.place()]; there {
		panic(fmt.Sprintf("judge: row %d, order %s was asked twice", a.Row, a.Order))
	}
	if _, err := t.file.Write(line(a)); err != nil {
		return err
	}
	if err := t.file.Sync(); err != nil {
		return err
	}
	t.answers[a.place()] = a
	return nil
}

func (t *table) close() error {
	defer t.unlock()
	if t.file == nil {
		return nil
	}
	return t.file.Close()
}
