package trainer

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/disk"
)

// part is the examples that a stage works on.
func part(set *data.Set, s Stage) []data.Example {
	switch {
	case s.Kind == "train" || s.Evaluate.Part == "train":
		return set.Train
	case s.Evaluate.Part == "holdout":
		return set.Holdout
	}
	return append(set.Train[:len(set.Train):len(set.Train)], set.Holdout...)
}

// evaluate scores the examples of an evaluate stage with the model as it is.
func (r *Run) evaluate(ctx context.Context, s Stage) (Measures, []Scored, error) {
	set, err := r.set(ctx, s.Model, s.Data)
	if err != nil {
		return Measures{}, nil, err
	}
	examples := part(set, s)
	if len(examples) == 0 {
		return Measures{}, nil, fmt.Errorf("data %s has no %s rows: its split holds none out; write split = holdout { … }, or evaluate %s.train",
			s.Data.Name, s.Evaluate.Part, s.Data.Name)
	}
	net, err := r.network(ctx, s.Model)
	if err != nil {
		return Measures{}, nil, err
	}
	read, err := r.reader(ctx, net, s)
	if err != nil {
		return Measures{}, nil, err
	}
	var sequences []data.Sequence
	for _, e := range examples {
		sequences = append(sequences, e.Sequences...)
	}
	scores, err := net.score(ctx, read, sequences, max(1, s.Evaluate.Batch)*set.Width)
	if err != nil {
		return Measures{}, nil, err
	}
	rows := compare(examples, scores)
	for _, row := range rows {
		if !isFinite(row.Chosen) || !isFinite(row.Rejected) {
			return Measures{}, nil, fmt.Errorf("row %d of %s scores %v and %v: the model gives no numbers", row.Row+1, s.Data.Name, row.Chosen, row.Rejected)
		}
	}
	return measure(rows), rows, nil
}

// compare makes a pair of each sequence and each one that it should beat.
// Scores are of the examples' sequences, one after another.
func compare(examples []data.Example, scores []float64) []Scored {
	var rows []Scored
	for _, e := range examples {
		own := scores[:len(e.Sequences)]
		scores = scores[len(e.Sequences):]
		for i := range own {
			for j := i + 1; j < len(own); j++ {
				rows = append(rows, Scored{e.Row, own[i], own[j], len(e.Sequences[i].IDs), len(e.Sequences[j].IDs)})
			}
		}
	}
	return rows
}

// before measures a model that no step has trained yet. The result is kept, so
// that a run that is resumed still has it.
func (r *Run) before(ctx context.Context, s Stage) (*Measures, error) {
	path := filepath.Join(r.Dir, "stages", "before-"+r.beforeKey(s)+".json")
	var m Measures
	if sealed, err := os.ReadFile(path); err == nil {
		if text, err := unseal(sealed); err == nil && json.Unmarshal(text, &m) == nil {
			return &m, nil
		}
	}
	m, _, err := r.evaluate(ctx, s)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	return &m, disk.Write(path, seal(text))
}

// beforeKey names what an untrained model's measures depend on.
func (r *Run) beforeKey(s Stage) string {
	fields, _ := json.Marshal(lossFields(s)) // of strings
	return hash(fmt.Sprintf("%s %s %d %s", fields, s.Evaluate.Part, r.seed(s.Model.Name), r.Program.Lock))[:16]
}

// fingerprint is a digest of examples: rows, tokens and columns.
func fingerprint(examples []data.Example) string {
	h := sha256.New()
	for _, e := range examples {
		binary.Write(h, binary.LittleEndian, int64(e.Row))
		for _, s := range e.Sequences {
			k := s.Digest()
			h.Write(k[:])
		}
		for _, c := range e.Columns {
			binary.Write(h, binary.LittleEndian, math.Float32bits(c))
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}
