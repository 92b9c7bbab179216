package fitted

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/export"
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

// sum is a digest of what a fit computes with, so that whatever depends on it
// can tell when it changed.
func (f *Fit) sum() string {
	all := []any{f.Probe, f.Transform}
	if f.Tree != nil {
		all = append(all, f.Tree.Tree, f.Tree.References)
	}
	text, err := json.Marshal(all)
	if err != nil {
		panic(err) // names and finite numbers always marshal
	}
	return disk.Digest(string(text))
}

// Keep writes the folder of a fit beside its place and puts it there when it is
// whole.
func (f *Fit) Keep(folder string) error { return disk.Replace(folder, f.write) }

// write fills a folder, the digests last.
func (f *Fit) write(folder string) error {
	files, err := f.texts()
	if err != nil {
		return err
	}
	digest, err := safetensors.Write(filepath.Join(folder, matricesFile), f.matrices(), nil)
	if err != nil {
		return err
	}
	return disk.WriteTexts(folder, disk.Sum{Digest: digest, Name: matricesFile}, files)
}

// texts are the files of a fit that people read.
func (f *Fit) texts() ([]disk.Text, error) {
	how := f.Stage.Fit
	table := fitTable{Name: how.Name, Kind: how.Kind, Of: how.Of, Data: f.Stage.Data.Name, Rows: f.Rows, Inputs: f.Inputs, Transform: f.Transform}
	if f.Probe != nil {
		table.Probe = tableOf(f.Probe)
	}
	if f.Tree != nil {
		table.Importances = f.Tree.Importances
	}
	text, err := json.MarshalIndent(table, "", "  ")
	if err != nil {
		return nil, err
	}
	files := []disk.Text{{Name: fitFile, Text: string(text) + "\n"}}
	if f.Tree != nil {
		if text, err = json.MarshalIndent(f.Tree.Tree, "", "  "); err != nil {
			return nil, err
		}
		files = append(files, disk.Text{Name: treeFile, Text: string(text) + "\n"},
			disk.Text{Name: rulesFile, Text: f.Tree.Rules()}, disk.Text{Name: drawingFile, Text: f.Tree.SVG()})
	}
	return files, nil
}

// matrices are the numbers of a fit as entries of a file.
func (f *Fit) matrices() []safetensors.Data {
	switch {
	case f.Probe != nil:
		return []safetensors.Data{matrix(probeWeight, f.Probe.Weight), vector(probeBias, f.Probe.Intercept)}
	case f.Transform != nil:
		return []safetensors.Data{matrix(debiasMatrix, f.Transform.Matrix)}
	}
	return []safetensors.Data{matrix(references, f.Tree.References)}
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

// Read reads and verifies what the stage s left in a folder.
func Read(s program.Stage, folder string) (*Fit, error) {
	files, sums, err := disk.ReadTexts(folder)
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
	f := &Fit{Stage: s, Rows: table.Rows, Inputs: table.Inputs, Transform: table.Transform}
	switch {
	case table.Probe != nil:
		var weight, bias [][]float64
		if weight, err = rowsOf(weights, probeWeight); err == nil {
			if bias, err = rowsOf(weights, probeBias); err == nil {
				f.Probe = table.Probe.probe(weight, bias)
			}
		}
	case f.Transform == nil:
		f.Tree = &Tree{Tree: &tree.Tree{}, Importances: table.Importances}
		if err = json.Unmarshal(files[treeFile], f.Tree.Tree); err == nil {
			f.Tree.References, err = rowsOf(weights, references)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", folder, err)
	}
	f.Digest = f.sum()
	return f, nil
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

// Part is what an exported reward has of a fit.
func (f *Fit) Part() (export.Fit, error) {
	out := export.Fit{Fit: f.Stage.Fit, Attributes: f.Attributes(), Matrices: f.matrices()}
	if f.Tree == nil {
		return out, nil
	}
	files, err := f.texts()
	for _, file := range files {
		if file.Name != fitFile {
			out.Files = append(out.Files, file)
		}
	}
	out.Tree = treeFile
	return out, err
}
