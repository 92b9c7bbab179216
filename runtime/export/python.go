package export

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/rmc-lang/rmc/runtime/network"
	"github.com/rmc-lang/rmc/runtime/program"
)

// functions are what a formula may call, in Python: each reduces the last axis,
// which is the only one that a formula of one response has.
func functions() map[string]string {
	return map[string]string{
		"softmax": "lambda x: torch.softmax(x, -1)", "sum": "lambda x: x.sum(-1)", "mean": "lambda x: x.mean(-1)",
		"sigmoid": "torch.sigmoid", "log_sigmoid": "torch.nn.functional.logsigmoid", "tanh": "torch.tanh", "relu": "torch.relu",
		"exp": "torch.exp", "log": "torch.log", "sqrt": "torch.sqrt", "abs": "torch.abs", "max": "torch.maximum", "min": "torch.minimum",
	}
}

var (
	overAxis   = regexp.MustCompile(`\s*,\s*over\s+\w+`)
	identifier = regexp.MustCompile(`[A-Za-z_][A-Za-z_0-9]*(?:\.[A-Za-z_]\w*)?`)
	letHead    = regexp.MustCompile(`^let (\w+)(?:\((\w+)\))? = (.*)$`)
)

// A pythonLet is a let as Python has it.
type pythonLet struct{ name, param, value string }

// lets are the lets that a reward is made of in Python, in their order;
// nil where the recipe does not have them itself, or where they need what the
// few lines in the card have not.
func (p *Reward) lets(of program.Program) []string {
	if p.Of.Fit != "" {
		return nil
	}
	objective, let, _ := strings.Cut(strings.Split(of.FormulaText(p.Of.Name), ";")[0], ".")
	let, _, _ = strings.Cut(let, " ")
	all := map[string]pythonLet{}
	var order []string
	for _, text := range of.Lets(objective) {
		parts := letHead.FindStringSubmatch(text)
		if parts == nil {
			return nil
		}
		value := strings.ReplaceAll(overAxis.ReplaceAllString(parts[3], ""), "^", "**")
		all[parts[1]] = pythonLet{parts[1], parts[2], value}
		order = append(order, parts[1])
	}
	needed := map[string]bool{}
	if !p.known(let, all, needed) {
		return nil
	}
	var lines []string
	for _, name := range order {
		switch l := all[name]; {
		case !needed[name]:
		case l.param == "":
			lines = append(lines, fmt.Sprintf("%s = %s", name, l.value))
		default:
			lines = append(lines, fmt.Sprintf("%s = lambda %s: %s", name, l.param, l.value))
		}
	}
	return append(lines, fmt.Sprintf("return %s(response)", let))
}

// known marks a let and those that it reads as needed, and reports whether all
// that they name is there.
func (p *Reward) known(let string, all map[string]pythonLet, needed map[string]bool) bool {
	l, ok := all[let]
	if !ok || strings.ContainsAny(l.value, "[]\"") {
		return false
	}
	needed[let] = true
	for _, name := range identifier.FindAllString(l.value, -1) {
		base, _, dotted := strings.Cut(name, ".")
		_, isLet := all[name]
		switch {
		case isLet && needed[name], name == l.param, name == "prompt", p.callable(base):
		case isLet:
			if !p.known(name, all, needed) {
				return false
			}
		case dotted || functions()[name] == "":
			return false
		}
	}
	return true
}

// callable reports whether a name is a fit or a network of the reward.
func (p *Reward) callable(name string) bool {
	return slices.ContainsFunc(p.Fits, func(f Fit) bool { return f.Fit.Name == name }) ||
		slices.ContainsFunc(p.Networks, func(n *network.Network) bool { return n.Model.Name == name })
}

// card is what the README says of a reward.
func (p *Reward) card(of program.Program) string {
	text, lets := of.FormulaText(p.Of.Name), p.lets(of)
	var b strings.Builder
	fmt.Fprintf(&b, "A reward model: a decoder, and what is computed from the hidden state of its last token. Higher is better. The folder is the decoder, as AutoModel of transformers loads it; "+
		"reward.safetensors has what comes after it, reward.json says what that is, and scoring_contract.json what else decides a score.\n\n")
	if text != "" {
		fmt.Fprintf(&b, "    %s\n\n", strings.ReplaceAll(text, "; ", "\n    "))
	}
	switch {
	case slices.ContainsFunc(p.Fits, func(f Fit) bool { return f.Tree != "" }):
		b.WriteString("It compares two responses. Their attributes come from the probe; tree.json has the tree over the differences and says in itself how it is read, rules.txt has it in words. " +
			"The score of a single response is the mean of its probabilities against `references`.\n\n")
	case len(lets) > 0:
		fmt.Fprintf(&b, "In Python, in this folder:\n\n```python\n%s```\n\n", p.python(lets))
	default:
		b.WriteString("Its formula has operations that a few lines of Python have not; the trainer's score computes it.\n\n")
	}
	return b.String()
}

// python is a program that scores a conversation as the trainer does, but for
// what becomes of one that is too long.
func (p *Reward) python(lets []string) string {
	var b strings.Builder
	b.WriteString(pythonHead)
	for _, f := range p.Fits {
		name := f.Fit.Name
		if f.Fit.Kind == "ridge" {
			fmt.Fprintf(&b, "%s = lambda h: weights[\"%[1]s.weight\"] @ h + weights[\"%[1]s.bias\"]\n", name)
		} else {
			fmt.Fprintf(&b, "%s = lambda rewards: rewards @ weights[\"%[1]s.matrix\"]\n", name)
		}
	}
	for _, n := range p.Networks {
		fmt.Fprintf(&b, "%s = Network(\"%[1]s\")\n", n.Model.Name)
	}
	used := strings.Join(lets, "\n")
	names := functions()
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if regexp.MustCompile(`\b` + name + `\(`).MatchString(used) {
			fmt.Fprintf(&b, "%s = %s\n", name, names[name])
		}
	}
	b.WriteString("\n\ndef score(messages):\n    \"\"\"The score of the last message as the answer to those before it.\"\"\"\n    response, prompt = hidden(messages), hidden(messages[:-1])\n")
	for _, line := range lets {
		fmt.Fprintf(&b, "    %s\n", line)
	}
	return b.String()
}

// pythonHead is what every such program begins with.
const pythonHead = `import json

import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer

about = json.load(open("reward.json"))
weights = load_file("reward.safetensors")
tokenizer = AutoTokenizer.from_pretrained(".")
backbone = AutoModel.from_pretrained(".", dtype=torch.float32).eval()


@torch.no_grad()
def hidden(messages):
    text = tokenizer.apply_chat_template(messages, tokenize=False)
    ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
    return backbone(input_ids=ids).last_hidden_state[0, -1].float()


class Network:
    def __init__(self, name):
        self.name, self.shape = name, next(n for n in about["networks"] if n["name"] == name)

    def __getattr__(self, scalar):
        return weights[f"{self.name}.scalars.{scalar}"]

    def __call__(self, h):
        for layer in range(self.shape["layers"]):
            weight, bias = (weights.get(f"{self.name}.layers.{layer}.{part}") for part in ("weight", "bias"))
            h = bias if weight is None else torch.nn.functional.linear(h, weight, bias)
            if layer + 1 < self.shape["layers"]:
                h = getattr(torch.nn.functional, self.shape["activation"])(h)
        return h if len(h) > 1 else h[0]


`
