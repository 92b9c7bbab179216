package typed

import "github.com/rmc-lang/rmc/lang/source"

// A Reward is a let of an objective as it scores a response on its own.
type Reward struct {
	Objective string // that the let is of: gated
	View      string // what is scored: response or, of an objective on labels, conversation
	Let       string // s
	Param     string // the let's parameter, which stands for the response: x
	Span      source.Span
	Params    []Param
	Terms     []*Term
	Lets      []*Let
	Score     Output   // real[row]
	Parts     []Output // named lets that the score is made of: one number for each response, one for each element, step or token
	// Model and Head are set where the score is an output of a reward model as it
	// is, so that the reward exports as a model of that one output. Head is "" for
	// one without names.
	Model, Head string
}
