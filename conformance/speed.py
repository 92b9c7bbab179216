"""Times transformers on the hidden states that a head of recipes/quickstart reads.

  python speed.py EXPORT PAIRS.json ROWS MAX_LENGTH

Batches of 8 texts in the order of the file, padded to the longest of the batch,
float32, sdpa, all threads: what one writes first. EXPORT is what the trainer
exported, so that the weights are the same. Prints real tokens per second, for
`make speed` to set beside the trainer's.
"""

import json
import sys
import time

import torch
from transformers import AutoModel, AutoTokenizer

export, data_file, rows, longest = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
tokenizer = AutoTokenizer.from_pretrained(export)
model = AutoModel.from_pretrained(export, dtype=torch.float32).eval()
roles = {"human": "user", "gpt": "assistant", "system": "system"}

texts = []
for row in json.load(open(data_file))[:rows]:
    turns = [{"role": roles[t["from"]], "content": t["value"]} for t in row["conversations"]]
    pair = []
    for side in ("chosen", "rejected"):
        text = tokenizer.apply_chat_template(turns + [{"role": "assistant", "content": row[side]["value"]}], tokenize=False)
        pair.append(tokenizer(text, add_special_tokens=False)["input_ids"])
    if max(map(len, pair)) <= longest:
        texts += pair

began = time.time()
with torch.no_grad():
    for i in range(0, len(texts), 8):
        batch = texts[i : i + 8]
        ids = torch.zeros(len(batch), max(map(len, batch)), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for j, text in enumerate(batch):
            ids[j, : len(text)], mask[j, : len(text)] = torch.tensor(text), 1
        model(input_ids=ids, attention_mask=mask)
print(f"{sum(map(len, texts)) / (time.time() - began):.0f}")
