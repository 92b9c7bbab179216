package spec

// A Suite says how a benchmark makes numbers of the scores of its rows: what a
// row gives, how subsets become sections, and sections one number. Benchmarks
// are declarations of libraries; nothing else in compiler or runtime knows one.
type Suite struct {
	Name     string
	Data     string    // kind of data that it is on
	Rule     Rule      `rmr:"rule" doc:"what the scores of a row give, and rows those of a subset"`
	Overall  string    `rmr:"overall" default:"weighted" one_of:"weighted|pooled" doc:"weighted: the mean of the sections by their weights; pooled: all rows of sections with a weight as one subset"`
	Sections []Section `rmr:",rest" doc:"a section, under its name"`
}

// A Rule makes numbers of the scores of a subset's rows.
type Rule struct {
	Kind   string `rmr:",kind" one_of:"same|pairs|best_of|tied|grid|first_error" zero:"same"`
	Ties   string `rmr:"ties" of:"pairs|grid" one_of:"wrong|half" contested:"RewardBench counts a pair with equal scores as wrong, RLHFlow's scripts for it as half, ArmoRM's pipeline flips a coin" doc:"what a pair with equal scores counts"`
	Orders string `rmr:"orders" of:"pairs" default:"mean" one_of:"mean|both" doc:"of a model that reads both responses at once, in both orders; mean: the mean of the two decides; both: each votes, and the pair counts if more are right than wrong"`

	Tied      float64 `rmr:"tied" of:"tied" min:"0" doc:"weight of the share of prompts with several right answers whose worst is ahead of the best wrong one"`
	Reference float64 `rmr:"reference" of:"tied" min:"0" doc:"weight of the share of prompts with one right answer that is ahead of the best wrong one"`
	Apart     float64 `rmr:"apart" of:"tied" min:"0" doc:"weight of the share of prompts whose right and wrong answers are further apart than right answers among themselves"`
	BothApart float64 `rmr:"both_apart" of:"tied" min:"0" doc:"weight of the share for which that holds of the form with one right answer as well"`
	Margin    float64 `rmr:"margin" of:"tied" min:"0" doc:"weight of the mean of tanh(gap / spread - 1)"`

	Threshold float64 `rmr:"threshold" of:"first_error" default:"0.5" min:"0" max:"1" doc:"a step that is right with a lower probability is an error"`
}

// A Section puts subsets together.
type Section struct {
	Name    string
	Kind    string   `rmr:",kind" one_of:"weighted|mean|pooled"`
	Weight  float64  `rmr:"weight" default:"1" min:"0" doc:"weight in the overall number; 0 shows the section beside it"`
	Absent  string   `rmr:"absent" default:"mask" one_of:"mask|zero" doc:"what a section without rows counts in the overall number: nothing, or zero, as RewardBench has it"`
	Rule    Rule     `rmr:"rule" default:"same" doc:"the rule of this section, where it is another than the suite's"`
	Of      []string `rmr:"of" of:"mean|pooled" doc:"the subsets, of which mean takes the plain mean, and pooled all rows as one subset; * is any run of characters"`
	Subsets []Subset `rmr:",rest" of:"weighted" doc:"the weight of a subset, under its name, in the mean over those that have rows; * is any run of characters"`
}

// A Subset is one of a section, or several where its name has a *.
type Subset struct {
	Name   string
	Weight float64
}

// Has reports whether the subset of that name is meant.
func (s Subset) Has(name string) bool { return matches(s.Name, name) }

// Members are the subsets of a section; each weighs 1 where it gives no weights.
func (s Section) Members() []Subset {
	all := s.Subsets
	for _, name := range s.Of {
		all = append(all[:len(all):len(all)], Subset{name, 1})
	}
	return all
}
