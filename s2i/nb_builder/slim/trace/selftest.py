"""Has a service test itself (`python -m nb_service selftest`) and reads its verdict."""

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nb_scorer.protocol import launch


@dataclass(frozen=True)
class Verdict:
    """What a service said of itself: whether it is as proved, and every answer and line of its log.

    `answers` is {question: (status, answer)}; `stderr` is the log without what changes from run to run.
    """

    same: bool
    rows: int
    deterministic: bool
    differences: tuple[str, ...]
    stderr: str
    answers: Mapping[str, tuple] = field(default_factory=dict)
    seconds: float | None = None


def ask(app_root: Path, *, home: Path, environ: Mapping[str, str] | None = None) -> Verdict:
    """Return the verdict on the service of `app_root` by the environment in `home`.

    `environ` comes on top of this process's own. Raises RuntimeError for a selftest that says nothing.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "verdict.json"
        command: list[str | Path] = [
            home / "service" / "bin" / "python",
            "-I",
            "-m",
            "nb_service",
            "selftest",
            "--verdict",
            file,
        ]
        ran = subprocess.run(
            command,
            env={**launch.environment(os.environ), "APP_ROOT": str(app_root), **(environ or {})},
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        if ran.returncode or not file.exists():
            raise SelftestEnded(ran.stdout.strip())
        return read(file.read_text("utf-8"))


class SelftestEnded(RuntimeError):
    """A selftest ended before it had a verdict; its last words."""


def read(text: str) -> Verdict:
    """Return the verdict that `selftest` wrote as `text`."""
    told = json.loads(text)
    answers = {one["asked"]: (one["status"], one["answer"]) for one in told["answers"]}
    names = ("same", "rows", "deterministic", "stderr", "seconds")
    return Verdict(differences=tuple(told["differences"]), answers=answers, **{name: told[name] for name in names})
