package scoring

import (
	"context"
	"fmt"
	"slices"

	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/measure"
	"github.com/rmc-lang/rmc/runtime/network"
	"github.com/rmc-lang/rmc/runtime/program"
	"github.com/rmc-lang/rmc/runtime/rewards"
	"github.com/rmc-lang/rmc/runtime/spec"
)

// A Comparing asks a policy, or a reward over one, which of two responses is
// better: a conversation with one label, first, second or neither (Dong et al.
// 2024, arXiv 2405.07863). A pair is asked in both orders, and its probability is
// the mean of the two.
type Comparing struct {
	form   spec.Data // how two responses become a conversation
	encode data.Encode
	say    func(ctx context.Context, all []rewards.Answered) (*measure.Sayings, error)
}

// A Contest is two responses to a prompt.
type Contest struct {
	Prompt        []data.Message
	First, Second []data.Message
}

// orders are the two conversations of a contest: as it is, and turned round.
func (c Comparing) orders(k Contest) ([2]rewards.Answered, error) {
	var out [2]rewards.Answered
	for i, two := range [2][2][]data.Message{{k.First, k.Second}, {k.Second, k.First}} {
		e, _, err := data.Compared(c.form, k.Prompt, two[0], two[1], c.encode)
		if err != nil {
			return out, err
		}
		out[i] = rewards.Answered{Response: e.Sequences[0], Marks: marksOf(e)}
	}
	return out, nil
}

// A Duel is a contest's probability that the first response is better, in
// both orders; ½ in both where it could not be asked, and why.
type Duel struct {
	P      [2]float64
	Failed error
}

// Mean is that of both orders.
func (c Duel) Mean() float64 { return (c.P[0] + c.P[1]) / 2 }

// Compare asks all contests.
func (c Comparing) Compare(ctx context.Context, all []Contest) ([]Duel, error) {
	out := make([]Duel, len(all))
	var questions []rewards.Answered
	var of [][2]int // contest and order of each question
	for i, k := range all {
		both, err := c.orders(k)
		if err != nil {
			out[i] = Duel{[2]float64{0.5, 0.5}, err}
			continue
		}
		for order, q := range both {
			questions, of = append(questions, q), append(of, [2]int{i, order})
		}
	}
	said, err := c.say(ctx, questions)
	if err != nil {
		return nil, err
	}
	for q, which := range of {
		p := measure.FirstIsBetter(said, q)
		if which[1] == 1 {
			p = 1 - p
		}
		out[which[0]].P[which[1]] = p
	}
	return out, nil
}

// Positions are how often the one that is shown first wins, and both orders agree.
func Positions(all []Duel) *data.Positions {
	var examples []data.Example
	var p []float64
	for i, c := range all {
		if c.Failed == nil {
			examples = append(examples, data.Example{Row: i}, data.Example{Row: i, Swapped: true})
			p = append(p, c.P[0], c.P[1])
		}
	}
	_, of := data.InBothOrders(examples, p)
	return &of
}

// Comparing opens what a policy compares with: form is the data that it was trained on.
func (a *Asker) Comparing(ctx context.Context, m spec.Model, form string) (*Comparing, error) {
	d, err := a.Program.FindData(form)
	if err != nil {
		return nil, err
	}
	if d.From.Kind != "compare" {
		return nil, fmt.Errorf("data %s is not made by compare, so that %s cannot be asked which side of a pair is better", form, m.Name)
	}
	encode, err := a.Encoder(ctx, m, d)
	if err != nil {
		return nil, err
	}
	say, err := a.policySays(ctx, program.Reward{}, m, d)
	return &Comparing{d, encode, say}, err
}

// policySays is what a policy, or a reward that reads some, says of answers.
func (a *Asker) policySays(ctx context.Context, reward program.Reward, m spec.Model, d spec.Data) (func(ctx context.Context, all []rewards.Answered) (*measure.Sayings, error), error) {
	if reward.Name != "" {
		f, err := a.spoken(ctx, reward, d)
		if err != nil {
			return nil, err
		}
		return f.Say, nil
	}
	if d.Kind != "labels" {
		return nil, fmt.Errorf("policy %s was trained on responses and has no labels: a reward of the recipe, such as dpo.implicit, says what its score is", m.Name)
	}
	labels, err := a.LabelIDs(ctx, m, d)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, all []rewards.Answered) (*measure.Sayings, error) {
		n, err := a.Network(ctx, m)
		if err != nil || len(all) == 0 {
			return &measure.Sayings{}, err
		}
		return labelled(ctx, n, all, labels)
	}, nil
}

