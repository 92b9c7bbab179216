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

// An Answer is one whole answer of a model. What went wrong is never one.
type Answer struct {
	Question     string `json:"question"` // digest of the text that was asked
	Sample       int    `json:"sample"`   // of several answers to it, which; 0-based
	Model        string `json:"model"`    // what the server says answered, or the name of a model of the recipe
	Text         string `json:"text"`     // as it came
	Finish       string `json:"finish"`   // why it ends there: stop, length or what else a server says
	PromptTokens int    `json:"prompt_tokens"`
	AnswerTokens int    `json:"answer_tokens"`
}

// cut reports whether an answer ended because it was as long as it might be.
func (a Answer) cut() bool { return a.Finish == "length" }

// A place is where in a table an answer belongs.
type place struct {
	question string
	sample   int
}

func (a Answer) place() place { return place{a.Question, a.Sample} }

// A header is the first line of a table: who was asked, and how. What was asked
// is in the digests of the questions.
type header struct {
	Endpoint    string   `json:"endpoint"`
	API         string   `json:"api"`
	Model       string   `json:"model"` // the server's name for it
	MaxTokens   int      `json:"max_tokens"`
	Temperature float64  `json:"temperature"`
	Seed        int      `json:"seed"`
	Until       []string `json:"until"`
	Weights     string   `json:"weights,omitempty"` // Local.Identity, instead of a name
}

func headerOf(l spec.Label, local *Local) header {
	h := header{l.Endpoint, l.API, l.Model, l.MaxTokens, l.Temperature, l.Seed, l.Until, ""}
	if local != nil {
		h.Model, h.Weights = "", local.Identity
	}
	if l.Temperature == 0 {
		h.Seed = 0 // none is sent
	}
	return h
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
func (h header) name() string { return "answers-" + disk.Digest(string(line(h)))[:16] + ".jsonl" }

// A table is answers on the disk. Each is one line that is on the disk before
// add returns; a line that was cut off by a crash does not count and is taken
// away when the table is opened again.
type table struct {
	mu      sync.Mutex
	file    *os.File
	unlock  func()
	answers map[place]Answer
	broken  error // a line that may be there in part: nothing is written after it
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
	if a.Sample < 0 || len(a.Question) != len(disk.Digest("")) || a.PromptTokens < 0 || a.AnswerTokens < 0 {
		return a, fmt.Errorf("no answer to question %q, sample %d", a.Question, a.Sample)
	}
	return a, nil
}

// add puts an answer on the disk.
func (t *table) add(a Answer) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, there := t.answers[a.place()]; there {
		panic(fmt.Sprintf("judge: question %s, sample %d was asked twice", a.Question, a.Sample))
	}
	if t.broken != nil {
		return t.broken
	}
	if _, t.broken = t.file.Write(line(a)); t.broken == nil {
		t.broken = t.file.Sync()
	}
	if t.broken == nil {
		t.answers[a.place()] = a
	}
	return t.broken
}

func (t *table) close() error {
	defer t.unlock()
	if t.file == nil {
		return nil
	}
	return t.file.Close()
}
