package trainer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/model"
	"github.com/rmc-lang/rmc/runtime/safetensors"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// embeddings are the hidden states that a head reads, computed once for each
// different sequence: where the backbone is frozen they never change.
type embeddings struct {
	size   int                 // of a hidden state
	width  int                 // sequences of an example
	slots  int                 // examples of an optimizer step, for all devices
	ways   int                 // devices that rows are split over
	places map[data.Digest]int // by sequence
	values []float32           // [place, hidden]
}

// The micro-batches of embeddings have one token a row: its place in values.

func (e *embeddings) step(examples []data.Example) []*data.Micro {
	return data.Batch(e.placed(examples), e.width, []int{1}, func(int) int { return e.slots })
}

func (e *embeddings) batches(all []data.Sequence, rows int) []*data.Micro {
	return data.Batch(e.placed(single(all)), 1, []int{1}, func(int) int { return roundUp(rows, e.ways) })
}

// placed replaces the tokens of each sequence by its place.
func (e *embeddings) placed(examples []data.Example) []data.Example {
	out := slices.Clone(examples)
	for i, example := range examples {
		out[i].Sequences = make([]data.Sequence, len(example.Sequences))
		for v, s := range example.Sequences {
			out[i].Sequences[v].IDs = []int32{int32(e.places[s.Digest()])}
		}
	}
	return out
}

func (e *embeddings) count() int { return 1 }

func (e *embeddings) rows(m *data.Micro) []*tensors.Tensor {
	flat := make([]float32, 0, len(m.Tokens)*e.size)
	for _, place := range m.Tokens {
		flat = append(flat, e.values[int(place)*e.size:(int(place)+1)*e.size]...)
	}
	return []*tensors.Tensor{tensors.FromFlatDataAndDimensions(flat, len(m.Tokens), e.size)}
}

func (e *embeddings) hidden(_ model.Params, rows []*Node) *Node { return rows[0] }

// chunk is how many sequences are computed between two writes to the disk: what
// a kill costs at most.
const chunk = 32

// An embedding is the stage that computes embeddings, and the folder that
// keeps them.
type embedding struct {
	dir   string
	table embeddingTable
}

// An embeddingTable is the manifest of an embedding's folder.
type embeddingTable struct {
	Of        string   `json:"of"` // digest of weights, layer, type and sequences
	Sequences int      `json:"sequences"`
	Hidden    int      `json:"hidden"`
	Chunk     int      `json:"chunk"`         // sequences in each file but the last
	Done      []string `json:"chunks_sha256"` // of the files written so far
}

const manifestFile = "manifest.json"

func chunkFile(i int) string { return fmt.Sprintf("hidden-%05d.safetensors", i) }

// embeddings are the hidden states of the different sequences of a data set as
// m sees it: an encoder, or a reward model of which only the head is trained.
// They are computed, or read where an earlier run computed them from the same
// weights and tokens; the backbone is opened only for what is still to compute.
func (r *Run) embeddings(ctx context.Context, m spec.Model, d spec.Data) (*embeddings, error) {
	name := m.Name + " " + d.Name
	if e, ok := r.world.embeddings[name]; ok {
		return e, nil
	}
	set, err := r.set(ctx, m, d)
	if err != nil {
		return nil, err
	}
	f, err := r.features(ctx, m)
	if err != nil {
		return nil, err
	}
	if err := f.knows(set.Stats.LargestID); err != nil {
		return nil, fmt.Errorf("data %s: row %d: %w", d.Name, set.Stats.LargestIDAt+1, err)
	}
	all := set.Distinct() // of a length in each chunk
	e := newEmbeddings(all, f.decoder.Config.Hidden, f.layout.fsdp)
	id := sha256.New()
	fmt.Fprintf(id, "1 %s %d %s\n", f.digest, m.Depth(), m.DType)
	for _, sequence := range all {
		k := sequence.Digest()
		id.Write(k[:])
	}
	of := fmt.Sprintf("%x", id.Sum(nil))
	stage := &embedding{dir: filepath.Join(r.Dir, "stages", "embed-"+of[:16])}
	stage.open(embeddingTable{Of: of, Sequences: len(all), Hidden: e.size, Chunk: chunk})
	if err := r.fill(ctx, e, stage, m, d, all); err != nil {
		return nil, err
	}
	if r.world.embeddings == nil {
		r.world.embeddings = map[string]*embeddings{}
	}
	r.world.embeddings[name] = e
	return e, nil
}

