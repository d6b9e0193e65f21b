"""The staff: which scorers there are, how they start, and what replaces one that is gone."""

import json
import os
import socket

from nb_scorer.orders import FORK, SPAWN
from nb_scorer.problem import Problem
from nb_scorer.tally import Tally

from nb_service import problems
from nb_service.loop import Loop
from nb_service.model_folder import ModelFolder
from nb_service.scoring.answer import OK, Job
from nb_service.scoring.link import Link
from nb_service.scoring.memory import shared_memory
from nb_service.scoring.plan import Plan
from nb_service.scoring.supervisor import Supervisor, ending
from nb_service.scoring.warmup import Warmup

# So many scorers in a row that ended before they answered anything are a crash loop.
CRASH_LOOP = 3
LONGEST_PAUSE = 10.0
# Scorers that started together must not be replaced together.
JITTER = 0.1


class Staff:
    """The scorers that take samples (`free`), and those that start, warm up or leave.

    `warm` once as many as planned have answered the golden rows. Whoever uses it sets: `on_change`, called when
    readiness may have changed; `on_fatal`, called with the Problem that makes going on useless; `on_rows(link,
    results)`, which returns whether a scorer may work; `on_unanswered(jobs)`; `on_answer(pairs)`, called with
    jobs and what became of them. `endings` counts why scorers ended.
    """

    def __init__(self, loop: Loop, model: ModelFolder, plan: Plan, say, stdout=None) -> None:
        self.mode, self.reason = plan.mode, plan.reason
        self.free: list[Link] = []
        self.links: dict[int, Link] = {}
        self.warm = False
        self.loaded_once = False
        self.stopping = False
        self.on_change = lambda: None
        self.on_fatal = _raise
        self.on_rows = self._judge
        self.on_unanswered = lambda jobs: None
        self.on_answer = None
        self.endings: dict[str, int] = {"died": 0, "too slow": 0, "recycled": 0}
        self._loop = loop
        self._model = model
        self._plan = plan
        self._say = say
        self._stdout = stdout
        self._leaving: dict[int, Link] = {}
        self._tired: list[Link] = []  # to be replaced, one after the other, and at work until then
        self._retired: list[Link] = []  # replaced, and to answer only what they have
        self._supervisor: Supervisor | None = None
        self._loaded = False
        self._number = 0
        self._deaths = 0
        self._pause = None

    @property
    def crash_looping(self) -> bool:
        """Return whether the scorers keep ending before they answer anything."""
        return self._deaths >= CRASH_LOOP and not any(link.proved for link in self.free)

    @property
    def zygote_pid(self) -> int | None:
        """Return the zygote's process id while there is one."""
        return self._supervisor.pid if self._supervisor is not None else None

    def start(self) -> None:
        """Start a zygote; the scorers follow when it says that it is loaded."""
        self._loaded = False
        self._supervisor = Supervisor(self._model, self.mode, self._plan, self, self._loop.map, self._stdout)

    def stop(self, seconds: float) -> list[Job]:
        """End every scorer within `seconds`; return the samples that have no answer."""
        self.stopping = True
        self.warm = False
        unanswered = [job for link in list(self.links.values()) for job in link.drop()]
        self.links.clear()
        self.free.clear()
        if self._supervisor is not None:
            # While it loads it hears nothing.
            self._supervisor.end(seconds if self._loaded else 0.0)
            self._supervisor = None
        return unanswered

    def dismiss(self, link: Link, reason: str) -> list[Job]:
        """Kill a scorer and replace it; return the samples that it leaves unanswered."""
        unanswered = link.drop()
        del self.links[link.number]
        if self._supervisor is not None:
            self._supervisor.kill(link.number)
        self._lose(link, [], reason)
        return unanswered

    def reap(self) -> None:
        """Collect the exit status of the zygote, and nobody else's."""
        if self._supervisor is not None:
            self._supervisor.reap()

    # --- told by the links ---

    def link_ready(self, link: Link, pid: int) -> None:
        """Let a scorer that has the model answer golden rows: all at first, one after a replacement."""
        link.pid = pid
        self.loaded_once = True
        rows = self._plan.golden[:1] if self.warm else self._plan.golden
        Warmup(link, rows, self._plan, self._warmed_up).next()

    def link_problem(self, link: Link | None, facts: dict) -> None:
        """Take a scorer's word that the model does not load; if none ever loaded it, that is the end."""
        if self.loaded_once:
            self._say(str(problems.model_problem(facts)))
        else:
            self._give_up_with(facts)

    def link_first_answer(self, link: Link) -> None:
        """Forget the deaths so far: this one works."""
        was_looping = self.crash_looping
        self._deaths = 0
        if was_looping:
            self._say("Scorers answer again.")
            self.on_change()

    def link_tired(self, link: Link) -> None:
        """Have a scorer replaced that has done its share: by one that is at work before this one leaves."""
        if link in self._retired:
            if not link.in_flight:
                self._let_go(link)
        elif link not in self._tired and link in self.free:
            self._tired.append(link)
            self._fill()

    def _let_go(self, link: Link) -> None:
        self._say(f"Scorer {link.pid} is replaced after {link.answers} samples (S2I_MAX_REQUESTS).")
        self._loop.soon(lambda: link.alive and self.dismiss(link, "recycled"))

    def link_handed_back(self, job: Job) -> None:
        """Have another scorer asked."""
        self.on_unanswered([job])

    def link_gone(self, link: Link, unanswered: list[Job]) -> None:
        """Hand back what a dead scorer left, and replace it."""
        self._lose(link, unanswered, "died")

    def _lose(self, link: Link, unanswered: list[Job], reason: str) -> None:
        self._tired = [one for one in self._tired if one is not link]
        if link in self._retired:
            self._retired.remove(link)
            self.on_unanswered(unanswered)
        if self.links.pop(link.number, None) is not None:
            self._leaving[link.number] = link
        if link in self.free:
            self.free.remove(link)
            self.on_unanswered(unanswered)
        if self.stopping:
            return
        self.endings[reason] += 1
        if not link.proved and reason != "recycled":
            self._count_death()
        self._fill()

    def _count_death(self) -> None:
        self._deaths += 1
        if self.crash_looping:
            self._say(
                f"{self._deaths} scorers in a row ended before they answered anything: not ready. "
                f"The next one starts in {self._delay():g} s."
            )
            self.on_change()

    def _delay(self) -> float:
        over = self._deaths - CRASH_LOOP
        return 0.0 if over < 0 else min(LONGEST_PAUSE, 0.2 * 2**over)

    def _fill(self) -> None:
        """Start scorers until there are as many as planned, after a pause in a crash loop."""
        if self._pause is None and self._loaded:
            self._pause = self._loop.later(self._delay(), self._fill_now)

    def _fill_now(self) -> None:
        self._pause = None
        while self._loaded and not self.stopping and len(self.links) < self._wanted():
            ours, theirs = socket.socketpair()
            self._number += 1
            with theirs, shared_memory() as memory:
                tally = Tally(memory.fileno())
                self.links[self._number] = Link(
                    self._number, ours, tally, self, self._loop.map, self._plan.batch, self._plan.predict_timeout
                )
                if self._plan.max_requests:
                    import random

                    # So many samples are asked of it before it may work: they do not count.
                    share = self._plan.max_requests * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
                    self.links[self._number].tired_after = len(self._plan.golden) + share
                self._supervisor.start(self._number, [theirs.fileno(), memory.fileno()])

    def _wanted(self) -> int:
        """Return how many scorers there shall be: one more while one is being replaced."""
        return self._plan.scorers + bool(self._tired or self._retired)

    def _retire(self) -> None:
        """Give no more to a tired scorer whose replacement is at work."""
        link = self._tired.pop(0)
        self.free.remove(link)
        self._retired.append(link)
        if not link.in_flight:
            self._let_go(link)

    def _warmed_up(self, link: Link, results: list) -> None:
        # A replacement is a copy of what was proved: an answer of any kind is enough.
        if (self.warm or self.on_rows(link, results)) and link.alive:
            self.free.append(link)
            link.observe = self.on_answer
            if self._tired and len(self.free) > self._plan.scorers:
                self._retire()
            if not self.warm and len(self.free) == self._plan.scorers:
                self.warm = True
                self.on_change()

    def _judge(self, link: Link, results: list) -> bool:
        """Return whether every golden row was answered rightly; say which was not."""
        for result in results:
            if result.same or (result.answer.outcome == OK and not self._plan.compare):
                continue
            row = self._plan.golden[result.row]
            got = json.dumps(result.got)[:200] if result.answer.outcome == OK else "no answer"
            self._say(
                f"Not ready: golden row {result.row + 1} ({json.dumps(row['sample'])[:200]}) must give "
                f"{json.dumps(row['answer'])[:200]} and gave {got}."
            )
            return False
        return True

    # --- told by the zygote ---

    def zygote_loaded(self, threads: int) -> None:
        """Start the scorers, or first another zygote where forking this one is unproved and unsafe."""
        if self.mode == FORK and not self._plan.sure and threads > 1:
            self.mode = SPAWN
            self.reason = f"{self._plan.reason}, and loading it left {threads} threads"
            self._supervisor.end(1.0)
            self.start()
            return
        self._loaded = True
        self._fill()

    def zygote_failed(self, facts: dict) -> None:
        """Give up if no scorer ever ran; later say why, and the zygote's own end is dealt with."""
        self.link_problem(None, facts)

    def scorer_exited(self, number: int, status: int) -> None:
        """Hear a scorer's last words, and say how it ended."""
        link = self.links.get(number) or self._leaving.get(number)
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
        if not self.loaded_once:
            self._give_up(problems.load_ended(words))

    def zygote_gone(self, ending: str) -> None:
        """Start another zygote; give up if none ever had the model."""
        self._supervisor = None
        if self.stopping:
            return
        if not self._loaded and not self.loaded_once:
            self._give_up(problems.load_ended(ending))
            return
        self._say(f"The process that starts scorers {ending}; starting another.")
        if not self._loaded:
            self._count_death()
        self._loaded = False
        self._loop.later(self._delay() or 0.1, lambda: self.stopping or self.start())

    def _give_up_with(self, facts: dict) -> None:
        if facts.get("traceback"):
            self._say(facts["traceback"].rstrip("\n"))
        self._give_up(problems.model_problem(facts))

    def _give_up(self, problem: Problem) -> None:
        if not self.stopping:
            self.stopping = True
            self.on_fatal(problem)


def _raise(problem: Problem) -> None:
    raise problem
