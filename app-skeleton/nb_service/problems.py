"""Every problem that whoever runs a service can meet: what, why, fix, under a stable code."""

import os
from collections.abc import Iterable
from pathlib import Path

from nb_scorer.common.problem import Problem, SettingInvalid
from nb_scorer.model.problems import ModelDamaged, ModelFormatUnknown, ModelLoadFailed, ModelMissing, ModelPythonDiffers

__all__ = [
    "ApiKeyUnreadable",
    "BackendUnknown",
    "ModelDamaged",
    "ModelFormatUnknown",
    "ModelLoadFailed",
    "ModelMissing",
    "ModelPythonDiffers",
    "PortTaken",
    "Problem",
    "SettingInvalid",
    "golden_damaged",
    "load_did_not_end",
    "load_ended",
    "load_not_started",
    "model_problem",
    "model_unreadable",
    "not_as_written",
    "unreadable",
]


class BackendUnknown(Problem):
    """S2I_BACKEND names no back end that is installed."""

    code = "backend-unknown"

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(
            what=f"S2I_BACKEND={name!r} is not a back end that is installed here.",
            why="A back end is found by its name; these are there: " + (", ".join(known) or "none") + ".",
            fix="Set S2I_BACKEND to one of them, or leave it out for http.",
        )


class PortTaken(Problem):
    """The address to listen on can't be had."""

    code = "port-taken"

    def __init__(self, host: str, port: int, reason: str | None) -> None:
        super().__init__(
            what=f"Can't listen on {host} port {port}: {reason}.",
            why="A service needs an address of its own that this user may listen on.",
            fix="Set PORT to a free port above 1023, or stop what listens there.",
        )


class ApiKeyUnreadable(Problem):
    """S2I_API_KEY_FILE is set, and there is no key to be had from it."""

    code = "api-key-unreadable"

    def __init__(self, path: str | Path, reason: object) -> None:
        super().__init__(
            what=f"S2I_API_KEY_FILE={path!r} can't be used: {reason}.",
            why="Without a key to compare with, the service would be open, or closed to all.",
            fix="Mount a file there that this user may read, with one key a line; or leave the setting out.",
        )


_OF_THE_MODEL = {
    kind.code: kind for kind in (ModelMissing, ModelFormatUnknown, ModelPythonDiffers, ModelDamaged, ModelLoadFailed)
}


def model_problem(facts: dict) -> Problem:
    """Return the problem that a process of the model Python reported as `facts` (code, what, why, fix)."""
    kind = _OF_THE_MODEL.get(facts["code"], ModelLoadFailed)
    problem = kind.__new__(kind)
    Problem.__init__(problem, facts["what"], facts["why"], facts["fix"])
    return problem


def load_ended(ending: str) -> Problem:
    """Return the problem of a process that ended without a word while it loaded the model."""
    return _load_failed(
        what=f"The model did not load: its process {ending} while loading.",
        why="What crashes, exits or runs out of memory while loading can't be served.",
        fix="Look at the log above; give the container more memory if it was killed (signal 9).",
    )


def load_did_not_end(seconds: float) -> Problem:
    """Return the problem of a process that did not finish loading in time."""
    return _load_failed(
        what=f"The model did not load within {seconds:g} seconds.",
        why="A model that takes too long to load keeps a service from getting ready.",
        fix="Raise S2I_VERIFY_TIMEOUT, or let less be in the predictor's reach.",
    )


def load_not_started(python: object, reason: str) -> Problem:
    """Return the problem of a model Python that can't be run."""
    return _load_failed(
        what=f"The model Python {python} does not start: {reason}.",
        why="The model is loaded by the interpreter of the notebook's own environment.",
        fix="Run assemble again on this machine.",
    )


def golden_damaged(path: object, reason: str) -> Problem:
    """Return the problem of golden rows that are none."""
    return not_as_written(path, reason, "The golden rows decide whether a service is ready.")


def not_as_written(
    path: object, reason: str, why: str = "What was cut off or changed could be served as something else."
) -> Problem:
    """Return the problem of a file of the model's that can't be meant."""
    return model_problem(
        {
            "code": ModelDamaged.code,
            "what": f"{path} is not what assemble wrote: {reason}.",
            "why": why,
            "fix": "Build the notebook again, or copy what assemble wrote again.",
        }
    )


def unreadable(path: object, refused: OSError) -> Problem:
    """Return the problem of a file or folder of the model's that the system does not let us read."""
    if isinstance(refused, PermissionError):
        return model_unreadable(path)
    return not_as_written(path, f"it can't be read ({refused.strerror})")


def model_unreadable(path: object) -> Problem:
    """Return the problem of a model that belongs to somebody else."""
    return model_problem(
        {
            "code": ModelMissing.code,
            "what": f"There is no model that this user may read: {path} is closed to user {os.getuid()}.",
            "why": "A service may run as any user, who needs to read all that assemble wrote.",
            "fix": "Open it (chmod -R g=u, and run with group 0), or run as the user who built it.",
        }
    )


def _load_failed(**words: str) -> Problem:
    return model_problem({"code": ModelLoadFailed.code, **words})
