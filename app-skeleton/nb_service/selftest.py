"""Tests the real service as a client: golden rows must get their predictions, and invalid requests must be rejected.

It needs only this environment and the loopback address: no writable folder, shell or particular user.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path

from nb_scorer.common import paths, phrases
from nb_scorer.model import compare_answers, golden_rows

from nb_service import identity, model_folder, selftest_requests
from nb_service.model_folder import ModelFolder
from nb_service.selftest_client import Child, NoAnswer
from nb_service.settings import Settings

SHOWN = 300
# The seconds for invalid samples made up here: a predictor may never finish one.
ODD_SECONDS = 5.0
# Settings for the user's clients, and settings that would make the service reject some requests of this test.
NOT_FOR_US = (
    *("S2I_API_KEY_FILE", "S2I_EXPORT", "S2I_CORS_ORIGINS", "S2I_MAX_BODY", "S2I_MAX_QUEUE", "S2I_MAX_REQUESTS"),
    *("S2I_APP_MEMORY", "S2I_FRONT", "S2I_LINGER", "S2I_MAX_HELD"),
    *("S2I_MAX_SAMPLES", "S2I_NOTEBOOK_PAGE", "AIP_PREDICT_ROUTE", "AIP_HEALTH_ROUTE"),
)
OURS = {
    "PORT": "0",
    "S2I_HOST": "127.0.0.1",
    "S2I_GRACE": "0",
    "S2I_LOG_FORMAT": "text",
    "S2I_BACKEND": "http",
    "S2I_GRPC_PORT": "off",
    "WEB_CONCURRENCY": "1",
}


def main(args: list[str], environ: dict, broken: Callable[[], list[str]] = list) -> int:
    """Print the differences, or one line if there are none; return 1 or 0.

    `broken` returns sentences about parts of the service that no request tests.

    With `--verdict FILE`, write the verdict there as JSON, or print it if that fails, and always return 0.
    """
    settings = Settings(environ)
    verdict = run(Path(settings.app_root).absolute(), settings, environ)
    verdict["differences"] += broken()
    verdict["same"] = not verdict["differences"]
    print("\n".join(verdict["differences"]) or summary(verdict), flush=True)
    if not args:
        return 0 if verdict["same"] else 1
    text = json.dumps(verdict)
    try:
        Path(args[1]).write_text(text + "\n", "utf-8")
    except OSError:
        print(text, flush=True)
    return 0


def run(app_root: Path, settings: Settings, environ: dict) -> dict:
    """Return the verdict on the model under `app_root`; raise the problem of one that can't be read.

    {"same", "rows", "deterministic", "differences": sentences, "answers": one dict per request, "stderr": the log
    without parts that change from run to run, "seconds": until it was ready}
    """
    model = model_folder.read(app_root, settings.trust)
    test = SelfTest(model, settings)
    child = Child({**{key: value for key, value in environ.items() if key not in NOT_FOR_US}, **ours(environ)})
    began = time.monotonic()
    try:
        child.ready(settings.verify_timeout)
        seconds = round(time.monotonic() - began, 2)
        page = (model.folder.parent / paths.BUILD / paths.NOTEBOOK_PAGE).is_file()
        test.ask(child, has_notebook=page)
        child.end()
    except NoAnswer as error:
        seconds = None
        test.differences.append(str(error))
    finally:
        child.close()
    return {**test.verdict(), "stderr": child.steady_log(), "seconds": seconds}


def ours(environ: dict) -> dict:
    """Return the settings of the service under test: one scorer, with one native thread, as in verification."""
    return {**OURS, "OMP_NUM_THREADS": environ.get("OMP_NUM_THREADS") or "1"}


def summary(verdict: dict) -> str:
    """Return the line for a service without differences."""
    rows = golden_rows.counted(verdict["rows"])
    alike = (
        "with the same predictions"
        if verdict["deterministic"]
        else "with predictions (predictor is random, so they differ)"
    )
    requests = f"{len(verdict['answers'])} requests with the expected responses"
    return f"Selftest: {rows} {alike}, {requests}." if verdict["rows"] else f"Selftest: {requests}; no golden rows."


class SelfTest:
    """The test of one service: its responses, and the `differences` so far."""

    def __init__(self, model: ModelFolder, settings: Settings) -> None:
        self.differences: list[str] = []
        default = {identity.read_identity(model, settings.model_name).name: model} if model.has_default else {}
        self._rows_of = {name: each.golden_rows() for name, each in (default | model.predictors).items()}
        # Requests to routes of a single model go to the first one.
        self._name = next(iter(self._rows_of))
        self._path = selftest_requests.PREDICT + ("" if default else f"/{self._name}")
        self._deterministic = model.manifest.get("deterministic") is not False
        self._tolerance = model.manifest.get("tolerance", settings.tolerance)
        self._patience = settings.predict_timeout + ODD_SECONDS
        self._answers: list[dict] = []

    def ask(self, child: Child, *, has_notebook: bool) -> None:
        """Send `child` all requests; raise NoAnswer if a required response is missing."""
        questions = selftest_requests.questions_for(
            self._rows_of[self._name],
            self._name,
            has_notebook=has_notebook,
            compare=self._deterministic,
            path=self._path,
            others={name: rows for name, rows in self._rows_of.items() if name != self._name},
        )
        for question in questions:
            try:
                patience = ODD_SECONDS if question.is_odd else self._patience * question.samples
                status, body = child.ask(question, patience)
            except NoAnswer as error:
                if not question.is_odd or child.ended:
                    raise
                self._answers.append({"asked": question.name, "status": None, "answer": str(error)})
            else:
                self._judge(question, status, body)

    def verdict(self) -> dict:
        """Return the outcome of the test."""
        return {
            "same": not self.differences,
            "rows": sum(map(len, self._rows_of.values())),
            "deterministic": self._deterministic,
            "differences": self.differences,
            "answers": self._answers,
        }

    def _judge(self, question: selftest_requests.Question, status: int, body: bytes) -> None:
        answer = _read(question, body) if status == 200 and (question.answer or question.is_odd) else None
        self._answers.append({"asked": question.name, "status": status, "answer": answer})
        if question.status not in (selftest_requests.ANY, status):
            text = one_line(body.decode("utf-8", "replace"))
            self.differences.append(
                f"{question.name}: status {question.status} was expected, but {status} was received: {text}"
            )
        elif question.answer and not compare_answers.same(question.answer[0], answer, self._tolerance):
            expected, got = (one_line(json.dumps(value)) for value in (question.answer[0], answer))
            sample = one_line((question.body or b"").decode("ascii", "replace"))
            self.differences.append(f"{question.name}, {sample}: the answer must be {expected} and is {got}")


def _read(question: selftest_requests.Question, body: bytes) -> object:
    try:
        return question.read(body)
    except ValueError:
        return {"no JSON": body.decode("utf-8", "replace")}


def one_line(text: str) -> str:
    """Return `text` as one line of readable length."""
    return phrases.cut(" ".join(text.split()), SHOWN)
