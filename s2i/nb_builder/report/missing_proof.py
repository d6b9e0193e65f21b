"""Whether anything proves that a model answers: words for one without a golden row, wherever they are shown."""

from collections.abc import Mapping

from nb_scorer.model.golden_rows import samples_to_add

from nb_builder.common.log import Log
from nb_builder.problems.contract import ProofMissing


def missing(manifest: Mapping) -> ProofMissing | None:
    """Return what there is to say of the model that `manifest` describes if it has no golden row."""
    if manifest["golden"]:
        return None
    return ProofMissing(notebook=manifest["notebook"], samples=samples_to_add(manifest.get("sample_hint") or {}))


def require(manifest: Mapping) -> None:
    """Raise ProofMissing for a model without a golden row."""
    problem = missing(manifest)
    if problem is not None:
        raise problem


def facts(manifest: Mapping) -> dict[str, object]:
    """Return what the report says of it."""
    problem = missing(manifest)
    warnings = [{name: getattr(problem, name) for name in ("code", "what", "why", "fix")}] if problem else []
    return {"proved": problem is None, "warnings": warnings}


def label(manifest: Mapping) -> str:
    """Return the label's words, "" for a model that has golden rows."""
    problem = missing(manifest)
    return f"{problem.what} {problem.fix}" if problem else ""


def warn(manifest: Mapping, log: Log) -> None:
    """Print a warning, meant for the last lines of a build, about a model without a golden row."""
    problem = missing(manifest)
    if problem is not None:
        log.line(f"WARNING: {problem.what}")
        log.line(f"  Why: {problem.why}")
        log.line(f"  Fix: {problem.fix}")
        log.line(f"  ({problem.code}; S2I_REQUIRE_PROOF=1 makes it an error)")
