"""Runs in the model's Python: `translate FOLDER` writes a model as C, `prove FOLDER` verifies the compiled program.

The result is written to FOLDER/said.json: facts, or {"refused": reason, "file": …, "line": …}.
"""

import importlib.util
import json
import os
import sys

from nb_scorer.common import paths
from nb_scorer.model import golden_rows, manifest, process_state, runtime_paths
from nb_scorer.model.load import load

from nb_native import cell_sources, proof
from nb_native.refusal import Refusal

MODEL_C = "model.c"
SAID = "said.json"
# The output of the translation, stored next to it.
TRANSLATED = "translated.json"
PROGRAM, COUNTING = "model", "model-with-branches"
# Runs the programs if they are for another machine.
EMULATOR = "emulator"


def main(arguments):
    """Run the step in `arguments`; return the exit status: 0 even if the model was rejected.

    The arguments are a step, APP_ROOT, FOLDER, and the digests that the files of the model must have: "" for any.
    """
    step, app_root, folder, digests = arguments
    digests = json.loads(digests) if digests else None
    try:
        facts = {"translate": _translate, "prove": _prove}[step](app_root, folder, digests)
    except Refusal as rejection:
        facts = {"refused": rejection.reason, "file": rejection.file, "line": rejection.line}
    with open(os.path.join(folder, SAID), "w", encoding="utf-8") as file:
        json.dump(facts, file)
    return 0


def _load(app_root, digests):
    """Return the model as a scorer loads it, with the notebook's folder as working directory."""
    folder = os.path.join(app_root, paths.MODEL)
    model_manifest = manifest.read(folder, digests)
    cell_sources.give(app_root, model_manifest["notebook"])
    runtime_paths.enter(os.path.join(app_root, paths.SRC, model_manifest["folder"]), model_manifest)
    process_state.before_load(model_manifest.get("process_state"))
    model = load(folder, digests)
    process_state.after_load(model_manifest.get("process_state"))
    return model


def _translate(app_root, folder, digests):
    if importlib.util.find_spec("numpy") is None:
        raise Refusal(
            "the notebook's packages lack numpy, whose rules the translation follows; add numpy to its requirements"
        )
    # Imported here, because it imports numpy.
    from nb_native import translate

    model = _load(app_root, digests)
    if model.setup is not None:
        raise Refusal("the notebook defines setup, which a native program can't call")
    if model.explainer is not None:
        raise Refusal("the notebook defines explainer, which a native program can't call")
    if getattr(model, "predictors", None):
        raise Refusal("the notebook has predictors, and a program has one predictor alone")
    program = translate.whole(model)
    with open(os.path.join(folder, MODEL_C), "w", encoding="utf-8") as file:
        file.write(program.text)
    return {
        "recognised": list(program.recognised),
        "branches": [list(branch) for branch in program.branches],
        "edges": list(program.edges),
        "words": list(program.words),
    }


def _prove(app_root, folder, digests):
    model = _load(app_root, digests)
    samples = [row["sample"] for row in golden_rows.read(os.path.join(app_root, paths.MODEL))]
    with open(os.path.join(folder, TRANSLATED), encoding="utf-8") as file:
        translated = json.load(file)
    emulator = os.path.join(folder, EMULATOR)
    before = [emulator] if os.path.exists(emulator) else []
    commands = [[*before, os.path.join(folder, name)] for name in (PROGRAM, COUNTING)]
    return proof.prove(model, samples, translated["branches"], translated["edges"], translated["words"], *commands)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
