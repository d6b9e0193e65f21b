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
    """A distribution that is kept or dropped, and the reason, for people; a `fixed` one is never removed on trial."""

    distribution: Distribution
    reason: str
    fixed: bool = False


@dataclass(frozen=True)
class Plan:
    """What stays of the model's venv and, at level `files`, of the front and the standard library.

    All paths are absolute paths in the service image. `opened` is every file that the trace saw in use: opened,
    imported or mapped. `left_out` are single files, only at level `files`: unused modules of kept distributions, of the
    service's environment and of the standard library, and unused data. `named` are the modules that the notebook's code
    names. `notes` are sentences for people.
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
        """Return every file that is left out of the image; all other files stay."""
        needed = {file for choice in self.kept for file in choice.distribution.files}
        return self.left_out.union(*(choice.distribution.files for choice in self.dropped)) - (needed - self.left_out)

    def lower(self) -> "Plan":
        """Return the plan one level lower: `files`, `distributions`, `off`; a plan of level `off` stays the same."""
        if self.level == FILES:
            return replace(self, level=DISTRIBUTIONS, left_out=frozenset())
        kept = (*self.kept, *(replace(choice, reason="nothing is dropped") for choice in self.dropped))
        return replace(self, level=OFF, kept=kept, dropped=(), left_out=frozenset(), notes=())

    def as_json(self) -> str:
        """Return the plan as JSON, for `from_json`."""
        return json.dumps(asdict(self), default=sorted)


def from_json(text: str) -> Plan:
    """Return the plan that `as_json` wrote."""
    fields = json.loads(text)
    return Plan(
        level=fields["level"],
        notes=tuple(fields["notes"]),
        opened=frozenset(fields["opened"]),
        left_out=frozenset(fields["left_out"]),
        named=frozenset(fields["named"]),
        kept=tuple(_choice(choice) for choice in fields["kept"]),
        dropped=tuple(_choice(choice) for choice in fields["dropped"]),
    )


def _choice(fields: dict) -> Choice:
    lists = {name: tuple(fields["distribution"][name]) for name in ("files", "requires")}
    return Choice(Distribution(**{**fields["distribution"], **lists}), fields["reason"], fields["fixed"])


def not_installed(keep: Iterable[str], distributions: Iterable[Distribution]) -> list[str]:
    """Return the names in `keep` that no distribution has; names are compared in their normalised form."""
    known = {distribution.name for distribution in distributions}
    return [name for name in keep if canonicalize_name(name) not in known]


class Unproved(Exception):
    """The selftest fails before anything is left out; `differences` are sentences."""

    def __init__(self, differences: Iterable[str]) -> None:
        self.differences = tuple(differences)
        super().__init__("\n".join(self.differences))


def make(
    app_root: Path,
    *,
    home: Path,
    level: str,
    keep: Iterable[str],
    log: Log,
    digests: Mapping[str, str] | None = None,
) -> Plan:
    """Trace the service of `app_root` and return its plan for `level`, not yet minimised.

    `digests` are those of the model's signature, if that was verified.

    `home` is NB_BUILDER_HOME, where the service's environment is; `keep` are names of installed distributions. Raises
    Unproved if the selftest of the complete service fails.
    """
    distributions = installed.installed(app_root / paths.VENV)
    if level == OFF:
        return drop_nothing(distributions)
    log.line("     tracing the service during golden rows, unusual samples and malformed requests")
    try:
        trace = tracer.run(app_root, home=home, folders=unused_data.folders(distributions))
    except SelftestEnded as error:
        raise Unproved([str(error)]) from error
    if not trace.verdict.same:
        raise Unproved(trace.verdict.differences)
    if not trace.complete:
        note = "The model's Python is older than 3.8 and can't be traced: nothing is dropped."
        return drop_nothing(distributions, note)
    pickled = pickle_imports.named(app_root / paths.SRC, installed.modules(distributions))
    named_modules = {**pickled, **model_imports.imports(app_root, digests)}
    fixed = fixed_reasons(app_root, distributions, named_modules, keep)
    plan = choose(level, distributions, tracer.used(trace.files, distributions), fixed)
    plan = with_needs(plan, python_of(app_root))
    opened = frozenset(tracer.with_sources(trace.files))
    plan = replace(plan, opened=opened, named=frozenset(named_modules), notes=notes_on(trace.verdict))
    if level == FILES and not trace.verdict.rows:
        return replace(plan, level=DISTRIBUTIONS, notes=(*plan.notes, "No single files are removed."))
    return with_files(plan, trace, named_modules, app_root, home) if level == FILES else plan


def drop_nothing(distributions: Iterable[Distribution], note: str = "") -> Plan:
    """Return the plan of level `off`, which drops nothing."""
    kept = tuple(Choice(distribution, "nothing is dropped") for distribution in distributions)
    return Plan(OFF, kept, notes=(note,) if note else ())


def fixed_reasons(
    app_root: Path, distributions: tuple[Distribution, ...], named_modules: Mapping[str, str], keep: Iterable[str]
) -> dict[str, str]:
    """Return {distribution: why it stays regardless of the trace}, including declared dependencies.

    `named_modules` are the modules that the notebook's code names, `keep` the distributions that the user names. What
    importing a named module loads stays, too, because not every distribution declares its dependencies.
    """
    reasons = {
        name: f"{named_modules[module]} names {module}"
        for name, module in model_imports.providers(named_modules, distributions).items()
    }
    reasons.update({canonicalize_name(name): KEPT for name in keep})
    needed = dependency_graph.needed_by(reasons, distributions, python_of(app_root))
    owner = installed.owners(distributions)
    loaded = Modules(installed.site_packages(app_root / paths.VENV)).loading(named_modules)
    imported = {
        distribution.name: "imported by the notebook's packages"
        for file in loaded
        for distribution in owner.get(file, ())
    }
    return {**imported, **{name: f"{requirer} needs it" for name, requirer in needed.items()}, **reasons}


def choose(level: str, distributions: Iterable[Distribution], used: Container[str], fixed: Mapping[str, str]) -> Plan:
    """Return the plan that keeps what is `used` or `fixed`."""
    kept, dropped = [], []
    for distribution in distributions:
        if distribution.name in fixed:
            kept.append(Choice(distribution, fixed[distribution.name], fixed=True))
        elif distribution.name in used:
            kept.append(Choice(distribution, "in use"))
        else:
            dropped.append(Choice(distribution, "not used"))
    return Plan(level, tuple(kept), tuple(dropped))


def python_of(app_root: Path) -> str:
    """Return the full version of the model's Python."""
    content = manifest.read(app_root / paths.MODEL)
    return content.get("python_full", content["python"])


