"""Times transformers on the texts that BenchmarkEmbed of runtime/trainer embeds.

  python speed.py FOLDER

FOLDER has the model, ids.json (the tokens of each text) and ours.f32 (the
hidden state of each text's last token, as we computed it). Batches of 8 texts
as they come, padded to the longest of the batch, float32, sdpa, all threads:
what one writes first. Prints JSON: real tokens per second, seconds of processor
time, tokens with padding, and how far the states are from ours.
"""

import json
import sys
import time

import numpy
import torch
from transformers import AutoModel

folder = sys.argv[1]
model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
texts = [torch.tensor(ids) for ids in json.load(open(f"{folder}/ids.json"))]
ours = torch.from_numpy(numpy.fromfile(f"{folder}/ours.f32", dtype="<f4")).reshape(len(texts), -1)

states, padded = [], 0
with torch.no_grad():
    model(input_ids=texts[0][None])  # what is set up once is not counted
    began, cpu = time.time(), time.process_time()
    for i in range(0, len(texts), 8):
        batch = texts[i : i + 8]
        ids = torch.zeros(len(batch), max(map(len, batch)), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for j, text in enumerate(batch):
            ids[j, : len(text)], mask[j, : len(text)] = text, 1
        hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
        states.append(hidden[torch.arange(len(batch)), mask.sum(1) - 1])
        padded += ids.numel()
    took, cpu = time.time() - began, time.process_time() - cpu
theirs = torch.cat(states)
difference = theirs - ours
print(json.dumps({
    "rate": sum(map(len, texts)) / took,
    "cpu": cpu,
    "padded": padded,
    "delta": difference.abs().max().item(),
    "relative": (difference.norm(dim=1) / theirs.norm(dim=1)).max().item(),
}))
