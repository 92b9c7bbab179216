package scoring

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/rmc-lang/rmc/runtime/measure"
	"github.com/rmc-lang/rmc/runtime/rewards"
)

// A Match is a comparison of a tournament.
type Match struct {
	Round  int     `json:"round"` // from 1
	First  int     `json:"first"` // 0-based responses
	Second int     `json:"second"`
	P      float64 `json:"probability"` // that the first is better, the mean of both orders
	Winner int     `json:"winner"`
}

// A Tournament is what score --tournament says of a line.
type Tournament struct {
	Winner  int     `json:"winner"` // 0-based
	Matches []Match `json:"matches"`
}

// knockOut finds the best of n by comparing two at a time: n - 1 comparisons, where
// each with each takes n(n - 1)/2 (Dong et al. 2024, arXiv 2405.07863). Neighbours
// meet, the last of an odd number goes on by itself, and of two that are equal the
// first does.
func knockOut(n int, compare func(pairs [][2]int) ([]Duel, error)) (Tournament, error) {
	var t Tournament
	left := make([]int, n)
	for i := range left {
		left[i] = i
	}
	for round := 1; len(left) > 1; round++ {
		var pairs [][2]int
		for i := 0; i+1 < len(left); i += 2 {
			pairs = append(pairs, [2]int{left[i], left[i+1]})
		}
		results, err := compare(pairs)
		if err != nil {
			return t, err
		}
		var next []int
		for k, result := range results {
			m := Match{Round: round, First: pairs[k][0], Second: pairs[k][1], P: result.Mean(), Winner: pairs[k][0]}
			if m.P < 0.5 {
				m.Winner = m.Second
			}
			t.Matches, next = append(t.Matches, m), append(next, m.Winner)
		}
		if len(left)%2 == 1 {
			next = append(next, left[len(left)-1])
		}
		left = next
	}
	t.Winner = left[0]
	return t, nil
}

// KnockOut answers each line of in, a prompt with responses, with the best of them.
func (s *Scorer) KnockOut(ctx context.Context, in io.Reader, out io.Writer) (bad int, err error) {
	lines, answers := bufio.NewScanner(in), bufio.NewWriter(out)
	lines.Buffer(make([]byte, 1<<16), maxLine)
	for n := 1; lines.Scan(); n++ {
		var answer any
		if answer, err = s.tournament(ctx, lines.Bytes()); err != nil {
			if ctx.Err() != nil {
				return bad, err
			}
			bad, answer = bad+1, refusal{n, err.Error()}
		}
		text, err := json.Marshal(answer)
		if err != nil {
			return bad, err
		}
		answers.Write(append(text, '\n')) // an error stays until Flush
		if err := answers.Flush(); err != nil {
			return bad, err
		}
	}
	return bad, lines.Err()
}

func (s *Scorer) tournament(ctx context.Context, line []byte) (Tournament, error) {
	var row map[string]any
	if err := json.Unmarshal(bytes.TrimSpace(line), &row); err != nil {
		return Tournament{}, err
	}
	list, ok := row["responses"].([]any)
	if !ok || len(list) < 2 {
		return Tournament{}, errors.New(`a tournament is of "responses", a list of at least two`)
	}
	return knockOut(len(list), func(pairs [][2]int) ([]Duel, error) {
		var all []rewards.Answered
		for _, two := range pairs {
			both, err := s.Encode(paired(row, list[two[0]], list[two[1]]))
			if err != nil {
				return nil, err
			}
			all = append(all, both...)
		}
		said, err := s.Score(ctx, all)
		if err != nil {
			return nil, err
		}
		results := make([]Duel, len(pairs))
		for k := range results {
			results[k].P = [2]float64{measure.FirstIsBetter(said, 2*k), 1 - measure.FirstIsBetter(said, 2*k+1)}
		}
		return results, nil
	})
}
