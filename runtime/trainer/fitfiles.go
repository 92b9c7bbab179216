package trainer

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/fit"
	"github.com/rmc-lang/rmc/runtime/model"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/safetensors"
	"github.com/rmc-lang/rmc/runtime/tree"
)

// The files of the folder fits/NAME: what a person reads, what a graph reads,
// and of a tree the tree itself with its rules and its drawing.
const (
	fitFile      = "fit.json"
	matricesFile = "fit.safetensors"
	treeFile     = "tree.json"
	rulesFile    = "rules.txt"
	drawingFile  = "tree.svg"
)

// The names of a fit's matrices in its file; in an export the fit's own name
// stands before them.
const (
	probeWeight  = "weight"     // [attribute, hidden]
	probeBias    = "bias"       // [attribute]
	debiasMatrix = "matrix"     // [attribute, attribute]: rows in, columns out
	references   = "references" // [response, attribute]
)

// A fitTable is fit.json: how a fit came about. Matrices are beside it.
type fitTable struct {
	Name        string            `json:"name"`
	Kind        string            `json:"kind"`
	Of          []string          `json:"of"`
	Data        string            `json:"data"`
	Rows        int               `json:"rows"` // fitted on
	Inputs      string            `json:"inputs_sha256"`
	Probe       *probeTable       `json:"probe,omitempty"`
	Transform   *fit.Transform    `json:"transform,omitempty"`
	Importances []tree.Importance `json:"importances,omitempty"`
}

// A probeTable is a probe without its weights.
type probeTable struct {
	Hidden int        `json:"hidden"` // numbers that it reads
	Chosen []namedFit `json:"attributes"`
}

// A namedFit is how one attribute of a probe came about.
type namedFit struct {
	Attribute string `json:"attribute"`
	fit.Chosen
}

func tableOf(p *fit.Probe) *probeTable {
	t := &probeTable{Hidden: p.Hidden}
	for a, name := range p.Attributes {
		t.Chosen = append(t.Chosen, namedFit{name, p.Chosen[a]})
	}
	return t
}

// probe is the table's probe with weights.
func (t *probeTable) probe(weight, bias [][]float64) *fit.Probe {
	p := &fit.Probe{Hidden: t.Hidden, Weight: weight, Intercept: bias[0]}
	for _, c := range t.Chosen {
		p.Attributes, p.Chosen = append(p.Attributes, c.Attribute), append(p.Chosen, c.Chosen)
	}
	return p
}

func (r *Run) fitFolder(name string) string { return filepath.Join(r.Dir, "fits", name) }

// sum is a digest of what a fit computes with, so that whatever depends on it
// can tell when it changed.
func (f *fitted) sum() string {
	all := []any{f.probe, f.transform}
	if f.tree != nil {
		all = append(all, f.tree.Tree, f.tree.references)
	}
	text, err := json.Marshal(all)
	if err != nil {
		panic(err) // names and finite numbers always marshal
	}
	return disk.Digest(string(text))
}

// keepFit writes the folder of a fit beside its place and puts it there when it
// is whole.
func (r *Run) keepFit(f *fitted) error {
	folder := r.fitFolder(f.stage.Fit.Name)
	fresh := beside(folder, "new")
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	if err := os.MkdirAll(fresh, 0o755); err != nil {
		return err
	}
	defer os.RemoveAll(fresh)
	if err := f.write(fresh); err != nil {
		return err
	}
	return exchange(fresh, folder)
}

// write fills a folder, the digests last.
func (f *fitted) write(folder string) error {
	files, err := f.texts()
	if err != nil {
		return err
	}
	digest, err := safetensors.Write(filepath.Join(folder, matricesFile), f.matrices(), nil)
	if err != nil {
		return err
	}
	sums := fmt.Sprintf("%s  %s\n", digest, matricesFile)
	for _, file := range files {
		if err := disk.Write(filepath.Join(folder, file.name), []byte(file.text)); err != nil {
			return err
		}
		sums += fmt.Sprintf("%s  %s\n", disk.Digest(file.text), file.name)
	}
	return disk.Write(filepath.Join(folder, digestFile), []byte(sums))
}

// A textFile is a small file to be written.
type textFile struct{ name, text string }

// texts are the files of a fit that people read.
func (f *fitted) texts() ([]textFile, error) {
	how := f.stage.Fit
	table := fitTable{Name: how.Name, Kind: how.Kind, Of: how.Of, Data: f.stage.Data.Name, Rows: f.rows, Inputs: f.inputs, Transform: f.transform}
	if f.probe != nil {
		table.Probe = tableOf(f.probe)
	}
	if f.tree != nil {
		table.Importances = f.tree.importances
	}
	text, err := json.MarshalIndent(table, "", "  ")
	if err != nil {
		return nil, err
	}
	files := []textFile{{fitFile, string(text) + "\n"}}
	if f.tree != nil {
		if text, err = json.MarshalIndent(f.tree.Tree, "", "  "); err != nil {
			return nil, err
		}
		files = append(files, textFile{treeFile, string(text) + "\n"}, textFile{rulesFile, f.tree.Rules()}, textFile{drawingFile, f.tree.SVG()})
	}
	return files, nil
}

