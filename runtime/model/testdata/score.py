"""Scores rows of token ids with transformers: argv is the model folder and, if
there is one, a PEFT adapter folder; stdin a JSON list of rows; stdout a JSON
object with the scores of a right-padded batch and what did not load as meant.
"""

import json
import sys

import torch
from transformers import AutoModelForSequenceClassification

folder, adapters = sys.argv[1], sys.argv[2:]
rows = json.load(sys.stdin)
model, loading = AutoModelForSequenceClassification.from_pretrained(
    folder, output_loading_info=True, attn_implementation="eager"
)
problems = {k: sorted(map(str, v)) for k, v in loading.items() if v}
for adapter in adapters:
    from peft import PeftModel

    model = PeftModel.from_pretrained(model, adapter)
model.eval()
pad = model.config.pad_token_id
length = max(map(len, rows))
ids = torch.tensor([row + [pad] * (length - len(row)) for row in rows])
mask = torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in rows])
with torch.no_grad():
    scores = model(input_ids=ids, attention_mask=mask).logits
json.dump({"scores": scores.float().tolist(), "problems": problems}, sys.stdout)
