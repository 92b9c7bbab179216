package trainer

import (
	"context"

	"github.com/rmc-lang/rmc/runtime/data"
)

func (r *Run) Contract() (*Contract, error) { return nil, nil }

type Scorer struct{}

func (r *Run) Scorer(ctx context.Context, model string) (*Scorer, error)            { return nil, nil }
func (s *Scorer) Encode(row map[string]any) ([]data.Sequence, error)                { return nil, nil }
func (s *Scorer) Score(ctx context.Context, all []data.Sequence) ([]float64, error) { return nil, nil }
