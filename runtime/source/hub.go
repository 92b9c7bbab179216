package source

import (
	"context"
	"errors"
)

func (s *Store) hub(ctx context.Context, r Ref) (Local, error)  { return Local{}, errors.New("hub") }
func (s *Store) pypi(ctx context.Context, r Ref) (Local, error) { return Local{}, errors.New("pypi") }
