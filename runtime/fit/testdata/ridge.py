"""Fits scikit-learn's Ridge for every alpha, with and without an intercept, on
made-up numbers and on hidden states of real texts.

    python ridge.py FOLDER [weights.gguf summeval.jsonl]

writes features, ratings and results as raw numbers into FOLDER, and says on
stdout, a line of JSON for each case, what is in them.
"""
import json
import os
import sys

import numpy as np

try:
    from sklearn.linear_model import Ridge
except ImportError:
    sys.exit(3)

ALPHAS = [1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0, 1e3, 1e4]
ATTRIBUTES = ["coherence", "consistency", "fluency", "relevance"]
ROWS, TOKENS, LAYERS = 640, 32, 4  # of real texts: some seconds


def fits(x, y, intercept, solver):
    """Weights and intercepts, [alpha, attribute, hidden + 1]."""
    out = np.zeros((len(ALPHAS), y.shape[1], x.shape[1] + 1))
    for a in range(y.shape[1]):
        known = ~np.isnan(y[:, a])
        for i, alpha in enumerate(ALPHAS):
            m = Ridge(alpha=alpha, fit_intercept=intercept, solver=solver).fit(x[known], y[known, a])
            out[i, a, :-1], out[i, a, -1] = m.coef_, m.intercept_
    return out


def case(folder, name, x, y, *solvers):
    x = x.astype(np.float32)
    x.tofile(os.path.join(folder, name + ".x"))
    y.tofile(os.path.join(folder, name + ".y"))
    for intercept in (False, True):
        for solver in solvers:
            result = f"{name}.{solver}.{intercept}"
            fits(x.astype(np.float64), y, intercept, solver).tofile(os.path.join(folder, result))
            print(json.dumps({"name": name, "result": result, "solver": solver, "rows": x.shape[0], "hidden": x.shape[1],
                              "attributes": y.shape[1], "intercept": intercept, "alphas": ALPHAS}), flush=True)


def mask(y):
    y = y.copy()
    y[::5, 1] = np.nan
    y[: len(y) // 3, 3] = np.nan
    return y


def embeddings(gguf, source):
    """Hidden states of the last tokens of summaries, and their human ratings."""
    import torch
    from transformers import AutoModel, AutoTokenizer
    folder, file = os.path.split(gguf)
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file)
    model = AutoModel.from_pretrained(folder, gguf_file=file, dtype=torch.float32).eval()
    model.layers = model.layers[:LAYERS]
    rows = [json.loads(line) for line in open(source, encoding="utf-8")][:ROWS]
    x = np.zeros((len(rows), model.config.hidden_size), np.float32)
    with torch.no_grad():
        for i, row in enumerate(rows):
            ids = tokenizer(row["summary"])["input_ids"][:TOKENS]
            x[i] = model(input_ids=torch.tensor([ids])).last_hidden_state[0, -1].numpy()
    return x, np.array([[row["scores"][a] for a in ATTRIBUTES] for row in rows], np.float64)


def main():
    folder, real = sys.argv[1], sys.argv[2:]
    rng = np.random.default_rng(0)
    for rows, hidden in ((300, 60), (80, 200)):
        x = rng.normal(size=(rows, hidden)) * rng.lognormal(size=hidden) + rng.normal(size=hidden)
        case(folder, f"random {rows} x {hidden}", x, mask(rng.normal(size=(rows, 4)) + 3), "svd", "cholesky")
    if real:
        x, y = embeddings(*real)
        case(folder, f"summeval {len(x)} x {x.shape[1]}", x, mask(y), "svd")
        few = x.shape[1] // 2
        case(folder, f"summeval {few} x {x.shape[1]}", x[:few], mask(y[:few]), "svd", "cholesky")


main()
