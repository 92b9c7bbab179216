package trainer

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/model"
	"github.com/rmc-lang/rmc/runtime/pack"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// An asked is a sequence of which a policy is asked what comes next after some of
// its tokens.
type asked struct {
	sequence data.Sequence
	at       []int // indices of those tokens, ascending
}

// A wish is what a policy is asked for at each place. Where the labels are known
// there is a number for each of them, else one, of the token that does come next.
type wish struct {
	logProb bool // the log-probability among all tokens; else the logit
	labels  []int32
}

// numbers is how many there are for a place.
func (w wish) numbers() int { return max(1, len(w.labels)) }

// String names a wish among others of one network.
func (w wish) String() string { return fmt.Sprintf("logprob %v of %v", w.logProb, w.labels) }

// ask is what the policy says of sequences: of each, for one place after another,
// as many numbers as w has. Sequences that begin alike go through the layers
// together, and all places of a sequence at once.
func (n *network) ask(ctx context.Context, all []asked, w wish) ([][]float32, error) {
	sequences, places := make([]data.Sequence, len(all)), make([][]int, len(all))
	out := make([][]float32, len(all))
	for i, a := range all {
		sequences[i], places[i] = a.sequence, a.at
		out[i] = make([]float32, len(a.at)*w.numbers())
	}
	rows, buckets := filled(pack.Places(sequences, places))
	for _, f := range (packer{buckets, n.layout.FSDP}).forwards(rows) {
		flat, err := n.call(ctx, forward{wish: w.String(), rows: f.Rows, bucket: f.Bucket, reads: f.Reads}, n.askedRows(f, w), n.answers(w))
		if err != nil {
			return nil, err
		}
		k := w.numbers()
		for i, s := range f.Index {
			if s >= 0 {
				copy(out[s][f.Place[i]*k:], flat[i*k:(i+1)*k])
			}
		}
	}
	return out, nil
}

// filledRow is how many tokens of shorter rows go into one. Rows twice as long
// cost a third more a token.
const filledRow = 1024

// filled fills rows up to one length, so that there are few shapes and hardly any
// padding.
func filled(rows []pack.Tree) (full []pack.Tree, buckets []int) {
	full = pack.Fill(rows, filledRow)
	_, longest := rowLengths(full)
	return full, rungs(longest)
}

// rungs are lengths up to one that holds so many tokens: powers of two, and from
// 256 on multiples of it.
func rungs(tokens int) []int {
	all := []int{2 * spec.BucketMultiple}
	for last := all[0]; last < tokens; all = append(all, last) {
		last += min(last, 8*spec.BucketMultiple)
	}
	return all
}

func (n *network) askedRows(f *pack.Packed, w wish) []*tensors.Tensor {
	all := []*tensors.Tensor{
		tensors.FromFlatDataAndDimensions(f.Tokens, f.Rows, f.Bucket),
		tensors.FromFlatDataAndDimensions(f.Positions, f.Rows, f.Bucket),
		tensors.FromFlatDataAndDimensions(f.Ends, f.Rows, f.Bucket),
		tensors.FromFlatDataAndDimensions(f.At, f.Rows, f.Reads),
	}
	if w.labels == nil {
		all = append(all, tensors.FromFlatDataAndDimensions(f.Next, f.Rows, f.Reads))
	}
	return all
}

// answers is the graph of a wish.
func (n *network) answers(w wish) func(p model.Params, rows []*Node) *Node {
	return func(p model.Params, rows []*Node) *Node {
		h := n.decoder.Hidden(p, rows[0], rows[1], rows[2], n.model.Depth())
		h = Reshape(model.AtEach(h, rows[3]), -1, n.decoder.Config.Hidden)
		var logits *Node
		if w.labels == nil {
			logits = n.decoder.TokenLogits(p, h, Reshape(rows[4], -1))
		} else {
			logits = n.decoder.LabelLogits(p, h, w.labels)
		}
		if !w.logProb {
			return logits
		}
		total := n.decoder.LogTotal(p, h)
		if w.labels != nil {
			total = BroadcastToDims(InsertAxes(total, -1), logits.Shape().Dimensions...)
		}
		return Sub(logits, total)
	}
}

