package spec

// A Suite says how a benchmark makes numbers of the scores of its rows: which
// subsets there are, what a row gives, and how subsets become sections and
// these one number. Benchmarks are declarations of libraries; nothing else in
// compiler or runtime knows one.
type Suite struct {
	Name     string
	Data     string    // kind of data that it is on
	Rule     Rule      `rmr:"rule" doc:"what the scores of a row give, and those of a subset"`
	Overall  string    `rmr:"overall" default:"weighted" one_of:"weighted|pooled" doc:"weighted: the mean of the sections by their weights; pooled: all rows of the sections that have a weight as one"`
	Sections []Section `rmr:",rest" doc:"a section, under its name: weighted { \"SUBSET\" = WEIGHT }, mean { of = [SUBSET] } or pooled { of = [SUBSET] }; * in a subset's name is any run of characters"`
}

// A Rule makes numbers of the scores of a subset's rows.
type Rule struct {
	Kind   string `rmr:",kind" one_of:"pairs|best_of|tied|grid|first_error" zero:"same"`
	Ties   string `rmr:"ties" of:"pairs|grid" one_of:"wrong|half" contested:"RewardBench counts a pair with equal scores as wrong, RLHFlow's copy of its script as half, ArmoRM's pipeline there flips a coin" doc:"what a pair with equal scores counts"`
	Orders string `rmr:"orders" of:"pairs" default:"mean" one_of:"mean|both" doc:"of a model that reads both responses at once, in both orders; mean: the mean of the two decides; both: each votes, and the pair counts if more votes are right than wrong"`

	Tied      float64 `rmr:"tied" of:"tied" min:"0" doc:"weight of the prompts with several right answers whose worst beats the best wrong one"`
	Reference float64 `rmr:"reference" of:"tied" min:"0" doc:"weight of the prompts with one right answer that beats the best wrong one"`
	Apart     float64 `rmr:"apart" of:"tied" min:"0" doc:"weight of the prompts in which right and wrong answers are further apart than right answers among themselves"`
	BothApart float64 `rmr:"both_apart" of:"tied" min:"0" doc:"weight of the prompts for which that holds in the form with one right answer as well"`
	Margin    float64 `rmr:"margin" of:"tied" min:"0" doc:"weight of the mean of tanh(gap ÷ spread − 1)"`

	Threshold float64 `rmr:"threshold" of:"first_error" default:"0.5" min:"0" max:"1" doc:"a step that is right with a lower probability is an error"`
}

// A Section puts subsets together.
type Section struct {
	Name    string
	Kind    string   `rmr:",kind" one_of:"weighted|mean|pooled" doc:"weighted: the mean of the subsets by the weights given; mean: their plain mean; pooled: all their rows as one subset"`
	Weight  float64  `rmr:"weight" default:"1" min:"0" doc:"weight in the overall number; 0 shows the section beside it"`
	Absent  string   `rmr:"absent" default:"zero" one_of:"zero|mask" doc:"what a section without rows counts in the overall number: zero, as RewardBench has it, or nothing"`
	Rule    Rule     `rmr:"rule" default:"same" doc:"of this section, where it is another than the suite's"`
	Subsets []Subset `rmr:"of" of:"mean|pooled" doc:"the subsets"`
}

// A Subset is one of a section, or several where its name has a *.
type Subset struct {
	Name   string
	Weight float64 // 1 where the section gives none
}

// Has reports whether the subset of that name is meant.
func (s Subset) Has(name string) bool { return matches(s.Name, name) }
