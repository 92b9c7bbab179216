package world

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// LabelIDs are the tokens of the labels of d in a model's vocabulary, found where
// a conversation of no meaning has them. What is read and scored is held against
// them.
func (w *World) LabelIDs(ctx context.Context, m spec.Model, d spec.Data) ([]int32, error) {
	for d.From.Kind == "union" {
		var err error
		if d, err = w.Program.FindData(d.From.Data[0]); err != nil {
			return nil, err
		}
	}
	if d.Format == "ids" {
		return idsOf(d.Tokens)
	}
	encode, err := w.Encoder(ctx, m, d)
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

// labelText says what the labels of d are, and which conversations they stand in.
func (w *World) labelText(ctx context.Context, m spec.Model, d spec.Data) (string, error) {
	ids, err := w.LabelIDs(ctx, m, d)
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

// KnowsAll demands that a model has all tokens of a set, and a policy the labels
// that it was trained on.
func (w *World) KnowsAll(ctx context.Context, m spec.Model, d spec.Data, set *data.Set) error {
	f, err := w.Features(ctx, m)
	if err != nil {
		return err
	}
	if err := f.Knows(set.Stats.LargestID); err != nil {
		return fmt.Errorf("data %s: row %d: %w", d.Name, set.Stats.LargestIDAt+1, err)
	}
	ids, err := w.LabelIDs(ctx, m, d)
	if err == nil && !slices.Equal(ids, set.LabelIDs) {
		err = fmt.Errorf("data %s: the labels are the tokens %v in its rows, and %v where a model is asked", d.Name, set.LabelIDs, ids)
	}
	return err
}

// SameTokens demands that a model which is read beside another has its tokenizer:
// it is given the other's token ids.
func (w *World) SameTokens(ctx context.Context, m, other spec.Model, d spec.Data) error {
	if m.Name == other.Name || d.Format == "ids" || m.Base == other.Base && m.Tokenizer == other.Tokenizer {
		return nil
	}
	one, err := w.Tokenizer(ctx, m)
	if err != nil {
		return err
	}
	two, err := w.Tokenizer(ctx, other)
	if err != nil {
		return err
	}
	if !one.SameTokens(two) {
		return fmt.Errorf("the tokenizer of %s is not that of %s, whose token ids it is given: take a model of the same family, or name its tokenizer in %s", other.Name, m.Name, other.Name)
	}
	return nil
}
