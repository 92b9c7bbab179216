package trainer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/runtime/disk"
)

// A metricsLog is metrics.jsonl: a line a step, each step once.
type metricsLog struct{ file *os.File }

// openMetrics opens the log of a run directory for the steps of a stage that come
// after those that are done: what a checkpoint knows of. Lines of steps that will
// be done again go.
func openMetrics(dir, stage string, done int) (*metricsLog, error) {
	err := editMetrics(dir, func(all []metricsLine) []metricsLine {
		return slices.DeleteFunc(all, func(l metricsLine) bool { return l.Stage == stage && l.Step > done })
	})
	if err != nil {
		return nil, fmt.Errorf("cutting %s to the steps that are kept: %w", metricsFile, err)
	}
	f, err := os.OpenFile(filepath.Join(dir, metricsFile), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	return &metricsLog{f}, nil
}

// A metricsLine is one line of the log.
type metricsLine struct {
	Stage string `json:"stage"`
	Step  int    `json:"step"`
	text  string
}

// metricsLines are the lines of a log. What a process that was killed left of one
// is none.
func metricsLines(text string) (all []metricsLine) {
	for line := range strings.Lines(text) {
		l := metricsLine{text: line}
		if strings.HasSuffix(line, "\n") && json.Unmarshal([]byte(line), &l) == nil {
			all = append(all, l)
		}
	}
	return all
}

// editMetrics puts what edit makes of the lines of a log in their place, if that
// is something else.
func editMetrics(dir string, edit func([]metricsLine) []metricsLine) error {
	path := filepath.Join(dir, metricsFile)
	then, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var now strings.Builder
	for _, l := range edit(metricsLines(string(then))) {
		now.WriteString(l.text)
	}
	if now.String() == string(then) {
		return nil
	}
	return disk.Write(path, []byte(now.String()))
}

// metricsOf is the lines of a stage.
func metricsOf(dir, stage string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(dir, metricsFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var out []byte
	for _, l := range metricsLines(string(text)) {
		if l.Stage == stage {
			out = append(out, l.text...)
		}
	}
	return out, nil
}

// putMetrics puts the lines of a stage in place of those that there are of it.
func putMetrics(dir, stage string, lines []byte) error {
	if there, err := metricsOf(dir, stage); err != nil || bytes.Equal(there, lines) {
		return err
	}
	return editMetrics(dir, func(all []metricsLine) []metricsLine {
		others := slices.DeleteFunc(slices.Clone(all), func(l metricsLine) bool { return l.Stage == stage })
		return append(others, metricsLines(string(lines))...)
	})
}

// orderMetrics leaves the lines of the program's stages, in its order.
func (r *Run) orderMetrics() error {
	at := map[string]int{}
	for i, s := range r.Program.Stages {
		if s.Kind == "train" {
			at[s.Name()] = i
		}
	}
	return editMetrics(r.Dir, func(all []metricsLine) []metricsLine {
		all = slices.DeleteFunc(all, func(l metricsLine) bool { _, ok := at[l.Stage]; return !ok })
		slices.SortStableFunc(all, func(a, b metricsLine) int { return at[a.Stage] - at[b.Stage] })
		return all
	})
}

// append writes the line of one step.
func (m *metricsLog) append(s Step) error {
	line, err := s.line()
	if err != nil {
		return fmt.Errorf("%s: step %d: %w", metricsFile, s.Step, err)
	}
	if _, err := m.file.Write(line); err != nil {
		return fmt.Errorf("step %d: %w", s.Step, err)
	}
	return nil
}

// sync forces what was appended to the disk.
func (m *metricsLog) sync() error { return m.file.Sync() }

func (m *metricsLog) close() error { return m.file.Close() }

// line is s as JSON: numbers in a fixed order, the objective's reports last.
// What is not a number is null. A report of the objective that is called like
// one of ours takes its place.
func (s Step) line() ([]byte, error) {
	var b bytes.Buffer
	stage, err := json.Marshal(s.Stage)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(&b, `{"stage":%s,"step":%d,"of":%d`, stage, s.Step, s.Of)
	for _, field := range []struct {
		name  string
		value float64
	}{
		{"loss", s.Loss}, {"grad_norm", s.GradNorm}, {"lr", s.LR}, {"accuracy", s.Accuracy}, {"margin", s.Margin},
		{"mean_reward", s.MeanReward}, {"pairs_per_s", s.PairsPerSecond}, {"tokens_per_s", s.TokensPerSecond},
	} {
		if _, taken := s.Reports[field.name]; !taken {
			fmt.Fprintf(&b, `,"%s":%s`, field.name, number(field.value))
		}
	}
	if s.ValidationLoss != nil {
		fmt.Fprintf(&b, `,"validation_loss":%s`, number(*s.ValidationLoss))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Reports)) {
		quoted, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, `,%s:%s`, quoted, number(s.Reports[name]))
	}
	b.WriteString("}\n")
	return b.Bytes(), nil
}

// number is x in JSON, which has no NaN and no infinity.
func number(x float64) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return "null"
	}
	text, _ := json.Marshal(x) // of a finite number
	return string(text)
}
