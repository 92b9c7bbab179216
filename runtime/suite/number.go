package suite

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/rmc-lang/rmc/runtime/spec"
)

// resamples is how often rows are drawn again for an interval. The quantiles
// that bound it are then off by about a fiftieth of its width.
const resamples = 2000

// A number is a value with its parts, and what they were in each resample.
// That of a section without rows is zero: no parts, nothing drawn.
type number struct {
	names  []string    // of parts, the value's first
	parts  []float64   // the value first
	drawn  [][]float64 // [resample][part]; nil in a zero
	rows   int
	ties   int
	wilson *[2]float64 // where the value is a proportion of independent rows
	absent string
}

// measure makes the number of rows by a rule. The name decides the draws: the
// interval of a subset does not depend on what else there is, nor on the order
// of rows.
func measure(r spec.Rule, rows []Row, name string) (number, error) {
	n := number{names: partsOf(r), rows: len(rows)}
	if len(rows) == 0 {
		n.absent = "no rows"
		return n, nil
	}
	clusters, ties, err := tallies(r, rows)
	if err != nil {
		return n, err
	}
	n.ties = ties
	if n.parts, n.absent = valueOf(r, sum(clusters)); n.absent != "" {
		return n, nil
	}
	n.names = n.names[:len(n.parts)]
	n.wilson = proportion(r, clusters, len(rows))
	n.drawn = draw(clusters, name, func(t tally) []float64 {
		parts, _ := valueOf(r, t)
		return parts
	})
	return n, nil
}

// tallies sums what rows give by what is resampled together: the prompt, sorted.
func tallies(r spec.Rule, rows []Row) ([]tally, int, error) {
	byPrompt := map[string][]Row{}
	for i, row := range rows {
		key, err := together(r, row)
		if err != nil {
			return nil, 0, err
		}
		if key == "" {
			key = fmt.Sprintf("\x00%d", i)
		}
		byPrompt[key] = append(byPrompt[key], row)
	}
	var all []tally
	ties := 0
	for _, key := range slices.Sorted(maps.Keys(byPrompt)) {
		t, n, err := tallyOf(r, byPrompt[key])
		if err != nil {
			return nil, 0, err
		}
		all, ties = append(all, t), ties+n
	}
	return all, ties, nil
}

// draw sums as many clusters as there are, drawn with replacement, for each
// resample.
func draw(clusters []tally, name string, value func(tally) []float64) [][]float64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	random := rand.New(rand.NewPCG(h.Sum64(), 0))
	out := make([][]float64, resamples)
	for b := range out {
		total := make(tally, len(clusters[0]))
		for range clusters {
			total.add(clusters[random.IntN(len(clusters))])
		}
		out[b] = value(total)
	}
	return out
}

// mean is the weighted mean of those numbers that have a value. Resamples are
// combined one by one: subsets are drawn independently of each other.
func mean(numbers []number, weights []float64) number {
	out := number{absent: "no rows"}
	total := 0.0
	var counted []number
	for i, n := range numbers {
		out.rows, out.ties = out.rows+n.rows, out.ties+n.ties
		if n.absent == "" {
			total += weights[i]
			out.names = common(out.names, n.names)
			counted = append(counted, n)
		}
	}
	if out.rows > 0 {
		out.absent = "nothing in it has a value"
	}
	if total == 0 || len(out.names) == 0 {
		return out
	}
	if len(counted) == 1 {
		return counted[0]
	}
	out.absent, out.parts = "", make([]float64, len(out.names))
	out.drawn = make([][]float64, resamples)
	for b := range out.drawn {
		out.drawn[b] = make([]float64, len(out.names))
	}
	for i, n := range numbers {
		if n.absent == "" && n.parts != nil {
			out.mix(n, weights[i]/total)
		}
	}
	return out
}

// common is the names of parts that two numbers share from the first on: their
// values, whatever these are called, and what is called alike after that. A zero
// has none and shares all.
func common(a, b []string) []string {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	n := 1
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return a[:n]
}

// mix adds the share of one number.
func (n *number) mix(other number, share float64) {
	for p := range n.parts {
		n.parts[p] += share * other.parts[p]
		for b := range n.drawn {
			n.drawn[b][p] += share * other.drawn[b][p]
		}
	}
}

// line is the number as a line of a table.
func (n number) line(name string, weight float64) Line {
	l := Line{Name: name, Weight: weight, Rows: n.rows, Ties: n.ties, Absent: n.absent}
	if n.absent != "" {
		return l
	}
	l.Value, l.Interval, l.Method = n.parts[0], n.interval(0), "bootstrap"
	if n.wilson != nil {
		l.Interval, l.Method = *n.wilson, "wilson"
	}
	for p := 1; p < len(n.parts); p++ {
		l.Parts = append(l.Parts, Part{n.names[p], n.parts[p], n.interval(p)})
	}
	return l
}

// interval is the percentile interval of a part (Efron 1979). A resample without
// a value, for it drew no row of a kind that the value needs, does not count.
func (n number) interval(part int) [2]float64 {
	var all []float64
	for _, d := range n.drawn {
		if d != nil && !math.IsNaN(d[part]) {
			all = append(all, d[part])
		}
	}
	if len(all) == 0 {
		return [2]float64{n.parts[part], n.parts[part]}
	}
	slices.Sort(all)
	return [2]float64{quantile(all, 0.025), quantile(all, 0.975)}
}

// quantile is that of sorted numbers, linear between them.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// proportion is Wilson's interval where each prompt has one row that is right or
// wrong; nil where rows depend on each other or give anything else.
func proportion(r spec.Rule, clusters []tally, rows int) *[2]float64 {
	if len(clusters) != rows || r.Kind != "pairs" && r.Kind != "best_of" {
		return nil
	}
	right := 0
	for _, t := range clusters {
		switch t[0] {
		case 1:
			right++
		case 0:
		default:
			return nil
		}
	}
	interval := Wilson(right, rows)
	return &interval
}

// z95 is the quantile of the standard normal distribution at 0.975.
const z95 = 1.959963984540054

// Wilson is the 95 % score interval of a proportion (Wilson 1927, "Probable
// inference"): unlike the normal one it stays within 0 and 1 and holds for small n.
func Wilson(right, n int) [2]float64 {
	if n == 0 {
		return [2]float64{0, 1}
	}
	total := float64(n)
	p, z2 := float64(right)/total, z95*z95
	middle := (p + z2/(2*total)) / (1 + z2/total)
	half := z95 / (1 + z2/total) * math.Sqrt(p*(1-p)/total+z2/(4*total*total))
	return [2]float64{max(0, middle-half), min(1, middle+half)}
}

// A tally is sums over rows that a value is made of.
type tally []float64

func (t tally) add(other tally) {
	for i, x := range other {
		t[i] += x
	}
}

func sum(all []tally) tally {
	total := make(tally, len(all[0]))
	for _, t := range all {
		total.add(t)
	}
	return total
}

// sign is 1, 0 or −1.
func sign(x float64) float64 { return float64(cmp.Compare(x, 0)) }
