"""Notebooks without batch_predictor: the derived batch form and other servers with the same predictor, in one run.

Each notebook's servers are started, asked in turn by wrk over 1, 8 and 64 connections while the others stand still,
and ended. BENCH_NOTEBOOKS are names of notebooks, to measure these only; BENCH_ROUNDS and BENCH_SECONDS as for serve.
All of it takes nine minutes; the first time builds the services and makes the others' environment before that.
"""

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import one_sample
import serve
from environments import ENVIRON, EXAMPLE, HOME, PLACE, environment_with, inside, run, service_of
from nb_scorer.model.manifest import FORMAT
from peers import PEERS, SAMPLE, Peer
from running import Running, add, alone
from serve import Points, Round, goal, least_goal, measure, median, most_goal

CONNECTIONS = (1, 8, 64)
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "2"))
MANY, MANY_CONNECTIONS = 1000, 2
THEIRS = ("granian", "fastapi", "asgi", "gunicorn")
# The watch asks the first thousand samples of each scorer's batches alone, too: measured is what comes after.
WARM_SAMPLES, WARM_SECONDS = 2500, 60


@dataclass(frozen=True)
class Notebook:
    """A notebook, its requests, and the factor by which it must exceed other servers at 64 connections."""

    name: str
    says: str
    cells: str
    hand: str
    sample: str
    goals: tuple[tuple[str, float], ...]


def example() -> str:
    """Return the running example's cells of code, with the requirements that all have here."""
    cells = json.loads((EXAMPLE / "model.ipynb").read_text())["cells"]
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    return "\n%%\n".join(text for text in texts if not text.startswith("requirements"))


NOTEBOOKS = (
    Notebook(
        "kmeans",
        "the running example",
        example(),
        "def batch_predictor(xs):\n    return kmodel.predict(xs).tolist()\n",
        SAMPLE,
        (("granian", 3.0), ("fastapi", 4.0), ("asgi", 2.5), ("gunicorn", 8.0)),
    ),
    Notebook(
        "text",
        "Tfidf + LogisticRegression",
        one_sample.TEXT,
        one_sample.TEXT_HAND,
        '{"text": "a good ship is late and the price is awful"}',
        (("fastapi", 8.0),),
    ),
    Notebook(
        "table",
        "ColumnTransformer + RandomForest on one-row frames",
        one_sample.TABLE,
        one_sample.TABLE_HAND,
        '{"city": "oslo", "area": 51.5, "rooms": 3}',
        (("fastapi", 6.0),),
    ),
    Notebook(
        "xgboost",
        "XGBClassifier on a list",
        one_sample.XGBOOST,
        one_sample.SHARES_HAND,
        one_sample.EIGHT,
        (("fastapi", 5.0),),
    ),
    Notebook(
        "lightgbm",
        "LGBMClassifier on a list",
        one_sample.LIGHTGBM,
        one_sample.SHARES_HAND,
        one_sample.EIGHT,
        (("fastapi", 5.0),),
    ),
    Notebook(
        "counted",
        "its samples are counted: not derived",
        one_sample.COUNTED,
        one_sample.COUNTED_HAND,
        one_sample.EIGHT,
        (("nb-off", 0.97),),
    ),
)


def report() -> None:
    """Measure each notebook's servers in turn, and print what came of each."""
    if not serve.is_ready():
        return
    chosen = os.environ.get("BENCH_NOTEBOOKS", "").replace(",", " ").split()
    for notebook in NOTEBOOKS:
        if not chosen or notebook.name in chosen:
            print("\n".join(measured(notebook)), flush=True)


def measured(notebook: Notebook) -> list[str]:
    """Return the lines on a notebook: rates, times and goals."""
    ours, hand = built(notebook), built(notebook, notebook.hand)
    running: list[Running] = []
    try:
        for peer in peers_of(notebook):
            _start(running, peer, ours, hand)
        points, many = _ask(notebook, running)
    finally:
        for one in running:
            one.stop()
    batching = json.loads((ours / "model/manifest.json").read_text()).get("batching") or {}
    said = (
        f"proved, {batching['gain']} times at {batching.get('gain_at', 8)}"
        if "gain" in batching
        else batching.get("reason", "not derived")
    )
    lines = [f"\n{notebook.name}: {notebook.says} ({said}); load {serve.load()}"]
    lines.append(f"  {'requests a second; p50 / p99 in ms':44}" + "".join(f"{f'{n} conn.':>24}" for n in CONNECTIONS))
    lines += [
        f"  {one.peer.says:44}" + "".join(shown(points[one.peer.name, n]) for n in CONNECTIONS) for one in running
    ]
    return [*lines, *goals(notebook, points), *goals_of_many(many)]


def peers_of(notebook: Notebook) -> list[Peer]:
    """Return the servers of a notebook: ours as it is, without batches, by hand, and the others."""
    ours = [
        Peer("nb", "nb-builder, 2 scorers"),
        Peer("nb-off", "nb-builder, S2I_BATCHING=off"),
        Peer("nb-hand", "nb-builder with a batch_predictor by hand"),
    ]
    if not any(name == "nb-off" for name, _ in notebook.goals):
        del ours[1]
    theirs = [peer for peer in PEERS if peer.name in THEIRS]
    return [replace(peer, body=notebook.sample) for peer in (*ours, *theirs)]


