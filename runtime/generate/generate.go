// Package generate goes on with texts: it draws one token after another from a
// model's logits, ends an answer where it is at its end, and lays prompts into
// batches of few shapes. It computes no logits and knows no vocabulary.
//
// An answer is a function of its logits and its seed: whatever is in a batch beside
// it, and whenever it is asked for, it is the same.
package generate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
)

// Settings are how answers are drawn, and where they end.
type Settings struct {
	Temperature float64 // the logits are divided by it; at 0 the likeliest token is taken
	MaxTokens   int     // longest answer
	Positions   int     // tokens, prompt and answer together, that the model was made for; 0 is any number
	Ends        []int32 // tokens that end an answer
	Until       []string
	Decode      func(ids []int32) string
}

// An Answer is what a model came to say.
type Answer struct {
	Text   string // up to the text in Until that ends it
	Finish string // stop, or length where it is as long as it may be
	Tokens int    // drawn, the one that ends it included
}

// A Writer is an answer while it is written.
type Writer struct {
	settings *Settings
	random   *rand.Rand
	prompt   int // tokens
	ids      []int32
	answer   *Answer // once it has ended
}

// Begin begins an answer to a prompt of so many tokens.
func (s *Settings) Begin(seed [32]byte, prompt int) *Writer {
	return &Writer{settings: s, random: rand.New(rand.NewChaCha8(seed)), prompt: prompt}
}

// Answer is the answer, or nil while it has not ended.
func (w *Writer) Answer() *Answer { return w.answer }

// Take draws the next token from its logits, by token id.
func (w *Writer) Take(logits []float32) (int32, error) {
	id, err := w.settings.draw(logits, w.random)
	if err != nil {
		return 0, fmt.Errorf("token %d of the answer: %w", len(w.ids)+1, err)
	}
	if slices.Contains(w.settings.Ends, id) {
		w.end(w.settings.Decode(w.ids), "stop", len(w.ids)+1)
		return id, nil
	}
	w.ids = append(w.ids, id)
	if text, stops := w.stopped(); stops {
		w.end(text, "stop", len(w.ids))
	} else if n := len(w.ids); n == w.settings.Longest(w.prompt) {
		w.end(w.settings.Decode(w.ids), "length", n)
	}
	return id, nil
}

func (w *Writer) end(text, finish string, tokens int) { w.answer = &Answer{text, finish, tokens} }

// stopped is the text before the first of the texts that end an answer.
func (w *Writer) stopped() (text string, stops bool) {
	if len(w.settings.Until) == 0 {
		return "", false
	}
	text = w.settings.Decode(w.ids)
	end := len(text)
	for _, until := range w.settings.Until {
		if at := strings.Index(text, until); at >= 0 {
			end, stops = min(end, at), true
		}
	}
	return text[:end], stops
}

// draw draws a token: the sum of the probabilities up to it, in the order of ids, is
// the first above a number from 0 to 1.
func (s *Settings) draw(logits []float32, random *rand.Rand) (int32, error) {
	best := 0
	for i, x := range logits {
		if math.IsNaN(float64(x)) {
			return 0, fmt.Errorf("the logit of token %d is no number: the weights are damaged", i)
		}
		if x > logits[best] {
			best = i
		}
	}
	if s.Temperature == 0 {
		return int32(best), nil
	}
	weight := func(x float32) float64 { return math.Exp(float64(x-logits[best]) / s.Temperature) }
	total := 0.0
	for _, x := range logits {
		total += weight(x)
	}
	rest := random.Float64() * total
	for i, x := range logits {
		if rest -= weight(x); rest < 0 {
			return int32(i), nil
		}
	}
	return int32(best), nil // by rounding alone
}
