// Package judge asks a language model, behind an OpenAI-compatible server or of the
// recipe: which of two responses is better, how good one is, or how a solution goes
// on from one of its steps. What it answers is kept in a table on the disk: a run that is
// stopped, at any moment, goes on without asking again for what is answered. It
// trains nothing and knows no tokens.
package judge

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/rmc-lang/rmc/runtime/disk"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// A Judge is who is asked, and where the answers are kept.
type Judge struct {
	Label spec.Label
	Dir   string            // folder of the table; made if it is not there
	Note  func(text string) // told of retries and progress, from several goroutines; may be nil
	Local *Local            // who is asked where the label names a model of the recipe; else nil

	pause time.Duration // client.pause; 0 is firstPause
}

// A Usage is what asking took.
type Usage struct {
	Requests     int `json:"requests"` // sent to a server by this run, those that failed among them
	Asked        int `json:"asked"`    // answers that this run asked for
	Reused       int `json:"reused"`   // answers of runs before
	Cut          int `json:"cut"`      // answers that ended because they were max_tokens long
	PromptTokens int `json:"prompt_tokens"`
	AnswerTokens int `json:"answer_tokens"` // both of all answers, as the server counts
	// Cost of all answers, in what the label's prices are in; 0 without prices.
	Cost float64 `json:"cost,omitempty"`
}

// String is the usage in a few words.
func (u Usage) String() string {
	asked := fmt.Sprintf("%d answers asked for in %d requests", u.Asked, u.Requests)
	if u.Asked > 0 && u.Requests == 0 {
		asked = fmt.Sprintf("%d answers generated", u.Asked)
	}
	text := fmt.Sprintf("%s, %d kept from before; %d prompt and %d answer tokens", asked, u.Reused, u.PromptTokens, u.AnswerTokens)
	if u.Cut > 0 {
		text += fmt.Sprintf(", %d answers cut short by max_tokens", u.Cut)
	}
	if u.Cost > 0 {
		text += fmt.Sprintf("; cost %.4g", u.Cost)
	}
	return text
}

// A session asks, of one table.
type session struct {
	label  spec.Label
	prompt *prompt
	client *client // nil where local is asked
	local  *Local
	table  *table
	wanted map[place]bool // all that was asked for
	asked  int            // of these, not in the table before
	note   func(string)
}

// open begins a session. The key comes from the label's environment variable and
// goes to the server alone.
func (j Judge) open() (*session, error) {
	s := &session{label: j.Label, local: j.Local, wanted: map[place]bool{}, note: j.Note}
	if s.note == nil {
		s.note = func(string) {}
	}
	var err error
	if s.prompt, err = newPrompt(j.Label); err != nil {
		return nil, err
	}
	if j.Local == nil {
		if s.client, err = newClient(j.Label, strings.TrimSpace(os.Getenv(j.Label.Key)), s.note); err != nil {
			return nil, err
		}
		if j.pause > 0 {
			s.client.pause = j.pause
		}
	}
	s.table, err = openTable(j.Dir, headerOf(j.Label, j.Local))
	return s, err
}

func (s *session) close() error {
	if s.client != nil {
		s.client.http.CloseIdleConnections()
	}
	return s.table.close()
}

// A query asks for one answer to a text.
type query struct {
	place
	text string
	who  string // names it in messages: row 3, order given
}

// limited is what a label asks about of all that there is.
func limited[T any](l spec.Label, all []T) []T {
	if l.Limit > 0 && len(all) > l.Limit {
		return all[:l.Limit]
	}
	return all
}

// queries are those for all samples of a text.
func (s *session) queries(text, who string) []query {
	d := disk.Digest(text)
	out := make([]query, SamplesOf(s.label))
	for i := range out {
		out[i] = query{place{d, i}, text, who}
		if len(out) > 1 {
			out[i].who = fmt.Sprintf("%s, sample %d", who, i+1)
		}
	}
	return out
}

// answers are those in the table to all samples of a text.
func (s *session) answers(text string) []Answer {
	d := disk.Digest(text)
	out := make([]Answer, SamplesOf(s.label))
	for i := range out {
		a, there := s.table.answers[place{d, i}]
		if !there {
			panic("judge: a text was not asked")
		}
		out[i] = a
	}
	return out
}

// fill has the table answer all queries. On failure, what was answered until then
// is kept. A text that several rows have is asked once.
func (s *session) fill(ctx context.Context, all []query) error {
	var open []query
	for _, q := range all {
		if s.wanted[q.place] {
			continue
		}
		s.wanted[q.place] = true
		if _, there := s.table.answers[q.place]; !there {
			open = append(open, q)
		}
	}
	s.asked += len(open)
	if s.local != nil {
		return s.askLocal(ctx, open)
	}
	return s.askAll(ctx, open)
}

// askAll asks several at a time. After the first failure nothing more is asked,
// but answers that are on their way are waited for and kept.
func (s *session) askAll(ctx context.Context, open []query) error {
	going, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	next := make(chan query)
	var wg sync.WaitGroup
	p := &progress{all: len(open), note: s.note}
	for range min(max(1, s.label.Parallel), len(open)) {
		wg.Go(func() {
			for q := range next {
				a, err := s.client.ask(ctx, going, q)
				if err == nil {
					err = s.table.add(a)
				}
				if err != nil {
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

// send hands out queries until ctx ends.
func send(ctx context.Context, next chan<- query, open []query) {
	defer close(next)
	for _, q := range open {
		select {
		case next <- q:
		case <-ctx.Done():
			return
		}
	}
}

// usage counts what the session asked for.
func (s *session) usage() Usage {
	u := Usage{Asked: s.asked, Reused: len(s.wanted) - s.asked}
	if s.client != nil {
		u.Requests = int(s.client.sent.Load())
	}
	for at := range s.wanted {
		a := s.table.answers[at]
		u.PromptTokens += a.PromptTokens
		u.AnswerTokens += a.AnswerTokens
		if a.cut() {
			u.Cut++
		}
	}
	u.Cost = (float64(u.PromptTokens)*s.label.PriceIn + float64(u.AnswerTokens)*s.label.PriceOut) / 1e6
	return u
}

// with runs f in a session.
func (j Judge) with(f func(*session) error) error {
	s, err := j.open()
	if err != nil {
		return err
	}
	return errors.Join(f(s), s.close())
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
