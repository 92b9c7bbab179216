package suite

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/rmc-lang/rmc/runtime/spec"
)

// of is a suite of one section with every subset, under a rule.
func of(r spec.Rule) spec.Suite {
	return spec.Suite{Name: "s", Rule: r, Overall: "weighted", Sections: []spec.Section{
		{Name: "all", Kind: "pooled", Weight: 1, Absent: "zero", Subsets: []spec.Subset{{Name: "*", Weight: 1}}},
	}}
}

// scored is rows of one subset, each a prompt of its own.
func scored(better int, scores ...[]float64) []Row {
	var rows []Row
	for i, s := range scores {
		rows = append(rows, Row{Row: i, Subset: "a", Prompt: fmt.Sprint(i), Scores: s, Better: better})
	}
	return rows
}

func table(t *testing.T, s spec.Suite, rows []Row) *Table {
	t.Helper()
	got, err := Score(s, rows)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

var wrong = spec.Rule{Kind: "pairs", Ties: "wrong", Orders: "mean"}

// E1: the seed's scripts give half a point for equal scores, the official one
// nothing. The suite says which.
func TestE1TiesCountWhatTheSuiteSays(t *testing.T) {
	rows := scored(1, []float64{1, 0}, []float64{0, 0}, []float64{0, 1}, []float64{2, 2})
	half := spec.Rule{Kind: "pairs", Ties: "half", Orders: "mean"}
	for _, c := range []struct {
		rule   spec.Rule
		want   float64
		method string
	}{{wrong, 0.25, "wilson"}, {half, 0.5, "bootstrap"}} {
		l := table(t, of(c.rule), rows).Overall
		if l.Value != c.want || l.Ties != 2 || l.Method != c.method {
			t.Errorf("%s: %+v", c.rule.Ties, l)
		}
	}
}

func TestOrdersDecideByMeanOrByVote(t *testing.T) {
	rows := []Row{
		{Subset: "a", Prompt: "0", Orders: []float64{0.4, -0.1}}, // mean ahead, one vote each
		{Subset: "a", Prompt: "1", Orders: []float64{0.4, 0}},    // ahead, one vote and a tie
		{Subset: "a", Prompt: "2", Orders: []float64{-0.4, -0.1}},
		{Subset: "a", Prompt: "3", Orders: []float64{0.2, 0.3}},
	}
	both := spec.Rule{Kind: "pairs", Ties: "wrong", Orders: "both"}
	for rule, want := range map[spec.Rule]float64{wrong: 0.75, both: 0.5} {
		l := table(t, of(rule), rows).Overall
		if l.Value != want || l.Parts[0].Name != "consistent" || l.Parts[0].Value != 0.5 {
			t.Errorf("%s: %+v", rule.Orders, l)
		}
	}
}

// T16: the best of four, with ties 1/m.
func TestBestOfFourSharesTies(t *testing.T) {
	for _, c := range []struct {
		scores []float64
		want   float64
	}{
		{[]float64{5, 5, 5, 5}, 0.25},
		{[]float64{5, 5, 1, 2}, 0.5},
		{[]float64{5, 4, 1, 2}, 1},
		{[]float64{4, 5, 1, 2}, 0},
		{[]float64{4, 5, 5, 2}, 0},
	} {
		if l := table(t, of(spec.Rule{Kind: "best_of"}), scored(1, c.scores)).Overall; l.Value != c.want {
			t.Errorf("%v: %v, want %v", c.scores, l.Value, c.want)
		}
	}
}

// ties is the rule with the weights of RewardBench 2.
var ties = spec.Rule{Kind: "tied", Tied: 0.3, Reference: 0.3, Apart: 0.2, BothApart: 0.2, Margin: 0.01}

func tiedRow(name string, better int, scores ...float64) Row {
	return Row{Subset: "Ties", Name: name, Better: better, Scores: scores}
}

// T16: the fixture of the ties, exactly.
func TestTiesFixture(t *testing.T) {
	l := table(t, of(ties), []Row{tiedRow("tied:7", 2, 3, 2.9, 1), tiedRow("ref:7", 1, 2.8, 1.2)}).Overall
	m3 := math.Tanh((2.8-1.2)/(3-2.9) - 1)
	want := 0.3 + 0.3 + 0.2 + 0.2 + 0.01*m3
	if math.Abs(l.Value-want) > 1e-15 || math.Abs(l.Value-1.01) > 1e-9 {
		t.Errorf("%v, want %v", l.Value, want)
	}
	for i, part := range []float64{1, 1, 1, 1, m3} {
		if got := l.Parts[i]; math.Abs(got.Value-part) > 1e-15 {
			t.Errorf("%s is %v, want %v", got.Name, got.Value, part)
		}
	}
}

func TestTiesTermByTerm(t *testing.T) {
	rows := []Row{
		tiedRow("tied:1", 2, 3, 1, 0), tiedRow("ref:1", 1, 5, 0), // gap 1, spread 2: right, not apart; tanh(1/2 − 1)
		tiedRow("tied:2", 2, 2, 2, 1), tiedRow("ref:2", 1, 2, 1), // spread 0, gap 1: tanh(∞)
		tiedRow("tied:3", 2, 2, 2, 2), tiedRow("ref:3", 1, 2, 1), // 0/0
		tiedRow("tied:4", 2, 0, 0, 2), tiedRow("ref:4", 1, 2, 1), // spread 0, gap −2: tanh(−∞)
		tiedRow("ref:5", 1, 0, 1), // has no tied form
	}
	l := table(t, of(ties), rows).Overall
	m3 := (math.Tanh(-0.5) + 1 + 0 - 1) / 4
	for i, want := range []float64{2.0 / 4, 4.0 / 5, 1.0 / 4, 1.0 / 4, m3} {
		if got := l.Parts[i]; math.Abs(got.Value-want) > 1e-15 {
			t.Errorf("%s is %v, want %v", got.Name, got.Value, want)
		}
	}
	if want := 0.3*0.5 + 0.3*0.8 + 0.2*0.25 + 0.2*0.25 + 0.01*m3; math.Abs(l.Value-want) > 1e-15 {
		t.Errorf("%v, want %v", l.Value, want)
	}
}

func TestTiesWithoutBothFormsHaveNoValue(t *testing.T) {
	s := of(ties)
	rows := []Row{tiedRow("tied:1", 2, 3, 1, 0), tiedRow("ref:2", 1, 2, 1)}
	l := table(t, s, rows).Sections[0]
	if l.Value != 0 || !strings.Contains(l.Absent, "both forms") {
		t.Errorf("%+v", l)
	}
}

// Rows are chosen, columns rejected, plain to fancy: above the diagonal is hard.
func TestGridTriangles(t *testing.T) {
	grid := spec.Rule{Kind: "grid", Ties: "wrong"}
	rows := scored(3, []float64{0, 2, 4, 1, 3, 5}) // plain loses to all; marked-up beats two
	// 0>1 no, 0>3 no, 0>5 no; 2>1 yes, 2>3 no, 2>5 no; 4>1 yes, 4>3 yes, 4>5 no
	l := table(t, of(grid), rows).Overall
	for i, want := range []float64{1, 0, 0} {
		if l.Parts[i].Value != want {
			t.Errorf("%s is %v, want %v", l.Parts[i].Name, l.Parts[i].Value, want)
		}
	}
	if math.Abs(l.Value-1.0/3) > 1e-15 || l.Method != "bootstrap" {
		t.Errorf("%+v", l)
	}
	reversed := scored(3, []float64{4, 2, 0, 5, 3, 1}) // 4>5 n, 4>3 y, 4>1 y; 2>5 n, 2>3 n, 2>1 y; none
	if l := table(t, of(grid), reversed).Overall; l.Parts[0].Value != 0 || l.Parts[2].Value != 1 {
		t.Errorf("what is plain wins only where it is hard: %+v", l)
	}
	equal := table(t, of(grid), scored(3, make([]float64, 6))).Overall
	if equal.Value != 0 || equal.Ties != 1 {
		t.Errorf("equal scores: %+v", equal)
	}
}

func TestFirstErrorIsHarmonic(t *testing.T) {
	rule := spec.Rule{Kind: "first_error", Threshold: 0.5}
	rows := []Row{
		{Subset: "a", Scores: []float64{0.9, 0.4, 0.2}, Error: 1},  // found
		{Subset: "a", Scores: []float64{0.9, 0.9, 0.2}, Error: 1},  // a later one
		{Subset: "a", Scores: []float64{0.9, 0.5, 0.6}, Error: 2},  // none found: at the threshold it is right
		{Subset: "a", Scores: []float64{0.1, 0.5, 0.6}, Error: -1}, // one too many
		{Subset: "a", Scores: []float64{0.8, 0.5, 0.6}, Error: -1}, // right
	}
	l := table(t, of(rule), rows).Overall
	if want := 2 * (1.0 / 3) * 0.5 / (1.0/3 + 0.5); math.Abs(l.Value-want) > 1e-15 || l.Parts[0].Value != 1.0/3 || l.Parts[1].Value != 0.5 {
		t.Errorf("%+v, want %v", l, want)
	}
	// What says that nothing is ever wrong has an F1 of 0, whatever share is right.
	for i := range rows {
		rows[i].Scores = []float64{1, 1, 1}
	}
	if l := table(t, of(rule), rows).Overall; l.Value != 0 {
		t.Errorf("%+v", l)
	}
	got := table(t, of(rule), rows[:3])
	if !strings.Contains(got.Sections[0].Absent, "F1 takes both") || got.Overall.Absent == "" {
		t.Errorf("%+v", got)
	}
}

// two is a suite like RewardBench's: weights, a heavier section, a masked one.
var two = spec.Suite{Name: "two", Rule: wrong, Overall: "weighted", Sections: []spec.Section{
	{Name: "A", Kind: "weighted", Weight: 2, Absent: "zero", Subsets: []spec.Subset{{Name: "a", Weight: 3}, {Name: "b", Weight: 1}, {Name: "c", Weight: 6}}},
	{Name: "B", Kind: "mean", Weight: 2, Absent: "zero", Subsets: []spec.Subset{{Name: "d", Weight: 1}}},
	{Name: "Prior", Kind: "mean", Weight: 1, Absent: "mask", Subsets: []spec.Subset{{Name: "e", Weight: 1}, {Name: "f", Weight: 1}}},
	{Name: "beside", Kind: "pooled", Weight: 0, Absent: "zero", Subsets: []spec.Subset{{Name: "a", Weight: 1}, {Name: "d", Weight: 1}}},
}}

// pairs is n rows of a subset of which some are right.
func pairs(subset string, right, n int) []Row {
	var rows []Row
	for i := range n {
		rows = append(rows, Row{Row: i, Subset: subset, Prompt: fmt.Sprint(subset, i), Scores: []float64{one(i < right), 0.5}, Better: 1})
	}
	return rows
}

// E2: there is an overall number, with the prior sets where they were measured,
// and without where not; a section without rows is 0, and it is said.
func TestE2OverallAndPrior(t *testing.T) {
	rows := slices.Concat(pairs("a", 8, 10), pairs("b", 1, 10), pairs("d", 5, 10))
	section := (3*0.8 + 1*0.1) / 4 // c is absent
	got := table(t, two, rows)
	if a := got.Sections[0]; math.Abs(a.Value-section) > 1e-15 || a.Rows != 20 {
		t.Errorf("%+v", a)
	}
	if want := (2*section + 2*0.5) / 4; math.Abs(got.Overall.Value-want) > 1e-15 {
		t.Errorf("prior masked: %v, want %v", got.Overall.Value, want)
	}
	if b := got.Sections[3]; b.Value != 13.0/20 || b.Rows != 20 {
		t.Errorf("pooled: %+v", b)
	}
	with := table(t, two, slices.Concat(rows, pairs("e", 10, 10), pairs("f", 5, 10)))
	if want := (2*section + 2*0.5 + 0.75) / 5; math.Abs(with.Overall.Value-want) > 1e-15 {
		t.Errorf("prior there: %v, want %v", with.Overall.Value, want)
	}
	alone := table(t, two, pairs("d", 5, 10))
	if alone.Overall.Value != 0.25 || !strings.Contains(strings.Join(alone.Notes, "\n"), "A has no rows and counts as 0") {
		t.Errorf("%+v %q", alone.Overall, alone.Notes)
	}
	if notes := strings.Join(got.Notes, "\n"); !strings.Contains(notes, "A is of what is there: no rows of c") || !strings.Contains(notes, "Prior has no rows and is left out") {
		t.Errorf("%q", got.Notes)
	}
}

func TestRowsOutsideAreCountedNowhere(t *testing.T) {
	got := table(t, two, slices.Concat(pairs("d", 5, 10), pairs("zz", 0, 4)))
	if !reflect.DeepEqual(got.Outside, []Outside{{"zz", 4}}) || got.Overall.Rows != 10 {
		t.Errorf("%+v", got)
	}
	if _, err := Score(two, pairs("zz", 0, 4)); err == nil || !strings.Contains(err.Error(), "the rows have zz") {
		t.Error(err)
	}
}

func TestPooledOverall(t *testing.T) {
	s := two
	s.Overall = "pooled"
	got := table(t, s, slices.Concat(pairs("a", 8, 10), pairs("d", 5, 30), pairs("zz", 0, 4)))
	if got.Overall.Value != 13.0/40 || got.Overall.Method != "wilson" {
		t.Errorf("%+v", got.Overall)
	}
}

// The interval of a weighted mean is about that of its variance.
func TestIntervalsOfMeans(t *testing.T) {
	got := table(t, two, slices.Concat(pairs("a", 60, 100), pairs("b", 100, 200), pairs("d", 150, 200)))
	sd := math.Sqrt(0.75*0.75*0.24/100 + 0.25*0.25*0.25/200)
	a := got.Sections[0]
	for i, want := range []float64{a.Value - 1.96*sd, a.Value + 1.96*sd} {
		if math.Abs(a.Interval[i]-want) > 0.2*sd {
			t.Errorf("bound %d is %v, want about %v", i, a.Interval[i], want)
		}
	}
	if d := got.Sections[1]; d.Method != "wilson" || d.Interval != Wilson(150, 200) {
		t.Errorf("a section of one subset: %+v", d)
	}
}

// Rows of one prompt are no independent rows.
func TestRowsOfOnePromptAreDrawnTogether(t *testing.T) {
	alone, together := pairs("d", 20, 40), pairs("d", 20, 40)
	for i := range together {
		together[i].Prompt = fmt.Sprint(i / 10)
	}
	a, b := table(t, two, alone).Sections[1], table(t, two, together).Sections[1]
	if b.Method != "bootstrap" || b.Interval[1]-b.Interval[0] < 2*(a.Interval[1]-a.Interval[0]) {
		t.Errorf("%v by %s, %v by %s", a.Interval, a.Method, b.Interval, b.Method)
	}
}

// Neither the order of rows nor what else is measured changes a number.
func TestTablesAreDeterministic(t *testing.T) {
	rows := slices.Concat(pairs("a", 8, 10), pairs("b", 1, 10), pairs("d", 5, 10), pairs("zz", 1, 2))
	for i := range rows {
		rows[i].Prompt = fmt.Sprint(i / 2)
	}
	want, _ := json.Marshal(table(t, two, rows))
	rand.New(rand.NewPCG(7, 7)).Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	if got, _ := json.Marshal(table(t, two, rows)); string(got) != string(want) {
		t.Errorf("%s\n%s", got, want)
	}
	var full Table
	json.Unmarshal(want, &full)
	only := table(t, two, ofSubset(rows, "a"))
	if !reflect.DeepEqual(only.Sections[0].Subsets[0], full.Sections[0].Subsets[0]) {
		t.Errorf("%+v\n%+v", only.Sections[0].Subsets[0], full.Sections[0].Subsets[0])
	}
}

func TestRowsThatARuleCannotRead(t *testing.T) {
	nan := math.NaN()
	for what, c := range map[string]struct {
		rule spec.Rule
		row  Row
	}{
		"has 3 responses, and the rule pairs": {wrong, Row{Scores: []float64{1, 2, 3}}},
		"no number":                           {wrong, Row{Scores: []float64{1, nan}}},
		"has 3 orders":                        {wrong, Row{Orders: []float64{1, 1, 1}}},
		"some of both":                        {spec.Rule{Kind: "best_of"}, Row{Scores: []float64{1, 2}, Better: 2}},
		"as many":                             {spec.Rule{Kind: "grid", Ties: "wrong"}, Row{Scores: []float64{1, 2, 3}, Better: 2}},
		"were they cut":                       {spec.Rule{Kind: "first_error"}, Row{Scores: []float64{1}, Error: 1}},
		"wants ref:N or tied:N":               {ties, Row{Name: "x:1", Scores: []float64{1, 0}, Better: 1}},
		"takes two":                           {ties, Row{Name: "tied:1", Scores: []float64{1, 0}, Better: 1}},
	} {
		c.row.Subset, c.row.Row = "a", 16
		if _, err := Score(of(c.rule), []Row{c.row}); err == nil || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), "row 17") {
			t.Errorf("%q: %v", what, err)
		}
	}
}

func TestWilson(t *testing.T) {
	// scipy.stats.binomtest(7, 10).proportion_ci(method="wilson"), and its 0 and n.
	for _, c := range []struct {
		right, n int
		want     [2]float64
	}{{7, 10, [2]float64{0.39677815, 0.89220873}}, {0, 10, [2]float64{0, 0.27753280}}, {10, 10, [2]float64{0.72246720, 1}}, {196, 300, [2]float64{0.59784803, 0.70494146}}, {1, 1, [2]float64{0.206549314, 1}}, {0, 0, [2]float64{0, 1}}} {
		got := Wilson(c.right, c.n)
		if math.Abs(got[0]-c.want[0]) > 1e-7 || math.Abs(got[1]-c.want[1]) > 1e-7 {
			t.Errorf("%d of %d: %v, want %v", c.right, c.n, got, c.want)
		}
	}
}
