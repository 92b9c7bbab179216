package plan

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/compiler/facts"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// An Estimate is what a run takes, as far as facts tell. Counts are exact and
// of the same arithmetic as the trainer's; memory is an estimate.
type Estimate struct {
	Models []ModelEstimate `json:"models"`
	Data   []DataEstimate  `json:"data"`
	Stages []StageEstimate `json:"stages"`
}

// A ModelEstimate counts parameters.
type ModelEstimate struct {
	Name         string     `json:"name"`
	Architecture string     `json:"architecture"`
	Total        int64      `json:"parameters"`
	Trained      int64      `json:"trained"`
	Frozen       int64      `json:"frozen"`
	Sharding     []ShardRow `json:"sharding,omitempty"` // on a mesh of several devices
}

// A ShardRow says how parameters of one shape lie on the mesh.
type ShardRow struct {
	Parameter string   `json:"parameter"` // layers are one row: model.layers.*.mlp.up_proj.weight
	Count     int      `json:"count"`
	Shape     []int    `json:"shape"`
	Axes      []string `json:"axes"`       // per dimension: fsdp, tensor or "" for whole
	PerDevice []int    `json:"per_device"` // shape of a device's share
}

// A DataEstimate says what becomes of a data set.
type DataEstimate struct {
	Name         string       `json:"name"` // prefs
	Model        string       `json:"model"`
	Rows         int          `json:"rows"`
	Kept         int          `json:"kept"`
	Train        int          `json:"train"`
	Holdout      int          `json:"holdout"`
	Trains       bool         `json:"trains"`    // whether a stage trains or fits on it, or on what is made of it
	Evaluated    int          `json:"evaluated"` // examples that a stage evaluates as they are
	OverLong     int          `json:"over_long"`
	Ties         int          `json:"ties"`
	Identical    int          `json:"identical_after_truncation"`
	CutWhole     int          `json:"response_cut_away"`
	Left         []facts.Left `json:"left,omitempty"` // for other reasons
	Made         []facts.Made `json:"made,omitempty"` // pairs that augment made, by kind
	TokensBefore int64        `json:"tokens_before"`
	Tokens       int64        `json:"tokens"`
	Shortest     int          `json:"shortest"` // tokens of a sequence
	Median       int          `json:"median"`
	P90          int          `json:"p90"`
	P99          int          `json:"p99"`
	Longest      int          `json:"longest"`
}

// A StageEstimate says what one stage does and takes.
type StageEstimate struct {
	Name        string   `json:"name"`
	Kind        string   `json:"kind"`
	Examples    int      `json:"examples"`
	Steps       int      `json:"steps,omitempty"`        // optimizer steps
	WarmupSteps int      `json:"warmup_steps,omitempty"` // of these
	Buckets     []Bucket `json:"buckets,omitempty"`
	Compiles    int      `json:"compiles"`      // at most
	Tokens      int64    `json:"tokens"`        // real tokens of one pass
	Padded      int64    `json:"padded_tokens"` // with padding to the bucket
	Memory      *Memory  `json:"memory,omitempty"`
	Stored      int64    `json:"stored_bytes,omitempty"` // of hidden states, float32

	Asked *facts.Asked `json:"asked,omitempty"` // of a policy of the recipe that labels

	accumulates bool // a step takes several forwards
}

// A Bucket is one padded length and the forwards of that shape.
type Bucket struct {
	Length   int `json:"length"`   // tokens
	Examples int `json:"examples"` // of the data that fall into it
	Micro    int `json:"micro"`    // examples a forward, over all devices
}

// Memory is bytes on one device. Weights and optimizer state count twice: the
// compiled step holds the old and the new at once.
type Memory struct {
	Weights     int64 `json:"weights"`
	Gradients   int64 `json:"gradients"`
	Moments     int64 `json:"moments"`
	Activations int64 `json:"activations"` // a rough estimate
	Total       int64 `json:"total"`
	Stated      int64 `json:"stated,omitempty"` // what the mesh says a device has
}

