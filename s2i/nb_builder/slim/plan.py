"""The plan of a slim image: which distributions and files of a service image stay, and why."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

from nb_builder.log import Log
from nb_builder.slim.distributions import Distribution

OFF = "off"
DISTRIBUTIONS = "distributions"
FILES = "files"
LEVELS = (OFF, DISTRIBUTIONS, FILES)


@dataclass(frozen=True)
class Choice:
    """What becomes of a distribution, and the words that say why; a `fixed` one is no candidate for dropping."""

    distribution: Distribution
    reason: str
    fixed: bool = False


@dataclass(frozen=True)
class Plan:
    """What of the model's venv (and, at level `files`, of the whole Python) stays.

    All paths are absolute ones of the service image. `opened` is every file that the trace saw in use:
    opened, imported or mapped. `left_out` are modules that nothing loaded, of kept distributions, the
    service's environment and the standard library: only at level `files`. `notes` are sentences for people.
    """

    level: str
    kept: tuple[Choice, ...]
    dropped: tuple[Choice, ...] = ()
    opened: frozenset[str] = frozenset()
    left_out: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()

    @cached_property
    def gone(self) -> frozenset[str]:
        """Return every file that is not to be in the image: what is not in here, stays."""
        needed = {file for choice in self.kept for file in choice.distribution.files}
        return self.left_out.union(*(choice.distribution.files for choice in self.dropped)) - (needed - self.left_out)

    def lower(self) -> "Plan":
        """Return the plan one level down; the lowest one is its own."""
        if self.level == FILES:
            return replace(self, level=DISTRIBUTIONS, left_out=frozenset())
        everything = (*self.kept, *(replace(choice, reason="nothing is dropped") for choice in self.dropped))
        return replace(self, level=OFF, kept=everything, dropped=(), left_out=frozenset())

    def as_json(self) -> str:
        """Return the plan as text, for `from_json`."""
        return json.dumps(asdict(self), default=sorted)


def from_json(text: str) -> Plan:
    """Return the plan that `as_json` wrote."""
    told = json.loads(text)
    sets = {name: frozenset(told[name]) for name in ("opened", "left_out")}
    choices = {name: tuple(_choice(each) for each in told[name]) for name in ("kept", "dropped")}
    return Plan(level=told["level"], notes=tuple(told["notes"]), **sets, **choices)


def _choice(told: dict) -> Choice:
    lists = {name: tuple(told["distribution"][name]) for name in ("files", "requires")}
    return Choice(Distribution(**{**told["distribution"], **lists}), told["reason"], told["fixed"])


def not_installed(keep: Iterable[str], held: Iterable[Distribution]) -> list[str]:
    """Return the names in `keep` that no distribution has, however they are written."""
    raise NotImplementedError


def make(app_root: Path, *, home: Path, level: str, keep: Iterable[str], log: Log) -> Plan:
    """Trace the service of `app_root` and return what of it stays at `level`; not yet minimised.

    `home` is NB_BUILDER_HOME, where the service's environment is; `keep` are names for which
    `not_installed` found nothing. Raises SelftestFailed where the service as it is does not answer.
    """
    raise NotImplementedError
