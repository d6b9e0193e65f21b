"""Chooses package versions for the Python that builds a notebook, as of a date that fits it."""

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from nb_builder.analysis import removed_apis
from nb_builder.analysis.removed_apis import Use
from nb_builder.common import programs, resolve_date
from nb_builder.common.cell import Cell
from nb_builder.common.resolve_date import AsOf
from nb_builder.install import interpreters
from nb_builder.install.installer import UV, cutoff, resolving_environ
from nb_builder.install.interpreters import Python
from nb_builder.preflight.undeclared_imports import Import
from nb_builder.requirements import pip_config
from nb_builder.requirements.import_names import providing

MAX_CANDIDATES = 3
# The reason that applies to all candidates.
UNREACHABLE = "the package index can't be reached"
_UNREACHABLE = "Failed to fetch"
# Today's packages fit a notebook that was changed within this many days.
_RECENT_DAYS = 60
# Before this date, the oldest supported Python had no packages.
_EARLIEST = "2018-01-01"
_SECONDS = 300

_WHEELS_ONLY = ["--only-binary", ":all:"]
# Packages whose source distributions need a compiler and minutes to build.
_COMPILED = """
    catboost cython gensim h5py lightgbm lxml matplotlib numba numpy opencv-python opencv-python-headless pandas pillow
    pyarrow scikit-image scikit-learn scipy shap spacy statsmodels tables tensorflow tokenizers torch torchvision
    xgboost
""".split()  # noqa: SIM905

# Undeclared dependencies of packages, at least of old releases: {distribution: others}.
_ALSO = {
    "keras": ("tensorflow",),
    "scikeras": ("tensorflow",),
    "scikit-learn": ("numpy", "scipy"),
    "skorch": ("torch",),
    "statsmodels": ("numpy", "pandas", "patsy", "scipy"),
    "tensorflow-hub": ("tensorflow",),
}
# Faulty releases that were fixed within a week: {distribution: versions}.
_BROKEN = {
    # to_dict("records") renames columns such as "Income ($)".
    "pandas": ("0.24.0",),
}
# Undeclared dependencies for a file type or a method: (distribution, pattern of the use, others).
_BY_USE = (
    ("pandas", re.compile(r"\bread_excel\([^)\n]*\.xlsx|\bto_excel\(|\bExcelFile\([^)\n]*\.xlsx"), "openpyxl"),
    ("pandas", re.compile(r"\bread_excel\("), "xlrd"),
    ("pandas", re.compile(r"\b(?:read|to)_(?:parquet|feather)\("), "pyarrow"),
    ("pandas", re.compile(r"\bread_html\("), "lxml"),
    ("pandas", re.compile(r"\b(?:read_hdf|to_hdf|HDFStore)\("), "tables"),
    ("pandas", re.compile(r"\.style\b"), "jinja2"),
    ("pandas", re.compile(r"\.to_markdown\("), "tabulate"),
    ("pandas", re.compile(r"\.plot\b|\.hist\(|\.boxplot\("), "matplotlib"),
    ("catboost", re.compile(r"\bplot=True\b|\bMetricVisualizer\("), "ipywidgets"),
    ("tensorflow", re.compile(r"TF_USE_LEGACY_KERAS"), "tf-keras"),
    ("lightgbm", re.compile(r"\bplot_tree\(|\bcreate_tree_digraph\("), "graphviz"),
    ("lightgbm", re.compile(r"\bplot_(?:tree|metric|importance|split_value_histogram)\("), "matplotlib"),
    ("lightgbm", re.compile(r"\bLGBM\w+\("), "scikit-learn"),
    ("xgboost", re.compile(r"\bplot_tree\(|\bto_graphviz\("), "graphviz"),
    ("xgboost", re.compile(r"\bplot_(?:tree|importance)\("), "matplotlib"),
    ("xgboost", re.compile(r"\bXGB\w+\("), "scikit-learn"),
)


