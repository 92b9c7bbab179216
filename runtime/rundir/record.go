// Package rundir is what a run directory tells of its run: the record, a line for each
// step and each evaluated row, what labels and trainings came to, the scoring contract.
package rundir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/measure"
	"github.com/rmc-lang/rmc/runtime/program"
)

// A Record is run.json: what a run was and how it ended. Whoever has it and the
// sources in its lock can repeat the run.
type Record struct {
	Program      string               `json:"program"`
	Status       string               `json:"status"` // running | finished | stopped | failed
	Error        string               `json:"error,omitempty"`
	StoppedAfter int                  `json:"stopped_after,omitempty"` // --steps, where it ended a training before its last step
	RecipeSHA256 string               `json:"recipe_sha256"`
	Recipe       string               `json:"recipe"`
	Lock         string               `json:"lock"`
	Overrides    []string             `json:"overrides"`
	Seeds        map[string]int       `json:"seeds"` // by stage
	Versions     map[string]string    `json:"versions"`
	Device       Device               `json:"device"`
	Contract     *Contract            `json:"contract,omitempty"`
	Data         []DataRecord         `json:"data,omitempty"`
	Started      time.Time            `json:"started"`
	Ended        *time.Time           `json:"ended,omitempty"`
	Stages       []Done               `json:"stages,omitempty"`      // gone through, in order
	Results      []measure.Result     `json:"results,omitempty"`     // without their rows, which are in evaluation.jsonl
	Comparisons  []measure.Comparison `json:"comparisons,omitempty"` // of results on the same rows
}

// A Device is what a run computed on.
type Device struct {
	Backend string `json:"backend"` // xla | go
	Plugin  string `json:"plugin,omitempty"`
	Devices int    `json:"devices"` // used by the mesh
	CPUs    int    `json:"cpus"`
	System  string `json:"system"`
}

// A DataRecord says where one data set is from and what became of its rows.
type DataRecord struct {
	Name      string        `json:"name"`
	Source    string        `json:"source"`             // as the recipe writes it
	Revision  string        `json:"revision,omitempty"` // hub: the commit; pypi: the version
	SHA256    string        `json:"sha256,omitempty"`   // of the file
	Licence   string        `json:"licence,omitempty"`  // as the recipe says
	Judged    string        `json:"judged,omitempty"`   // by which model, where the rows' own preferences were not used
	Format    string        `json:"format"`
	Decided   string        `json:"decided,omitempty"`
	Read      int           `json:"read"` // rows
	Filters   []data.Filter `json:"filters,omitempty"`
	Kept      int           `json:"kept"`
	Train     int           `json:"train"`
	Holdout   int           `json:"holdout"`
	Prompts   int           `json:"prompts"`
	InBoth    int           `json:"prompts_in_both"`
	Tokens    int           `json:"tokens"`
	MaxLength int           `json:"max_length"` // tokens
	Lengths   []int         `json:"lengths"`    // tokens of each sequence kept; at most lengthsKept, evenly spaced by rank
}

// lengthsKept bounds how many lengths a record keeps: enough for a histogram.
const lengthsKept = 1000

// NewDataRecord condenses what became of the rows of a data set of the program.
// Its revision and digest are for the caller to add, who has the file.
func NewDataRecord(p program.Program, name string, s data.Stats) DataRecord {
	lengths := slices.Sorted(slices.Values(s.Lengths))
	if len(lengths) > lengthsKept {
		spaced := make([]int, lengthsKept)
		for i := range spaced {
			spaced[i] = lengths[i*(len(lengths)-1)/(lengthsKept-1)]
		}
		lengths = spaced
	}
	rec := DataRecord{
		Name: name, Format: s.Format, Decided: s.Decided, Read: s.Read, Filters: s.Filters, Kept: s.Kept, Train: s.Train,
		Holdout: s.Holdout, Prompts: s.Prompts, InBoth: s.InBoth, Tokens: int(s.TokensAfter), MaxLength: s.MaxLength, Lengths: lengths,
	}
	for _, stage := range p.Stages {
		if stage.Kind == "label" && stage.Label.Name == name {
			rec.Judged = stage.Label.Model
		}
		if d := stage.Data; d.Name == name {
			rec.Source, rec.Licence = d.Source, d.Licence
		}
	}
	return rec
}