// newEmbeddings has places for different sequences, and no values yet.
func newEmbeddings(all []data.Sequence, size, ways int) *embeddings {
	e := &embeddings{size: size, ways: ways, places: map[data.Digest]int{}}
	for i, s := range all {
		e.places[s.Digest()] = i
	}
	return e
}

// of is the hidden state of a sequence, [hidden]; nil where it is none of the
// data set's.
func (e *embeddings) of(s data.Sequence) []float32 {
	if place, ok := e.places[s.Digest()]; ok {
		return e.values[place*e.size : (place+1)*e.size]
	}
	return nil
}

// hidden is the hidden states of sequences that are in no data set, in their
// order: [sequence, hidden], flat.
func (r *Run) hidden(ctx context.Context, m spec.Model, all []data.Sequence) ([]float32, error) {
	if len(all) == 0 {
		return nil, nil
	}
	n, err := r.backbone(ctx, m)
	if err != nil {
		return nil, err
	}
	longest := 0
	for _, s := range all {
		longest = max(longest, len(s.IDs))
	}
	c := cutter{train: spec.Train{Batch: math.MaxInt32}, width: 1, buckets: ladder(longest), ways: n.layout.fsdp}
	return n.embed(ctx, tokens{n, c}, all, n.decoder.Config.Hidden)
}

// ladder is padded lengths up to longest and beyond: powers of two, so that
// whatever comes there are few.
func ladder(longest int) []int {
	all := []int{2 * spec.BucketMultiple}
	for all[len(all)-1] < longest {
		all = append(all, 2*all[len(all)-1])
	}
	return all
}

// fill computes or reads chunk after chunk.
func (r *Run) fill(ctx context.Context, e *embeddings, stage *embedding, m spec.Model, d spec.Data, all []data.Sequence) error {
	c, err := newCutter(spec.Train{Batch: math.MaxInt32}, d, 1, single(all), e.ways)
	if err != nil {
		return err
	}
	p := newPace(all)
	reused := 0
	for i := 0; i*chunk < len(all); i++ {
		values, err := stage.read(i, r.note)
		if err != nil {
			return err
		}
		part := all[i*chunk : min(len(all), (i+1)*chunk)]
		if values != nil {
			reused += len(part)
			e.values = append(e.values, values...)
			p.skip(part)
			continue
		}
		if p.first() {
			r.note(fmt.Sprintf("%s reads %s through its frozen layers: %d sequences, %d tokens, once for all runs in this folder", m.Name, d.Name, len(all)-reused, p.left))
		}
		n, err := r.backbone(ctx, m)
		if err != nil {
			return err
		}
		if values, err = n.embed(ctx, tokens{n, c}, part, e.size); err != nil {
			return err
		}
		if err := stage.write(i, values); err != nil {
			return err
		}
		e.values = append(e.values, values...)
		if line := p.pass(part); line != "" {
			r.note(fmt.Sprintf("embed %s on %s: %d of %d sequences%s", m.Name, d.Name, i*chunk+len(part), len(all), line))
		}
	}
	r.note(fmt.Sprintf("embed %s on %s: %d sequences, %d of them from %s%s", m.Name, d.Name, len(all), reused, stage.dir, p.summary()))
	return nil
}

// A pace tells how fast sequences are computed and how long the rest will take.
type pace struct {
	left, done  int // tokens
	began, told time.Time
}

func newPace(all []data.Sequence) *pace { return &pace{left: tokensIn(all)} }

func tokensIn(all []data.Sequence) (n int) {
	for _, s := range all {
		n += len(s.IDs)
	}
	return n
}

// skip passes over sequences that need no computing.
func (p *pace) skip(part []data.Sequence) { p.left -= tokensIn(part) }

// first reports, once, that computing begins.
func (p *pace) first() bool {
	if !p.began.IsZero() {
		return false
	}
	p.began, p.told = time.Now(), time.Now()
	return true
}

// pass counts computed sequences. It says what there is to say at most every
// five seconds.
func (p *pace) pass(part []data.Sequence) string {
	n := tokensIn(part)
	p.done, p.left = p.done+n, p.left-n
	if p.left == 0 || time.Since(p.told) < 5*time.Second {
		return ""
	}
	p.told = time.Now()
	left := time.Duration(float64(p.left) / p.rate() * float64(time.Second))
	return fmt.Sprintf(", %.0f tokens/s, %v left", p.rate(), left.Round(time.Second))
}

// rate is in tokens per second.
func (p *pace) rate() float64 { return float64(p.done) / time.Since(p.began).Seconds() }

