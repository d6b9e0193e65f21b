"""Rows to ask a model for: around and beyond what it was trained with, and the edges."""

import numpy as np


def around(data, count=10_000, seed=1):
    """Return `count` rows: of the data, near it, within twice its range, short decimals, and far out."""
    data = np.asarray(data, float)
    random = np.random.default_rng(seed)
    least, most = data.min(axis=0), data.max(axis=0)
    width = np.where(most > least, most - least, 1.0)
    picked = data[random.integers(0, len(data), count)]
    uniform = random.uniform(least - width, most + width, (count, data.shape[1]))
    near = picked + random.normal(0, 0.1, picked.shape) * width
    mixed = np.where(random.random(picked.shape) < 0.5, picked, uniform)
    kinds = [picked, near, uniform, np.round(uniform, 1), mixed, uniform * 1e3]
    chosen = random.choice(len(kinds), count, p=[0.15, 0.25, 0.3, 0.15, 0.1, 0.05])
    return np.choose(chosen[:, None], kinds)


def edges(data, thresholds=(), count=2_000, seed=2):
    """Return rows with a cell or two at an edge: thresholds and their neighbours, zeros, huge and tiny numbers."""
    data = np.asarray(data, float)
    random = np.random.default_rng(seed)
    special = np.array([0.0, -0.0, 1e-35, -1e-35, 1e-36, 5e-324, 1e30, -1e30, 3.4028234e38, -3.4e38, 2.0**53, 1e-300])
    if len(thresholds):
        chosen = random.choice(np.asarray(thresholds, float), min(len(thresholds), 500), replace=False)
        single = chosen.astype(np.float32)
        up, down = np.float32(np.inf), np.float32(-np.inf)
        special = np.concatenate(
            [
                special,
                chosen,
                np.nextafter(chosen, np.inf),
                np.nextafter(chosen, -np.inf),
                single.astype(float),
                np.nextafter(single, up).astype(float),
                np.nextafter(single, down).astype(float),
            ]
        )
    rows = data[random.integers(0, len(data), count)].copy()
    for _ in range(2):
        columns = random.integers(0, data.shape[1], count)
        rows[np.arange(count), columns] = random.choice(special, count)
    return rows


def with_missing(rows, share=0.2, seed=3):
    """Return a copy with NaN in some cells."""
    rows = np.array(rows, float)
    rows[np.random.default_rng(seed).random(rows.shape) < share] = np.nan
    return rows


def table(count=300, features=6, classes=3, seed=0):
    """Return (rows, classes, targets) that depend on one another."""
    random = np.random.default_rng(seed)
    rows = random.normal(2.0, 3.0, (count, features))
    signal = rows @ random.normal(0, 1, features) + np.sin(rows[:, 0]) * 3
    places = np.digitize(signal, np.quantile(signal, np.linspace(0, 1, classes + 1)[1:-1]))
    return rows, places, signal + random.normal(0, 0.5, count)


def iris():
    """Return the flowers: (rows, species)."""
    from sklearn.datasets import load_iris

    return load_iris(return_X_y=True)