// Estimate estimates p. What facts do not tell is left out.
func (p *Plan) Estimate(f *facts.Facts) *Estimate {
	e := &Estimate{}
	for _, m := range p.Models {
		if m.Kind == "mlp" {
			if known, ok := f.Models[m.Input]; ok || m.Input == "" {
				n := networkSize(m, known.Hidden)
				e.Models = append(e.Models, ModelEstimate{Name: m.Name, Architecture: "mlp", Total: n, Trained: n})
			}
		} else if known, ok := f.Models[m.Name]; ok {
			e.Models = append(e.Models, modelEstimate(p.Mesh, m, known))
		}
	}
	for _, s := range p.Stages {
		d, ok := p.dataOf(s, f)
		if !ok {
			continue
		}
		if s.Kind == Prepare {
			e.Data = append(e.Data, p.dataEstimate(s, d))
		}
		stage := p.stageEstimate(s, d, f.Models[s.Reads()])
		if s.Kind == Label {
			if asked, ok := f.Asked[s.Label.Name]; ok {
				stage.Asked = &asked
			}
		}
		e.Stages = append(e.Stages, stage)
	}
	return e
}

// dataOf returns what is known of a stage's data. A judge reads texts, so that
// any model's view of the data tells how many there are.
func (p *Plan) dataOf(s Stage, f *facts.Facts) (facts.Data, bool) {
	if d, ok := p.seen(s.Reads(), s.Data, f); ok {
		return d, true
	}
	for _, other := range p.Stages {
		if s.Kind == Label && other.Kind == Prepare && (other.Data == s.Data || other.Data == s.Label.Name) {
			if d, ok := p.seen(other.Model, other.Data, f); ok {
				return d, true
			}
		}
	}
	return facts.Data{}, false
}

// seen returns what is known of data as a model sees it. Pairs that are judged have
// the same texts, so that it is enough to know these.
func (p *Plan) seen(model, data string, f *facts.Facts) (facts.Data, bool) {
	if d, ok := f.Data[facts.Key(model, data)]; ok {
		return d, true
	}
	for _, s := range p.Stages {
		if s.Kind == Label && s.Data == data && slices.Contains([]string{"llm", "model", "filter"}, s.Label.Kind) {
			if d, ok := f.Data[facts.Key(model, s.Label.Name)]; ok {
				return d, true
			}
		}
	}
	return facts.Data{}, false
}

// networkSize counts the parameters of a small network that reads hidden states
// of a width: matrices, biases and learnable numbers. Without an input it is its
// last bias.
func networkSize(m spec.Model, hidden int) int64 {
	n := int64(len(m.Scalars.Map))
	if m.Input == "" {
		return n + int64(m.Outputs)
	}
	in := hidden
	for _, out := range append(slices.Clone(m.Hidden), m.Outputs) {
		n += int64(in) * int64(out)
		if m.Bias {
			n += int64(out)
		}
		in = out
	}
	return n
}

// model returns a model of the plan.
func (p *Plan) model(name string) spec.Model {
	i := slices.IndexFunc(p.Models, func(m spec.Model) bool { return m.Name == name })
	return p.Models[i]
}

// data returns a data set of the plan.
func (p *Plan) data(name string) spec.Data {
	i := slices.IndexFunc(p.Data, func(d spec.Data) bool { return d.Name == name })
	return p.Data[i]
}

func modelEstimate(mesh spec.Mesh, m spec.Model, f facts.Model) ModelEstimate {
	e := ModelEstimate{Name: m.Name, Architecture: f.Architecture}
	var backbone int64
	for _, p := range f.Params {
		backbone += p.Size()
	}
	head, adapters := headSize(m, f), adapterSize(m, f)
	e.Total = backbone + head + adapters
	e.Trained = head + adapters
	if m.Tune.Kind == "full" {
		e.Trained = e.Total
	}
	e.Frozen = e.Total - e.Trained
	if mesh.Devices > 1 {
		e.Sharding = sharding(mesh, m, f)
	}
	return e
}

// headSize counts what is trained beside the layers: a head, and numbers.
func headSize(m spec.Model, f facts.Model) int64 {
	n := int64(m.Head.Outputs)*int64(f.Hidden) + int64(len(m.Scalars.Map))
	if m.Head.Bias {
		n += int64(m.Head.Outputs)
	}
	return n
}