// summary is the rate and time of what was computed; "" when nothing was.
func (p *pace) summary() string {
	if p.done == 0 {
		return ""
	}
	return fmt.Sprintf(", %.0f tokens/s, %v", p.rate(), time.Since(p.began).Round(100*time.Millisecond))
}

// embed is the hidden states of some sequences, [sequence, hidden].
func (n *network) embed(ctx context.Context, through tokens, part []data.Sequence, size int) ([]float32, error) {
	values := make([]float32, len(part)*size)
	micros := data.Batch(single(part), 1, through.cutter.buckets, through.cutter.slots)
	return values, n.run(ctx, through, true, micros, func(m *data.Micro, out []float32) error {
		for row, i := range m.Index {
			if i >= 0 {
				copy(values[i*size:(i+1)*size], out[row*size:])
			}
		}
		return nil
	})
}

// open reads the manifest, or begins a new one where there is none that fits.
func (e *embedding) open(fresh embeddingTable) {
	e.table = fresh
	sealed, err := os.ReadFile(filepath.Join(e.dir, manifestFile))
	if err != nil {
		return
	}
	var found embeddingTable
	if text, err := unseal(sealed); err == nil && json.Unmarshal(text, &found) == nil {
		done := found.Done
		if found.Done = nil; fmt.Sprint(found) == fmt.Sprint(fresh) {
			e.table.Done = done
		}
	}
}

// read returns the i-th chunk, or nil when it is still to be computed. A damaged
// one is computed again, and those after it.
func (e *embedding) read(i int, note func(string)) ([]float32, error) {
	if i >= len(e.table.Done) {
		return nil, nil
	}
	path := filepath.Join(e.dir, chunkFile(i))
	weights, err := model.ReadSafetensors(path, e.table.Done[i])
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			note(fmt.Sprintf("%v; computing it again", err))
		}
		e.table.Done = e.table.Done[:i]
		return nil, nil
	}
	return tensors.CopyFlatData[float32](weights["hidden"])
}

// write keeps the i-th chunk: the file first, then the manifest that names it.
func (e *embedding) write(i int, values []float32) error {
	if err := os.MkdirAll(e.dir, 0o755); err != nil {
		return err
	}
	rows := len(values) / e.table.Hidden
	digest, err := safetensors.Write(filepath.Join(e.dir, chunkFile(i)), []safetensors.Data{{
		Name: "hidden", DType: safetensors.F32, Shape: []int{rows, e.table.Hidden},
		Write: func(w io.Writer) error { return binary.Write(w, binary.LittleEndian, values) },
	}}, nil)
	if err != nil {
		return err
	}
	e.table.Done = append(e.table.Done[:i], digest)
	text, err := json.MarshalIndent(e.table, "", "  ")
	if err != nil {
		return err
	}
	return disk.Write(filepath.Join(e.dir, manifestFile), seal(bytes.TrimSpace(text)))
}

// reader is what the head of a model reads in a stage: hidden states where the
// backbone is frozen, else tokens through it.
func (r *Run) reader(ctx context.Context, n *network, s Stage) (reader, error) {
	set, err := r.set(ctx, s.Model, s.Data)
	if err != nil {
		return nil, err
	}
	if s.Model.Tune.Kind != "head" {
		if err := n.knows(set.Stats.LargestID); err != nil {
			return nil, fmt.Errorf("data %s: row %d: %w", s.Data.Name, set.Stats.LargestIDAt+1, err)
		}
		c, err := newCutter(s.Train, s.Data, set.Width, part(set, s), n.layout.fsdp)
		return tokens{n, c}, err
	}
	e, err := r.embeddings(ctx, s.Model, s.Data)
	if err != nil {
		return nil, err
	}
	return e.batched(set.Width, s.Train.Batch), nil
}

// readerOf is what the head of a model reads of sequences that are in no data
// set and have at most longest tokens.
func (r *Run) readerOf(ctx context.Context, n *network, all []data.Sequence, longest int) (reader, error) {
	if n.model.Tune.Kind != "head" {
		return tokens{n, cutter{width: 1, buckets: scorerBuckets(longest), ways: n.layout.fsdp}}, nil
	}
	values, err := r.hidden(ctx, n.model, all)
	if err != nil {
		return nil, err
	}
	e := newEmbeddings(all, n.decoder.Config.Hidden, n.layout.fsdp)
	e.values = values
	return e, nil
}

// batched is e for examples of width sequences, batch of them in a step.
func (e *embeddings) batched(width, batch int) *embeddings {
	out := *e
	out.width = width
	for out.slots = batch; out.slots*width%e.ways != 0; out.slots++ {
	}
	return &out
}
