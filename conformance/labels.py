"""Writes testdata/conformance/labels.json: what plain PyTorch makes of token-level losses on the tiny checkpoints
beside it. The models are transformers', the training loops stand here, in full, and know no batch, mask or padding:
each sequence goes through the model alone.

    python conformance/labels.py testdata/conformance >testdata/conformance/labels.json
"""

import copy
import json
import math
import random
import sys

import torch
import torch.nn.functional as F
import transformers
from safetensors.torch import load_file

FOLDER = sys.argv[1]
VOCAB, LABELS = 320, [5, 7]
random.seed(23)


def wave(*shape):
    """Weights that need no file: both sides compute them."""
    n = math.prod(shape)
    return torch.tensor([0.2 * math.sin(1 + i) for i in range(n)], dtype=torch.float32).reshape(shape)


def load(family):
    """The checkpoint as a language model. A head that is not tied is a wave."""
    config = transformers.AutoConfig.from_pretrained(f"{FOLDER}/{family}")
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="eager")
    weights = {k: v for k, v in load_file(f"{FOLDER}/{family}/model.safetensors").items() if k != "score.weight"}
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert not unexpected and set(missing) <= {"lm_head.weight"}, (missing, unexpected)
    if "lm_head.weight" in missing and not config.tie_word_embeddings:
        model.lm_head.weight.data = wave(VOCAB, config.hidden_size)
    return model.eval()


class Adapter(torch.nn.Module):
    """A linear layer with scale * B A beside it."""

    def __init__(self, base, rank, alpha):
        super().__init__()
        self.base, self.scale = base, alpha / rank
        self.a = torch.nn.Parameter(wave(rank, base.in_features))
        self.b = torch.nn.Parameter(0.1 * wave(base.out_features, rank))

    def forward(self, x):
        return self.base(x) + self.scale * (x @ self.a.T @ self.b.T)


def adapt(model, names, rank, alpha):
    for p in model.parameters():
        p.requires_grad = False
    for layer in model.model.layers:
        for name in names:
            setattr(layer.self_attn, name, Adapter(getattr(layer.self_attn, name), rank, alpha))


def marked(n):
    """Sequences with places at which a label stands, and shares of the two labels there."""
    rows = []
    for _ in range(n):
        length = random.randint(12, 44)
        at = sorted(random.sample(range(2, length), random.randint(1, 5)))
        gold = [random.choice([1.0, 0.0, 0.75]) for _ in at]
        rows.append({"ids": [random.randrange(8, VOCAB) for _ in range(length)], "at": at, "gold": [[g, 1 - g] for g in gold]})
        rows[-1]["ids"] = rows[-1]["ids"][: at[-1] + 1]
    return rows


def tails(rows):
    """What follows the last label's place: the label, and what ends its turn; of the first row nothing, of the second the label alone."""
    ends = random.Random(29)
    for i, row in enumerate(rows):
        row["tail"] = [LABELS[0], ends.randrange(8, VOCAB)][: i]


def pairs(n):
    rows = []
    for _ in range(n):
        prompt = [random.randrange(8, VOCAB) for _ in range(random.randint(3, 12))]
        answer = lambda: [random.randrange(8, VOCAB) for _ in range(random.randint(1, 20))]
        rows.append({"prompt": prompt, "chosen": prompt + answer(), "rejected": prompt + answer()})
    return rows


def logits(model, ids):
    return model(input_ids=torch.tensor([ids])).logits[0].float()


def labels_loss(model, row):
    """Cross-entropy over the two labels alone; the sum over the places, and how many there are."""
    log_p = F.log_softmax(logits(model, row["ids"])[row["at"]][:, LABELS], -1)
    return -(torch.tensor(row["gold"]) * log_p).sum(), len(row["at"])


def vocabulary_loss(model, row):
    """The same over all tokens."""
    log_p = F.log_softmax(logits(model, row["ids"])[row["at"]], -1)[:, LABELS]
    return -(torch.tensor(row["gold"]) * log_p).sum(), len(row["at"])


