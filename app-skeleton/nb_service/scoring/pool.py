"""The pool: one bounded queue, the scorers that take from it, and their replacement."""

import json
import os
import socket
import time
from collections import deque
from collections.abc import Callable
from functools import partial

from nb_scorer.problem import Problem
from nb_scorer.zygote import FORK, SPAWN
from nb_service import problems
from nb_service.loop import Loop
from nb_service.model_folder import ModelFolder
from nb_service.scoring.answer import FULL, NOT_READY, OK, TOO_SLOW, Answer, Job
from nb_service.scoring.link import Link
from nb_service.scoring.plan import Plan
from nb_service.scoring.supervisor import Supervisor, ending
from nb_service.scoring.warmup import Warmup

# So many scorers in a row that died before they answered anything rightly are a crash loop.
CRASH_LOOP = 3
LONGEST_PAUSE = 10.0


class Pool:
    """The client of the scorers. All of it is for the loop's thread, but for `ask`'s callers.

    `on_change` is called when `ready` may have changed, `on_fatal` with the Problem that makes
    going on useless, `on_rows` with (link, results) when a scorer has answered the golden rows.
    """

    def __init__(self, loop: Loop, model: ModelFolder, plan: Plan, say=print, stdout=None) -> None:
        self.plan = plan
        self.mode = plan.mode
        self.reason = plan.reason
        self.warm = False
        self.loaded_once = False
        self.stopping = False
        self.on_change: Callable[[], None] = lambda: None
        self.on_fatal: Callable[[Problem], None] = _raise
        self.on_rows: Callable = self._judge
        self._loop = loop
        self._model = model
        self._say = say
        self._stdout = stdout
        self._queue: deque[Job] = deque()
        self._links: dict[int, Link] = {}
        self._free: list[Link] = []
        self._leaving: dict[int, Link] = {}
        self._supervisor: Supervisor | None = None
        self._loaded = False
        self._number = 0
        self._deaths = 0
        self._pause = None
        loop.after_turn.append(self.pump)

    # --- what back ends use ---

    @property
    def ready(self) -> bool:
        """Return whether a sample given now can be expected to be answered."""
        return self.warm and not self.stopping and not self.crash_looping

    @property
    def crash_looping(self) -> bool:
        """Return whether the scorers keep dying before they answer anything."""
        return self._deaths >= CRASH_LOOP

    @property
    def busy(self) -> bool:
        """Return whether a sample waits or is being worked on."""
        return bool(self._queue) or any(link.in_flight for link in self._links.values())

    @property
    def model(self) -> ModelFolder:
        """Return the model that is served."""
        return self._model

    @property
    def scorer_pids(self) -> list[int]:
        """Return the process ids of the scorers that take samples now."""
        return [link.pid for link in self._free if link.pid]

    def submit(self, body: bytes, done: Callable[[Answer], None]) -> None:
        """Queue a sample (its JSON); `done` gets its Answer on a later turn of the loop, never now."""
        if not self.warm or self.crash_looping:
            self._loop.soon(partial(done, Answer(NOT_READY)))
        elif len(self._queue) >= self.plan.max_queue:
            self._loop.soon(partial(done, Answer(FULL)))
        else:
            self._queue.append(Job(body, done))
            # An idle scorer starts now; for a busy one the turn's samples go out in one send.
            if any(not link.in_flight for link in self._free):
                self.pump()

    def start(self) -> None:
        """Start the scorers; `on_change` tells when they are ready, `on_fatal` when they never will be."""
        self._start_supervisor()
        self._check_limits()

    def stop(self, seconds: float = 1.0) -> None:
        """End every scorer; what is unanswered gets NOT_READY."""
        self.stopping = True
        self.warm = False
        unanswered = list(self._queue)
        self._queue.clear()
        for link in list(self._links.values()):
            unanswered = link.drop() + unanswered
        self._links.clear()
        self._free.clear()
        if self._supervisor is not None:
            self._supervisor.end(seconds)
            self._supervisor = None
        for job in unanswered:
            job.done(Answer(NOT_READY))

    def reap(self) -> None:
        """Collect the exit status of the zygote, and nobody else's."""
        if self._supervisor is not None:
            self._supervisor.reap()

    @property
    def zygote_pid(self) -> int | None:
        """Return the zygote's process id while there is one."""
        return self._supervisor.pid if self._supervisor is not None else None

    # --- the queue ---

    def pump(self) -> None:
        """Hand waiting samples to scorers with room, the least busy first."""
        while self._queue and self._free:
            link = max(self._free, key=_spare) if len(self._free) > 1 else self._free[0]
            if link.room() <= 0:
                break
            link.give(self._queue.popleft())
        for link in self._free:
            link.flush()

    def _check_limits(self) -> None:
        if self.stopping:
            return
        limit = self.plan.predict_timeout
        now = time.monotonic()
        for link in list(self._links.values()):
            if link.in_flight and now - link.head_since > limit:
                self._too_slow(link)
        self._loop.later(min(0.25, limit / 5), self._check_limits)

    def _too_slow(self, link: Link) -> None:
        self._say(
            f"Scorer {link.pid} was stopped: it worked on one sample for more than "
            f"{self.plan.predict_timeout:g} s (S2I_PREDICT_TIMEOUT)."
        )
        slow, *behind = link.drop()
        del self._links[link.number]
        if self._supervisor is not None:
            self._supervisor.kill(link.number)
        self.link_gone(link, behind)
        slow.done(Answer(TOO_SLOW))

    # --- scorers come and go (told by the links) ---

    def link_ready(self, link: Link, pid: int) -> None:
        """Let a scorer that has the model answer golden rows: all at first, one after a replacement."""
        link.pid = pid
        self.loaded_once = True
        rows, repeats = self.plan.golden, self.plan.repeats
        if self.warm:
            rows, repeats = rows[:1], 1
        Warmup(link, rows, repeats, self.plan.tolerance, self._warmed_up).next()

    def link_problem(self, link: Link, facts: dict) -> None:
        """Take a scorer's word that the model does not load; at first that is the end."""
        if not self.warm:
            self._fatal(facts)
        else:
            self._say(str(problems.model_problem(facts)))

    def link_first_answer(self, link: Link) -> None:
        """Forget the deaths so far: this one works."""
        if self._deaths:
            was_looping = self.crash_looping
            self._deaths = 0
            if was_looping:
                self._say("Scorers answer again.")
                self.on_change()

    def link_gone(self, link: Link, unanswered: list[Job]) -> None:
        """Put what a gone scorer left back to the queue's head, and replace it."""
        if self._links.pop(link.number, None) is not None:
            self._leaving[link.number] = link
        if link in self._free:
            self._free.remove(link)
            self._queue.extendleft(reversed(unanswered))
        if self.stopping:
            return
        if not link.proved:
            self._count_death()
        self._fill()

    def _count_death(self) -> None:
        self._deaths += 1
        if not self.crash_looping:
            return
        self._say(
            f"{self._deaths} scorers in a row ended before they answered anything: not ready. "
            f"The next one starts in {self._delay():g} s."
        )
        refused, self._queue = self._queue, deque()
        for job in refused:
            self._loop.soon(partial(job.done, Answer(NOT_READY)))
        self.on_change()

    def _delay(self) -> float:
        over = self._deaths - CRASH_LOOP
        return 0.0 if over < 0 else min(LONGEST_PAUSE, 0.2 * 2**over)

    def _fill(self) -> None:
        """Start scorers until there are as many as planned, after a pause in a crash loop."""
        if self._pause is not None or not self._loaded or self.stopping:
            return
        if self._delay():
            self._pause = self._loop.later(self._delay(), self._fill_now)
        else:
            self._fill_now()

    def _fill_now(self) -> None:
        self._pause = None
        if self._supervisor is None or not self._loaded:
            return
        while len(self._links) < self.plan.scorers:
            ours, theirs = socket.socketpair()
            self._number += 1
            self._links[self._number] = Link(self._number, ours, self, self._loop.map)
            self._supervisor.start(self._number, theirs)

    def _warmed_up(self, link: Link, results: list) -> None:
        if self.on_rows(link, results) and link.alive:
            self._free.append(link)
            if not self.warm and len(self._free) == self.plan.scorers:
                self.warm = True
                self.on_change()

    def _judge(self, link: Link, results: list) -> bool:
        """Return whether every golden row was answered rightly; say which was not."""
        for result in results:
            if result.same or (result.answer.outcome == OK and not self.plan.compare):
                continue
            row = self.plan.golden[result.row]
            got = json.dumps(result.got) if result.answer.outcome == OK else "no answer"
            self._say(
                f"Not ready: golden row {result.row + 1} ({json.dumps(row['sample'])[:200]}) must give "
                f"{json.dumps(row['answer'])[:200]} and gave {got[:200]}."
            )
            return False
        return True

    # --- told by the supervisor ---

    def _start_supervisor(self) -> None:
        self._loaded = False
        self._supervisor = Supervisor(
            self._model, self.mode, self.plan.environment, self, self._loop.map, self._stdout
        )

    def zygote_loaded(self, threads: int) -> None:
        """Start the scorers, or first another zygote where forking this one is unproved and unsafe."""
        if self.mode == FORK and not self.plan.sure and threads > 1:
            self.mode = SPAWN
            self.reason = f"{self.plan.reason}, and loading it left {threads} threads"
            self._supervisor.end(1.0)
            self._start_supervisor()
            return
        self._loaded = True
        self._fill()

    def zygote_failed(self, facts: dict) -> None:
        """The model does not load: at first that is the end, later the zygote's end is handled."""
        if not self.warm:
            self._fatal(facts)

    def scorer_exited(self, number: int, status: int) -> None:
        """Say how a scorer ended, and hear its last words."""
        link = self._links.get(number) or self._leaving.get(number)
        if link is None or self.stopping:
            return
        link.end()
        if link.alive:
            # What it started holds its socket open.
            link.gone()
        self._leaving.pop(number, None)
        if self.stopping:
            return
        words = ending(os.waitstatus_to_exitcode(status))
        self._say(f"Scorer {link.pid or number} {words}.")
        if link.pid is None and not self.warm:
            self._fatal_problem(problems.load_ended(words))

    def zygote_gone(self, ending: str) -> None:
        """Start another zygote; one that never had the model is the end."""
        self._supervisor = None
        if self.stopping:
            return
        if not self._loaded and not self.warm:
            self._fatal_problem(problems.load_ended(ending))
            return
        self._say(f"The process that starts scorers {ending}; starting another.")
        if not self._loaded:
            self._count_death()
        self._loaded = False
        self._loop.later(self._delay() or 0.1, self._restart)

    def _restart(self) -> None:
        if not self.stopping:
            self._start_supervisor()

    def _fatal(self, facts: dict) -> None:
        if facts.get("traceback"):
            self._say(facts["traceback"].rstrip("\n"))
        self._fatal_problem(problems.model_problem(facts))

    def _fatal_problem(self, problem: Problem) -> None:
        if not self.stopping:
            self.stopping = True
            self.on_fatal(problem)


def _spare(link: Link) -> tuple[bool, int]:
    return (not link.in_flight, link.room())


def _raise(problem: Problem) -> None:
    raise problem
