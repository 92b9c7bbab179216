// Package judge asks a language model behind an OpenAI-compatible server which of
// two responses is better, and keeps what it answers in a table on the disk: a
// run that is stopped, at any moment, goes on without asking again for what is
// answered. It trains nothing and knows no tokens.
package judge

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rmc-lang/rmc/runtime/spec"
)

// A Judge is who is asked, and where the answers are kept.
type Judge struct {
	Label spec.Label
	Dir   string            // folder of the table; made if it is not there
	Note  func(text string) // told of retries and progress, from several goroutines; may be nil

	pause time.Duration // client.pause; 0 is firstPause
}

// A Result is what the judge says of pairs.
type Result struct {
	Preferences map[int]int8 // by row: -1 the first response, +1 the second, 0 neither
	Answers     []Answer     // in the order of the questions, of each in the order given first
	Summary     Summary
}

// A Summary counts pairs and answers.
type Summary struct {
	Pairs      int `json:"pairs"`
	First      int `json:"first"`      // pairs whose first response is preferred
	Second     int `json:"second"`     // or the second
	Consistent int `json:"consistent"` // pairs asked in both orders that got the same response twice
	Swayed     int `json:"swayed"`     // pairs that got the same letter twice: the order decided
	Undecided  int `json:"undecided"`  // pairs with an answer that says neither
	SaysA      int `json:"says_a"`     // answers for the response shown first
	SaysB      int `json:"says_b"`     // answers for the one shown second

	Asked        int `json:"asked"`  // answers that this run asked for
	Reused       int `json:"reused"` // answers of runs before
	PromptTokens int `json:"prompt_tokens"`
	AnswerTokens int `json:"answer_tokens"` // both of all answers, as the server counts
}

// Consistency is the share of consistent pairs among those with two decided
// answers; false where there are none.
func (s Summary) Consistency() (share float64, ok bool) {
	n := s.Consistent + s.Swayed
	return float64(s.Consistent) / float64(max(n, 1)), n > 0
}

// String is the summary in one line.
func (s Summary) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d pairs: first preferred %d, second %d, undecided %d", s.Pairs, s.First, s.Second, s.Undecided)
	if share, ok := s.Consistency(); ok {
		fmt.Fprintf(&b, ", %d depend on the order; order-consistency %.1f %%", s.Swayed, 100*share)
	}
	fmt.Fprintf(&b, "; %d answers asked for, %d kept from before; %d prompt and %d answer tokens", s.Asked, s.Reused, s.PromptTokens, s.AnswerTokens)
	return b.String()
}

// Ask has all questions answered, in the label's orders. On failure, what was
// answered until then is kept. The key comes from the label's environment
// variable and goes to the server alone.
func (j Judge) Ask(ctx context.Context, questions []Question) (*Result, error) {
	note := j.Note
	if note == nil {
		note = func(string) {}
	}
	c, err := newClient(j.Label, strings.TrimSpace(os.Getenv(j.Label.Key)), note)
	if err != nil {
		return nil, err
	}
	defer c.http.CloseIdleConnections()
	if j.pause > 0 {
		c.pause = j.pause
	}
	if err := different(questions); err != nil {
		return nil, err
	}
	t, err := openTable(j.Dir, headerOf(j.Label))
	if err != nil {
		return nil, err
	}
	all := j.items(questions)
	var open []item
	for _, one := range all {
		if _, there := t.answers[one.place]; !there {
			open = append(open, one)
		}
	}
	err = askAll(ctx, c, t, open, j.Label.Parallel)
	if closing := t.close(); err == nil {
		err = closing
	}
	if err != nil {
		return nil, err
	}
	return j.result(t, questions, all, len(open))
}

// different reports a row that is there twice.
func different(questions []Question) error {
	seen := map[int]bool{}
	for _, q := range questions {
		if seen[q.Row] {
			return fmt.Errorf("row %d is asked about twice", q.Row+1)
		}
		seen[q.Row] = true
	}
	return nil
}

// An item is a question in one order.
type item struct {
	place
	text string
}

