package trainer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
)

// A metricsLog is metrics.jsonl: a line a step, each step once.
type metricsLog struct {
	file *os.File
	size int64
}

// openMetrics opens the log of a run directory and cuts it to size bytes: what
// a checkpoint knows of. Lines of steps that will be done again go.
func openMetrics(dir string, size int64) (*metricsLog, error) {
	f, err := os.OpenFile(filepath.Join(dir, metricsFile), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	stat, err := f.Stat()
	if err == nil {
		size = min(size, stat.Size())
		err = f.Truncate(size)
	}
	if err == nil {
		_, err = f.Seek(size, 0)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("cutting %s to the steps that are kept: %w", f.Name(), err)
	}
	return &metricsLog{file: f, size: size}, nil
}

// append writes the line of one step.
func (m *metricsLog) append(s Step) error {
	line, err := s.line()
	if err != nil {
		return fmt.Errorf("%s: step %d: %w", metricsFile, s.Step, err)
	}
	n, err := m.file.Write(line)
	m.size += int64(n)
	if err != nil {
		return fmt.Errorf("step %d: %w", s.Step, err)
	}
	return nil
}

// sync forces what was appended to the disk and returns how much that is.
func (m *metricsLog) sync() (int64, error) { return m.size, m.file.Sync() }

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
