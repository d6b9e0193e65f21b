"""The fixtures as values: one folder is one case, run on this machine and in the image alike."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

FIXTURES = Path(__file__).parent / "fixtures"
# What check can't know: a folder that a cell puts into sys.path, what a decorator does, whether to batch would help.
UNKNOWN_BEFORE = ("no-model", "decorator", "module-of-the-repository")


@dataclass(frozen=True)
class Case:
    """One folder of test/fixtures: a repository, and what must come of it.

    `says` are words that assemble prints, `never` words that neither build nor service may print,
    `logs` words in the service's log. `env` holds extra settings, `ask` request bodies and `answer`
    what each gets: a JSON value, {"status": N} for an answer with that HTTP status, perhaps with the
    "detail" and the "errors" that its problem must have, or {"among": []} for an answer that is one of a
    list (models that are trained by chance). `only` names the one place (flow or image) where the case
    can run, `disk` the size of APP_ROOT's disk.
    """

    name: str
    repo: Path
    says: list[str]
    never: list[str]
    logs: list[str]
    env: dict[str, str]
    ask: list[bytes]
    answer: list[object]
    only: str
    disk: str

    @property
    def fails(self) -> bool:
        """Return whether the build of this repository must be refused."""
        return self.name.startswith("fail-")

    @property
    def problem(self) -> str:
        """Return the code of the problem that the build of this repository must end with, "" if it must succeed."""
        codes = [line.partition("(problem ")[2].rstrip(")") for line in self.says if "(problem " in line]
        return codes[0] if codes else ""

    @property
    def is_told_by_check(self) -> bool:
        """Return whether `check` says, without a build, what keeps its predictor from being batched: a place in it."""
        if not self.name.startswith("ok-not-batched-") or self.name.endswith(UNKNOWN_BEFORE):
            return False
        reason = self.says[0].partition("predictor is scored one by one: ")[2]
        return " (cell" in reason or "%%time" in reason

    def runs_in(self, place: str) -> bool:
        """Return whether the case can run in `place`: flow or image."""
        return self.only in ("", place)


def read(folder: Path) -> Case:
    """Return the case that `folder` holds; files that it leaves out count as empty."""
    return Case(
        name=folder.name,
        repo=folder / "repo",
        says=_lines(folder / "says.txt"),
        never=_lines(folder / "never.txt"),
        logs=_lines(folder / "logs.txt"),
        env=dict(line.split("=", 1) for line in _lines(folder / "env")),
        ask=[line.encode() for line in _lines(folder / "ask.ndjson")],
        answer=[json.loads(line) for line in _lines(folder / "answer.ndjson")],
        only="".join(_lines(folder / "only")),
        disk="".join(_lines(folder / "disk")),
    )


def all_of(prefix: str = "") -> list[Case]:
    """Return every case whose name starts with `prefix`, in the order of their names."""
    return [read(folder) for folder in sorted(FIXTURES.iterdir()) if folder.name.startswith(prefix)]


def named(name: str) -> Case:
    """Return the case called `name`; an unknown name is a FileNotFoundError."""
    if not (FIXTURES / name).is_dir():
        raise FileNotFoundError(f"no case {name} in {FIXTURES}")
    return read(FIXTURES / name)


def check_words(case: Case, output: str) -> None:
    """Fail unless each line of says.txt is in `output`, and none of never.txt."""
    # s2i trims the lines that it passes on.
    missing = [line for line in case.says if line.strip() not in output]
    assert missing == [], f"{case.name} does not say {missing}. It says:\n{output}"
    reported = [line for line in case.never if line in output]
    assert reported == [], f"{case.name} says {reported}. It says:\n{output}"


def check_answer(expected: object, status: int, body: bytes) -> None:
    """Fail unless the HTTP answer is what the line of answer.ndjson wants."""
    if isinstance(expected, dict) and {"status"} <= set(expected) <= {"status", "detail", "errors"}:
        assert status == expected["status"], body
        wanted = {name: value for name, value in expected.items() if name != "status"}
        assert wanted == {name: json.loads(body).get(name) for name in wanted}
        return
    assert status == 200, body
    if isinstance(expected, dict) and set(expected) == {"among"}:
        assert json.loads(body) in expected["among"], body
        return
    assert _same(expected, json.loads(body)), f"expected {expected}, got {body!r}"


def _same(expected: object, got: object) -> bool:
    # Written again instead of using nb_scorer's: a mistake there must not hide itself.
    if isinstance(expected, float):
        return isinstance(got, (int, float)) and math.isclose(expected, got, rel_tol=1e-6, abs_tol=1e-9)
    if isinstance(expected, list) and isinstance(got, list):
        return len(expected) == len(got) and all(map(_same, expected, got))
    if isinstance(expected, dict) and isinstance(got, dict):
        return expected.keys() == got.keys() and all(_same(expected[key], got[key]) for key in expected)
    return type(expected) is type(got) and expected == got


def _lines(file: Path) -> list[str]:
    if not file.exists():
        return []
    return [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
