"""A batch that is killed at any moment and started again writes what an undisturbed one writes, byte for byte.

KILLS=50 asks for that many, for developers who change what a job keeps: it takes minutes.
"""

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from contract import clients
from contract.batches import batch, command, environment

# Rejects, fails, and counts in floats, whose last digits would reveal other groups of samples.
NOTEBOOK = """
    def validator(x):
        return x[0] != 13

    def predictor(x):
        if x[0] == 77:
            raise ValueError("seventy-seven")
        return {"sum": x[0] * 0.1 + x[1], "of": len(x)}

    def batch_predictor(xs):
        return [predictor(x) for x in xs]

    examples = [[1, 2], [3.5, 4]]
"""
ROWS = 50_000
KILLS = int(os.environ.get("KILLS", "12"))


def _lines(seed):
    """Return lines of CSV, of which some can't be read, some are rejected and some fail."""
    chance = random.Random(seed)
    for number in range(ROWS):
        kind = chance.random()
        if kind < 0.0005:
            yield f"{number},1,2,3\n"
        elif kind < 0.001:
            yield f"{chance.choice([13, 77])},{number}\n"
        else:
            yield f"{chance.randrange(100, 1000)},{chance.random():.4f}\n"


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Return a folder of inputs: two files of CSV, one of NDJSON."""
    folder = tmp_path_factory.mktemp("in")
    (folder / "a.csv").write_text("x,y\n" + "".join(_lines(1)))
    with gzip.open(folder / "b.csv.gz", "wt") as file:
        file.write("".join(_lines(2)))
    chance = random.Random(3)
    (folder / "c.ndjson").write_text(
        "".join(json.dumps([chance.randrange(10, 100), number]) + "\n" for number in range(ROWS))
    )
    return folder


# Those of columns need pyarrow.
JOBS = {
    "columns": lambda inputs, out: [inputs / "c.ndjson", out / "c.parquet", "--errors", out / "errors.ndjson"],
    "a file": lambda inputs, out: [inputs / "a.csv", out / "a.csv", "--errors", out / "errors.ndjson"],
    "a folder": lambda inputs, out: [inputs, f"{out}/", "--errors", out / "errors.ndjson", "--keep", "none"],
    "an array": lambda inputs, out: [inputs / "c.ndjson", out / "c.json.gz", "--errors", out / "errors.ndjson"],
}


def _contents(folder):
    """Return {name: bytes} of all files in `folder`, also of those that should not be there."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] if name == "a file" else []) for name in JOBS]
)
def test_a_job_that_is_killed_at_random_moments_and_goes_on_writes_the_same_bytes(name, inputs, model_cache, tmp_path):
    root, words = model_cache(NOTEBOOK), JOBS[name]
    python = clients.python_of("batch") if name == "columns" else sys.executable
    undisturbed, disturbed = tmp_path / "undisturbed", tmp_path / "disturbed"
    undisturbed.mkdir()
    disturbed.mkdir()
    started = time.monotonic()
    ran = batch(root, *words(inputs, undisturbed), python=python)
    seconds = time.monotonic() - started
    assert ran.status == 0, ran.err
    chance, kills, resumed = random.Random(name), 0, 0
    most = -(-KILLS // len(JOBS))
    while True:
        process = subprocess.Popen(
            command(*words(inputs, disturbed), python=python),
            env=environment(root, S2I_BATCH_KEEP="0.02"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        try:
            if kills < most or not resumed:
                process.wait(chance.uniform(0.2, seconds))
                said = process.stderr.read().decode()
            else:
                said = process.communicate()[1].decode()
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
            resumed += b"Resuming after row" in process.stderr.read()
            names = {path.name for path in disturbed.iterdir() if not path.name.startswith(".")}
            whole = {name: data for name, data in _contents(undisturbed).items() if name in names}
            assert {name: (disturbed / name).read_bytes() for name in whole} == whole, "a part has the final name"
            continue
        finally:
            process.stderr.close()
        assert process.returncode == 0, said
        resumed += "Resuming after row" in said
        assert _contents(disturbed) == _contents(undisturbed)
        # Where all of them came too early for anything to be done, there are more.
        if kills >= most and resumed:
            break
        for path in disturbed.iterdir():
            os.unlink(path)