@dataclass(frozen=True)
class Wishes:
    """What a notebook depends on: distributions, the author's versions of them, and limits for the date.

    `unknown` are imports without a known package. `uses` are APIs that later releases removed.
    """

    names: tuple[str, ...]
    declared: tuple[Requirement, ...] = ()
    unknown: tuple[Import, ...] = ()
    uses: tuple[Use, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """A Python and a date (None for today) to resolve for, with or without the author's versions."""

    python: Python
    as_of: AsOf | None
    keeps_versions: bool = True

    def __str__(self) -> str:
        day = f"packages of {self.as_of.day} ({self.as_of.source})" if self.as_of else "today's packages"
        return f"Python {self.python.minor}, {day}"


@dataclass(frozen=True)
class Resolution:
    """Exact versions of the notebook's direct dependencies that can be installed together for a candidate."""

    candidate: Candidate
    entries: tuple[tuple[str, str], ...]


def wishes(imports: Sequence[Import], cells: Sequence[Cell], declared: Sequence[Requirement]) -> Wishes:
    """Return the packages that the imports of `cells` need, with the `declared` versions."""
    names: dict[str, None] = {}
    unknown = []
    for imported in imports:
        name = providing(imported.module)
        if name is None:
            unknown.append(imported)
        else:
            names[canonicalize_name(name)] = None
    for name in list(names):
        names.update(dict.fromkeys(_ALSO.get(name, ())))
    source = "\n".join(cell.source for cell in cells)
    needed = [other for name, pattern, other in _BY_USE if name in names and pattern.search(source)]
    names.update(dict.fromkeys(needed))
    uses = removed_apis.uses(cells, frozenset(names))
    return Wishes(tuple(sorted(names)), tuple(declared), tuple(unknown), tuple(uses))


def date_of(changed: AsOf | None, uses: Sequence[Use]) -> AsOf | None:
    """Return the date to resolve to: that of the notebook, or the last day before a used API was removed.

    None means today, for notebooks that changed recently or whose date is unknown. The earlier of the two dates counts.
    """
    limits = [(use.removal.day, use) for use in uses]
    oldest = min(limits, key=lambda limit: limit[0], default=None)
    today = datetime.now(timezone.utc).date()
    day = date.fromisoformat(changed.day) if changed else today
    if oldest and date.fromisoformat(oldest[0]) <= day:
        before = date.fromisoformat(oldest[0]) - timedelta(days=1)
        removal = oldest[1].removal
        source = f"{removal.package} {removal.version} no longer has '{oldest[1].name}'"
        return _as_of(max(before, date.fromisoformat(_EARLIEST)), source)
    if changed is None or (today - day).days < _RECENT_DAYS:
        return None
    return _as_of(max(day, date.fromisoformat(_EARLIEST)), changed.source)


def _as_of(day: date, source: str) -> AsOf:
    value = resolve_date.read(day.isoformat())
    if not isinstance(value, datetime):
        raise TypeError("a day is not a date")
    return AsOf(value, source)


def candidates(first: Candidate, setting: str | None, environ: Mapping[str, str]) -> Iterator[Candidate]:
    """Yield `first` and then fallbacks: without the author's versions, another Python, today.

    `setting` is S2I_PYTHON; if set, no other Python is tried.
    """
    yield first
    found = interpreters.find(environ) if setting is None else {}
    if first.as_of:
        allowed = [minor for wish in interpreters.of_date(first.as_of.day) for minor in wish.minors()]
        fitting = [found[minor] for minor in allowed if minor in found]
        if fitting and fitting[-1].minor != first.python.minor:
            yield Candidate(fitting[-1], first.as_of, keeps_versions=False)
    yield replace(first, keeps_versions=False)
    if first.as_of:
        yield Candidate(first.python, None, keeps_versions=False)


def resolve(
    wished: Wishes, candidate: Candidate, environ: Mapping[str, str], *, builds: bool = False
) -> Resolution | str:
    """Return the versions for a candidate, or the resolver's reason for failure as a sentence.

    A package without a wheel is only considered with `builds`: its build script can be any code.
    """
    own = {canonicalize_name(each.name) for each in wished.declared} if candidate.keeps_versions else set()
    names = sorted({*wished.names, *own})
    lines = [_line(name, wished, keeps=candidate.keeps_versions) for name in names]
    reason = ""
    # Old releases without a wheel for this Python would have to be built, which takes minutes and usually fails.
    only_wheels = [option for name in _COMPILED for option in ("--only-binary", name)]
    for flags in (only_wheels, []) if builds else (_WHEELS_ONLY,):
        outcome = _compile(lines, candidate, flags, environ)
        if isinstance(outcome, dict):
            entries = [(name, outcome[name]) for name in names if name in outcome]
            return Resolution(candidate, tuple(entries))
        reason = reason or outcome
    return reason


def _line(name: str, wished: Wishes, *, keeps: bool) -> str:
    below = ",".join(f"<{use.removal.version}" for use in wished.uses if use.removal.package == name)
    own = [str(each.specifier) for each in wished.declared if canonicalize_name(each.name) == name] if keeps else []
    not_broken = [] if own else [f"!={version}" for version in _BROKEN.get(name, ())]
    return f"{name}{','.join(part for part in (*own, below, *not_broken) if part)}"


def _compile(
    lines: Sequence[str], candidate: Candidate, flags: Sequence[str], environ: Mapping[str, str]
) -> dict[str, str] | str:
    command = [str(UV), "pip", "compile", "--no-header", "--no-annotate", "--no-progress", "--quiet"]
    command += [
        "--python",
        str(candidate.python.path),
        *pip_config.for_uv(pip_config.read(environ), environ)[1],
        *flags,
    ]
    command += cutoff(candidate.as_of)
    try:
        completed = programs.run(
            [*command, "-"],
            env=resolving_environ(candidate.python.minor, environ),
            input="\n".join(lines) + "\n",
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"not finished after {_SECONDS} seconds"
    if completed.returncode:
        return _reason(pip_config.without_credentials(completed.stderr))
    found = re.findall(r"^([\w.-]+)==(\S+)", completed.stdout, re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def _reason(output: str) -> str:
    """Return uv's explanation as one sentence."""
    if _UNREACHABLE in output:
        return UNREACHABLE
    text = re.sub(r"\s+", " ", re.sub(r"[\u00d7\u2570\u2500\u25b6\u2502]|help:.*|hint:.*", " ", output)).strip()
    return text.removeprefix("No solution found when resolving dependencies: ")[:300]
