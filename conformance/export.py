"""Loads an export of a trainer with transformers and compares scores.

  python export.py EXPORT_DIR ROWS.jsonl SCORES.jsonl [--adapter BASE]

ROWS has what was given to `trainer score` ({"messages": …} or {"ids": …}), SCORES
what it printed. Prints the largest and the mean difference, and fails above
1e-4. With --adapter, EXPORT_DIR is a PEFT adapter over the sequence classifier
in BASE.
"""

import argparse
import json
import sys

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

TOLERANCE = 1e-4  # float32 on both sides


def load(args):
    if not args.adapter:
        return AutoModelForSequenceClassification.from_pretrained(args.export, dtype=torch.float32)
    from peft import PeftModel

    base = AutoModelForSequenceClassification.from_pretrained(args.adapter, num_labels=1, dtype=torch.float32)
    return PeftModel.from_pretrained(base, args.export)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("export")
    parser.add_argument("rows")
    parser.add_argument("scores")
    parser.add_argument("--adapter")
    args = parser.parse_args()

    model = load(args).eval()
    tokenizer = None
    differences = []
    for row, score in zip(open(args.rows), open(args.scores), strict=True):
        row, score = json.loads(row), json.loads(score)
        if "ids" in row:
            ids = row["ids"]
        else:
            tokenizer = tokenizer or AutoTokenizer.from_pretrained(args.export)
            text = tokenizer.apply_chat_template(row["messages"], tokenize=False)
            ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        with torch.no_grad():
            ours = model(input_ids=torch.tensor([ids])).logits[0, 0].item()
        differences.append(abs(ours - score["score"]))
    worst, mean = max(differences), sum(differences) / len(differences)
    verdict = "ok" if worst <= TOLERANCE else "FAIL"
    print(f"{args.export}  {len(differences)} rows  max |Δ| {worst:.2e}  mean |Δ| {mean:.2e}  tolerance {TOLERANCE:.0e}  {verdict}")
    sys.exit(verdict != "ok")


if __name__ == "__main__":
    main()
