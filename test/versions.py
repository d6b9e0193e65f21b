"""Versions of one notebook, for tests that compare them: what each changes in the first."""

BEFORE = """\
requirements = []
%%
def predictor(x):
    kind, value = x
    if kind == "class":
        return "high" if value >= 0.5 else "low"
    return value / 3
%%
def validator(x):
    return x[1] >= 0
%%
examples = [["class", 0.2], ["class", 0.7], ["score", 0.3]]
"""
CHANGES = {
    "before": (),
    "same": (),
    # One class of three thresholds moves.
    "class": (("value >= 0.5", "value >= 0.6"),),
    "digits": (("value / 3", "value / 3 * (1 + 1e-12)"),),
    "stricter": (("x[1] >= 0", "0 <= x[1] < 0.8"),),
    # Samples of which the notebook has no like take much longer than its own.
    "slow": (
        (
            "    kind, value = x\n",
            "    import time\n    kind, value = x\n    time.sleep(1 if value > 0.75 else 0.2)\n",
        ),
    ),
    "numbers": (
        ('examples = [["class", 0.2], ["class", 0.7], ["score", 0.3]]', "examples = [0.5]"),
        ("    kind, value = x\n", '    kind, value = "class", x\n'),
        ("x[1]", "x"),
    ),
}
# Of each ten, one class changes in `class` (0.5), and two are refused by `stricter` (0.8 and 0.9).
CLASSES = "".join(f"class,0.{digit}\n" for digit in range(1, 10)) + "class,0.05\n"
SCORES = "".join(f"score,0.{digit}\n" for digit in range(1, 10)) + "score,7\n"


def cells(version: str) -> str:
    """Return the cells of a version, separated by lines of %%."""
    text = BEFORE
    for old, new in CHANGES[version]:
        assert old in text
        text = text.replace(old, new)
    return text
