"""Scores rows with transformers: the other side of the conformance tests.

Each line of standard input is a job, {"folder": …, "adapter": …, "rows": […]}: a folder that
AutoModelForSequenceClassification loads, a PEFT adapter over it or "", and rows that are lists of token ids or
lists of messages, which what lies in the folder renders and tokenises. Each line of standard output answers one:
{"scores": …, "padded": …, "problems": …}, the scores of each row alone and in one batch padded on the right, and
what did not load as meant.
"""

import json
import sys

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer


def load(folder, adapter):
    # Eager attention is the one that applies every family's soft-caps and windows.
    model, loading = AutoModelForSequenceClassification.from_pretrained(
        folder, output_loading_info=True, dtype=torch.float32, attn_implementation="eager"
    )
    if adapter:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, adapter)
    return model.eval(), {name: sorted(map(str, what)) for name, what in loading.items() if what}


def tokenise(folder, rows):
    """The ids of each row, and a function from rows to a padded batch of them."""
    if not isinstance(rows[0][0], dict):
        return rows, None
    tokenizer = AutoTokenizer.from_pretrained(folder)
    texts = [tokenizer.apply_chat_template(row, tokenize=False) for row in rows]
    alone = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    return alone, tokenizer(texts, add_special_tokens=False, padding=True, return_tensors="pt")


def pad(rows, pad_id):
    """What a tokenizer makes of a batch, for rows of ids that have none."""
    length = max(map(len, rows))
    return {
        "input_ids": torch.tensor([row + [pad_id] * (length - len(row)) for row in rows]),
        "attention_mask": torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in rows]),
    }


def answer(job):
    model, problems = load(job["folder"], job["adapter"])
    rows, batch = tokenise(job["adapter"] or job["folder"], job["rows"])
    if batch is None:
        batch = pad(rows, model.config.pad_token_id)
    with torch.no_grad():
        scores = [model(input_ids=torch.tensor([row])).logits[0].tolist() for row in rows]
        padded = model(**batch).logits.tolist()
    return {"scores": scores, "padded": padded, "problems": problems}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