// The files of a run directory that tell of the run. Besides them it has what the
// stages came to: checkpoint, model, fits, stages, labels.
const (
	recordFile  = "run.json"
	MetricsFile = "metrics.jsonl"    // a line a step
	RowsFile    = "evaluation.jsonl" // a line for each evaluated row
	ReportFile  = "report.html"      // the page, where one was drawn
)

// New describes a run of a program that is about to begin on a backend of a kind,
// xla or go, with a plugin or none.
func New(p program.Program, backend, plugin string) *Record {
	rec := &Record{
		Program: p.Name, Status: "running",
		Recipe: p.Recipe, RecipeSHA256: disk.Digest(p.Recipe), Lock: p.Lock,
		Overrides: append([]string{}, p.Overrides...), Seeds: map[string]int{}, Versions: versions(),
		Device: Device{
			Backend: backend, Plugin: plugin, Devices: max(1, p.Mesh.Devices),
			CPUs: runtime.NumCPU(), System: runtime.GOOS + "/" + runtime.GOARCH,
		},
		Started: time.Now().UTC().Truncate(time.Second),
	}
	for _, s := range p.Stages {
		if s.Kind == "train" {
			rec.Seeds[s.Name()] = s.Train.Seed
		}
	}
	return rec
}

// Differs says in which parts the run on record is not the program at hand; ""
// when they are the same experiment.
func (rec *Record) Differs(p program.Program) string {
	var parts []string
	if rec.Program != p.Name {
		parts = append(parts, fmt.Sprintf("program (%s then, %s now)", rec.Program, p.Name))
	}
	if rec.RecipeSHA256 != disk.Digest(p.Recipe) {
		parts = append(parts, "recipe")
	}
	if rec.Lock != p.Lock {
		parts = append(parts, "lock")
	}
	if !slices.Equal(rec.Overrides, p.Overrides) {
		parts = append(parts, fmt.Sprintf("overrides (%q then, %q now)", rec.Overrides, p.Overrides))
	}
	return strings.Join(parts, ", ")
}

// versions lists what was linked: Go and the modules that decide numbers.
func versions() map[string]string {
	v := map[string]string{"go": runtime.Version()}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	for _, m := range build.Deps {
		switch m.Path {
		case "github.com/rmc-lang/rmc", "github.com/gomlx/gomlx", "github.com/gomlx/compute", "github.com/gomlx/go-xla":
			v[m.Path] = m.Version
		}
	}
	return v
}

// Read returns the record in dir, or nil when there has been no run.
func Read(dir string) (*Record, error) {
	path := filepath.Join(dir, recordFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var rec Record
	if err := json.Unmarshal(text, &rec); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w; train --force starts the run over", path, err)
	}
	return &rec, nil
}

// Write puts the record in dir, whole or not at all.
func (rec *Record) Write(dir string) error {
	text, err := json.MarshalIndent(rec, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: %w", recordFile, err)
	}
	return disk.Write(filepath.Join(dir, recordFile), append(text, '\n'))
}

// Claim takes the run directory for this process, creating it, and returns how
// to give it back. Two trainers in one directory would overwrite each other.
func Claim(dir string) (release func(), err error) {
	release, held, err := disk.TryLock(filepath.Join(dir, ".lock"))
	if err != nil {
		return nil, fmt.Errorf("the run directory %s cannot be used: %w; name another with --out", dir, err)
	}
	if held {
		return nil, fmt.Errorf("another trainer is at work in %s; wait for it, or give this one a folder of its own with --out", dir)
	}
	return release, nil
}

// Clear removes what a run wrote of itself, and nothing else that may lie in its
// folder. What stages came to stays, for it is found by content: unless the run
// is to be done anew, when only hidden states and a judge's answers do.
func Clear(dir string, anew bool) error {
	names := []string{recordFile, RowsFile, ReportFile}
	if anew {
		names = append(names, MetricsFile, "checkpoint", "model", "fits")
		earlier, err := filepath.Glob(filepath.Join(dir, "stages", "train-*"))
		if err != nil {
			return err
		}
		for _, path := range earlier {
			names = append(names, filepath.Join("stages", filepath.Base(path)))
		}
	}
	for _, name := range names {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("clearing the old run: %w", err)
		}
	}
	return nil
}
