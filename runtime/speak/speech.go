package speak

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/generate"
	"github.com/rmc-lang/rmc/runtime/mesh"
	"github.com/rmc-lang/rmc/runtime/model"
	"github.com/rmc-lang/rmc/runtime/network"
)

// A speech is a policy that goes on with texts. All its batches have one shape but
// for the lengths of prompts and answers.
type speech struct {
	net      *network.Network
	settings generate.Settings
	shape    generate.Shape
	compiled map[utterance]*mesh.Function
}

// An utterance is what a function of a speech is compiled for.
type utterance struct {
	kind   string // prefill | step | grow
	bucket int    // tokens of a prompt; 0 of grow
	room   int    // places behind it
	to     int    // of grow
}

// speechOf opens a policy for answers of which a question has so many, in about so many
// rows at once.
func speechOf(n *network.Network, s generate.Settings, rows, samples int) *speech {
	s.Positions = n.Decoder.Config.MaxPositions
	for _, id := range n.Decoder.Config.EOSTokens {
		s.Ends = append(s.Ends, int32(id))
	}
	return &speech{net: n, settings: s, shape: generate.ShapeOf(rows, samples, n.Layout.FSDP), compiled: map[utterance]*mesh.Function{}}
}

// finish frees what was compiled.
func (s *speech) finish() {
	for _, f := range s.compiled {
		f.Free()
	}
}

// answer writes all answers, each of which has a seed, and hands on each as soon as it
// has ended.
func (s *speech) answer(ctx context.Context, all []generate.Question, seeds [][32]byte, answered func(i int, a generate.Answer) error) error {
	for _, b := range generate.Batches(all, s.shape) {
		if err := s.batch(ctx, b, seeds, answered); err != nil {
			return fmt.Errorf("%d answers to prompts of %d tokens by model %s, with at most %d bytes of keys and values: %w",
				s.shape.Rows(), b.Bucket, s.net.Model.Name, s.cache().Size(s.shape, b.Bucket, generate.MostRoom(s.settings.MaxTokens)), err)
		}
	}
	return nil
}

// A page is a batch while its answers are written.
type page struct {
	*speech
	batch    generate.Batch
	writers  []*generate.Writer // by row; nil where nothing is written, or no longer
	answers  []int              // by row, the number of its answer
	lengths  []int32            // of the prompts
	cache    []*mesh.Array      // of the prompts
	own      []*mesh.Array      // of what came after
	room     int                // places of own
	answered func(i int, a generate.Answer) error
}

func (s *speech) batch(ctx context.Context, b generate.Batch, seeds [][32]byte, answered func(i int, a generate.Answer) error) (err error) {
	rows := s.shape.Rows()
	p := &page{speech: s, batch: b, writers: make([]*generate.Writer, rows), answers: make([]int, rows), room: generate.Room(1), answered: answered}
	for i, answers := range b.Answer {
		for k, answer := range answers {
			row := i*s.shape.Samples + k
			p.answers[row], p.writers[row] = answer, s.settings.Begin(seeds[answer], len(b.Prompt[i]))
		}
	}
	defer func() { err = errors.Join(err, free(p.cache), free(p.own)) }()
	logits, err := p.prefill(ctx)
	if err != nil {
		return err
	}
	tokens := make([]int32, rows)
	for step := 0; ; step++ {
		going, err := p.take(logits, tokens)
		if err != nil || !going {
			return err
		}
		if logits, err = p.step(ctx, tokens, step); err != nil {
			return err
		}
	}
}

func free(all []*mesh.Array) (err error) {
	for _, x := range all {
		err = errors.Join(err, x.Free())
	}
	return err
}

// take draws a token of each row from logits, which are of each row or, of the first
// tokens, of each prompt. It reports whether any answer goes on.
func (p *page) take(logits []float32, tokens []int32) (going bool, err error) {
	vocab := p.net.Decoder.Vocab
	share := len(p.writers) / (len(logits) / vocab) // rows that have the same logits
	for row, w := range p.writers {
		if w == nil {
			continue
		}
		if tokens[row], err = w.Take(logits[row/share*vocab:][:vocab]); err != nil {
			return false, err
		}
		a := w.Answer()
		if a == nil {
			going = true
			continue
		}
		p.writers[row] = nil
		if err := p.answered(p.answers[row], *a); err != nil {
			return false, err
		}
	}
	return going, nil
}

// prefill reads the prompts: logits of each, [prompt*vocab].
func (p *page) prefill(ctx context.Context) ([]float32, error) {
	var ids []int32
	ids, p.lengths = p.batch.Tokens(p.shape)
	in, err := p.placed(mesh.Axes{mesh.AxisFSDP}, tensors.FromFlatDataAndDimensions(ids, p.shape.Prompts, p.batch.Bucket), p.lengthsOf())
	if err != nil {
		return nil, err
	}
	out, err := p.call(ctx, utterance{kind: "prefill", bucket: p.batch.Bucket, room: p.room}, in)
	if err != nil {
		return nil, err
	}
	arrays := p.arrays()
	p.cache, p.own = out[:arrays], out[arrays:2*arrays]
	return p.net.Layout.Numbers(out[2*arrays])
}

