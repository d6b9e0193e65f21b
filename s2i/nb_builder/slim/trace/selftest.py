"""Runs a service's selftest (`python -m nb_service selftest`) and parses its verdict."""

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nb_scorer.protocol import launch

from nb_builder.common import programs


@dataclass(frozen=True)
class Verdict:
    """The result of a selftest: whether the service behaves as verified, with all its responses and its log.

    `answers` is {request: (status, response)}; `stderr` is the log without what changes from run to run.
    """

    same: bool
    rows: int
    deterministic: bool
    differences: tuple[str, ...]
    stderr: str
    answers: Mapping[str, tuple] = field(default_factory=dict)
    seconds: float | None = None


def run(app_root: Path, *, home: Path, environ: Mapping[str, str] | None = None) -> Verdict:
    """Run the selftest of the service of `app_root` with the service's environment in `home`; return its verdict.

    `environ` is added to this process's environment variables. Raises SelftestEnded if there is no verdict.
    """
    with tempfile.TemporaryDirectory() as folder:
        verdict_file = Path(folder) / "verdict.json"
        command: list[str | Path] = [
            home / "service" / "bin" / "python",
            "-I",
            "-m",
            "nb_service",
            "selftest",
            "--verdict",
            verdict_file,
        ]
        variables = {**launch.environment(os.environ), "APP_ROOT": str(app_root), **(environ or {})}
        process = programs.run(command, env=variables, cwd="/", stderr=subprocess.STDOUT)
        if process.returncode or not verdict_file.exists():
            raise SelftestEnded(process.stdout.strip())
        return parse(verdict_file.read_text("utf-8"))


class SelftestEnded(RuntimeError):
    """A selftest exited without a verdict; the message is its output."""


def parse(text: str) -> Verdict:
    """Return the verdict in `text`, the JSON that the selftest wrote."""
    verdict = json.loads(text)
    answers = {answer["asked"]: (answer["status"], answer["answer"]) for answer in verdict["answers"]}
    names = ("same", "rows", "deterministic", "stderr", "seconds")
    return Verdict(
        differences=tuple(verdict["differences"]), answers=answers, **{name: verdict[name] for name in names}
    )