// labelled is the probabilities of the labels at the places of answers. Its score
// is the mean of those of the best label, as RLHFlow's evaluation of process reward
// models has it; a reward says otherwise.
func labelled(ctx context.Context, n *network.Network, all []rewards.Answered, labels []int32) (*measure.Sayings, error) {
	said, err := n.Ask(ctx, rewards.AskedOfAll(all), network.Wish{Labels: labels})
	if err != nil {
		return nil, err
	}
	out := &measure.Sayings{}
	for _, flat := range said {
		steps, sum, best := rewards.Shares(flat, len(labels)), 0.0, []float32(nil)
		for _, p := range steps {
			sum, best = sum+p[0], append(best, float32(p[0]))
		}
		out.Steps, out.Scores = append(out.Steps, steps), append(out.Scores, sum/float64(len(steps)))
		out.Parts = append(out.Parts, measure.Parts{"steps": best})
	}
	return out, nil
}

// pairwise is what a policy says of the responses of examples, one after another:
// the score of a response is how often it is better than another of its example.
func (a *Asker) pairwise(ctx context.Context, s program.Stage, c *Comparing, examples []data.Example) (*measure.Sayings, error) {
	texts, err := a.Texts(ctx, s.Model, s.Data)
	if err != nil {
		return nil, err
	}
	var contests []Contest
	var of [][2]int // responses of each, counted over all examples
	first := 0
	for _, e := range examples {
		t, ok := texts[e.Row]
		n := len(measure.Responses(s.Data, e))
		if !ok || len(t.Responses) != n {
			return nil, fmt.Errorf("row %d of %s has no text", e.Row+1, s.Data.Name)
		}
		for i := range n {
			for j := i + 1; j < n; j++ {
				contests, of = append(contests, Contest{t.Prompt, t.Responses[i], t.Responses[j]}), append(of, [2]int{first + i, first + j})
			}
		}
		first += n
	}
	results, err := c.Compare(ctx, contests)
	if err != nil {
		return nil, err
	}
	a.NoteFailures(s, results)
	return roundRobin(first, of, results), nil
}

// roundRobin is what contests come to: of so many responses each one's mean
// probability to be better than those that it met.
func roundRobin(responses int, of [][2]int, results []Duel) *measure.Sayings {
	byPair := map[[2]int]Duel{}
	wins, met := make([]float64, responses), make([]float64, responses)
	for k, two := range of {
		byPair[two] = results[k]
		p := results[k].Mean()
		wins[two[0]] += p
		wins[two[1]] += 1 - p
		met[two[0]]++
		met[two[1]]++
	}
	out := &measure.Sayings{Scores: wins, Positions: Positions(results)}
	for i := range wins {
		wins[i] /= max(1, met[i])
	}
	out.Orders = func(i, j int) []float64 {
		if i > j {
			p := byPair[[2]int{j, i}].P
			return []float64{1 - p[0], 1 - p[1]}
		}
		p := byPair[[2]int{i, j}].P
		return p[:]
	}
	out.Unasked = func(i, j int) bool { return byPair[[2]int{min(i, j), max(i, j)}].Failed != nil }
	out.Beats = func(i, j int) float64 { return (out.Orders(i, j)[0] + out.Orders(i, j)[1]) / 2 }
	return out
}

// NoteFailures says how many contests could not be asked.
func (a *Asker) NoteFailures(s program.Stage, results []Duel) {
	failed := 0
	var why error
	for _, c := range results {
		if c.Failed != nil {
			failed, why = failed+1, c.Failed
		}
	}
	if failed > 0 {
		a.Note(fmt.Sprintf("%s: %d of %d comparisons could not be asked and count as ties; the last: %v", s.Name(), failed, len(results), why))
	}
}

// told is a line of score's output for n comparisons from the first on, each two
// of which are a pair in both orders: of one pair the probability that the chosen
// side is better, of several responses the mean over those that each was compared
// with.
func told(s *measure.Sayings, first, n int) map[string]any {
	results := make([]Duel, n/2)
	for k := range results {
		results[k].P = [2]float64{measure.FirstIsBetter(s, first+2*k), 1 - measure.FirstIsBetter(s, first+2*k+1)}
	}
	if len(results) == 1 {
		p := results[0]
		return map[string]any{"chosen": float32(p.Mean()), "rejected": float32(1 - p.Mean()), "probability": p.Mean(), "orders": p.P}
	}
	var of [][2]int
	responses := 2
	for responses*(responses-1)/2 < len(results) {
		responses++
	}
	for i := range responses {
		for j := i + 1; j < responses; j++ {
			of = append(of, [2]int{i, j})
		}
	}
	round := roundRobin(responses, of, results)
	scores := make([]float32, responses)
	for i, x := range round.Scores {
		scores[i] = float32(x)
	}
	return map[string]any{"scores": scores, "best": slices.Index(round.Scores, slices.Max(round.Scores)), "positions": round.Positions}
}
