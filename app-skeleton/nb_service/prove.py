"""Verifies a model before it is served: a fresh process predicts the golden rows, then forked processes do.

The scorers are started by the service's own code. The outcome is one JSON object on stdout.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from nb_scorer.batching import variations
from nb_scorer.model import compare_answers, golden_rows
from nb_scorer.model.manifest import is_batched
from nb_scorer.protocol import frames
from nb_scorer.protocol.orders import FORK, SPAWN

from nb_service import model_folder, problems
from nb_service.model_folder import ModelFolder
from nb_service.pool import Plan, Pool, answer
from nb_service.pool.link import Link
from nb_service.pool.plan import GOLDEN_ROWS, THREAD_KNOBS, UNFORKABLE_SYSTEMS, environment, start_mode
from nb_service.pool.turns import TurnLoop
from nb_service.pool.warmup import RowResult
from nb_service.settings import Settings

# The result applies to scorers whose libraries use one thread, the default for several scorers on one machine.
THREADS = 1
FORKED = 2
LOOK_SECONDS = 0.05
ASKED_FRESH = 2
ASKED_FORKED = 3
# Time limit for verifying a batch form.
FORM_SECONDS = 60.0
MADE_SAMPLES = 8
# Forked processes load nothing, but two run at a time, and each row is predicted once more than in the fresh process.
# So they get the loading time, SLOWER_BY times the fresh process's prediction time, and at least this many seconds.
MIN_LIMIT = 5.0
SLOWER_BY = 10
WORDS = {
    answer.NOT_JSON: "the sample is not JSON",
    answer.REFUSED: "the validator rejected the sample",
    answer.FAILED: "the predictor failed",
    answer.DIED: "the process died",
    answer.TOO_SLOW: "no prediction within the time limit",
    answer.NOT_READY: "no process was left",
}
STATUS = {answer.NOT_JSON: 400, answer.REFUSED: 422, answer.TOO_SLOW: 504}


def main(environ: dict) -> int:
    """Print the verification of the model under APP_ROOT as JSON; return 0 whatever the outcome."""
    settings = Settings(environ)
    # A build verifies its own model before it signs it.
    model = model_folder.read(Path(settings.app_root).absolute(), None)
    # stdout contains only the result; output of scorers goes to stderr.
    print(json.dumps(Proof(model, settings, environ).run()), flush=True)
    return 0


class Trial:
    """A pool under test, with its scorers' predictions and errors."""

    def __init__(self, loop: TurnLoop, model: ModelFolder, plan: Plan, on_change: Callable[[], None]) -> None:
        self.results: list[list] = []
        self.links: list = []
        self.problem: problems.Problem | None = None
        self.traceback: str | None = None
        self.began = time.monotonic()
        self.loading = 0.0  # seconds until the model was loaded
        self.seconds = 0.0  # seconds until all rows were answered
        self._messages: list[str] = []
        self._on_change = on_change
        self.pool = Pool(loop, model, plan, say=self._messages.append, stdout=sys.stderr)
        self.pool.manager.on_rows = self._rows
        self.pool.manager.on_fatal = self._fatal
        self.pool.manager.on_setup_failed = self._setup_failed

    @property
    def over(self) -> bool:
        """Return whether no more results will arrive."""
        return self.problem is not None or len(self.results) >= self.pool.plan.scorers

    def _rows(self, link: Link, results: list) -> bool:
        self.results.append(results)
        self.links.append(link)
        self.seconds = time.monotonic() - self.began
        if any(result.answer.outcome == answer.DIED for result in results):
            # A scorer's death is the result, so it is not replaced.
            self.pool.manager.stopping = True
        self._on_change()
        return False

    def _fatal(self, problem: problems.Problem) -> None:
        self.problem = problem
        self.traceback = "\n".join(self._messages) or None
        self._on_change()

    def _setup_failed(self, problem: problems.Problem, traceback: str | None) -> None:
        # A failed setup is the result, so it is not called again.
        self.pool.manager.stopping = True
        self.problem = problem
        self.traceback = traceback
        self._on_change()