// adapterSize counts the two factors of each projection that gets one.
func adapterSize(m spec.Model, f facts.Model) int64 {
	var n int64
	for _, p := range f.Params {
		if m.Tune.Kind == "lora" && len(p.Shape) == 2 && slices.Contains(m.Tune.On, projection(p.Name)) {
			n += int64(m.Tune.Rank) * int64(p.Shape[0]+p.Shape[1])
		}
	}
	return n
}

// projection is the short name of a matrix: q_proj.
func projection(name string) string {
	name = strings.TrimSuffix(name, ".weight")
	return name[strings.LastIndex(name, ".")+1:]
}

// placement is where the recipe, else the runtime's policy, puts a parameter.
func placement(m spec.Model, p facts.Param) []string {
	if axes, ok := m.Placed(p.Name); ok && len(axes) == len(p.Shape) {
		return axes
	}
	if len(p.Axes) == len(p.Shape) {
		return p.Axes
	}
	return make([]string, len(p.Shape))
}

// share is the part of a parameter that one device holds.
func share(mesh spec.Mesh, shape []int, axes []string) []int {
	out := slices.Clone(shape)
	for i, axis := range axes {
		switch axis {
		case "fsdp":
			out[i] /= max(1, mesh.FSDP)
		case "tensor":
			out[i] /= max(1, mesh.Tensor)
		}
	}
	return out
}

// sharding lists the parameters, the layers' alike ones in one row.
func sharding(mesh spec.Mesh, m spec.Model, f facts.Model) []ShardRow {
	var rows []ShardRow
	for _, p := range f.Params {
		axes := placement(m, p)
		row := ShardRow{layerless(p.Name), 1, p.Shape, axes, share(mesh, p.Shape, axes)}
		same := func(o ShardRow) bool {
			return o.Parameter == row.Parameter && slices.Equal(o.Shape, row.Shape) && slices.Equal(o.Axes, row.Axes)
		}
		if i := slices.IndexFunc(rows, same); i >= 0 {
			rows[i].Count++
		} else {
			rows = append(rows, row)
		}
	}
	return rows
}

// layerless puts * for the number of a layer.
func layerless(name string) string {
	head, rest, ok := strings.Cut(name, ".layers.")
	if !ok {
		return name
	}
	_, rest, _ = strings.Cut(rest, ".")
	return head + ".layers.*." + rest
}

func (p *Plan) dataEstimate(s Stage, d facts.Data) DataEstimate {
	e := DataEstimate{Name: s.Data, Model: s.Model, Rows: d.Rows, Kept: d.Kept, Train: d.Train, Holdout: d.Holdout,
		Trains: p.trains(s.Data), Evaluated: p.evaluated(s.Data, d),
		OverLong: d.OverLong, Ties: d.Ties, Identical: d.Identical, CutWhole: d.CutWhole, Left: d.Left, Made: d.Made,
		TokensBefore: d.TokensBefore, Tokens: d.TokensAfter}
	sorted := slices.Sorted(slices.Values(d.Lengths))
	e.Shortest, e.Median, e.P90, e.P99, e.Longest =
		quantile(sorted, 0), quantile(sorted, 0.5), quantile(sorted, 0.9), quantile(sorted, 0.99), quantile(sorted, 1)
	return e
}

// trains reports whether a stage trains or fits on data, on what a label says of it,
// or on what is made of either.
func (p *Plan) trains(name string) bool {
	return slices.ContainsFunc(p.Stages, func(s Stage) bool {
		return s.Data == name && (s.Kind == Train || s.Kind == Fit) || s.Kind == Label && s.Data == name && p.trains(s.Label.Name)
	}) || slices.ContainsFunc(p.Data, func(d spec.Data) bool { return slices.Contains(d.From.Data, name) && p.trains(d.Name) })
}