def with_needs(plan: Plan, python: str) -> Plan:
    """Return `plan` with dropped distributions kept if a kept one requires and may import them."""
    kept, dropped = ([choice.distribution for choice in choices] for choices in (plan.kept, plan.dropped))
    importers = optional_imports.needs(kept, dropped, python)
    restored = [choice for choice in plan.dropped if choice.distribution.name in importers]
    fixed = [
        Choice(choice.distribution, f"{importers[choice.distribution.name]} may import it", fixed=True)
        for choice in restored
    ]
    still_dropped = tuple(choice for choice in plan.dropped if choice not in restored)
    return replace(plan, kept=(*plan.kept, *fixed), dropped=still_dropped)


def with_note(plan: Plan, python: str) -> Plan:
    """Return `plan` with a note on dropped distributions that the notebook requires and loaded code may import."""
    kept, dropped = ([choice.distribution for choice in choices] for choices in (plan.kept, plan.dropped))
    importers = optional_imports.possible_imports(kept, dropped, tracer.with_sources(plan.opened), python)
    names = ", ".join(f"{name} (for {importer})" for name, importer in sorted(importers.items()))
    note = f"Left out, though a request may need it: {names}. S2I_KEEP keeps it."
    return replace(plan, notes=(*plan.notes, note)) if importers else plan


def with_files(plan: Plan, trace: tracer.Trace, named_modules: Iterable[str], app_root: Path, home: Path) -> Plan:
    """Return `plan` with the single files to leave out, except those of distributions in S2I_KEEP.

    `named_modules` are modules that the notebook's code names.
    """
    kept = [choice.distribution for choice in plan.kept]
    unpruned = [choice.distribution for choice in plan.kept if choice.reason == KEPT]
    left_out = unused_files.left_out(kept, unpruned, trace, named_modules, app_root, home)
    notes = (
        () if trace.knows_data else ("The kernel did not report which data files were opened, so all of them stay.",)
    )
    return replace(plan, left_out=left_out, notes=(*plan.notes, *notes))


def notes_on(verdict: Verdict) -> tuple[str, ...]:
    """Return notes on the reliability of a plan whose trace is the selftest of `verdict`."""
    if not verdict.rows:
        consequence = "files that only predictions use may be missing. Call predictor in a cell or define examples."
        return (f"There are no golden rows: {consequence}",)
    if not verdict.deterministic:
        return ("predictor returns different predictions for the same sample, which hides missing files.",)
    return ()
