"""Manages the scorers: starts them, and replaces those that have exited."""

import errno
import json
import os
import socket
import time
from collections.abc import Callable, Sequence
from typing import IO, TYPE_CHECKING, NamedTuple

from nb_scorer.common import phrases
from nb_scorer.common.problem import Problem
from nb_scorer.model.problems import SetupFailed
from nb_scorer.protocol.orders import ALL, FORK, SPAWN
from nb_scorer.protocol.shared_counters import SharedCounters

from nb_service import gpus, problems
from nb_service.model_folder import ModelFolder
from nb_service.pool.answer import OK, Answer, Job
from nb_service.pool.guard import guarded
from nb_service.pool.link import Link
from nb_service.pool.memory import shared_memory
from nb_service.pool.plan import Plan
from nb_service.pool.startup_record import StartupRecord
from nb_service.pool.supervisor import Supervisor
from nb_service.pool.warmup import Warmup

if TYPE_CHECKING:
    import asyncio

    from nb_service.weights.awaited import Weights

# If this many scorers in a row exit before they answer anything, the cause is the model rather than a single sample.
CRASH_LOOP = 3
# The longest pause between starts in a crash loop, in which each pause is twice the previous one.
MAX_PAUSE = 10.0
MIN_PAUSE = 0.2
# Errors that mean a temporary shortage. Any other error at the very first start is final.
SCARCE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.ENOBUFS, errno.ENOSPC})
# A forked scorer already has the model, and sends HELLO at once. One that is silent for this long hangs in inherited
# state, such as a lock that another thread of the zygote held during the fork.
HELLO_SECONDS = 30.0
# A spawned scorer loads the model itself. The first one has no time limit. After that, others may take SLOWER_BY times
# as long as the slowest so far, and at least LOAD_SECONDS.
LOAD_SECONDS = 60.0
SLOWER_BY = 10
# S2I_MAX_REQUESTS varies by this share, so that scorers that started together are not all replaced together.
JITTER = 0.1
# How long a replaced zygote may take to exit before it is killed, in seconds.
RETIRE_SECONDS = 1.0


class StartFailure(NamedTuple):
    """Why the system can't start a process, and since when (time.monotonic)."""

    since: float
    reason: str