// marksOf are the places of an example's labels; nil where it has none.
func marksOf(e data.Example) []int {
	var at []int
	for _, m := range e.Marks {
		at = append(at, m.At)
	}
	return at
}

// knowsAll demands that a model has all tokens of a set, and a policy the labels
// that it was trained on.
func (r *Run) knowsAll(ctx context.Context, m spec.Model, d spec.Data, set *data.Set) error {
	f, err := r.features(ctx, m)
	if err != nil {
		return err
	}
	if err := f.knows(set.Stats.LargestID); err != nil {
		return fmt.Errorf("data %s: row %d: %w", d.Name, set.Stats.LargestIDAt+1, err)
	}
	ids, err := r.labelIDs(ctx, m, d)
	if err == nil && !slices.Equal(ids, set.LabelIDs) {
		err = fmt.Errorf("data %s: the labels are the tokens %v in its rows, and %v where a model is asked", d.Name, set.LabelIDs, ids)
	}
	return err
}

// sameTokens demands that a model which is read beside another has its tokenizer:
// it is given the other's token ids.
func (r *Run) sameTokens(ctx context.Context, m, other spec.Model, d spec.Data) error {
	if m.Name == other.Name || d.Format == "ids" || m.Base == other.Base && m.Tokenizer == other.Tokenizer {
		return nil
	}
	one, err := r.tokenizer(ctx, m)
	if err != nil {
		return err
	}
	two, err := r.tokenizer(ctx, other)
	if err != nil {
		return err
	}
	if !one.SameTokens(two) {
		return fmt.Errorf("the tokenizer of %s is not that of %s, whose token ids it is given: take a model of the same family, or name its tokenizer in %s", other.Name, m.Name, other.Name)
	}
	return nil
}

// labelText says what the labels of d are, and which conversations they stand in.
func (r *Run) labelText(ctx context.Context, m spec.Model, d spec.Data) (string, error) {
	ids, err := r.labelIDs(ctx, m, d)
	if err != nil {
		return "", err
	}
	var all []string
	for i, name := range d.Labels {
		all = append(all, fmt.Sprintf("%s %q token %d", name, d.Tokens[i], ids[i]))
	}
	where := "level=" + d.Level
	if d.From.Kind == "compare" {
		where = "compare"
	}
	return where + ": " + strings.Join(all, ", "), nil
}

// labelIDs are the tokens of the labels of d in a model's vocabulary, found where
// a conversation of no meaning has them. What is read and scored is held against
// them.
func (r *Run) labelIDs(ctx context.Context, m spec.Model, d spec.Data) ([]int32, error) {
	for d.From.Kind == "union" {
		var err error
		if d, err = r.Program.FindData(d.From.Data[0]); err != nil {
			return nil, err
		}
	}
	if d.Format == "ids" {
		return idsOf(d.Tokens)
	}
	encode, err := r.encoder(ctx, m, d)
	if err != nil {
		return nil, err
	}
	d.MaxLength = math.MaxInt32
	var ids []int32
	if d.From.Kind == "compare" {
		said := func(role string) []data.Message { return []data.Message{{Role: role, Content: "1"}} }
		_, ids, err = data.Compared(d, said("user"), said("assistant"), said("assistant"), encode)
	} else {
		_, ids, err = data.Solution(d, "1", []string{"1"}, encode)
	}
	if err != nil {
		return nil, fmt.Errorf("the labels of %s as model %s sees them: %w", d.Name, m.Name, err)
	}
	return ids, nil
}

// idsOf reads tokens that are written as numbers.
func idsOf(tokens []string) ([]int32, error) {
	out := make([]int32, len(tokens))
	for i, t := range tokens {
		id, err := strconv.ParseInt(t, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("the token of a label is %q, and the rows have token ids: %w", t, err)
		}
		out[i] = int32(id)
	}
	return out, nil
}

// shares are the probabilities of labels among themselves, [place][label], of
// logits or log-probabilities one place after another.
func shares(flat []float32, labels int) [][]float64 {
	var out [][]float64
	for place := range slices.Chunk(flat, labels) {
		top, total := float64(slices.Max(place)), 0.0
		p := make([]float64, labels)
		for i, x := range place {
			p[i] = math.Exp(float64(x) - top)
			total += p[i]
		}
		for i := range p {
			p[i] /= total
		}
		out = append(out, p)
	}
	return out
}
