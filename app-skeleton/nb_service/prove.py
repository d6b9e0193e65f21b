"""Proves a model before it is served: a fresh process answers the golden rows, then forked ones do.

The scorers start by exactly the code that a service starts them with. One JSON object on stdout.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from nb_scorer.model import compare_answers
from nb_scorer.protocol import frames
from nb_scorer.protocol.orders import FORK, SPAWN

from nb_service import model_folder, problems
from nb_service.model_folder import ModelFolder
from nb_service.pool import Plan, Pool, answer
from nb_service.pool.link import Link
from nb_service.pool.plan import GOLDEN_ROWS, THREAD_KNOBS, environment, is_batched
from nb_service.pool.turns import TurnLoop
from nb_service.pool.warmup import RowResult
from nb_service.settings import Settings

# The proof holds for scorers whose libraries use one thread: what several scorers on one machine get.
THREADS = 1
FORKED = 2
LOOK_SECONDS = 0.05
ASKED_FRESH = 2
ASKED_FORKED = 3
# A forked process answers each row more often than the fresh one, two at a time, and loads nothing.
SHORTEST_LIMIT = 5.0
SLOWER_BY = 10
WORDS = {
    answer.NOT_JSON: "the sample is no JSON",
    answer.REFUSED: "the validator refused the sample",
    answer.FAILED: "the predictor failed",
    answer.DIED: "the process died",
    answer.TOO_SLOW: "no answer within the time limit",
    answer.NOT_READY: "no process was left to ask",
}
STATUS = {answer.NOT_JSON: 400, answer.REFUSED: 422, answer.TOO_SLOW: 504}


def main(environ: dict) -> int:
    """Print the proof of the model under APP_ROOT as JSON; return 0 however it came out."""
    settings = Settings(environ)
    model = model_folder.read(Path(settings.app_root).absolute())
    # The scorers' prints belong to the log; stdout is for the proof.
    print(json.dumps(Proof(model, settings, environ).run()), flush=True)
    return 0


class Trial:
    """One pool on trial: what its scorers answered, and what went wrong."""

    def __init__(self, loop: TurnLoop, model: ModelFolder, plan: Plan, on_news: Callable[[], None]) -> None:
        self.results: list[list] = []
        self.links: list = []
        self.problem: problems.Problem | None = None
        self.traceback: str | None = None
        self.began = time.monotonic()
        self.loading = 0.0  # seconds until the model was loaded
        self.seconds = 0.0  # and until all rows were answered, too
        self._said: list[str] = []
        self._on_news = on_news
        self.pool = Pool(loop, model, plan, say=self._said.append, stdout=sys.stderr)
        self.pool.staff.on_rows = self._rows
        self.pool.staff.on_fatal = self._fatal

    @property
    def over(self) -> bool:
        """Return whether nothing more is to come."""
        return self.problem is not None or len(self.results) >= self.pool.plan.scorers

    def _rows(self, link: Link, results: list) -> bool:
        self.results.append(results)
        self.links.append(link)
        self.seconds = time.monotonic() - self.began
        if any(result.answer.outcome == answer.DIED for result in results):
            # No replacements: what died is the outcome.
            self.pool.staff.stopping = True
        self._on_news()
        return False

    def _fatal(self, problem: problems.Problem) -> None:
        self.problem = problem
        self.traceback = "\n".join(self._said) or None
        self._on_news()


class Proof:
    """The whole proof of one model."""

    def __init__(self, model: ModelFolder, settings: Settings, environ: dict) -> None:
        self._loop = TurnLoop()
        self._news = asyncio.Event()
        self._rows = model.golden_rows()
        # Of a single row no batch is ever made.
        self._batched = is_batched(model.manifest) and len(self._rows) > 1
        self._tolerance = settings.tolerance
        self._limit = settings.verify_timeout
        base = Plan(
            mode=SPAWN,
            sure=True,
            reason="",
            scorers=1,
            threads=THREADS,
            environment=environment(one_thread(environ), THREADS, settings.ca_bundle),
            predict_timeout=self._limit,
            max_queue=1,
            golden=tuple(self._rows),
            repeats=ASKED_FRESH,
            tolerance=self._tolerance,
        )
        self._fresh = Trial(self._loop, model, base, self._news.set)
        forked = base._replace(mode=FORK, scorers=FORKED, golden=tuple(self._rows[:GOLDEN_ROWS]), repeats=ASKED_FORKED)
        self._forked = Trial(self._loop, model, forked, self._news.set)
        self._may_fork = settings.scorer_start != SPAWN

    def run(self) -> dict:
        """Return the proof."""
        try:
            return self._run()
        finally:
            self._fresh.pool.stop()
            self._forked.pool.stop()
            self._loop.close()

    def _run(self) -> dict:
        self._fresh.pool.start()
        if self._may_fork and self._rows:
            self._forked.pool.start()
        self._wait_for_load()
        self._wait(lambda: self._fresh.over, None)
        if self._fresh.problem is not None:
            return _unloaded(self._fresh.problem, self._fresh.traceback)
        proof = self._of_rows(self._fresh.results[0])
        if not self._rows:
            return dict(proof, scorer_start=None, scorer_start_reason="no golden rows to prove it with")
        if proof["rows"] and proof["deterministic"]:
            return dict(proof, scorer_start=None, scorer_start_reason="the golden rows are not answered rightly")
        if proof["deterministic"]:
            proof["batch"] = self._of_batch()
        verdict = (
            self._of_fork(proof["deterministic"]) if self._may_fork else _verdict(SPAWN, "S2I_SCORER_START says so")
        )
        return dict(proof, **verdict)

    def _of_batch(self) -> dict | None:
        """Return how the fresh scorer's batch_predictor falls short on all golden rows in one call, or None."""
        link = self._fresh.links[0]
        if not self._batched or not link.alive:
            return None
        given: list[answer.Answer] = []

        def done(batch_answer: answer.Answer) -> None:
            given.append(batch_answer)
            self._news.set()

        body = json.dumps([row["sample"] for row in self._rows]).encode("ascii")
        link.give(answer.Job(body, done, frames.MANY))
        link.flush()
        self._wait(lambda: given, self._limit)
        if not given or given[0].batch != len(self._rows):
            return {"row": 0, "got": None, "failed": True}
        for index, (row, got) in enumerate(zip(self._rows, json.loads(given[0].payload), strict=True)):
            if not compare_answers.same(row["answer"], got, self._tolerance):
                return {"row": index, "got": got, "failed": False}
        return None

    def _wait_for_load(self) -> None:
        """Wait until the fresh process said hello or failed; no hello in time is a failure too."""
        self._wait(lambda: self._fresh.over or self._fresh.pool.staff.loaded_once, self._limit)
        self._fresh.loading = time.monotonic() - self._fresh.began
        if not self._fresh.over and not self._fresh.pool.staff.loaded_once:
            self._fresh.problem = problems.load_did_not_end(self._limit)

    def _wait(self, done: Callable[[], object], seconds: float | None) -> bool:
        """Run the loop until `done()`; return whether that came within `seconds`."""
        return self._loop.run_until_complete(self._come(done, seconds))

    async def _come(self, done: Callable[[], object], seconds: float | None) -> bool:
        deadline = None if seconds is None else time.monotonic() + seconds
        while not done():
            if deadline is not None and time.monotonic() > deadline:
                return False
            self._news.clear()
            # Not all that is waited for is news: a hello is none.
            look = self._loop.call_later(LOOK_SECONDS, self._news.set)
            await self._news.wait()
            look.cancel()
        return True

    def _of_rows(self, results: list) -> dict:
        wrong = [self._row(result) for result in results if (not result.same and result.turn == 0) or _died(result)]
        return {
            "loaded": True,
            "load_error": None,
            "rows": wrong,
            "row_count": len(self._rows),
            "answers": [result.got for result in results if result.turn == 0],
            "deterministic": self._deterministic(results),
            "batch": None,
            "scorer_threads": THREADS,
        }

    def _row(self, result: RowResult) -> dict:
        row = self._rows[result.row]
        error = None
        if result.answer.outcome != answer.OK:
            facts = json.loads(result.answer.payload)
            error = {
                "status": STATUS.get(result.answer.outcome, 500),
                "what": WORDS[result.answer.outcome],
                "traceback": facts.get("traceback") or facts.get("reason"),
            }
        return {
            "sample": row["sample"],
            "expected": row["answer"],
            "got": result.got,
            "same": result.same,
            "error": error,
        }

    def _deterministic(self, results: list) -> bool | None:
        """Return whether each row got the same answer twice, or None where nothing was asked."""
        by_row: dict[int, list] = {}
        for result in results:
            by_row.setdefault(result.row, []).append(result)
        if not by_row:
            return None
        return all(
            first.answer.outcome == other.answer.outcome and compare_answers.same(first.got, other.got, self._tolerance)
            for first, *others in by_row.values()
            for other in others
        )

    def _of_fork(self, deterministic: bool | None) -> dict:
        """Return the verdict on forking: its scorers must say in time what the fresh one said."""
        limit = self._limit_of_fork()
        staff = self._forked.pool.staff
        in_time = self._wait(lambda: self._forked.over or staff.unforkable, limit)
        if staff.unforkable:
            return _verdict(SPAWN, f"{staff.unforkable[0]} does not work in forked processes")
        if not in_time:
            return _verdict(SPAWN, f"forked scorers did not answer the golden rows within {limit:.0f} s")
        if self._forked.problem is not None:
            return _verdict(SPAWN, f"the process to fork from failed: {self._forked.problem.what}")
        for result in [result for results in self._forked.results for result in results]:
            if result.answer.outcome != answer.OK:
                return _verdict(SPAWN, f"a forked scorer failed: {WORDS[result.answer.outcome]}")
            if deterministic and not result.same:
                return _verdict(SPAWN, "a forked scorer answered a golden row differently")
        return _verdict(FORK, "forked scorers answered every golden row" + " rightly" * bool(deterministic))

    def _limit_of_fork(self) -> float:
        """Return for how long forked scorers may still answer: the zygote has loaded as long as the fresh one has."""
        answering = self._fresh.seconds - self._fresh.loading
        return max(SHORTEST_LIMIT, self._fresh.loading + SLOWER_BY * answering)


def one_thread(environ: dict) -> dict:
    """Return `environ` without what the user said of native threads: the proof is for one thread."""
    return {key: value for key, value in environ.items() if key not in THREAD_KNOBS}


def _died(result: RowResult) -> bool:
    return result.answer.outcome in (answer.DIED, answer.TOO_SLOW)


def _unloaded(problem: problems.Problem, traceback: str | None) -> dict:
    return {
        "loaded": False,
        "load_error": {"what": problem.what, "code": problem.code, "traceback": traceback},
        "rows": [],
        "row_count": 0,
        "answers": [],
        "deterministic": None,
        "batch": None,
        "scorer_threads": THREADS,
        "scorer_start": None,
        "scorer_start_reason": "the model does not load",
    }


def _verdict(start: str, reason: str) -> dict:
    return {"scorer_start": start, "scorer_start_reason": reason}
