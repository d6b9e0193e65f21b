"""Edits of at most five lines that a user would make after reading the message: {(repository, path): a last cell}."""

EDITS = {
    ("karpathy/micrograd", "demo.ipynb"): (
        "def predict(x):\n    return model(list(map(Value, x))).data\npredict([0.5, -0.5])"
    ),
}
