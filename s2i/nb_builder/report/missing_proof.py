"""The warning about a model without golden rows, which is unverified: for the log, the report and the image's label."""

from collections.abc import Mapping

from nb_scorer.model.golden_rows import samples_to_add

from nb_builder.common.log import Log
from nb_builder.problems.build_problem import BuildProblem
from nb_builder.problems.contract import ProofMissing, SetupNotInBuild


def missing(manifest: Mapping) -> BuildProblem | None:
    """Return the problem of the model that `manifest` describes if it has no golden row, else None."""
    if manifest["golden"]:
        return None
    if manifest.get("setup_in_build") is False:
        return SetupNotInBuild(notebook=manifest["notebook"])
    return ProofMissing(notebook=manifest["notebook"], samples=samples_to_add(manifest.get("sample_hint") or {}))


def require(manifest: Mapping) -> None:
    """Raise ProofMissing or SetupNotInBuild for a model without a golden row."""
    problem = missing(manifest)
    if problem is not None:
        raise problem


def facts(manifest: Mapping) -> dict[str, object]:
    """Return the report's facts: whether the model is verified, and a list of warnings."""
    problem = missing(manifest)
    return {"proved": problem is None, "warnings": [problem.as_json()] if problem else []}


def label(manifest: Mapping) -> str:
    """Return the text of the warning label, "" for a model that has golden rows."""
    problem = missing(manifest)
    return f"{problem.what} {problem.fix}" if problem else ""


def warn(manifest: Mapping, log: Log) -> None:
    """Log a warning about a model without a golden row; call it last, because users see the end of a log."""
    problem = missing(manifest)
    if problem is not None:
        log.line(f"WARNING: {problem.what}")
        log.line(f"  Why: {problem.why}")
        log.line(f"  Fix: {problem.fix}")
        log.line(f"  ({problem.code}; S2I_REQUIRE_PROOF=1 makes it an error)")
