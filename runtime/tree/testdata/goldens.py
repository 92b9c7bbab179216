"""Makes goldens.json: what scikit-learn's DecisionTreeClassifier(criterion="log_loss") grows.

Usage: python goldens.py, with scikit-learn 1.9.1 installed.
The pairs are computed, here and in goldens_test.go, from SplitMix64, so that they need not be stored; they are
multiples of 2^-24, which float32, scikit-learn's type, holds exactly. A tree is kept only if 20 random states, which
is how scikit-learn chooses among equal splits, give the same one.
"""
import json
import math
import pathlib

import numpy
import sklearn
from sklearn.tree import DecisionTreeClassifier

ATTRIBUTES = 5
MASK = (1 << 64) - 1


def uniform(seed):
    state = seed
    while True:
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & MASK
        yield ((z ^ z >> 31) >> 40) / (1 << 24)  # in [0, 1)


def pairs(seed, n):
    """Differences in [-1, 1), who won, and weights 1 to 4: a rule with noise, so that no split is perfect."""
    draw = uniform(seed)
    delta, won, weight = [], [], []
    for _ in range(n):
        d = [2 * next(draw) - 1 for _ in range(ATTRIBUTES)]
        p = 0.8 if d[0] > 0.03 else 0.35 if d[1] > -0.25 else 0.15
        if d[2] > 0.5:
            p += 0.15
        if d[3] < -0.6 and d[0] > -0.5:
            p -= 0.1
        delta.append(d)
        won.append(1 if next(draw) < p else 0)
        weight.append(1 + math.floor(4 * next(draw)))
    return numpy.array(delta), numpy.array(won), numpy.array(weight, dtype=float)


def grow(x, y, w, **how):
    trees = [DecisionTreeClassifier(criterion="log_loss", random_state=state, **how).fit(x, y, sample_weight=w) for state in range(20)]
    first = trees[0].tree_
    same = all(
        numpy.array_equal(t.tree_.feature, first.feature) and numpy.array_equal(t.tree_.threshold, first.threshold) for t in trees
    )
    return trees[0], same


def nodes(tree):
    """In preorder: [attribute, threshold, share of the first side, weight], attribute -1 in a leaf."""
    t = tree.tree_
    return [
        [int(f), float(h) if f >= 0 else 0.0, float(v[0][1]), float(n)]
        for f, h, v, n in zip(numpy.maximum(t.feature, -1), t.threshold, t.value, t.weighted_n_node_samples)
    ]


def loss(tree, x, y, w):
    p = tree.predict_proba(x)[:, 1]
    with numpy.errstate(divide="ignore", invalid="ignore"):
        terms = numpy.where(y == 1, -numpy.log(p), -numpy.log(1 - p))
    return float((w * terms).sum())


def plain():
    out = []
    for seed, n, leaf, weighted in [(1, 2000, 20, False), (6, 1000, 10, False), (5, 1000, 5, False), (4, 1500, 15, True)]:
        x, y, w = pairs(seed, n)
        w = w if weighted else numpy.ones(n)
        for depth in range(1, 7):
            tree, same = grow(x, y, w, max_depth=depth, min_samples_leaf=leaf)
            assert same, f"seed {seed}, depth {depth}: scikit-learn meets ties"
            out.append({"seed": seed, "pairs": n, "leaf": leaf, "weighted": weighted, "depth": depth, "nodes": nodes(tree), "loss": loss(tree, x, y, w)})
    return out


def mirrored():
    """Both orientations of each pair: every split has a mirror image with the same loss, so which one is taken, and with
    it the tree, is scikit-learn's dice; of depth 1 and 2 the loss is not, nor is the prediction with its mirror image."""
    out = []
    for seed, n in [(1, 600), (4, 400)]:
        x, y, w = pairs(seed, n)
        x, y, w = numpy.vstack([x, -x]), numpy.concatenate([y, 1 - y]), numpy.ones(2 * n)
        for depth in range(1, 7):
            runs = [DecisionTreeClassifier(criterion="log_loss", random_state=s, max_depth=depth).fit(x, y) for s in range(20)]
            p = [t.predict_proba(x)[:, 1] for t in runs]
            both = [(q[:n] + 1 - q[n:]) / 2 for q in p]
            losses = [loss(t, x, y, w) for t in runs]
            spread = max(float(numpy.abs(b - both[0]).max()) for b in both)
            out.append({"seed": seed, "pairs": n, "depth": depth, "low": min(losses), "high": max(losses), "spread": spread,
                        "loss": losses[0], "both": [float(b) for b in both[0][:40]]})
    return out


def pruning():
    x, y, w = pairs(2, 1200)
    how = {"max_depth": 6, "min_samples_leaf": 12}
    tree, same = grow(x, y, w, **how)
    assert same
    path = tree.cost_complexity_pruning_path(x, y, sample_weight=w)
    out = []
    alphas = list(path.ccp_alphas)
    for low, high in zip(alphas, alphas[1:] + [alphas[-1] * 2]):
        alpha = (low + high) / 2
        pruned, _ = grow(x, y, w, ccp_alpha=alpha, **how)
        out.append({"alpha": alpha, "nodes": nodes(pruned)})
    return {"seed": 2, "pairs": 1200, "depth": 6, "leaf": 12, "alphas": [float(a) for a in alphas],
            "impurities": [float(i) for i in path.impurities], "steps": out}


out = {"sklearn": sklearn.__version__, "numpy": numpy.__version__, "plain": plain(), "mirrored": mirrored(), "pruning": pruning()}
path = pathlib.Path(__file__).with_suffix(".json")
lines = lambda name, rows: f' "{name}": [\n' + ",\n".join("  " + json.dumps(r) for r in rows) + "\n ]"
path.write_text(
    "{\n" + f' "sklearn": "{out["sklearn"]}", "numpy": "{out["numpy"]}",\n'
    + ",\n".join(lines(name, out[name]) for name in ["plain", "mirrored"]) + ",\n" + ' "pruning": ' + json.dumps(out["pruning"]) + "\n}\n"
)
print(path, path.stat().st_size, "bytes;", [(m["depth"], m["low"], m["high"], m["spread"]) for m in out["mirrored"]])
