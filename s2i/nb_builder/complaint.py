"""What our own last cell could not do, as it wrote it down, and the problem that this is for the user.

The two sides are different Pythons: the kernel's writes facts (nb_scorer.model), ours has the words.
"""

import json
from pathlib import Path

from nb_builder import blame, problems

CLASSES = {
    kind.code: kind
    for kind in (
        problems.PredictorMissing,
        problems.NotCallable,
        problems.WrongArguments,
        problems.NotSerializable,
        problems.ExampleFails,
        problems.ExamplesArePairs,
        problems.BatchDiffers,
        problems.DiskFull,
    )
}


# Which name of the contract each is about, where its facts do not say it.
_ABOUT = {
    problems.ExampleFails: "examples",
    problems.ExamplesArePairs: "examples",
    problems.BatchDiffers: "batch_predictor",
}


def about(wrong: Exception) -> str:
    """Return the name that a problem is about, be it "" for none."""
    return _ABOUT.get(type(wrong)) or str(getattr(wrong, "facts", {}).get("name", ""))


def problem(file: Path, error: dict, *, notebook: str) -> Exception:
    """Return the problem that `file` holds; without one, `error` of the kernel as the fault of ours that it is."""
    if not file.exists():
        # A full disk takes the complaint, too: then its code is all that the error says.
        if error["evalue"] == problems.DiskFull.code:
            return problems.DiskFull(folder=file.parent)
        return RuntimeError("nb-builder's own cell failed:\n" + blame.plain_traceback(error.get("traceback", [])))
    told = json.loads(file.read_text(encoding="utf-8"))
    return CLASSES[told["code"]](**{**told["facts"], "notebook": notebook})