// matrices are the numbers of a fit as entries of a file.
func (f *fitted) matrices() []safetensors.Data {
	switch {
	case f.probe != nil:
		return []safetensors.Data{matrix(probeWeight, f.probe.Weight), vector(probeBias, f.probe.Intercept)}
	case f.transform != nil:
		return []safetensors.Data{matrix(debiasMatrix, f.transform.Matrix)}
	}
	return []safetensors.Data{matrix(references, f.tree.references)}
}

// matrix is rows of numbers as float32.
func matrix(name string, rows [][]float64) safetensors.Data {
	columns := 0
	if len(rows) > 0 {
		columns = len(rows[0])
	}
	flat := vector(name, slices.Concat(rows...))
	flat.Shape = []int{len(rows), columns}
	return flat
}

func vector(name string, values []float64) safetensors.Data {
	return safetensors.Data{Name: name, DType: safetensors.F32, Shape: []int{len(values)}, Write: func(w io.Writer) error {
		return binary.Write(w, binary.LittleEndian, floats32(values))
	}}
}

func floats32(values []float64) []float32 {
	out := make([]float32, len(values))
	for i, x := range values {
		out[i] = float32(x)
	}
	return out
}

// keptFit reads and verifies what a fit stage left.
func (r *Run) keptFit(s program.Stage) (*fitted, error) {
	folder := r.fitFolder(s.Fit.Name)
	f, err := readFit(s, folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s holds no fit %s; train first, or name another folder with --out", r.Dir, s.Fit.Name)
	}
	if err != nil {
		return nil, fmt.Errorf("the fit %s is damaged: %w; train --force fits it again", s.Fit.Name, err)
	}
	return f, nil
}

func readFit(s program.Stage, folder string) (*fitted, error) {
	files, sums, err := readFolder(folder)
	if err != nil {
		return nil, err
	}
	var table fitTable
	if err := json.Unmarshal(files[fitFile], &table); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(folder, fitFile), err)
	}
	weights, err := model.ReadSafetensors(filepath.Join(folder, matricesFile), sums[matricesFile])
	if err != nil {
		return nil, err
	}
	f := &fitted{stage: s, rows: table.Rows, inputs: table.Inputs, transform: table.Transform}
	switch {
	case table.Probe != nil:
		var weight, bias [][]float64
		if weight, err = rowsOf(weights, probeWeight); err == nil {
			if bias, err = rowsOf(weights, probeBias); err == nil {
				f.probe = table.Probe.probe(weight, bias)
			}
		}
	case f.transform == nil:
		f.tree = &grownTree{Tree: &tree.Tree{}, importances: table.Importances}
		if err = json.Unmarshal(files[treeFile], f.tree.Tree); err == nil {
			f.tree.references, err = rowsOf(weights, references)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", folder, err)
	}
	f.digest = f.sum()
	return f, nil
}

// readFolder reads the small files that SHA256SUMS lists and holds them against
// it; of the others it gives the digests.
func readFolder(folder string) (files map[string][]byte, sums map[string]string, err error) {
	list, err := os.ReadFile(filepath.Join(folder, digestFile))
	if err != nil {
		return nil, nil, err
	}
	files, sums = map[string][]byte{}, map[string]string{}
	for line := range strings.Lines(string(list)) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		sums[name] = sum
		if filepath.Ext(name) == ".safetensors" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return nil, nil, err
		}
		if disk.Digest(string(text)) != sum {
			return nil, nil, fmt.Errorf("%s has changed since it was written", filepath.Join(folder, name))
		}
		files[name] = text
	}
	return files, sums, nil
}

// rowsOf is a matrix, or a vector as its only row, of a file.
func rowsOf(weights model.Weights, name string) ([][]float64, error) {
	t, ok := weights[name]
	if !ok {
		return nil, fmt.Errorf("%s is not there", name)
	}
	flat, err := tensors.CopyFlatData[float32](t)
	if err != nil {
		return nil, err
	}
	dims := t.Shape().Dimensions
	columns := dims[len(dims)-1]
	var rows [][]float64
	for from := 0; from+columns <= len(flat) && columns > 0; from += columns {
		row := make([]float64, columns)
		for i, x := range flat[from : from+columns] {
			row[i] = float64(x)
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("%s is empty", name)
	}
	return rows, nil
}