// step reads a token of each row behind so many others: logits of each, [row*vocab].
func (p *page) step(ctx context.Context, tokens []int32, step int) ([]float32, error) {
	if err := p.grow(ctx, generate.Room(step+1)); err != nil {
		return nil, err
	}
	in, err := p.placed(mesh.Axes{mesh.AxisFSDP}, tensors.FromFlatDataAndDimensions(slices.Clone(tokens), len(tokens)), p.lengthsOf())
	if err != nil {
		return nil, err
	}
	at, err := p.placed(nil, tensors.FromScalar(int32(step)))
	if err != nil {
		return nil, err
	}
	in = slices.Concat(in, at, inputs(p.cache, false), inputs(p.own, true))
	p.own = nil
	out, err := p.call(ctx, utterance{kind: "step", bucket: p.batch.Bucket, room: p.room}, in)
	if err != nil {
		return nil, err
	}
	arrays := p.arrays()
	p.own = out[:arrays]
	return p.net.Layout.Numbers(out[arrays])
}

// grow makes room for so many places, if there is less.
func (p *page) grow(ctx context.Context, room int) error {
	if room == p.room {
		return nil
	}
	in := inputs(p.own, true)
	p.own = nil
	out, err := p.call(ctx, utterance{kind: "grow", room: p.room, to: room}, in)
	if err != nil {
		return err
	}
	arrays := p.arrays()
	p.own, p.room = out[:arrays], room
	return out[arrays].Free()
}

func (p *page) lengthsOf() *tensors.Tensor {
	return tensors.FromFlatDataAndDimensions(slices.Clone(p.lengths), len(p.lengths))
}

// placed uploads arrays, which the function that takes them may have.
func (s *speech) placed(as mesh.Axes, all ...*tensors.Tensor) ([]mesh.Input, error) {
	var in []mesh.Input
	for _, t := range all {
		a, err := s.net.Layout.Place(t, as)
		if err != nil {
			return nil, err
		}
		in = append(in, mesh.Input{Array: a, Donate: true})
	}
	return in, nil
}

func inputs(all []*mesh.Array, donate bool) []mesh.Input {
	var in []mesh.Input
	for _, x := range all {
		in = append(in, mesh.Input{Array: x, Donate: donate})
	}
	return in
}

// call runs a function, which it compiles the first time.
func (s *speech) call(ctx context.Context, what utterance, in []mesh.Input) ([]*mesh.Array, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if what.kind != "grow" {
		in = append(s.net.Values(), in...)
	}
	f, ok := s.compiled[what]
	if !ok {
		var places []mesh.Axes
		for _, x := range in {
			places = append(places, x.Axes)
		}
		var err error
		if f, err = s.compile(what, places); err != nil {
			return nil, err
		}
		s.compiled[what] = f
	}
	return f.Call(in)
}

// cache is what the policy keeps of a token.
func (s *speech) cache() generate.Cache {
	d := s.net.Decoder
	return generate.Cache{Layers: s.arrays() / 2, KVHeads: d.KVHeads, HeadDim: d.HeadDim, Bytes: network.BackboneType(s.net.Model).Size()}
}

// arrays is how many a cache has: keys and values of each layer.
func (s *speech) arrays() int {
	if n := s.net.Model.Depth(); n >= 0 {
		return 2 * n
	}
	return 2 * s.net.Decoder.Layers
}

// compile makes a function whose outputs are caches, split over rows, and one array
// more, which is on every device: logits.
func (s *speech) compile(what utterance, in []mesh.Axes) (*mesh.Function, error) {
	arrays, params := s.arrays(), len(s.net.Parameters())
	outputs := arrays
	build := func(nodes []*Node) []*Node { return s.stepped(s.net.Nodes(nodes[:params]), nodes[params:]) }
	switch what.kind {
	case "prefill":
		outputs += arrays
		build = func(nodes []*Node) []*Node {
			return s.prefilled(s.net.Nodes(nodes[:params]), nodes[params], nodes[params+1], what.room)
		}
	case "grow":
		build = func(nodes []*Node) []*Node {
			none := ScalarZero(nodes[0].Graph(), dtypes.Float32) // there are no logits
			return append(model.Grow(nodes, what.to), none)
		}
	}
	split := slices.Repeat([]mesh.Axes{{mesh.AxisFSDP}}, outputs)
	return s.net.Layout.Compiled(what.kind+" of "+s.net.Model.Name, in, split, build)
}

// prefilled is the graph that reads prompts: their cache, room for what comes after,
// and logits.
func (s *speech) prefilled(p model.Params, prompts, lengths *Node, room int) []*Node {
	depth := s.net.Model.Depth()
	logits, cache := s.net.Decoder.Prefill(p, prompts, lengths, depth)
	own := s.net.Decoder.Room(prompts.Graph(), network.BackboneType(s.net.Model), s.shape.Rows(), room, depth)
	return slices.Concat(cache, own, []*Node{logits})
}

// stepped is the graph that reads a token of each row: the cache of the rows, and
// logits.
func (s *speech) stepped(p model.Params, in []*Node) []*Node {
	cache, own := in[3:3+s.arrays()], in[3+s.arrays():]
	logits, own := s.net.Decoder.Continue(p, in[0], in[2], in[1], cache, own, s.net.Model.Depth())
	return append(own, logits)
}
