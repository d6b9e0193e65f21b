"""The plan of a slim image: which distributions and files of a service image stay, and why."""

import json
from collections.abc import Container, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

from nb_scorer.common import paths
from nb_scorer.model import manifest
from packaging.utils import canonicalize_name

from nb_builder.common import installed
from nb_builder.common.installed import Distribution
from nb_builder.common.log import Log
from nb_builder.common.slim_levels import DISTRIBUTIONS, FILES, OFF
from nb_builder.slim.imports import dependency_graph, model_imports, optional_imports, pickle_imports
from nb_builder.slim.imports.import_scan import Modules
from nb_builder.slim.plan import unused_data, unused_files
from nb_builder.slim.trace import tracer
from nb_builder.slim.trace.selftest import SelftestEnded, Verdict

KEPT = "S2I_KEEP names it"


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
    service's environment and the standard library: only at level `files`. `named` are the modules that the
    notebook's code names. `notes` are sentences for people.
    """

    level: str
    kept: tuple[Choice, ...]
    dropped: tuple[Choice, ...] = ()
    opened: frozenset[str] = frozenset()
    left_out: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()
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
        return replace(self, level=OFF, kept=everything, dropped=(), left_out=frozenset(), notes=())

    def as_json(self) -> str:
        """Return the plan as text, for `from_json`."""
        return json.dumps(asdict(self), default=sorted)


def from_json(text: str) -> Plan:
    """Return the plan that `as_json` wrote."""
    told = json.loads(text)
    return Plan(
        level=told["level"],
        notes=tuple(told["notes"]),
        opened=frozenset(told["opened"]),
        left_out=frozenset(told["left_out"]),
        named=frozenset(told["named"]),
        kept=tuple(_choice(each) for each in told["kept"]),
        dropped=tuple(_choice(each) for each in told["dropped"]),
    )


def _choice(told: dict) -> Choice:
    lists = {name: tuple(told["distribution"][name]) for name in ("files", "requires")}
    return Choice(Distribution(**{**told["distribution"], **lists}), told["reason"], told["fixed"])


def not_installed(keep: Iterable[str], held: Iterable[Distribution]) -> list[str]:
    """Return the names in `keep` that no distribution has, however they are written."""
    known = {each.name for each in held}
    return [name for name in keep if canonicalize_name(name) not in known]


class Unproved(Exception):
    """The service is not as proved before anything was taken away; `differences` are sentences."""

    def __init__(self, differences: Iterable[str]) -> None:
        self.differences = tuple(differences)
        super().__init__("\n".join(self.differences))


def make(app_root: Path, *, home: Path, level: str, keep: Iterable[str], log: Log) -> Plan:
    """Trace the service of `app_root` and return what of it stays at `level`; not yet minimised.

    `home` is NB_BUILDER_HOME, where the service's environment is; `keep` are names for which
    `not_installed` found nothing. Raises Unproved where the service as it is does not answer rightly.
    """
    held = installed.installed(app_root / paths.VENV)
    if level == OFF:
        return whole(held)
    log.line("     tracing the service while it answers golden rows, odd samples and broken requests")
    try:
        traced = tracer.run(app_root, home=home, folders=unused_data.folders(held))
    except SelftestEnded as ended:
        raise Unproved([str(ended)]) from ended
    if not traced.verdict.same:
        raise Unproved(traced.verdict.differences)
    if not traced.complete:
        return whole(held, "The model's Python is older than 3.8 and can't be traced: nothing is dropped.")
    named = {**pickle_imports.named(app_root / paths.SRC, installed.modules(held)), **model_imports.imports(app_root)}
    made = chosen(level, held, tracer.used(traced.files, held), fixed_reasons(app_root, held, named, keep))
    made = with_needs(made, python_of(app_root))
    opened = frozenset(tracer.with_sources(traced.files))
    made = replace(made, opened=opened, named=frozenset(named), notes=notes_on(traced.verdict))
    if level == FILES and not traced.verdict.rows:
        return replace(made, level=DISTRIBUTIONS, notes=(*made.notes, "So no single files are dropped."))
    return with_files(made, traced, named, app_root, home) if level == FILES else made


def whole(held: Iterable[Distribution], note: str = "") -> Plan:
    """Return the plan that drops nothing."""
    kept = tuple(Choice(each, "nothing is dropped") for each in held)
    return Plan(OFF, kept, notes=(note,) if note else ())


def fixed_reasons(
    app_root: Path, held: tuple[Distribution, ...], named: Mapping[str, str], keep: Iterable[str]
) -> dict[str, str]:
    """Return {distribution: why it stays whatever the trace saw}, with what those declare to need.

    `named` are the modules that the notebook's code names, `keep` the distributions that the user does. What
    is imported where a named module is stays, too: not all declare it.
    """
    found = {name: f"{named[module]} names {module}" for name, module in model_imports.providers(named, held).items()}
    found.update({canonicalize_name(name): KEPT for name in keep})
    needed = dependency_graph.needed_by(found, held, python_of(app_root))
    owner = installed.owners(held)
    loading = Modules(installed.site_packages(app_root / paths.VENV)).loading(named)
    brought = {each.name: "what the notebook names imports it" for file in loading for each in owner.get(file, ())}
    return {**brought, **{name: f"{by} needs it" for name, by in needed.items()}, **found}


def chosen(level: str, held: Iterable[Distribution], used: Container[str], fixed: Mapping[str, str]) -> Plan:
    """Return the plan that keeps what is `used` or `fixed`."""
    kept, dropped = [], []
    for each in held:
        if each.name in fixed:
            kept.append(Choice(each, fixed[each.name], fixed=True))
        elif each.name in used:
            kept.append(Choice(each, "in use"))
        else:
            dropped.append(Choice(each, "not used"))
    return Plan(level, tuple(kept), tuple(dropped))


def python_of(app_root: Path) -> str:
    """Return the full version of the model's Python."""
    told = manifest.read(app_root / paths.MODEL)
    return told.get("python_full", told["python"])