// evaluated counts the examples of data that stages evaluate, labelled or not.
func (p *Plan) evaluated(name string, d facts.Data) int {
	train, holdout := false, false
	for _, s := range p.Stages {
		if s.Kind == Evaluate && (s.Data == name || p.labels(s.Data, name)) {
			train, holdout = train || s.Evaluate.Part != "holdout", holdout || s.Evaluate.Part != "train"
		}
	}
	n := 0
	if train {
		n += d.Train
	}
	if holdout {
		n += d.Holdout
	}
	return n
}

// labels reports whether data is what a label says of other data.
func (p *Plan) labels(data, base string) bool {
	return slices.ContainsFunc(p.Stages, func(s Stage) bool { return s.Kind == Label && s.Label.Name == data && s.Data == base })
}

// quantile returns the smallest element with at least a share q not above it.
func quantile(sorted []int, q float64) int {
	if len(sorted) == 0 {
		return 0
	}
	i := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[max(0, i)]
}

// stageEstimate counts what a stage does.
func (p *Plan) stageEstimate(s Stage, d facts.Data, f facts.Model) StageEstimate {
	e := StageEstimate{Name: s.Name, Kind: s.Kind, Examples: d.Train + d.Holdout}
	var m spec.Model // of a tree and of a label there is none
	if s.Reads() != "" {
		m = p.model(cmp.Or(s.Model, s.Encoder))
	}
	longest := func(lengths []int) []int { return spec.Buckets(lengths, p.data(s.Data).MaxLength) }
	frozen := frozen(m)
	switch s.Kind {
	case Prepare:
		e.Tokens = d.TokensAfter
	case Embed:
		e.embed(d, max(1, p.Mesh.FSDP))
		e.Stored = 4 * int64(e.Examples) * int64(f.Hidden)
	case Label:
		if s.Label.Kind == "filter" { // what was made is asked about, ties too, and what was there before is not
			e.Examples = 0
			for _, of := range d.Made {
				e.Examples += of.Pairs
			}
		}
	case Fit:
		e.Examples = d.Train
	case Train:
		p.trainEstimate(&e, s, d, frozen)
		e.Memory = p.memory(m, f, e, d.Sequences)
		if m.Kind == "policy" && e.Memory != nil && p.data(s.Data).Kind != "labels" {
			e.Memory.logits(e, f, d.Sequences/max(1, p.Mesh.FSDP))
		}
	case Evaluate:
		lengths := part(s.Evaluate.Part, d)
		e.Examples = len(lengths)
		if frozen {
			e.Compiles = 1
			break
		}
		e.fill(longest(lengths), lengths, d.Sequences, func(int) int { return s.Evaluate.Batch })
	}
	return e
}

// embed counts the forwards of the rows that the different sequences are laid
// into, which may be longer than any of them.
func (e *StageEstimate) embed(d facts.Data, ways int) {
	lengths := d.Distinct
	if lengths == nil {
		lengths = d.Lengths
	}
	e.Examples = len(lengths)
	if d.Packed != nil {
		lengths = d.Packed
	}
	longest := 0
	for _, l := range lengths {
		longest = max(longest, l)
	}
	e.fill(spec.Buckets(lengths, longest), lengths, 1, func(bucket int) int {
		return spec.Train{Batch: math.MaxInt32}.MicroFor(1, bucket, ways)
	})
}

// part returns the lengths of the examples that an evaluation measures.
func part(name string, d facts.Data) []int {
	switch name {
	case "holdout":
		return d.HoldoutMax
	case "train":
		return d.ExampleMax
	}
	return slices.Concat(d.ExampleMax, d.HoldoutMax)
}

// trainEstimate counts the steps of a training stage, and its shapes.
func (p *Plan) trainEstimate(e *StageEstimate, s Stage, d facts.Data, frozen bool) {
	e.Examples = d.Train
	if v := s.Train.Validate; v.Kind == "holdout" { // of whole prompts, so that the trainer may keep a few more or less
		e.Examples -= int(math.Round(v.Fraction * float64(d.Train)))
	}
	e.Steps = s.Train.StepsFor(e.Examples)
	e.WarmupSteps = s.Train.Schedule.WarmupSteps(e.Steps)
	if frozen { // the embeddings have one shape
		e.Compiles = 1
		return
	}
	buckets, ways := s.Train.BucketsFor(d.ExampleMax, p.data(s.Data).MaxLength), max(1, p.Mesh.FSDP)
	e.fill(buckets, d.ExampleMax, d.Sequences, func(bucket int) int {
		return s.Train.MicroFor(d.Sequences, bucket, ways)
	})
	if e.accumulates = s.Train.Accumulates(d.Sequences, buckets[len(buckets)-1], ways); e.accumulates {
		e.Compiles *= 2
	}
}

