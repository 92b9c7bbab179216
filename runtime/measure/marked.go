package measure

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/rmc-lang/rmc/runtime/answer"
	"github.com/rmc-lang/rmc/runtime/data"
	"github.com/rmc-lang/rmc/runtime/suite"
)

// Marked measures what stands at the places of conversations with labels.
type Marked struct {
	Conversations int        `json:"conversations"`
	Places        int        `json:"places"`
	Accuracy      float64    `json:"accuracy"` // share of places whose likeliest label is the one that stands there
	Interval      [2]float64 `json:"interval"` // of Accuracy: 95 %, by resampling questions
	LogLoss       float64    `json:"log_loss"` // mean of -Σ gold · log p over the labels, nats
	// Commonest is the label that most places of the training rows have, and
	// Majority what saying nothing else would score here.
	Commonest   string       `json:"commonest"`
	Majority    float64      `json:"majority"`
	Labels      []LabelScore `json:"labels"`
	Calibration []Bin        `json:"calibration"` // of the likeliest label
	// Positions are of comparisons that were asked in both orders.
	Positions *data.Positions `json:"positions,omitempty"`
	// Outcome is of conversations with a last label, by the score of the whole.
	Outcome *Outcome `json:"outcome,omitempty"`
}

// A LabelScore is how well one label is found among the others.
type LabelScore struct {
	Label     string  `json:"label"`
	Places    int     `json:"places"`
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	F1        float64 `json:"f1"`
}

// An Outcome measures the scores of whole solutions against their last labels.
type Outcome struct {
	Solutions int `json:"solutions"`
	Right     int `json:"right"` // with the best label last
	Questions int `json:"questions"`
	// AUC is the chance that a right solution scores higher than a wrong one; ties
	// are half.
	AUC float64 `json:"auc"`
	// Of 1, 2, 4, … solutions, and of as many as the median question has: the one
	// with the highest score, and what the best choice would come to.
	BestOf []suite.Estimate `json:"best_of,omitempty"`
	PassAt []suite.Estimate `json:"pass_at,omitempty"`
	// The answer that most of n solutions come to, and the one with the highest sum
	// of scores where these are not negative; of data whose solutions give answers.
	Majority []suite.Estimate `json:"majority,omitempty"`
	Weighted []suite.Estimate `json:"weighted,omitempty"`
}

// Labels measures what is said of conversations with labels.
func Labels(set *data.Set, examples []data.Example, said *Sayings) *Marked {
	m := &Marked{Conversations: len(examples), Calibration: make([]Bin, bins)}
	commonest := commonestOf(set)
	m.Commonest = set.Labels[commonest]
	count := newConfusion(len(set.Labels))
	least := 1 / float64(len(set.Labels))
	for i := range m.Calibration {
		width := (1 - least) / bins
		m.Calibration[i].From, m.Calibration[i].To = least+float64(i)*width, least+float64(i+1)*width
	}
	var groups []grouped
	for i, e := range examples {
		g := grouped{key: e.Prompt}
		for k, mark := range e.Marks {
			p := said.Steps[i][k]
			stands, likeliest := largest(mark.Gold), largest(p)
			count.add(stands, likeliest)
			g.n++
			if stands == likeliest {
				g.right++
			}
			if stands == commonest {
				m.Majority++
			}
			m.LogLoss += crossEntropy(mark.Gold, p)
			bin := int((p[likeliest] - least) / (1 - least) * bins)
			m.Calibration[max(0, min(bins-1, bin))].count(p[likeliest], stands == likeliest)
		}
		groups = append(groups, g)
	}
	m.Places = count.places()
	n := float64(max(1, m.Places))
	m.Majority, m.LogLoss = m.Majority/n, m.LogLoss/n
	m.Accuracy, m.Interval = rightShare(groups)
	m.Labels = count.scores(set.Labels)
	for i := range m.Calibration {
		m.Calibration[i].close()
	}
	return m
}

// count counts a place whose likeliest label has probability p.
func (b *Bin) count(p float64, right bool) {
	b.Pairs++
	b.Predicted += p
	if right {
		b.Observed++
	}
}

// crossEntropy is -Σ gold · log p.
func crossEntropy(gold []float32, p []float64) float64 {
	sum := 0.0
	for i, g := range gold {
		if g > 0 {
			sum -= float64(g) * math.Log(max(p[i], 1e-30))
		}
	}
	return sum
}