def _start(running: list[Running], peer: Peer, ours: Path, hand: Path) -> None:
    def command_of(peer: Peer, port: int) -> tuple[list, dict]:
        if peer.name.startswith("nb"):
            settings = {"S2I_BATCHING": "off"} if peer.name == "nb-off" else {}
            return service_of(hand if peer.name == "nb-hand" else ours, **settings)
        packages = [package for other in PEERS if other.name in THEIRS for package in other.packages]
        # The one by hand: it needs nothing of ours to be read.
        return inside(
            environment_with("batched-serve", hand, packages), hand, [word.format(port=port) for word in peer.command]
        )

    add(peer, running, command_of)


def _ask(notebook: Notebook, running: list[Running]) -> tuple[Points, dict[str, list[Round]]]:
    ours = [one for one in running if one.peer.name in ("nb", "nb-hand")]
    many: dict[str, list[Round]] = {one.peer.name: [] for one in ours}
    body = f"[{', '.join([notebook.sample] * MANY)}]"

    def ask_many() -> None:
        for one in ours:
            with alone(one, running):
                large = replace(one.peer, path="/predict/batch", body=body)
                many[one.peer.name].append(measure(one, MANY_CONNECTIONS, large))

    return ask(running, ROUNDS, "nb", after_round=ask_many), many


def ask(running: list[Running], rounds: int, watched: str, *, after_round: Callable[[], None] | None = None) -> Points:
    """Return the rounds of each server at each number of connections; each is warm before the first of them.

    `watched` names the server whose watch is to be at rest by then; `after_round` measures more at the end of a round.
    """
    points: Points = {(one.peer.name, count): [] for count in CONNECTIONS for one in running}
    for one in running:
        _warm(one, running, is_watched=one.peer.name == watched)
    for turn in range(rounds):
        # There and back: the first is measured while the others have just come to a stand.
        order = running[:: -1 if turn % 2 else 1]
        for count in CONNECTIONS:
            for one in order:
                with alone(one, running):
                    points[one.peer.name, count].append(measure(one, count, one.peer))
        if after_round:
            after_round()
    return points


def _warm(one: Running, running: list[Running], *, is_watched: bool) -> None:
    """Ask a server before it is measured: until its watch is at rest, where it has one."""
    with alone(one, running):
        asked = measure(one, max(CONNECTIONS), one.peer).rate * serve.SECONDS
        until = time.monotonic() + WARM_SECONDS
        while is_watched and asked < WARM_SAMPLES and time.monotonic() < until:
            asked += measure(one, max(CONNECTIONS), one.peer).rate * serve.SECONDS


def shown(rounds: list[Round]) -> str:
    """Return a cell of the table: requests a second, and how long answers took."""
    failed = sum(each.errors for each in rounds)
    words = f"{median(rounds, 'rate'):,.0f}; {median(rounds, 'p50'):.2f} / {median(rounds, 'p99'):.2f}"
    return f"{words + (f' {failed} errors' if failed else ''):>24}"


def goals(notebook: Notebook, points: Points) -> list[str]:
    """Return the lines of the goals for a notebook."""
    lines = []
    for name, least in notebook.goals:
        lines += least_goal(f"rate, 64 conn., nb / {name}", _against(points, name, 64, "rate"), least)
    lines += most_goal("p50, 1 conn., nb / fastapi", _against(points, "fastapi", 1, "p50"), 1.0)
    lines += most_goal("p50, 1 conn., nb / asgi", _against(points, "asgi", 1, "p50"), 1.3)
    lines += most_goal("p99, 8 conn., nb / granian", _against(points, "granian", 8, "p99"), 1.0)
    return lines


def _against(points: Points, name: str, count: int, figure: str) -> float | None:
    return serve.ratio(points, ("nb", count), (name, count), figure)


def goals_of_many(many: dict[str, list[Round]]) -> list[str]:
    """Return the line on bodies of many samples, alongside what a batch_predictor by hand does."""
    if not (many.get("nb") and many.get("nb-hand")):
        return []
    share = median(many["nb"], "rate") / median(many["nb-hand"], "rate")
    failed = sum(each.errors for rounds in many.values() for each in rounds)
    samples = median(many["nb"], "rate") * MANY
    return [
        goal(f"bodies of {MANY}, nb / by hand ({samples:,.0f} samples/s)", share, ">= 0.5", share >= 0.5 and not failed)
    ]


def built(notebook: Notebook, hand: str = "") -> Path:
    """Return the APP_ROOT of a notebook, with `hand` as a cell more; build it if it is not there as it is now."""
    name = f"{notebook.name}{'-hand' if hand else ''}"
    app_root, source = PLACE / f"one-app-{name}", PLACE / f"one-source-{name}"
    texts = (one_sample.REQUIREMENTS + notebook.cells + (f"\n%%\n{hand}" if hand else "")).split("\n%%\n")
    plain = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    cells = [{**plain, "id": f"cell-{number}", "source": text} for number, text in enumerate(texts)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    written = json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5})
    manifest, file = app_root / "model/manifest.json", source / "model.ipynb"
    if manifest.exists() and file.read_text() == written and json.loads(manifest.read_text())["format"] == FORMAT:
        return app_root
    for folder in (app_root, source):
        shutil.rmtree(folder, ignore_errors=True)
    source.mkdir(parents=True)
    file.write_text(written)
    environ = {**ENVIRON, "NB_BUILDER_HOME": str(HOME), "APP_ROOT": str(app_root), "S2I_SRC": str(source)}
    run([Path(__file__).parents[2] / "s2i/bin/assemble"], environ)
    return app_root
