"""Writes golden.json: what scikit-learn and scipy give on made-up numbers.

    python golden.py > golden.json       (scikit-learn 1.9.1, scipy 1.17.1)
"""
import json
import numpy as np
from scipy import stats
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

ALPHAS = [1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0, 1e3, 1e4]


def short(rng, *shape):
    """Normal numbers that float32 holds exactly and JSON holds briefly."""
    return np.round(rng.normal(size=shape) * 64) / 64


def listed(a):
    return [None if np.isnan(v) else float(v) for v in np.ravel(a)]


def ridge(rng, name, rows, hidden, intercept):
    x = short(rng, rows, hidden) + 0.5
    y = short(rng, rows, 4) + 3
    y[: rows // 3, 1] = np.nan  # attributes 0 and 2 have all ratings, 1 and 3 a pattern each
    y[::4, 3] = np.nan
    fits = []
    for alpha in ALPHAS:
        for a in range(y.shape[1]):
            known = ~np.isnan(y[:, a])
            m = Ridge(alpha=alpha, fit_intercept=intercept, solver="svd").fit(x[known], y[known, a])
            fits.append({"weight": listed(m.coef_), "intercept": float(m.intercept_)})
    return {"name": name, "hidden": hidden, "attributes": 4, "intercept": intercept, "alphas": ALPHAS,
            "features": listed(x), "ratings": listed(y), "fits": fits}


def pair(x, y):
    low, high = stats.pearsonr(x, y).confidence_interval(0.95)
    return {"x": listed(x), "y": listed(y), "ranks": listed(stats.rankdata(x)),
            "pearson": float(stats.pearsonr(x, y)[0]), "interval": [float(low), float(high)],
            "spearman": float(stats.spearmanr(x, y)[0]), "r2": float(r2_score(y, x))}


def main():
    rng = np.random.default_rng(0)
    cases = [ridge(rng, f"{rows} rows, {hidden} features, intercept {i}", rows, hidden, i)
             for rows, hidden in ((30, 5), (12, 17)) for i in (False, True)]
    pairs = []
    for n in (4, 5, 17, 60):
        x = short(rng, n)
        pairs.append(pair(x, x + short(rng, n)))                            # hardly any ties
        pairs.append(pair(np.round(x * 2), np.round(short(rng, n) - x)))    # many
    pairs.append(pair(np.arange(8.0), np.arange(8.0) ** 3))                 # one order
    pairs.append(pair(np.array([0.0] * 9 + [1.0]), -np.array([1.0] * 8 + [2.0] * 2)))
    print(json.dumps({"ridge": cases, "pairs": pairs}))


main()