// largest is the index of the largest of some, the first where several are.
func largest[T float32 | float64](all []T) int {
	best := 0
	for i, x := range all {
		if x > all[best] {
			best = i
		}
	}
	return best
}

// commonestOf is the label that most places of the training rows have.
func commonestOf(set *data.Set) int {
	counts := make([]int, len(set.Labels))
	for _, e := range set.Train {
		for _, m := range e.Marks {
			counts[largest(m.Gold)]++
		}
	}
	best := 0
	for i, n := range counts {
		if n > counts[best] {
			best = i
		}
	}
	return best
}

// A confusion counts labels that stand somewhere by those that were said.
type confusion [][]int // [stands][said]

func newConfusion(labels int) confusion {
	c := make(confusion, labels)
	for i := range c {
		c[i] = make([]int, labels)
	}
	return c
}

func (c confusion) add(stands, said int) { c[stands][said]++ }

func (c confusion) places() (n int) {
	for _, row := range c {
		for _, x := range row {
			n += x
		}
	}
	return n
}

// scores are precision, recall and F1 of each label.
func (c confusion) scores(names []string) []LabelScore {
	out := make([]LabelScore, len(names))
	for i, name := range names {
		stands, said := 0, 0
		for k := range names {
			stands, said = stands+c[i][k], said+c[k][i]
		}
		s := LabelScore{Label: name, Places: stands}
		if said > 0 {
			s.Precision = float64(c[i][i]) / float64(said)
		}
		if stands > 0 {
			s.Recall = float64(c[i][i]) / float64(stands)
		}
		if s.Precision+s.Recall > 0 {
			s.F1 = 2 * s.Precision * s.Recall / (s.Precision + s.Recall)
		}
		out[i] = s
	}
	return out
}

// A grouped is what is right of some, which are resampled with all of one key.
type grouped struct {
	key      string
	right, n int
}

// rightShare is the share that is right, with its interval by resampling keys: the
// places of one question are right or wrong together.
func rightShare(all []grouped) (float64, [2]float64) {
	byKey := map[string]grouped{}
	total := grouped{}
	for _, g := range all {
		k := byKey[g.key]
		byKey[g.key] = grouped{g.key, k.right + g.right, k.n + g.n}
		total.right, total.n = total.right+g.right, total.n+g.n
	}
	if total.n == 0 {
		return 0, [2]float64{0, 1}
	}
	var keys []grouped
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		keys = append(keys, byKey[key])
	}
	random := rand.New(rand.NewPCG(uint64(len(keys)), 1))
	drawn := make([]float64, resamples)
	for i := range drawn {
		right, n := 0, 0
		for range keys {
			k := keys[random.IntN(len(keys))]
			right, n = right+k.right, n+k.n
		}
		drawn[i] = float64(right) / float64(max(1, n))
	}
	slices.Sort(drawn)
	tail := resamples / 40 // 2.5 %
	return float64(total.right) / float64(total.n), [2]float64{drawn[tail], drawn[resamples-1-tail]}
}

// InBothOrders is what the orders of comparisons change; nil where they were asked
// in one.
func InBothOrders(examples []data.Example, said *Sayings) *data.Positions {
	p := make([]float64, len(examples))
	for i, e := range examples {
		p[i] = FirstIsBetter(said, i)
		if e.Swapped {
			p[i] = 1 - p[i]
		}
	}
	_, of := data.InBothOrders(examples, p)
	if of.Pairs == 0 {
		return nil
	}
	return &of
}

// Solutions measures scores of solutions against their last labels; nil where all
// or none are right.
func Solutions(examples []data.Example, scores []float64) (*Outcome, error) {
	out := &Outcome{Solutions: len(examples)}
	right := make([]bool, len(examples))
	byQuestion := map[string][]int{}
	for i, e := range examples {
		if n := len(e.Marks); n > 0 && largest(e.Marks[n-1].Gold) == 0 {
			right[i] = true
			out.Right++
		}
		byQuestion[e.Prompt] = append(byQuestion[e.Prompt], i)
	}
	out.Questions = len(byQuestion)
	if out.Right == 0 || out.Right == out.Solutions {
		return nil, nil
	}
	out.AUC = auc(scores, right)
	var problems []suite.Problem
	for _, key := range slices.Sorted(maps.Keys(byQuestion)) {
		var p suite.Problem
		for _, i := range byQuestion[key] {
			p.Scores, p.Right = append(p.Scores, scores[i]), append(p.Right, right[i])
		}
		p.Answers = ballots(examples, byQuestion[key])
		problems = append(problems, p)
	}
	votes := slices.ContainsFunc(examples, func(e data.Example) bool { return e.Answer != "" })
	return out, out.choose(problems, votes)
}