def with_needs(plan: Plan, python: str) -> Plan:
    """Return `plan` with what it drops and a kept distribution requires and may import, whatever the trace saw."""
    kept, dropped = ([each.distribution for each in choices] for choices in (plan.kept, plan.dropped))
    needed = optional_imports.needs(kept, dropped, python)
    back = [each for each in plan.dropped if each.distribution.name in needed]
    words = [Choice(each.distribution, f"{needed[each.distribution.name]} may import it", fixed=True) for each in back]
    return replace(plan, kept=(*plan.kept, *words), dropped=tuple(each for each in plan.dropped if each not in back))


def noted(plan: Plan, python: str) -> Plan:
    """Return `plan` with a note on what it drops, and the notebook asked for, though loaded code may import it."""
    kept, dropped = ([each.distribution for each in choices] for choices in (plan.kept, plan.dropped))
    found = optional_imports.unasked(kept, dropped, tracer.with_sources(plan.opened), python)
    words = ", ".join(f"{name} (for {by})" for name, by in sorted(found.items()))
    note = f"Left out, though a request may need it: {words}. S2I_KEEP keeps it."
    return replace(plan, notes=(*plan.notes, note)) if found else plan


def with_files(plan: Plan, traced: tracer.Trace, lazily: Iterable[str], app_root: Path, home: Path) -> Plan:
    """Return `plan` with the single files that it leaves out: of what S2I_KEEP does not name.

    `lazily` are modules that the notebook's code names.
    """
    kept = [choice.distribution for choice in plan.kept]
    whole = [choice.distribution for choice in plan.kept if choice.reason == KEPT]
    left_out = unused_files.left_out(kept, whole, traced, lazily, app_root, home)
    note = () if traced.knows_data else ("The kernel did not tell which data files were opened: all of them stay.",)
    return replace(plan, left_out=left_out, notes=(*plan.notes, *note))


def notes_on(verdict: Verdict) -> tuple[str, ...]:
    """Return what people should know of a plan that was traced by the requests of `verdict`."""
    if not verdict.rows:
        words = "what only a prediction uses may be missing. Call predictor in a cell or define examples."
        return (f"There are no golden rows: {words}",)
    if not verdict.deterministic:
        return ("predictor answers the same sample differently each time: no answer can show that one is missing.",)
    return ()