// fill counts the examples of each bucket. Tokens are of the longest sequence
// of each example, times its sequences: what the shapes could save at best.
func (e *StageEstimate) fill(buckets, lengths []int, sequences int, micro func(int) int) {
	count := map[int]int{}
	for _, l := range lengths {
		b := spec.BucketOf(buckets, l)
		count[b]++
		e.Tokens += int64(l * sequences)
		e.Padded += int64(b * sequences)
	}
	for _, b := range buckets {
		e.Buckets = append(e.Buckets, Bucket{b, count[b], micro(b)})
	}
	e.Compiles = len(buckets)
}

// memory estimates the bytes of one device in a training step.
func (p *Plan) memory(m spec.Model, f facts.Model, e StageEstimate, sequences int) *Memory {
	if len(f.Params) == 0 && m.Input+m.Base != "" {
		return nil
	}
	frozen, trained := p.held(m, f)
	stored := int64(4)
	if m.DType == "bfloat16" {
		stored = 2
	}
	out := &Memory{Gradients: 4 * trained, Moments: 2 * 2 * 4 * trained, Stated: int64(p.Mesh.Memory * (1 << 30))}
	if e.accumulates { // their sums, before and after a forward
		out.Gradients *= 3
	}
	out.Weights = stored*frozen + 2*4*trained
	if m.Tune.Kind == "head" {
		out.Weights -= stored * frozen // embeddings are read, the backbone is gone
	} else if m.Tune.Kind == "full" && stored == 2 {
		out.Weights += stored * trained // the copy that the forward reads
	}
	for _, b := range e.Buckets {
		tokens := int64(b.Micro*sequences/max(1, p.Mesh.FSDP)) * int64(b.Length)
		out.Activations = max(out.Activations, tokens*activation(m, f, b.Length)*stored)
	}
	out.Total = out.Weights + out.Gradients + out.Moments + out.Activations
	return out
}

// held counts the parameters that one device holds.
func (p *Plan) held(m spec.Model, f facts.Model) (frozen, trained int64) {
	if m.Kind == "mlp" {
		return 0, networkSize(m, f.Hidden)
	}
	var backbone int64
	for _, param := range f.Params {
		backbone += facts.Param{Shape: share(p.Mesh, param.Shape, placement(m, param))}.Size()
	}
	trained = headSize(m, f) + adapterSize(m, f)
	if m.Tune.Kind == "full" {
		return 0, backbone + trained
	}
	return backbone, trained
}

// activation counts the numbers that the backward pass needs of one token: in
// each layer the inputs of its matrices and non-linearities, and the attention
// probabilities twice. With checkpoint a layer keeps its input alone, and one
// layer at a time has all.
func activation(m spec.Model, f facts.Model, length int) int64 {
	headDim := f.HeadDim
	if headDim == 0 && f.Heads > 0 {
		headDim = f.Hidden / f.Heads
	}
	layer := int64(6*f.Hidden + 4*f.FFN + 2*headDim*(f.Heads+f.KVHeads) + 2*f.Heads*length)
	layers := int64(f.Layers)
	if m.Depth() > 0 {
		layers = int64(m.Depth())
	}
	if m.Tune.Checkpoint {
		return layers*int64(f.Hidden) + layer
	}
	return layers * layer
}

// logits adds what the log-probabilities of all tokens of a forward take, and
// their gradients, float32. Of labels they are of a few tokens alone.
func (m *Memory) logits(e StageEstimate, f facts.Model, sequences int) {
	var most int64
	for _, b := range e.Buckets {
		most = max(most, 2*4*int64(b.Micro*sequences)*int64(b.Length)*int64(f.Vocab))
	}
	m.Activations += most
	m.Total += most
}
