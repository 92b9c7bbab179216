package check_test

import "github.com/rmc-lang/rmc/compiler/check"

// labelled is a stage that trains a policy on conversations with a label after
// each step.
func labelled() check.Env {
	env := pairs()
	env.Data = check.Data{Name: "steps", Kind: "labels", Labels: []string{"good", "bad"}}
	env.Models = []check.Model{{Name: "pm", Kind: "policy", Trained: true}, {Name: "ref", Kind: "policy"}, {Name: "rm", Kind: "reward", Outputs: 1}}
	env.Serves, env.Views = []string{"logits", "logprob", "ending", "gold"}, []string{"conversation"}
	return env
}

// policy is a stage that trains a policy on preferences, beside another.
func policy() check.Env {
	env := pairs()
	env.Models = []check.Model{{Name: "pm", Kind: "policy", Trained: true}, {Name: "ref", Kind: "policy"}, {Name: "rm", Kind: "reward", Outputs: 1}}
	env.Serves = []string{"logprob", "length"}
	return env
}