class Proof:
    """The whole verification of one model."""

    def __init__(self, model: ModelFolder, settings: Settings, environ: dict) -> None:
        self._loop = TurnLoop()
        self._changed = asyncio.Event()
        self._model = model
        self._rows = model.all_golden_rows()
        self._models = [model, *model.predictors.values()]
        self._tolerance = settings.tolerance
        self._limit = settings.verify_timeout
        base = Plan(
            mode=SPAWN,
            mode_is_final=True,
            reason="",
            scorers=1,
            threads=THREADS,
            environment=environment(one_thread(environ), THREADS, settings.ca_bundle),
            predict_timeout=self._limit,
            max_queue=1,
            golden=tuple(self._rows),
            repeats=ASKED_FRESH,
            tolerance=self._tolerance,
            runs_setup=model.manifest.get("setup_in_build") is not False,
            setup_seconds=settings.setup_timeout,
            teardown_seconds=settings.grace if model.manifest.get("teardown") else None,
        )
        self._fresh = Trial(self._loop, model, base, self._changed.set)
        forked = base._replace(mode=FORK, scorers=FORKED, golden=tuple(self._rows[:GOLDEN_ROWS]), repeats=ASKED_FORKED)
        self._forked = Trial(self._loop, model, forked, self._changed.set)
        self._may_fork = settings.scorer_start != SPAWN and sys.platform not in UNFORKABLE_SYSTEMS
        self._why_spawned = start_mode(settings.scorer_start, {}, 1)[2]

    def run(self) -> dict:
        """Return the outcome."""
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
        proof = self._rows_verdict(self._fresh.results[0])
        proof["batching"] = self._of_form(proof, self._model)
        named = {each.predictor: {"batching": self._of_form(proof, each)} for each in self._models[1:]}
        if named:
            proof["predictors"] = named
        if not self._rows:
            return dict(proof, scorer_start=None, scorer_start_reason="no golden rows to verify it with")
        if proof["rows"] and proof["deterministic"]:
            return dict(
                proof, scorer_start=None, scorer_start_reason="the golden rows' predictions differ from the notebook's"
            )
        if proof["deterministic"]:
            proof["batch"] = next(filter(None, map(self._batch_verdict, self._models)), None)
        proof["concurrency"] = self._concurrency_verdict(proof["deterministic"])
        verdict = self._fork_verdict(proof["deterministic"]) if self._may_fork else _verdict(SPAWN, self._why_spawned)
        return dict(proof, **verdict)

    def _plain(self, model: ModelFolder) -> list[dict]:
        return golden_rows.plain(self._rows, model.predictor)

    def _batch_verdict(self, model: ModelFolder) -> dict | None:
        """Return how batch_predictor fails or differs for all golden rows in one call; None if it passes."""
        link, rows = self._fresh.links[0], self._plain(model)
        # A batch needs at least two samples.
        if not is_batched(model.manifest) or len(rows) < 2 or not link.alive:
            return None
        answers: list[answer.Answer] = []

        def done(batch_answer: answer.Answer) -> None:
            answers.append(batch_answer)
            self._changed.set()

        body = json.dumps([row["sample"] for row in rows]).encode("ascii")
        link.give(answer.Job(body, done, frames.MANY, call=_call_of(model)))
        link.flush()
        self._wait(lambda: answers, self._limit)
        if not answers or answers[0].batch != len(rows):
            return {**_named(model.predictor), "row": 0, "got": None, "failed": True}
        for index, (row, value) in enumerate(zip(rows, json.loads(answers[0].payload), strict=True)):
            if not compare_answers.same(row["answer"], value, self._tolerance):
                return {**_named(model.predictor), "row": index, "got": value, "failed": False}
        return None

    def _of_form(self, proof: dict, model: ModelFolder) -> dict | None:
        """Return the manifest's facts about a verified batch form of predictor; None if there is no such form."""
        said = model.manifest.get("batching")
        if said is None or "calls" not in said:
            return said
        link, rows = self._fresh.links[0], self._plain(model)
        samples = [row["sample"] for row in rows]
        reason = None
        if proof["deterministic"] is False:
            reason = "predictor returns different predictions for the same sample"
        elif proof["rows"] or not link.alive:
            reason = "the golden rows' predictions differ from the notebook's"
        elif not samples:
            samples = variations.from_schema(model.manifest.get("sample_hint"), MADE_SAMPLES, 0) or []
            reason = (
                None
                if samples
                else "there are no golden rows to verify it with; a cell with examples would change that"
            )
        if reason is None:
            made = 0 if rows else len(samples)
            return {"calls": said["calls"], **self._ask_for_proof(link, samples, _call_of(model)), "made": made}
        return {"calls": said["calls"], "reason": reason}

    def _ask_for_proof(self, link: Link, samples: list, call: bytes) -> dict:
        given: list[answer.Answer] = []

        def done(proof: answer.Answer) -> None:
            given.append(proof)
            self._changed.set()

        asked = {"samples": samples, "tolerance": self._tolerance, "seconds": min(self._limit, FORM_SECONDS)}
        link.give(answer.Job(json.dumps(asked).encode("ascii"), done, frames.PROVE, call=call))
        link.flush()
        # The scorer observes the time limit itself, unless a single sample or call takes longer.
        self._wait(lambda: given, 2 * self._limit)
        if not given:
            return {"reason": "a sample made for verification was not predicted in time"}
        if given[0].outcome != answer.OK:
            return {"reason": f"a sample made for verification: {WORDS[given[0].outcome]}"}
        return json.loads(given[0].payload)

    def _concurrency_verdict(self, deterministic: bool | None) -> dict | None:
        """Return {"reason": why requests may not be served concurrently, or None}; None if predictor isn't async."""
        link, given = self._fresh.links[0], []

        def done(outcome: answer.Answer) -> None:
            given.append(outcome)
            self._changed.set()

        if not link.alive:
            return None
        asked = {"rows": self._rows, "tolerance": self._tolerance}
        link.give(answer.Job(json.dumps(asked).encode("ascii"), done, frames.CONCURRENT))
        link.flush()
        # All rows are predicted twice at the same time: each may take as long as it does alone.
        self._wait(lambda: given, 2 * self._limit)
        if not given:
            return {"reason": f"golden rows predicted at the same time took more than {2 * self._limit:g} s"}
        if given[0].outcome != answer.OK:
            return {"reason": f"golden rows predicted at the same time: {WORDS[given[0].outcome]}"}
        found = json.loads(given[0].payload)
        if not found["is_async"]:
            return None
        if not deterministic:
            return {"reason": "predictor returns different predictions for the same sample, so nothing can be verified"}
        return {"reason": found["reason"]}

    def _wait_for_load(self) -> None:
        """Wait until the fresh process has loaded the model or failed; set the problem if it takes too long."""
        self._wait(lambda: self._fresh.over or self._fresh.pool.manager.loaded_once, self._limit)
        self._fresh.loading = time.monotonic() - self._fresh.began
        if not self._fresh.over and not self._fresh.pool.manager.loaded_once:
            self._fresh.problem = problems.load_did_not_end(self._limit)

    def _wait(self, done: Callable[[], object], seconds: float | None) -> bool:
        """Run the loop until `done()`; return whether that happened within `seconds`."""
        return self._loop.run_until_complete(self._until(done, seconds))

    async def _until(self, done: Callable[[], object], seconds: float | None) -> bool:
        deadline = None if seconds is None else time.monotonic() + seconds
        while not done():
            if deadline is not None and time.monotonic() > deadline:
                return False
            self._changed.clear()
            # Some of the awaited events, such as HELLO, don't set `_event`.
            look = self._loop.call_later(LOOK_SECONDS, self._changed.set)
            await self._changed.wait()
            look.cancel()
        return True

    def _rows_verdict(self, results: list) -> dict:
        wrong_rows = [
            self._row(result) for result in results if (not result.same and result.turn == 0) or _died(result)
        ]
        return {
            "loaded": True,
            "load_error": None,
            "rows": wrong_rows,
            "row_count": len(self._rows),
            "answers": [result.value for result in results if result.turn == 0],
            "deterministic": self._deterministic(results),
            "batch": None,
            "batching": None,
            "concurrency": None,
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
            **_named(row.get("predictor")),
            "expected": row["answer"],
            "got": result.value,
            "same": result.same,
            "error": error,
        }

    def _deterministic(self, results: list) -> bool | None:
        """Return whether the repeated predictions of each row are equal; None without rows."""
        by_row: dict[int, list] = {}
        for result in results:
            by_row.setdefault(result.row, []).append(result)
        if not by_row:
            return None
        return all(
            first.answer.outcome == repeated.answer.outcome
            and compare_answers.same(first.value, repeated.value, self._tolerance)
            for first, *repeats in by_row.values()
            for repeated in repeats
        )

    def _fork_verdict(self, deterministic: bool | None) -> dict:
        """Return the verdict on forking: forked scorers must predict in time, and as the fresh one did."""
        limit = self._fork_limit()
        manager = self._forked.pool.manager
        in_time = self._wait(lambda: self._forked.over or manager.unforkable, limit)
        if manager.unforkable:
            return _verdict(SPAWN, f"{manager.unforkable[0]} does not work in forked processes")
        if not in_time:
            return _verdict(SPAWN, f"forked scorers did not predict the golden rows within {limit:.0f} s")
        if self._forked.problem is not None:
            return _verdict(SPAWN, f"the process to fork from failed: {self._forked.problem.what}")
        for result in [result for results in self._forked.results for result in results]:
            if result.answer.outcome != answer.OK:
                return _verdict(SPAWN, f"a forked scorer failed: {WORDS[result.answer.outcome]}")
            if deterministic and not result.same:
                return _verdict(SPAWN, "a forked scorer predicted a golden row differently")
        given = "the notebook's prediction" if deterministic else "a prediction"
        return _verdict(FORK, f"forked scorers gave {given} for every golden row")

    def _fork_limit(self) -> float:
        """Return how many more seconds forked scorers have; the zygote started to load when the fresh process did."""
        answering = self._fresh.seconds - self._fresh.loading
        return max(MIN_LIMIT, self._fresh.loading + SLOWER_BY * answering)


def one_thread(environ: dict) -> dict:
    """Return `environ` without the user's settings of native threads, because verification uses one thread."""
    return {key: value for key, value in environ.items() if key not in THREAD_KNOBS}


def _named(name: str | None) -> dict:
    """Return the name of the predictor that an outcome is about, one of several; {} for the default."""
    return {"predictor": name} if name else {}


def _call_of(model: ModelFolder) -> bytes:
    return golden_rows.call_of({"predictor": model.predictor})


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
        "batching": None,
        "concurrency": None,
        "scorer_threads": THREADS,
        "scorer_start": None,
        "scorer_start_reason": "the model does not load",
    }


def _verdict(start: str, reason: str) -> dict:
    return {"scorer_start": start, "scorer_start_reason": reason}
