package generate

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// letters decodes 0 as a, 1 as b and so on.
func letters(ids []int32) string {
	var b strings.Builder
	for _, id := range ids {
		b.WriteByte('a' + byte(id))
	}
	return b.String()
}

// sure are logits of one token.
func sure(id int32) []float32 {
	logits := make([]float32, 8)
	logits[id] = 50
	return logits
}

// write has an answer take tokens until it ends.
func write(t *testing.T, s Settings, prompt int, ids ...int32) *Answer {
	t.Helper()
	s.Decode = letters
	w := s.Begin([32]byte{1}, prompt)
	for _, id := range ids {
		if w.Answer() != nil {
			t.Fatalf("the answer ended before token %d", id)
		}
		got, err := w.Take(sure(id))
		if err != nil || got != id {
			t.Fatalf("took %d, want %d: %v", got, id, err)
		}
	}
	return w.Answer()
}

func TestAnswersEnd(t *testing.T) {
	for _, one := range []struct {
		name     string
		settings Settings
		prompt   int
		ids      []int32
		want     *Answer
	}{
		{"at a token that ends it", Settings{MaxTokens: 9, Ends: []int32{7, 6}}, 3, []int32{0, 1, 6}, &Answer{"ab", "stop", 3}},
		{"at once", Settings{MaxTokens: 9, Ends: []int32{7}}, 3, []int32{7}, &Answer{"", "stop", 1}},
		{"at a text, of which the first counts", Settings{MaxTokens: 9, Until: []string{"de", "cd"}}, 3, []int32{0, 2, 3}, &Answer{"a", "stop", 3}},
		{"at the text that begins first", Settings{MaxTokens: 9, Until: []string{"d", "cd"}}, 3, []int32{0, 2, 3}, &Answer{"a", "stop", 3}},
		{"where it is as long as it may be", Settings{MaxTokens: 2}, 3, []int32{0, 1}, &Answer{"ab", "length", 2}},
		{"at the last token that may end it", Settings{MaxTokens: 3, Ends: []int32{7}}, 3, []int32{0, 1, 7}, &Answer{"ab", "stop", 3}},
		{"where the model has no further position", Settings{MaxTokens: 9, Positions: 5}, 3, []int32{0, 1}, &Answer{"ab", "length", 2}},
		{"not yet", Settings{MaxTokens: 9, Until: []string{"cc"}, Positions: 9}, 3, []int32{0, 2}, nil},
	} {
		for _, temperature := range []float64{0, 0.7} {
			one.settings.Temperature = temperature
			got := write(t, one.settings, one.prompt, one.ids...)
			if (got == nil) != (one.want == nil) || got != nil && *got != *one.want {
				t.Errorf("an answer ends %s: %v, want %v", one.name, got, one.want)
			}
		}
	}
}

// What is drawn has the frequencies of the softmax, and the same seed draws the same.
func TestDraws(t *testing.T) {
	logits := []float32{1, 0, 3, float32(math.Inf(-1))}
	const n, temperature = 20_000, 2.0
	draw := func(seed byte) []int32 {
		s := Settings{Temperature: temperature, MaxTokens: n, Decode: letters}
		w := s.Begin([32]byte{seed}, 1)
		out := make([]int32, n)
		for i := range out {
			var err error
			if out[i], err = w.Take(logits); err != nil {
				t.Fatal(err)
			}
		}
		return out
	}
	one := draw(1)
	if !slices.Equal(one, draw(1)) || slices.Equal(one, draw(2)) {
		t.Error("a seed is not what decides the draws")
	}
	count := make([]float64, len(logits))
	for _, id := range one {
		count[id]++
	}
	total := 0.0
	for _, x := range logits {
		total += math.Exp(float64(x) / temperature)
	}
	for id, x := range logits {
		p := math.Exp(float64(x)/temperature) / total
		if d := math.Abs(count[id]/n - p); d > 4*math.Sqrt(p*(1-p)/n) {
			t.Errorf("token %d was drawn in %g of %d, want %g", id, count[id]/n, n, p)
		}
	}
}

func TestDamagedLogits(t *testing.T) {
	s := Settings{Decode: letters}
	_, err := s.Begin([32]byte{}, 1).Take([]float32{0, float32(math.NaN())})
	if err == nil || !strings.Contains(err.Error(), "token 1 is no number") {
		t.Errorf("error %v", err)
	}
}

func TestBatches(t *testing.T) {
	question := func(length int, answers ...int) Question { return Question{make([]int32, length), answers} }
	all := []Question{question(10, 0, 1, 2), question(65, 3), question(64, 4), question(300, 5, 6), question(1, 7, 8)}
	var got []string
	seen := map[int]int{}
	for _, b := range Batches(all, Shape{Prompts: 2, Samples: 2}) {
		var lengths []int
		for i, p := range b.Prompt {
			lengths = append(lengths, len(p))
			for _, a := range b.Answer[i] {
				seen[a]++
			}
		}
		got = append(got, fmt.Sprint(b.Bucket, lengths, b.Answer))
	}
	want := []string{"64 [10 10] [[0 1] [2]]", "64 [64 1] [[4] [7 8]]", "128 [65] [[3]]", "512 [300] [[5 6]]"}
	if !slices.Equal(got, want) {
		t.Errorf("batches\n%q, want\n%q", got, want)
	}
	for a := range 9 {
		if seen[a] != 1 {
			t.Errorf("answer %d is in %d batches", a, seen[a])
		}
	}
}

func TestShapes(t *testing.T) {
	for _, one := range []struct {
		rows, samples, ways int
		want                Shape
	}{
		{16, 8, 1, Shape{2, 8}}, {1, 8, 1, Shape{1, 1}}, {8, 3, 1, Shape{2, 3}}, {4, 8, 2, Shape{2, 4}}, {16, 1, 4, Shape{16, 1}},
	} {
		if got := ShapeOf(one.rows, one.samples, one.ways); got != one.want {
			t.Errorf("%d rows, %d samples, %d ways: %v, want %v", one.rows, one.samples, one.ways, got, one.want)
		}
	}
	b := Batch{Bucket: 3, Prompt: [][]int32{{5, 6}}}
	ids, lengths := b.Tokens(Shape{2, 1})
	if !slices.Equal(ids, []int32{5, 6, 0, 0, 0, 0}) || !slices.Equal(lengths, []int32{2, 1}) {
		t.Errorf("tokens %v of lengths %v", ids, lengths)
	}
	for tokens, want := range map[int]int{1: 64, 64: 64, 65: 128, 129: 256, 257: 512, 600: 768} {
		if got := Bucket(tokens); got != want {
			t.Errorf("bucket of %d tokens is %d, want %d", tokens, got, want)
		}
	}
	for tokens, want := range map[int]int{1: 64, 65: 256, 256: 256, 257: 1024} {
		if got := Room(tokens); got != want {
			t.Errorf("room for %d tokens is %d, want %d", tokens, got, want)
		}
	}
}