func (j Judge) items(questions []Question) []item {
	var out []item
	for _, q := range questions {
		for _, order := range j.orders() {
			text := q.ask(order)
			out = append(out, item{place{q.Row, order, digest(text)}, text})
		}
	}
	return out
}

func (j Judge) orders() []string {
	if j.Label.Orders == given {
		return []string{given}
	}
	return []string{given, swapped}
}

// askAll asks several at a time. After the first failure nothing more is asked,
// but answers that are on their way are waited for and kept.
func askAll(ctx context.Context, c *client, t *table, open []item, parallel int) error {
	going, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	next := make(chan item)
	var wg sync.WaitGroup
	p := &progress{all: len(open), note: c.note}
	for range min(max(1, parallel), len(open)) {
		wg.Go(func() {
			for one := range next {
				if err := one.ask(ctx, going, c, t); err != nil {
					stop(err)
					return
				}
				p.step()
			}
		})
	}
	send(going, next, open)
	wg.Wait()
	return context.Cause(going)
}

// send hands out items until ctx ends.
func send(ctx context.Context, next chan<- item, open []item) {
	defer close(next)
	for _, one := range open {
		select {
		case next <- one:
		case <-ctx.Done():
			return
		}
	}
}

// ask gets an answer and keeps it.
func (i item) ask(ctx, going context.Context, c *client, t *table) error {
	got, err := c.ask(ctx, going, fmt.Sprintf("row %d, order %s", i.row+1, i.order), i.text)
	if err != nil {
		return err
	}
	text := got.Choices[0].Message.Content
	if text == "" {
		text = got.Choices[0].Message.Refusal
	}
	return t.add(Answer{
		Row: i.row, Order: i.order, Question: i.question, Model: got.Model, Text: text,
		PromptTokens: max(0, got.Usage.Prompt), AnswerTokens: max(0, got.Usage.Completion),
	})
}

// A progress tells of every tenth of the answers.
type progress struct {
	mu        sync.Mutex
	done, all int
	note      func(string)
}

func (p *progress) step() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	if p.done*10/p.all > (p.done-1)*10/p.all {
		p.note(fmt.Sprintf("judge: %d of %d answers", p.done, p.all))
	}
}

// result reads the table.
func (j Judge) result(t *table, questions []Question, all []item, asked int) (*Result, error) {
	out := &Result{Preferences: map[int]int8{}}
	s := &out.Summary
	s.Asked, s.Reused = asked, len(all)-asked
	for _, one := range all {
		a := t.answers[one.place]
		out.Answers = append(out.Answers, a)
		s.PromptTokens += a.PromptTokens
		s.AnswerTokens += a.AnswerTokens
	}
	var neither []int
	for answers := range slices.Chunk(out.Answers, len(j.orders())) {
		row := answers[0].Row
		if out.Preferences[row] = s.pair(answers); out.Preferences[row] == 0 {
			neither = append(neither, row+1)
		}
	}
	if len(neither) > 0 && j.Label.Undecided == "error" {
		return nil, fmt.Errorf("undecided = error, and the judge prefers neither response of %d of %d pairs (row %s): %s",
			len(neither), len(questions), few(neither), s)
	}
	return out, nil
}

// pair counts the answers to one pair and says what they prefer together.
func (s *Summary) pair(answers []Answer) int8 {
	s.Pairs++
	var all []int8
	for _, a := range answers {
		v := Parse(a.Text)
		switch v {
		case A:
			s.SaysA++
		case B:
			s.SaysB++
		}
		all = append(all, v.prefers(a.Order))
	}
	first, last := all[0], all[len(all)-1]
	switch {
	case slices.Contains(all, 0):
		s.Undecided++
		return 0
	case first != last:
		s.Swayed++
		return 0
	case len(all) > 1:
		s.Consistent++
	}
	if first < 0 {
		s.First++
	} else {
		s.Second++
	}
	return first
}

// few lists the first of some numbers.
func few(numbers []int) string {
	const most = 5
	var parts []string
	for _, n := range numbers[:min(most, len(numbers))] {
		parts = append(parts, fmt.Sprint(n))
	}
	if len(numbers) > most {
		parts = append(parts, "…")
	}
	return strings.Join(parts, ", ")
}
