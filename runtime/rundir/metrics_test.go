package rundir

import (
	"bufio"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
)

func TestMetricsAreCutToTheCheckpoint(t *testing.T) {
	dir := t.TempDir()
	const stage = "train rm on prefs"
	other := []byte(`{"stage":"train gate on prefs","step":7}` + "\n")
	if err := PutMetrics(dir, "train gate on prefs", other); err != nil {
		t.Fatal(err)
	}
	m, err := OpenMetrics(dir, stage, 0)
	if err != nil {
		t.Fatal(err)
	}
	for step := 1; step <= 3; step++ {
		if err := m.Append(Step{Stage: stage, Step: step, Of: 9, Loss: 0.5, Accuracy: math.NaN()}); err != nil {
			t.Fatal(err)
		}
	}
	// A process that is killed leaves a part of a line.
	if _, err := m.file.WriteString(`{"stage":"train rm`); err != nil {
		t.Fatal(err)
	}
	m.Close()
	if m, err = OpenMetrics(dir, stage, 2); err != nil {
		t.Fatal(err)
	}
	for step := 3; step <= 4; step++ {
		if err := m.Append(Step{Stage: stage, Step: step, Reports: map[string]float64{"accuracy": 1, "confident": 0.25}}); err != nil {
			t.Fatal(err)
		}
	}
	m.Close()
	f, err := os.Open(filepath.Join(dir, MetricsFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var steps []float64
	others := 0
	var last map[string]any
	for lines := bufio.NewScanner(f); lines.Scan(); {
		last = nil
		if err := json.Unmarshal(lines.Bytes(), &last); err != nil {
			t.Fatalf("%s: %v", lines.Bytes(), err)
		}
		if last["stage"] != stage {
			others++
			continue
		}
		steps = append(steps, last["step"].(float64))
		if len(steps) == 1 && last["accuracy"] != nil {
			t.Errorf("no accuracy must be null: %v", last)
		}
	}
	if others != 1 {
		t.Errorf("%d lines of another stage, want 1", others)
	}
	if len(steps) != 4 || steps[2] != 3 || steps[3] != 4 {
		t.Errorf("steps %v, want each of 1 to 4 once", steps)
	}
	if last["accuracy"] != 1.0 || last["confident"] != 0.25 {
		t.Errorf("reports of the objective: %v", last)
	}
}

// The rate of a step is of examples, and beside it stands what they are.
func TestRateIsOfExamples(t *testing.T) {
	for _, unit := range []string{"pairs", "rows"} {
		text, err := Step{Stage: "train m", Step: 1, Of: 1, ExamplesPerSecond: 2.5, Unit: unit}.line()
		if err != nil {
			t.Fatal(err)
		}
		var line map[string]any
		if err := json.Unmarshal(text, &line); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if line["examples_per_s"] != 2.5 || line["unit"] != unit {
			t.Errorf("%s, want 2.5 %s a second", text, unit)
		}
	}
}
