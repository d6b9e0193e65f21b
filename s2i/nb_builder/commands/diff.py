"""`nb-builder diff`: compares the predictions of two services for the same samples, with their speed and size."""

import argparse
import json
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nb_scorer.common import phrases
from nb_service.log import visible

from nb_builder.commands.command_line import ProblemParser, run
from nb_builder.common.log import Log
from nb_builder.common.settings import Settings
from nb_builder.common.visible import json_text
from nb_builder.comparison import limits, page, report, same_inputs, samples, services, text
from nb_builder.comparison.engine import Engine
from nb_builder.comparison.problems import DiffInputs, DiffUnwritten, DiffWords
from nb_builder.comparison.trial import Trial

USAGE = "nb-builder diff OLD NEW SAMPLES [OPTION…]"


def _parser() -> ProblemParser:
    parser = ProblemParser("diff", USAGE, DiffWords)
    add = parser.add_argument
    add("old", metavar="OLD", help="an image, or the folder (APP_ROOT) of a local build")
    add("new", metavar="NEW", help="the other version, likewise")
    add("samples", metavar="SAMPLES", help="golden for the golden rows of both, or files as for `batch`")
    add("--max-different", default="", metavar="N|P%", help="maximum number or share of rows that differ")
    add("--max-difference", default="", metavar="X|P%", help="maximum difference of two numbers, absolute or relative")
    add("--max-latency-ratio", default="", metavar="R", help="maximum time of NEW, relative to OLD")
    add("--max-memory-ratio", default="", metavar="R", help="maximum memory of NEW, relative to OLD")
    add("--json", action="store_true", help="print the report as JSON on stdout and everything else on stderr")
    add("--json-file", default="", metavar="FILE", help="write the report as JSON to a file")
    add("--html", default="", metavar="FILE", help="write the report as a page with plots")
    add("--read", default="", metavar="WORDS", help="options of `batch` for reading samples: '--sample x,y'")
    add("--engine", default="docker", metavar="PROGRAM", help="docker or podman")
    add("--help", "-h", action="store_true", help="show this")
    return parser


def main(arguments: Sequence[str]) -> None:
    """Compare the targets that `arguments` name, and print the report; raise SystemExit(3) if a limit is exceeded.

    Raises the problems of comparison, or SystemExit with the status of `batch` for samples that can't be read.
    """
    run(_parser(), arguments, _compared)


def _compared(given: argparse.Namespace) -> dict[str, Any]:
    """Compare, print and write the report; return it."""
    _require(given)
    chosen = [limits.read(name, getattr(given, name.lower())) for name in limits.NAMES]
    log = Log(sys.stderr if given.json else None)
    targets = [path for path in (given.html, given.json_file) if path]
    for path in targets:
        _check_target(path)
    engine = Engine(given.engine, os.environ)
    old, new = services.find("OLD", given.old, engine), services.find("NEW", given.new, engine)
    rows = samples.read(given.samples, _split(given.read), old, new, Settings().home)
    _check_inputs(old, new)
    log.step(f"Comparing {given.old} and {given.new} on {phrases.counted(len(rows.rows), 'row')} of {given.samples}")
    trial = Trial(samples.tolerance(old, new))
    trial.run(old, new, rows.rows, log.step)
    for each in (old, new):
        if each.kind == "image" and each.has_network:
            log.note(
                f"{each.name} could reach other hosts during the comparison, because this machine can't reach "
                "containers on an isolated network"
            )
    verdicts = [limits.judge(limit, trial.tally, trial.speed, trial.memory) for limit in chosen if limit is not None]
    made = report.build(old, new, rows, trial, verdicts)
    if given.json_file:
        _write(given.json_file, json.dumps(made, indent=1) + "\n")
    if given.html:
        _write(given.html, page.render(made, trial))
    for line in text.lines(made):
        log.line(visible(line))
    if given.json:
        print(json_text(made, indent=1))
    for path in targets:
        log.step(f"The report is in {path}")
    return made


def _require(given: argparse.Namespace) -> None:
    """Raise DiffWords for an empty name, most likely an unset shell variable."""
    for name in ("old", "new", "samples"):
        if not getattr(given, name):
            raise DiffWords(reason=f"{name.upper()} is not given")


def _split(given: str) -> list[str]:
    try:
        return shlex.split(given)
    except ValueError as error:
        raise DiffWords(reason=f"{given!r} can't be split into arguments: {error}") from error


def _check_inputs(old: services.Candidate, new: services.Candidate) -> None:
    """Raise DiffInputs if the two accept different samples, unless both accept a golden row."""
    reason = same_inputs.difference(old.model.sample_schema, new.model.sample_schema)
    if reason and not samples.common(old, new)[0]:
        raise DiffInputs(old=old.name, new=new.name, reason=reason)


def _check_target(path: str) -> None:
    """Raise DiffUnwritten, before any work, for a file that can't be written."""
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise DiffUnwritten(path=path, reason="its folder does not exist")
    if os.path.isdir(path):
        raise DiffUnwritten(path=path, reason="it is a folder")
    if not os.access(path if os.path.exists(path) else folder, os.W_OK):
        raise DiffUnwritten(path=path, reason="this user can't write there")


def _write(path: str, content: str) -> None:
    try:
        Path(path).write_text(content, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise DiffUnwritten(path=path, reason=error.strerror or str(error)) from error
