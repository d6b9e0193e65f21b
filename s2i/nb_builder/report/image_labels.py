"""Labels of the image: facts about the model that `docker inspect` shows."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nb_scorer.common import paths

from nb_builder.common.workspace import Workspace
from nb_builder.report import missing_proof
from nb_builder.repository import source_tree

# s2i reads this file after assemble and adds the labels to the image; OpenShift's own builds don't.
METADATA = Path("/tmp/.s2i/image_metadata.json")  # noqa: S108 - s2i's own place

_PREFIX = "io.nb-builder."


def write(workspace: Workspace, facts: Mapping[str, Any], src: Path, target: Path = METADATA) -> dict[str, object]:
    """Write the labels of the model with the manifest `facts` to `target` if s2i runs the build.

    Returns the model's entries for the report.
    """
    warning = missing_proof.label(facts)
    model = {"sha256": facts["pickle_sha256"], "golden": facts["golden"], "scorer_start": facts["scorer_start"]}
    if src == source_tree.UPLOADED:
        labels = {
            "notebook": facts["notebook"],
            "python": facts["python_full"],
            "model-sha256": facts["pickle_sha256"],
            "golden-rows": str(facts["golden"]),
            "report": str(workspace.build / paths.REPORT),
        }
        if warning:
            labels["warning"] = warning
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps({"labels": [{_PREFIX + name: value} for name, value in labels.items()]}))
    return {"model": model, **missing_proof.facts(facts)}
