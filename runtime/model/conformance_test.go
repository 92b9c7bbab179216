package model

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/conformance"
	"github.com/rmc-lang/rmc/runtime/arch"
	"github.com/rmc-lang/rmc/runtime/backend"
)

const references = "../../testdata/conformance"

// A reference is what transformers computed; see testdata/conformance/README.md.
type reference struct {
	Rows        [][]int32             `json:"rows"`
	Score       []float64             `json:"score"`
	ScoreSingle []float64             `json:"score_single"`
	LastHidden  [][]float64           `json:"last_hidden"`
	FirstHidden [][]float64           `json:"first_hidden"`
	Loss        float64               `json:"bt_loss"`
	Gradients   map[string][3]float64 `json:"grad_norm_first_last"`
	TotalNorm   float64               `json:"total_grad_norm"`
}

// A bench is one family ready to compute.
type bench struct {
	kind    string // of the backend: go | xla
	backend compute.Backend
	decoder *Decoder
	names   []string // of the parameters, sorted
	weights []any    // in that order
	ref     reference
}

func newBench(t *testing.T, kind, family string) *bench {
	t.Helper()
	b := &bench{kind: kind, backend: openBackend(t, kind)}
	folder := filepath.Join(references, family)
	c, err := arch.Load(folder)
	if err != nil {
		t.Fatal(err)
	}
	b.decoder = &Decoder{Config: c}
	weights, err := Load(folder, c, Options{DType: dtypes.Float32, Layers: -1, Score: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range weights.Sorted() {
		b.names = append(b.names, w.Name)
		b.weights = append(b.weights, w.Tensor)
	}
	text, err := os.ReadFile(filepath.Join(folder, "reference.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &b.ref); err != nil {
		t.Fatal(err)
	}
	return b
}

func openBackend(t *testing.T, kind string) compute.Backend {
	t.Helper()
	b, err := backend.Open(kind)
	if err != nil {
		t.Skipf("needs an XLA plugin: %v", err)
	}
	t.Cleanup(b.Finalize)
	return b.Backend
}

// params looks parameters up among the nodes of b.names.
func (b *bench) params(nodes []*Node) Params {
	return func(name string) *Node {
		i, ok := slices.BinarySearch(b.names, name)
		if !ok {
			panic("no parameter " + name)
		}
		return nodes[i]
	}
}

// A batch is rows padded on the right to one length.
type batch struct{ tokens, positions, ends, last *tensors.Tensor }

func pad(rows [][]int32, length int) batch {
	n := len(rows)
	tokens, positions, ends := make([]int32, n*length), make([]int32, n*length), make([]int32, n*length)
	last := make([]int32, n)
	for r, row := range rows {
		for i, token := range row {
			tokens[r*length+i], positions[r*length+i], ends[r*length+i] = token, int32(i), int32(len(row))
		}
		last[r] = int32(len(row) - 1)
	}
	shape := func(x []int32) *tensors.Tensor { return tensors.FromFlatDataAndDimensions(x, n, length) }
	return batch{shape(tokens), shape(positions), shape(ends), tensors.FromFlatDataAndDimensions(last, n)}
}

func (x batch) inputs(weights []any) []any {
	return append([]any{x.tokens, x.positions, x.ends, x.last}, weights...)
}

// scores is the score of each row, and the hidden states of its last and first token.
func (b *bench) scores(t *testing.T, x batch) (score, last, first []float32) {
	t.Helper()
	out := run(t, b.backend, func(in []*Node) []*Node { return b.forward(in) }, x.inputs(b.weights)...)
	return flat(out[0]), flat(out[1]), flat(out[2])
}

func (b *bench) forward(in []*Node) []*Node {
	p := b.params(in[4:])
	hidden := b.decoder.Hidden(p, in[0], in[1], in[2], -1)
	wide := func(x *Node) *Node { return ConvertDType(x, dtypes.Float32) }
	return []*Node{Score(p, hidden, in[3], false), wide(At(hidden, in[3])), wide(At(hidden, ZerosLike(in[3])))}
}

func run(t *testing.T, b compute.Backend, build func([]*Node) []*Node, in ...any) []*tensors.Tensor {
	t.Helper()
	exec, err := NewExec(b, build)
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	out, err := exec.Call(in...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func flat(x *tensors.Tensor) []float32 { return tensors.MustCopyFlatData[float32](x) }

// An outcome is what one graph gives for a batch.
type outcome struct {
	score, last, first []float32
	loss               float32
	gradients          [][]float32 // of every parameter, in the order of bench.names
}

// train computes scores, the Bradley–Terry loss of rows (0, 1) and (2, 3), and gradients.
func (b *bench) train(t *testing.T, x batch) outcome {
	t.Helper()
	out := run(t, b.backend, func(in []*Node) []*Node {
		forward := b.forward(in)
		margin := Sub(Slice(forward[0], AxisRange().Stride(2)), Slice(forward[0], AxisRange(1).Stride(2)))
		loss := ReduceAllMean(Softplus(Neg(margin)))
		return append(append(forward, loss), Gradient(loss, in[4:]...)...)
	}, x.inputs(b.weights)...)
	o := outcome{flat(out[0]), flat(out[1]), flat(out[2]), flat(out[3])[0], nil}
	for _, g := range out[4:] {
		o.gradients = append(o.gradients, flat(g))
	}
	return o
}

// families are the folders of testdata/conformance.
func families(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(references)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	if len(names) != 8 {
		t.Fatalf("%d families, want 8", len(names))
	}
	return names
}

// TestConformance holds every family against transformers: scores and hidden
// states within 1e-4, in a batch and alone, the loss within 1e-5, gradients
// within 1e-3 of their size.
func TestConformance(t *testing.T) {
	for _, kind := range []string{"go", "xla"} {
		t.Run(kind, func(t *testing.T) {
			for _, family := range families(t) {
				t.Run(family, func(t *testing.T) { conform(t, newBench(t, kind, family)) })
			}
		})
	}
}

func conform(t *testing.T, b *bench) {
	o := b.train(t, pad(b.ref.Rows, 48))
	name := strings.ReplaceAll(strings.TrimPrefix(t.Name(), "TestConformance/"), "/", " ")
	conformance.Close(t, name+": scores", o.score, b.ref.Score, 1e-4)
	conformance.Close(t, name+": hidden states", slices.Concat(o.last, o.first),
		slices.Concat(slices.Concat(b.ref.LastHidden...), slices.Concat(b.ref.FirstHidden...)), 1e-4)
	closeTo(t, "loss", []float32{o.loss}, []float64{b.ref.Loss}, 1e-5)
	for i, row := range b.ref.Rows {
		length := len(row)
		if b.kind == "xla" && length != 40 {
			continue // a compile for each length
		}
		alone, _, _ := b.scores(t, pad([][]int32{row}, length))
		closeTo(t, "score alone", alone, b.ref.ScoreSingle[i:i+1], 1e-4)
	}
	b.checkGradients(t, name, o.gradients)
}

func (b *bench) checkGradients(t *testing.T, of string, gradients [][]float32) {
	total := 0.0
	var sizes, ones []float64 // relative to the reference
	for i, name := range b.names {
		want, ok := b.ref.Gradients[name]
		if !ok {
			t.Errorf("the reference has no gradient of %s", name)
		}
		g := gradients[i]
		size := norm(g)
		total += size * size
		if math.Abs(size-want[0]) > 1e-3*want[0] {
			t.Errorf("gradient norm of %s is %g, want %g", name, size, want[0])
		}
		sizes, ones = append(sizes, size/want[0]), append(ones, 1)
		// Single entries are compared on the scale of the array.
		scale := 1e-3 * want[0]
		closeTo(t, "first and last gradient of "+name, []float32{g[0], g[len(g)-1]}, want[1:], max(scale/math.Sqrt(float64(len(g))), 1e-6))
	}
	if total = math.Sqrt(total); math.Abs(total-b.ref.TotalNorm) > 1e-3*b.ref.TotalNorm {
		t.Errorf("total gradient norm is %g, want %g", total, b.ref.TotalNorm)
	}
	conformance.Close(t, of+": gradient norms, relative", sizes, ones, 1e-3)
	if len(b.ref.Gradients) != len(b.names) {
		t.Errorf("%d gradients, the reference has %d", len(b.names), len(b.ref.Gradients))
	}
}

func norm(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum)
}

// closeTo compares element by element and reports the worst.
func closeTo(t *testing.T, what string, got []float32, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	worst, at := 0.0, 0
	for i := range got {
		if d := math.Abs(float64(got[i]) - want[i]); d > worst || math.IsNaN(d) {
			worst, at = d, i
			if math.IsNaN(d) {
				break
			}
		}
	}
	if !(worst <= tolerance) {
		t.Errorf("%s: number %d is %g, want %g (off by %g, tolerance %g)", what, at, got[at], want[at], worst, tolerance)
	}
}

// shared is a path in the folder of data beside the repository.
func shared(t *testing.T, path string) string {
	t.Helper()
	root := os.Getenv("RMC_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	full := filepath.Join(root, filepath.FromSlash(path))
	if _, err := os.Stat(full); err != nil {
		t.Skipf("needs ../shared: %s", strings.TrimPrefix(full, root))
	}
	return full
}
