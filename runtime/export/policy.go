package export

import (
	"fmt"
	"strings"
)

// policyCard is what the card of a policy says: how it is read, in Python.
func (e *Export) policyCard() string {
	d, err := e.Program.First(e.Data)
	if err != nil {
		d = e.Data
	}
	about := fmt.Sprintf("A language model that is a reward model. Trained with rmc from the recipe below; %s.\n\n", e.About)
	switch {
	case d.Kind != "labels":
		return about + "Its reward of a response is made of the log-probabilities of the response's tokens, as the formula says, " +
			"less those of the reference where it has one.\n\n" + python(pythonModel+pythonResponse) + "\n"
	case d.From.Kind == "compare":
		return about + fmt.Sprintf("It says which of two responses is better: what comes after the question is %s. Ask in both orders and take the mean.\n\n", e.Contract.Labels) +
			python(pythonModel+strings.ReplaceAll(pythonCompare, "IDS", e.idList())) + "\n"
	}
	asks := strings.ReplaceAll(strings.ReplaceAll(pythonSteps, "IDS", e.idList()), "LABEL", fmt.Sprintf("%q", d.Tokens[0]))
	if d.Level == "outcome" {
		asks = strings.ReplaceAll(pythonOutcome, "IDS", e.idList())
	}
	return about + fmt.Sprintf("After each step of a solution it says whether the step is right: %s. All labels before are taken to be %s.\n\n", e.Contract.Labels, d.Labels[0]) +
		python(pythonModel+asks) + "\n"
}

// idList is the tokens of the labels as a list, from the contract.
func (e *Export) idList() string {
	var ids []string
	for part := range strings.SplitSeq(e.Contract.Labels, " token ") {
		id, _, _ := strings.Cut(part, ",")
		ids = append(ids, id)
	}
	return "[" + strings.Join(ids[1:], ", ") + "]"
}

func python(text string) string { return "```python\n" + text + "```\n" }

// What the card has in Python: it is run by a test, and says what trainer score
// says.
const (
	pythonModel = `import re
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(".")
model = AutoModelForCausalLM.from_pretrained(".", dtype=torch.float32).eval()


def labels(turns, ids):
    text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    tokens = tokenizer(text, add_special_tokens=False, return_tensors="pt").input_ids
    with torch.no_grad():
        return torch.softmax(model(tokens).logits[0, -1, ids].float(), -1).tolist()


`
	pythonSteps = `def score(question, steps):
    turns, right = [], []
    for i, step in enumerate(steps):
        turns.append({"role": "user", "content": step if i else question + " " + step})
        right.append(labels(turns, IDS)[0])
        turns.append({"role": "assistant", "content": LABEL})
    return right
`
	pythonOutcome = `def score(question, steps):
    return [labels([{"role": "user", "content": question + " " + "\n".join(steps)}], IDS)[0]]
`
	pythonCompare = `MARK = re.compile(r"([\[<])(\\*\s*(?:CONTEXT|RESPONSE\s+[A-Z])\s*\]|\\*\s*turn\s*>)", re.I)


def plain(text):
    return MARK.sub(r"\1\\\2", text.strip())


def first_is_better(conversation, first, second):
    turns = "".join(f"\n<turn> {m['role']}\n {plain(m['content'])}" for m in conversation)
    text = f"[CONTEXT] \n{turns}\n [RESPONSE A] {plain(first)} [RESPONSE B] {plain(second)} \n"
    p = labels([{"role": "user", "content": text}], IDS)
    return p[0] + sum(p[2:]) / 2


def score(conversation, chosen, rejected):
    return (first_is_better(conversation, chosen, rejected) + 1 - first_is_better(conversation, rejected, chosen)) / 2
`
	pythonResponse = `def log_prob(conversation, response):
    before = tokenizer.apply_chat_template(conversation, tokenize=False, add_generation_prompt=True)
    text = tokenizer.apply_chat_template(conversation + [{"role": "assistant", "content": response}], tokenize=False)
    tokens = tokenizer(text, add_special_tokens=False, return_tensors="pt").input_ids
    start = tokenizer(before, add_special_tokens=False, return_tensors="pt").input_ids.shape[1]
    with torch.no_grad():
        log_p = torch.log_softmax(model(tokens).logits[0, :-1].float(), -1)
    return log_p.gather(1, tokens[0, 1:, None])[start - 1 :, 0]
`
)
