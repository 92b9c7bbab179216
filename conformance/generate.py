"""Writes testdata/conformance/generate.json: what transformers' generate(do_sample=False) says to a few questions with
SmolLM2-135M-Instruct, its weights dequantised to float32 as they are read. The questions are put as its own chat template
puts them, with the tokenizer that the file has.

    python conformance/generate.py FOLDER SmolLM2-135M-Instruct.Q4_1.gguf >testdata/conformance/generate.json
"""

import json
import sys

import torch
import transformers

FOLDER, FILE = sys.argv[1:]
TOKENS = 40
torch.set_num_threads(1)

tokenizer = transformers.AutoTokenizer.from_pretrained(FOLDER, gguf_file=FILE)
model = transformers.AutoModelForCausalLM.from_pretrained(FOLDER, gguf_file=FILE, dtype=torch.float32).eval()
answers = []
for question in ["What is the capital of France?", "Ann has 3 apples and buys 4 bags of 2 apples each. How many apples does she have?"]:
    prompt = tokenizer.apply_chat_template([{"role": "user", "content": question}], add_generation_prompt=True, return_tensors="pt", return_dict=True)
    with torch.no_grad():
        out = model.generate(**prompt, do_sample=False, max_new_tokens=TOKENS, return_dict_in_generate=True, output_logits=True)
    ids = prompt["input_ids"][0]
    new = out.sequences[0][len(ids):]
    top = [torch.topk(step[0], 2).values.tolist() for step in out.logits]
    answers.append({
        "question": question, "prompt": ids.tolist(), "ids": new.tolist(),
        "top": [round(a, 4) for a, _ in top], "least_lead": min(a - b for a, b in top),
        "text": tokenizer.decode(new, skip_special_tokens=True),
    })
print(json.dumps({"transformers": transformers.__version__, "torch": torch.__version__, "tokens": TOKENS, "answers": answers}))