def completion_loss(model, row):
    """Cross-entropy over all tokens of each label and of the token after it, both alike; where none follows the label alone."""
    ids = row["ids"] + row["tail"]
    log_p = F.log_softmax(logits(model, ids[:-1] if row["tail"][1:] else ids), -1)
    label = -(torch.tensor(row["gold"]) * log_p[row["at"]][:, LABELS]).sum()
    end = -sum(log_p[at + 1, ids[at + 2]] for at in row["at"] if at + 2 < len(ids))
    return (label + end) / 2, len(row["at"])


def answer_log_prob(model, ids, prompt):
    log_p = F.log_softmax(logits(model, ids[:-1]), -1)
    return sum(log_p[t - 1, ids[t]] for t in range(prompt, len(ids)))


def dpo_loss(reference, beta):
    def loss(model, row):
        n, margin = len(row["prompt"]), 0.0
        for side, sign in (("chosen", 1), ("rejected", -1)):
            with torch.no_grad():
                anchor = answer_log_prob(reference, row[side], n)
            margin = margin + sign * (answer_log_prob(model, row[side], n) - anchor)
        return -F.logsigmoid(beta * margin), 1

    return loss


def rate(step, total, warmup, peak):
    if step < warmup:
        return peak * step / warmup
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))


def train(model, rows, loss, batch, steps, warmup, peak):
    trained = [p for p in model.parameters() if p.requires_grad]
    decayed = [p for p in trained if p.dim() > 1]
    others = [p for p in trained if p.dim() <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}], lr=peak, betas=(0.9, 0.95)
    )
    out = []
    for step in range(steps):
        some = [rows[(step * batch + i) % len(rows)] for i in range(batch)]
        terms = [loss(model, row) for row in some]
        mean = sum(t for t, _ in terms) / sum(n for _, n in terms)
        optimizer.zero_grad()
        mean.backward()
        norm = torch.nn.utils.clip_grad_norm_(trained, 1.0)
        for group in optimizer.param_groups:
            group["lr"] = rate(step, steps, warmup, peak)
        optimizer.step()
        out.append({"loss": mean.item(), "grad_norm": norm.item()})
    return out


def head(family, row):
    """What a family's own head says at the places of a row, and the gradient of a loss through it."""
    model = load(family)
    all_logits = logits(model, row["ids"])[row["at"]]
    target = [(7 * i) % VOCAB for i in row["at"]]
    log_p = F.log_softmax(all_logits, -1)[range(len(target)), target]
    (F.log_softmax(all_logits[:, LABELS], -1)[:, 0].sum() + 0.5 * log_p.sum()).backward()
    gradients = {n: p.grad.norm().item() for n, p in model.named_parameters() if "embed" in n or "lm_head" in n or "layers.0" in n}
    return {"labels": all_logits[:, LABELS].tolist(), "target": target, "log_prob": log_p.tolist(), "gradients": gradients}


conversations, answers = marked(12), pairs(8)
tails(conversations)
families = ["gemma", "gemma2", "gemma3", "llama", "llama3_1", "mistral", "qwen2", "qwen3"]
how = {"batch": 4, "steps": 12, "warmup": 3, "peak": 1e-3}

trajectories = []
for family, loss in (("llama", labels_loss), ("gemma2", labels_loss), ("qwen3", vocabulary_loss), ("gemma3", completion_loss)):
    steps = train(load(family), conversations, loss, **how)
    trajectories.append({"family": family, "loss": loss.__name__.removesuffix("_loss"), "tune": "full", "steps": steps})

model = load("llama3_1")
adapt(model, ["q_proj", "v_proj"], rank=4, alpha=8)
steps = train(model, conversations, labels_loss, **how)
trajectories.append({"family": "llama3_1", "loss": "labels", "tune": "lora", "steps": steps})

model = load("llama")
reference = copy.deepcopy(model)
steps = train(model, answers, dpo_loss(reference, 0.1), **{**how, "peak": 2e-4})
trajectories.append({"family": "llama", "loss": "dpo", "tune": "full", "steps": steps})

json.dump(
    {
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "label_ids": LABELS,
        "how": how,
        "conversations": conversations,
        "pairs": answers,
        "heads": {family: head(family, conversations[0]) for family in families},
        "trajectories": trajectories,
    },
    sys.stdout,
)
print()
