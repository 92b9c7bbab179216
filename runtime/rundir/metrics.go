package rundir

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
	"github.com/rmc-lang/rmc/runtime/program"
)

// A Step is what one optimizer step reports: one line of metrics.jsonl. Numbers
// are means over the step's global batch.
type Step struct {
	Stage             string // Stage.Name
	Step, Of          int    // Step counts from 1
	Loss              float64
	GradNorm          float64 // global norm before clipping
	LR                float64
	Accuracy          float64 // share of pairs with chosen above rejected; NaN where there are no pairs
	Margin            float64 // chosen minus rejected
	MeanReward        float64 // over every scored row
	ExamplesPerSecond float64
	Unit              string             // what an example is: pairs, or rows
	TokensPerSecond   float64            // real tokens, no padding; 0 where the head reads hidden states computed before
	Reports           map[string]float64 // of the objective
	ValidationLoss    *float64           // over the rows kept apart; nil where it was not measured
}

// A MetricsLog is metrics.jsonl: a line a step, each step once.
type MetricsLog struct{ file *os.File }

// OpenMetrics opens the log of a run directory for the steps of a stage that come
// after those that are done: what a checkpoint knows of. Lines of steps that will
// be done again go.
func OpenMetrics(dir, stage string, done int) (*MetricsLog, error) {
	err := editMetrics(dir, func(all []metricsLine) []metricsLine {
		return slices.DeleteFunc(all, func(l metricsLine) bool { return l.Stage == stage && l.Step > done })
	})
	if err != nil {
		return nil, fmt.Errorf("cutting %s to the steps that are kept: %w", MetricsFile, err)
	}
	f, err := os.OpenFile(filepath.Join(dir, MetricsFile), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	return &MetricsLog{f}, nil
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
	path := filepath.Join(dir, MetricsFile)
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

// MetricsOf is the lines of a stage.
func MetricsOf(dir, stage string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(dir, MetricsFile))
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

// PutMetrics puts the lines of a stage in place of those that there are of it.
func PutMetrics(dir, stage string, lines []byte) error {
	if there, err := MetricsOf(dir, stage); err != nil || bytes.Equal(there, lines) {
		return err
	}
	return editMetrics(dir, func(all []metricsLine) []metricsLine {
		others := slices.DeleteFunc(slices.Clone(all), func(l metricsLine) bool { return l.Stage == stage })
		return append(others, metricsLines(string(lines))...)
	})
}

// OrderMetrics leaves the lines of a program's stages, in its order.
func OrderMetrics(dir string, p program.Program) error {
	at := map[string]int{}
	for i, s := range p.Stages {
		if s.Kind == "train" {
			at[s.Name()] = i
		}
	}
	return editMetrics(dir, func(all []metricsLine) []metricsLine {
		all = slices.DeleteFunc(all, func(l metricsLine) bool { _, ok := at[l.Stage]; return !ok })
		slices.SortStableFunc(all, func(a, b metricsLine) int { return at[a.Stage] - at[b.Stage] })
		return all
	})
}

// Append writes the line of one step.
func (m *MetricsLog) Append(s Step) error {
	line, err := s.line()
	if err != nil {
		return fmt.Errorf("%s: step %d: %w", MetricsFile, s.Step, err)
	}
	if _, err := m.file.Write(line); err != nil {
		return fmt.Errorf("step %d: %w", s.Step, err)
	}
	return nil
}

// Sync forces what was appended to the disk.
func (m *MetricsLog) Sync() error { return m.file.Sync() }

// Close gives the file back.
func (m *MetricsLog) Close() error { return m.file.Close() }

// line is s as JSON: numbers in a fixed order, the objective's reports last.
// What is not a number is null. A report of the objective that is called like
// one of ours takes its place.
func (s Step) line() ([]byte, error) {
	var b bytes.Buffer
	stage, err := json.Marshal(s.Stage)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(&b, `{"stage":%s,"step":%d,"of":%d,"unit":%q`, stage, s.Step, s.Of, s.Unit)
	for _, field := range []struct {
		name  string
		value float64
	}{
		{"loss", s.Loss}, {"grad_norm", s.GradNorm}, {"lr", s.LR}, {"accuracy", s.Accuracy}, {"margin", s.Margin},
		{"mean_reward", s.MeanReward}, {"examples_per_s", s.ExamplesPerSecond}, {"tokens_per_s", s.TokensPerSecond},
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