class ScorerManager:
    """The scorers that take samples (`free`), and those that start, warm up or leave.

    It is `warm` once the planned number of scorers have answered the golden rows. `endings` counts exits of scorers by
    reason. The caller may set callbacks:

    - `on_change()`: readiness may have changed.
    - `on_fatal(problem)`: serving is impossible, because of this Problem.
    - `on_unfit(message)`: a golden row got a wrong prediction, or scorers keep exiting.
    - `on_setup_failed(problem, traceback)`: the notebook's setup failed in a new scorer; another one will try.
    - `on_rows(link, results)`: returns whether to use a scorer with these predictions for the golden rows.
    - `on_unanswered(jobs)`: a scorer left these samples unanswered.
    - `on_answer(pairs)`: these jobs got these answers.
    - `on_room(link)`: waiting samples may now fit on this link; with None, anything may have changed for them.
    - `on_empty(link)`: the same, before the link's last answers go to their callbacks.
    """

    def __init__(
        self,
        loop: "asyncio.AbstractEventLoop",
        model: ModelFolder,
        plan: Plan,
        say: Callable[[str], object],
        stdout: IO | None = None,
    ) -> None:
        self.mode, self.reason = plan.mode, plan.reason
        self.free: list[Link] = []
        self.links: dict[int, Link] = {}
        self.warm = False
        # With GPUs, only the first scorer shows how many are needed: see _count_scorers.
        self.planned = 1 if plan.one_a_gpu else plan.scorers
        self.uses_gpus: bool | None = None  # None until the first scorer has answered the golden rows
        self.loaded_once = False
        self.unforkable: tuple[str, ...] = ()
        self.stopping = False
        self.on_change = lambda: None
        self.on_fatal = _raise
        self.on_unfit = lambda message: None
        self.on_setup_failed: Callable[[Problem, str | None], object] = lambda problem, traceback: None
        self.on_rows = self._judge
        self.on_unanswered = lambda jobs: None
        self.on_answer: Callable[[list[tuple[Job, Answer]]], object] | None = None
        self.on_room = lambda link: None
        self.on_empty = lambda link: None
        self.on_batching_ended: Callable[[], None] = lambda: None
        self.batching_ended = 0  # number of differences that the scorers have found
        self.endings: dict[str, int] = {"died": 0, "too slow": 0, "recycled": 0}
        self._loop = loop
        self._model = model
        self._plan = plan
        self._say = say
        self._stdout = stdout
        self._leaving: dict[int, Link] = {}
        self._over_quota: list[Link] = []  # scorers to be replaced, one after the other, which are still in use
        self._retired: list[Link] = []  # replaced scorers, which only finish the samples that they have
        self._supervisor: Supervisor | None = None
        self._loaded = False
        self._number = 0
        self._deaths = 0
        self._pause: asyncio.TimerHandle | None = None
        self._setbacks = 0  # failed attempts to start a process since the last success
        self.start_failure: StartFailure | None = None  # why no process can be started at present
        self._silent: dict[int, float] = {}  # when scorers that have not sent HELLO were started, by number
        self._slowest_hello = 0.0
        self._setting_up: dict[int, float] = {}  # when scorers started the notebook's setup, by number
        self._failed_setups = 0  # failed setups since the last successful one
        self._setup_problem = ""  # how the last setup failed
        self.startup = StartupRecord()
        self._unfit: list[Link] = []  # scorers that answered a golden row wrongly
        self.unfit_row: int | None = None  # the number of that row, counted from 1
        self._weights = self._make_weights()
        self._finishing: Supervisor | None = None  # being stopped, after this manager was replaced

    def _make_weights(self) -> "Weights | None":
        if self._plan.weights_environment is None:
            return None
        # Imported here, so that services of models without weights start without it.
        from nb_service.weights.awaited import Weights

        return Weights(self._loop, self._plan.weights_environment, self._say)

    @property
    def lacks_weights(self) -> bool:
        """Return whether the last attempt to provide the model's weights failed."""
        return self._weights is not None and self._weights.is_failing

    @property
    def accepts_samples(self) -> bool:
        """Return whether samples may wait for a scorer: true while any scorer runs or is starting."""
        if self.stopping or self.lacks_weights or (self._unfit and not self.warm):
            return False
        if self.is_setup_failing:
            return False
        return self._deaths < CRASH_LOOP or not self.crash_looping

    @property
    def why_not_ready(self) -> str:
        """Return why no scorer takes samples, as a sentence; "" if no reason is known."""
        if self.unfit_row is not None and not self.warm:
            return (
                f"Golden row {self.unfit_row} is not predicted as it was when the model was built; "
                "the log has both predictions."
            )
        if self._failed_setups:
            return "The notebook's setup failed, and the service retries it; the log shows the error."
        if self.crash_looping:
            return f"{self._deaths} scorers in a row crashed before their first prediction; the log shows the reason."
        if self.start_failure is not None:
            return f"No process can be started: {self.start_failure.reason}."
        if self.warm:
            return ""
        of_weights = self._weights.why_not if self._weights is not None else ""
        return of_weights or ("The notebook's setup is running." if self._setting_up else "The model is loading.")

    @property
    def is_setup_failing(self) -> bool:
        """Return whether no scorer takes samples because the notebook's setup keeps failing."""
        return bool(self._failed_setups) and not self.free

    @property
    def is_defunct(self) -> bool:
        """Return whether scorers keep crashing, or predict golden rows wrongly."""
        return self.stopping or self.crash_looping or (self.unfit_row is not None and not self.warm)

    @property
    def crash_looping(self) -> bool:
        """Return whether the scorers keep exiting before they answer anything."""
        return self._deaths >= CRASH_LOOP and not any(link.proved for link in self.free)

    @property
    def zygote_pid(self) -> int | None:
        """Return the zygote's process id while there is one."""
        return self._supervisor.pid if self._supervisor is not None else None

    @property
    def child_pids(self) -> tuple[int | None, ...]:
        """Return the process ids of the children of this process; None for those that are not running."""
        finishing = self._finishing.pid if self._finishing is not None else None
        return self.zygote_pid, finishing, self._weights.pid if self._weights is not None else None

    @property
    def open_links(self) -> list[Link]:
        """Return all links of the scorers that take samples."""
        # A list without copies if there is one for each.
        return self.free if self._plan.concurrency == 1 else [lane for link in self.free for lane in link.lanes]

    @property
    def all_links(self) -> list[Link]:
        """Return all links of all scorers."""
        if self._plan.concurrency == 1:
            return list(self.links.values())
        return [lane for link in self.links.values() for lane in link.lanes]

    def by_gpu(self) -> dict[str, int]:
        """Return how many scorers use each GPU, by its CUDA name; empty if they use none."""
        names = self._plan.gpus.names
        places = [max(link.gpu, 0) for link in self.free if self.uses_gpus]
        return {name: places.count(place) for place, name in enumerate(names)}

    def start(self) -> None:
        """Start a zygote once the model's weights are available; it starts the scorers when it has loaded the model.

        Raise the Problem of a model Python that can't be run; after a temporary shortage, retry later.
        """
        if self._weights is not None and not self._weights.ready:
            self._weights.start(self._start_again, self._weights_missing)
            return
        self.startup.begin()
        self._loaded = False
        try:
            self._supervisor = Supervisor(self._model, self.mode, self._plan, self, self._loop, self._stdout)
        except OSError as error:
            why = error.strerror or str(error)
            if not self.loaded_once and error.errno not in SCARCE:
                raise problems.load_not_started(self._model.python, why) from error
            self._set_back("The process that starts scorers", why)
            self._loop.call_later(self._delay(), guarded, self._start_again)

    def _weights_missing(self) -> None:
        guarded(self.on_change)
        self.on_room(None)

    def _start_again(self) -> None:
        if self.stopping:
            return
        try:
            self.start()
        except Problem as problem:
            self._give_up(problem)

    def _set_back(self, what: str, reason: str) -> None:
        """Log, once, that something can't be started now; the pause before the next attempt grows."""
        self._setbacks += 1
        self.start_failure = StartFailure(self.start_failure.since if self.start_failure else time.monotonic(), reason)
        if self._setbacks == 1:
            self._say(f"{what} can't be started now ({reason}); trying again.")

    def _recovered(self) -> None:
        if self._setbacks:
            self._setbacks = 0
            self.start_failure = None
            self._say("Processes can be started again.")

    def stop(self, seconds: float) -> list[Job]:
        """Stop every scorer within `seconds`; return the unanswered samples."""
        # Set first, so that scorers and a zygote that exit now are not replaced.
        self.stopping = True
        self.warm = False
        unanswered = [job for link in list(self.links.values()) for job in link.drop()]
        self.links.clear()
        self.free.clear()
        if self._weights is not None:
            self._weights.end()
        if self._supervisor is not None:
            # While the zygote loads the model, it does not read its control socket, so waiting would be useless.
            self._supervisor.end(seconds if self._loaded else 0.0, waits=self._plan.teardown_seconds is not None)
            self._supervisor = None
        if self._finishing is not None:
            self._finishing.end(seconds)
            self._finishing = None
        return unanswered

    # --- replacing all scorers at once ---

    def successor(self, say: Callable[[str], object]) -> "ScorerManager":
        """Return a new manager of the same model, whose scorers' unanswered samples go to the same callback."""
        new = ScorerManager(self._loop, self._model, self._plan, say, self._stdout)
        new.batching_ended = self.batching_ended
        new.endings = self.endings
        for name in ("on_unanswered", "on_answer", "on_room", "on_empty", "on_batching_ended"):
            setattr(new, name, getattr(self, name))
        return new

    def take_over(self, old: "ScorerManager") -> None:
        """Use the log and the callbacks of `old`, which this one replaces."""
        for name in ("_say", "on_change", "on_fatal", "on_unfit", "on_setup_failed"):
            setattr(self, name, getattr(old, name))

    @property
    def is_busy(self) -> bool:
        """Return whether any scorer has samples."""
        return any(link.in_flight for link in self.all_links)

    @property
    def is_answering(self) -> bool:
        """Return whether, after `retire`, any scorer has samples of clients."""
        return any(link.busy_lanes for link in self._retired)

    def retire(self) -> None:
        """Start no more scorers, and take no more samples; scorers finish the samples that they have."""
        self.stopping = True
        if self._weights is not None:
            self._weights.end()
        for link in self.open_links:
            link.quota = float("inf")
        self._retired += self.free
        for links in (self.free, self._over_quota, self._unfit):
            links.clear()

    def finish(self) -> None:
        """Stop all scorers after `retire`, without blocking; teardown has the time in the plan."""
        for link in list(self.links.values()):
            jobs = link.drop()
            # The other scorers have only golden rows.
            self.on_unanswered(jobs if link in self._retired else [])
        for registry in (self.links, self._retired, self._silent, self._setting_up):
            registry.clear()
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is not None:
            self._finishing = supervisor
            waits = self._plan.teardown_seconds is not None
            supervisor.retire(self._plan.teardown_seconds or RETIRE_SECONDS, self._finished, waits=waits)

    def _finished(self) -> None:
        self._finishing = None

    @property
    def is_finished(self) -> bool:
        """Return whether all processes have exited after `finish`."""
        return self._supervisor is None and self._finishing is None

    def dismiss(self, link: Link, reason: str) -> list[Job]:
        """Kill a scorer and replace it; return its unanswered samples.

        A scorer that is only recycled may call the notebook's teardown first.
        """
        unanswered = link.drop()
        self.links.pop(link.number, None)
        if reason == "recycled" and self._plan.teardown_seconds is not None:
            self._loop.call_later(self._plan.teardown_seconds, guarded, self._kill_late, link)
        else:
            self._kill(link)
        self._lose(link, [], reason)
        return unanswered

    def _kill_late(self, link: Link) -> None:
        if self._leaving.get(link.number) is link:
            self._kill(link)

    def _kill(self, link: Link) -> None:
        if self._supervisor is not None:
            self._supervisor.kill(link.number)

    def reap(self) -> None:
        """Reap the zygote if it has exited; the zygote itself reaps the scorers."""
        for supervisor in (self._supervisor, self._finishing):
            if supervisor is not None:
                supervisor.reap()
        if self._weights is not None:
            self._weights.reap()

    def replace_silent(self, now: float) -> None:
        """Replace scorers that have run for too long without reporting that they have the model, or a problem."""
        patience = self._patience()
        for number, since in list(self._silent.items()):
            link = self.links.get(number)
            if link is not None and now - since > patience:
                self._say(f"A scorer that was started {patience:g} s ago and has reported nothing yet is replaced.")
                self.on_unanswered(self.dismiss(link, "died"))
        for number, since in list(self._setting_up.items()):
            link = self.links.get(number)
            if link is not None and now - since > self._plan.setup_seconds:
                self._setup_has_failed(
                    link,
                    SetupFailed(f"it has not returned after {self._plan.setup_seconds:g} s (S2I_SETUP_TIMEOUT)"),
                )
                self.on_unanswered(self.dismiss(link, "too slow"))

    def _patience(self) -> float:
        if self.mode == FORK:
            return HELLO_SECONDS
        return max(LOAD_SECONDS, SLOWER_BY * self._slowest_hello) if self.loaded_once else float("inf")

    # --- called by the links ---

    def link_setting_up(self, link: Link) -> None:
        """Start the time limit for setup."""
        self._has_loaded(link)
        self._setting_up[link.number] = time.monotonic()
        self.startup.begin()

    def _has_loaded(self, link: Link) -> None:
        self.loaded_once = True
        since = self._silent.pop(link.number, None)
        if since is not None:
            self._slowest_hello = max(self._slowest_hello, time.monotonic() - since)

    def link_ready(self, link: Link, pid: int) -> None:
        """Send golden rows to a scorer that has loaded the model: all to the first scorers, one to a replacement."""
        self._has_loaded(link)
        if self._setting_up.pop(link.number, None) is not None:
            self._failed_setups = 0
        if not self._plan.batching or self.batching_ended:
            link.stop_batching()
        for lane in link.lanes:
            lane.pid = pid
        rows = self._plan.golden[:1] if self.warm else self._plan.golden
        Warmup(link, rows, self._plan, self._warmed_up).next()

    def link_batching_ended(self, link: Link, facts: dict) -> None:
        """Disable batching in all present and future scorers: a batched answer differed from the single one."""
        self.batching_ended += 1
        if self.batching_ended == 1:
            self._say(
                f"Batching was disabled: {facts['call']} gave scorer {link.pid} another result for a sample in a "
                f"batch (digest {facts['together']}) than alone (digest {facts['alone']}). "
                "Each sample is scored alone from now on."
            )
            for other in self.links.values():
                other.stop_batching()
            guarded(self.on_batching_ended)

    def link_problem(self, link: Link | None, facts: dict) -> None:
        """Log that loading the model or setup failed; give up if no process has ever loaded the model."""
        if link is not None:
            self._silent.pop(link.number, None)
        problem = problems.model_problem(facts)
        if link is not None and isinstance(problem, SetupFailed):
            self._setup_has_failed(link, problem, facts.get("traceback"), facts.get("error_class", ""))
        elif self.loaded_once:
            self._say(str(problem))
        else:
            self._give_up_with(facts)

    def _setup_has_failed(
        self, link: Link, problem: Problem, traceback: str | None = None, error_class: str = ""
    ) -> None:
        """Log how setup failed, in full if the reason is new; the pause before the next start grows."""
        self._failed_setups += 1
        link.setup_failed = True
        self.startup.fail(problem, traceback, error_class)
        if problem.what != self._setup_problem:
            self._setup_problem = problem.what
            if traceback:
                self._say(traceback.rstrip("\n"))
            self._say(str(problem))
        else:
            self._say(f"{problem.what} (attempt {self._failed_setups})")
        guarded(self.on_setup_failed, problem, traceback)
        guarded(self.on_change)
        self.on_room(None)

    def link_first_answer(self, link: Link) -> None:
        """Reset the count of deaths, because this scorer works."""
        was_looping = self.crash_looping
        self._deaths = 0
        if was_looping:
            self._say("Scorers respond again.")
            guarded(self.on_change)

    def link_quota_reached(self, link: Link) -> None:
        """Start a replacement for a scorer that has served its quota; the scorer leaves when that is ready."""
        if link in self._retired:
            if not link.busy_lanes:
                self._let_go(link)
        elif link not in self._over_quota and link in self.free:
            self._over_quota.append(link)
            self._fill()

    def _let_go(self, link: Link) -> None:
        answers = sum(lane.answers for lane in link.lanes)
        self._say(f"Scorer {link.pid} is replaced after {answers} samples (S2I_MAX_REQUESTS).")
        self._loop.call_soon(guarded, self._recycle, link)

    def _recycle(self, link: Link) -> None:
        if link.alive:
            self.dismiss(link, "recycled")

    def link_room(self, link: Link) -> None:
        """Distribute waiting samples."""
        self.on_room(link)

    def link_empty(self, link: Link) -> None:
        """Give waiting samples to this scorer at once."""
        self.on_empty(link)

    def link_strange(self, link: Link) -> None:
        """Kill a scorer that sent an unexpected frame: its answers can no longer be matched to samples."""
        self._say(f"Scorer {link.pid or link.number} is killed: its response was not requested, or is too large.")
        if self._supervisor is not None:
            self._supervisor.kill(link.number)

    def link_handed_back(self, job: Job) -> None:
        """Requeue a sample that a scorer returned without scoring it."""
        self.on_unanswered([job])

    def link_gone(self, link: Link, unanswered: list[Job]) -> None:
        """Requeue the samples of a dead scorer, and replace it."""
        if link.pid is None and self._supervisor is not None and self._supervisor.awaits(link.number):
            # Perhaps no scorer was started: if the zygote has no free descriptor, the kernel closes the socket sent to
            # it. The zygote's report, which has not arrived yet, decides.
            return
        self._lose(link, unanswered, "died")

    def _lose(self, link: Link, unanswered: list[Job], reason: str) -> None:
        self._silent.pop(link.number, None)
        self._setting_up.pop(link.number, None)
        for links in (self._over_quota, self._unfit):
            if link in links:
                links.remove(link)
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
        if not (link.proved or link.setup_failed or reason == "recycled"):
            self._count_death()
        self._fill()

    def _count_death(self) -> None:
        self._deaths += 1
        if self.crash_looping:
            self._say_unfit(
                f"{self._deaths} scorers in a row crashed before their first prediction: not ready. "
                f"The next one starts in {self._delay():g} s."
            )
            guarded(self.on_change)
            self.on_room(None)

    def _say_unfit(self, message: str) -> None:
        self._say(message)
        guarded(self.on_unfit, message)

    def _delay(self) -> float:
        """Return the seconds to wait before the next start; they grow with repeated deaths and failures."""
        return max(pause(self._deaths - CRASH_LOOP), pause(self._setbacks - 1), pause(self._failed_setups - 1))

    def _fill(self) -> None:
        """Start scorers until the planned number run; wait first if they crash in a loop."""
        if self._pause is None and self._loaded:
            self._pause = self._loop.call_later(self._delay(), guarded, self._fill_now)

    def _fill_now(self) -> None:
        self._pause = None
        while self._loaded and not self.stopping and len(self.links) < self._wanted():
            try:
                self._start_one()
            except ConnectionError:
                # The zygote has exited. `zygote_gone` will be called soon, and the next zygote starts the scorers.
                return
            except OSError as error:
                self._set_back("A scorer", error.strerror or str(error))
                self._fill()
                return

    def _start_one(self) -> None:
        if self._supervisor is None:
            raise ConnectionError("there is no zygote")
        self._number += 1
        gpu = self._freest_gpu()
        lanes = self._plan.concurrency
        links: list[Link] = []
        pairs: list[tuple[socket.socket, socket.socket]] = []
        try:
            pairs += (socket.socketpair() for _ in range(lanes))
            with shared_memory(lanes) as counters_file:
                counters = counters_file.fileno()
                links += (self._link(pair[0], SharedCounters(counters, lane)) for lane, pair in enumerate(pairs))
                links[0].join(links[1:])
                links[0].gpu = gpu
                self._supervisor.start(self._number, [*(pair[1].fileno() for pair in pairs), counters], gpu)
        except OSError:
            for link in links:
                link.drop()
            for front_socket, _ in pairs:
                front_socket.close()
            raise
        finally:
            for _, scorer_socket in pairs:
                # The zygote has its own copy. If this one stayed open, the scorer's death would not close the
                # connection.
                scorer_socket.close()
        self._set_quota(links)
        self.links[self._number] = links[0]

    def _link(self, front_socket: socket.socket, counters: SharedCounters) -> Link:
        plan = self._plan
        link = Link(self._number, front_socket, counters, self, self._loop, plan.batch, plan.predict_timeout)
        link.largest = plan.largest_answer
        return link

    def _set_quota(self, lanes: list[Link]) -> None:
        plan = self._plan
        if plan.max_requests:
            import random

            share = plan.max_requests * random.uniform(1 - JITTER, 1 + JITTER) / len(lanes)  # noqa: S311
            for lane in lanes:
                # The golden rows, which a scorer answers before any sample, don't count towards its quota.
                lane.quota = share + (len(plan.golden) if lane is lanes[0] else 0)

    def _wanted(self) -> int:
        """Return how many scorers there should be: one more than planned while one is being replaced."""
        return self.planned + bool(self._over_quota or self._retired)

    def _freest_gpu(self) -> int:
        """Return the position in the plan of the GPU with the fewest scorers; ALL if there are fewer than two GPUs."""
        places = range(len(self._plan.gpus.names))
        if len(places) < 2:
            return ALL
        taken = [link.gpu for link in self.links.values()]
        return min(places, key=taken.count)

    def _count_scorers(self, link: Link) -> None:
        """Determine the number of scorers when the first one has answered the golden rows.

        A pickle does not show whether its model uses GPUs. After the golden rows, the process has either initialised
        CUDA or not. Without golden rows, it may still do so if CUDA libraries are installed.
        """
        if self.uses_gpus is None and self._plan.gpus.names and link.pid is not None:
            may_yet = not self._plan.golden and gpus.has_libraries(self._model.python)
            self.uses_gpus = may_yet or gpus.asked_for_by(link.pid)
            if self._plan.one_a_gpu:
                self.planned = len(self._plan.gpus.names) if self.uses_gpus else self._plan.scorers
                self._fill()

    def _retire(self) -> None:
        """Stop sending samples to a scorer over its quota, because its replacement is ready."""
        link = self._over_quota.pop(0)
        self.free.remove(link)
        self._retired.append(link)
        for lane in link.lanes:
            # Whichever answers last.
            lane.quota = 0
        if not link.busy_lanes:
            self._let_go(link)

    def _warmed_up(self, link: Link, results: list) -> None:
        # The first scorers' predictions were checked with the same model, so a replacement only has to respond.
        if not self.warm and not self.on_rows(link, results):
            if link.alive:
                self._unfit.append(link)
                self.on_room(None)
        elif link.alive:
            self.free.append(link)
            for lane in link.lanes:
                lane.observe = self.on_answer
            self._count_scorers(link)
            if self._over_quota and len(self.free) > self.planned:
                self._retire()
            if not self.warm and len(self.free) == self.planned:
                self.warm = True
                guarded(self.on_change)
            if self.warm:
                self.startup.succeed()
            self.on_room(link)

    def _judge(self, link: Link, results: list) -> bool:
        """Return whether every golden row was answered correctly; log the first that was not."""
        for result in results:
            if result.same or (result.answer.outcome == OK and not self._plan.compare):
                continue
            row = self._plan.golden[result.row]
            self.unfit_row = result.row + 1
            shown = json.dumps(result.value)[:200] if result.answer.outcome == OK else "no answer"
            self._say_unfit(
                f"Not ready: golden row {result.row + 1} ({json.dumps(row['sample'])[:200]}) must give "
                f"{json.dumps(row['answer'])[:200]} and gave {shown}."
            )
            return False
        return True

    # --- called by the supervisor ---

    def zygote_loaded(self, threads: int, unforkable: Sequence[str] = ()) -> None:
        """Start the scorers; if forking this zygote is unverified and unsafe, start another zygote first."""
        self.unforkable = tuple(unforkable)
        # A fork copies only the calling thread: work in other threads stops half done in the child, and their locks
        # stay locked. So a zygote with several threads is forked only if the build has verified forking.
        if self.mode == FORK and not self._plan.mode_is_final and (threads > 1 or unforkable):
            self.mode = SPAWN
            why = f"it uses {unforkable[0]}" if unforkable else f"loading it left {threads} threads"
            self.reason = f"{self._plan.reason}, and {why}"
            supervisor, self._supervisor = self._supervisor, None
            if supervisor is not None:
                # It starts only after this one has exited: two zygotes at once would hold the model in memory twice.
                supervisor.retire(RETIRE_SECONDS, self._start_again)
            return
        self._recovered()
        self._loaded = True
        self._fill()

    def zygote_failed(self, facts: dict) -> None:
        """Give up if no scorer ever ran; later only log the reason, and `zygote_gone` starts another zygote."""
        self.link_problem(None, facts)

    def scorer_started(self, number: int) -> None:
        """Start the time limit for its HELLO, unless HELLO has arrived first, which uses another socket."""
        self._recovered()
        link = self.links.get(number)
        if link is None:
            return
        if not link.alive:
            self._lose(link, [], "died")
        elif link.pid is None:
            self._silent[number] = time.monotonic()

    def scorer_unstarted(self, number: int, why: str) -> None:
        """Start another one after a pause that grows with each failure."""
        link = self.links.pop(number, None)
        if link is not None:
            link.drop()
            self._set_back("A scorer", why)
            self._fill()

    def zygote_stuck(self) -> None:
        """Requeue the samples of all scorers: they die because the zygote is killed, not because of a sample."""
        self._say("The process that starts scorers does not respond: it is killed, with its scorers.")
        links = list(self.links.values())
        for registry in (
            *(self.links, self.free, self._over_quota, self._retired, self._unfit, self._silent, self._setting_up),
        ):
            registry.clear()
        self._loaded = False
        for link in links:
            self.endings["died"] += 1
            self.on_unanswered(link.drop())

    def scorer_exited(self, number: int, status: int) -> None:
        """Read the last answers of a scorer that has exited, and log how it exited."""
        link = self.links.get(number) or self._leaving.get(number)
        if link is None or self.stopping:
            return
        guarded(link.end)
        if link.alive:
            # A process started by the scorer keeps its socket open, so no end of file arrives.
            guarded(link.gone)
        self._leaving.pop(number, None)
        if self.stopping:
            return
        ending = phrases.ending(os.waitstatus_to_exitcode(status))
        if link.setup_failed:
            return
        self._say(f"Scorer {link.pid or number} {ending}.")
        if not self.loaded_once:
            self._give_up(problems.load_ended(ending))

    def zygote_gone(self, ending: str) -> None:
        """Start another zygote; give up if none has ever loaded the model."""
        self._supervisor = None
        self._leaving.clear()
        if self.stopping:
            return
        # Scorers that the zygote had not started yet, or whose start it could not report.
        unstarted = [link for link in self.links.values() if not link.alive]
        for link in unstarted:
            del self.links[link.number]
        if not self._loaded and not self.loaded_once:
            self._give_up(problems.load_ended(ending))
            return
        self._say(f"The process that starts scorers {ending}; starting another.")
        if unstarted or not self._loaded:
            self._count_death()
        self._loaded = False
        self._loop.call_later(self._delay() or 0.1, guarded, self._start_again)

    def _give_up_with(self, facts: dict) -> None:
        if facts.get("traceback"):
            self._say(facts["traceback"].rstrip("\n"))
        self._give_up(problems.model_problem(facts))

    def _give_up(self, problem: Problem) -> None:
        if not self.stopping:
            self.stopping = True
            self.on_room(None)
            self.on_fatal(problem)


def pause(turn: int) -> float:
    """Return the seconds to wait before attempt `turn`: 0 for a negative one, then doubled up to MAX_PAUSE."""
    # The exponent is limited because the number of attempts isn't, and a large power of 2 overflows a float.
    return 0.0 if turn < 0 else min(MAX_PAUSE, MIN_PAUSE * 2.0 ** min(turn, 20))


def _raise(problem: Problem) -> None:
    raise problem