// choose measures what is chosen out of 1, 2, 4, … solutions, and out of as many as
// the median question has. Neither does a question that lost a solution bound what
// is measured, nor is it left out.
func (o *Outcome) choose(problems []suite.Problem, votes bool) error {
	var counts []int
	for _, p := range problems {
		counts = append(counts, len(p.Scores))
	}
	slices.Sort(counts)
	most := counts[len(counts)/2]
	if most < 2 {
		return nil
	}
	for n := 1; n < most; n *= 2 {
		if err := o.best(problems, n, votes); err != nil {
			return err
		}
	}
	return o.best(problems, most, votes)
}

// ballots are the final answers of some examples, alike where they mean the same. A
// solution without one stands alone.
func ballots(examples []data.Example, of []int) []string {
	out := make([]string, len(of))
	for k, i := range of {
		out[k] = fmt.Sprintf("solution %d", k)
		if examples[i].Answer == "" {
			continue
		}
		out[k] = "answer " + examples[i].Answer
		for before, j := range of[:k] {
			if answer.Same(examples[i].Answer, examples[j].Answer) {
				out[k] = out[before]
				break
			}
		}
	}
	return out
}

// best adds what is chosen out of n answers, by scores and, if asked, by votes.
func (o *Outcome) best(problems []suite.Problem, n int, votes bool) error {
	best, err := suite.BestOf(problems, n)
	if err != nil {
		return err
	}
	pass, err := suite.PassAt(problems, n)
	o.BestOf, o.PassAt = append(o.BestOf, best), append(o.PassAt, pass)
	if err != nil || !votes {
		return err
	}
	majority, err := suite.Majority(problems, n)
	o.Majority = append(o.Majority, majority)
	if err != nil || slices.ContainsFunc(problems, func(p suite.Problem) bool { return slices.Min(p.Scores) < 0 }) {
		return err
	}
	weighted, err := suite.Weighted(problems, n)
	o.Weighted = append(o.Weighted, weighted)
	return err
}

// auc is the chance that the score of a right one is higher than that of a wrong
// one, from the ranks of the right ones (Mann and Whitney 1947).
func auc(scores []float64, right []bool) float64 {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case scores[a] < scores[b]:
			return -1
		case scores[a] > scores[b]:
			return 1
		}
		return 0
	})
	wins, wrong, rights := 0.0, 0, 0
	for from := 0; from < len(order); {
		to, here := from, 0
		for to < len(order) && scores[order[to]] == scores[order[from]] {
			if right[order[to]] {
				here++
			}
			to++
		}
		tied := to - from - here
		wins += float64(here) * (float64(wrong) + float64(tied)/2)
		wrong, rights, from = wrong+tied, rights+here, to
	}
	return wins / float64(wrong) / float64(rights)
}

// A Conversation is one with labels and what was said of it.
type Conversation struct {
	Row   int       `json:"row"` // 0-based, in the data as read
	Score float64   `json:"score"`
	Right []float64 `json:"right,omitempty"` // the probability of the best label at each place
	Gold  []string  `json:"gold"`            // the label that stands there, the likeliest of a soft one
}

// Conversations are examples with labels and what was said of each.
func Conversations(set *data.Set, examples []data.Example, said *Sayings) []Conversation {
	out := make([]Conversation, len(examples))
	for i, e := range examples {
		out[i] = Conversation{Row: e.Row, Score: said.Scores[i]}
		for k, m := range e.Marks {
			out[i].Gold = append(out[i].Gold, set.Labels[largest(m.Gold)])
			if said.Steps != nil {
				out[i].Right = append(out[i].Right, said.Steps[i][k][0])
			}
		}
	}
	return out
}
