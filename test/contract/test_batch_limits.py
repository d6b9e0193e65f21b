"""A batch at its limits: a disk that is full, a machine with little memory, and a long input."""

import json
import subprocess
import sys

import pytest

from contract.batches import LIMIT, batch, command, environment
from flow import stage

ADDS = """
    def predictor(x):
        return x[0] + x[1]

    def batch_predictor(xs):
        return [predictor(x) for x in xs]

    examples = [[1, 2], [3.5, 4]]
"""
# A disk of a megabyte, and then of more: the second run goes on where the first one ended.
TWO_RUNS = """
mount -t tmpfs -o size=1m none "$OUT"
"$@"; echo "status $?"
ls -A "$OUT"
mount -o remount,size=64m "$OUT"
"$@"; echo "status $?"
ls -A "$OUT"
cp "$OUT/out.csv" "$COPY"
"""


def test_a_full_disk_is_reported_and_with_more_room_the_same_words_go_on(model_cache, tmp_path):
    if not stage.can_mount():
        pytest.skip("mounting a small disk needs root and namespaces")
    (tmp_path / "in.csv").write_text("".join(f"{row},1\n" for row in range(200_000)))
    (tmp_path / "out").mkdir()
    words = [tmp_path / "in.csv", tmp_path / "out" / "out.csv", "--header", "no"]
    env = environment(
        model_cache(ADDS), OUT=str(tmp_path / "out"), COPY=str(tmp_path / "copy.csv"), S2I_BATCH_KEEP="0.05"
    )
    ran = subprocess.run(
        [*stage.namespace(), "sh", "-c", TWO_RUNS, "sh", *command(*words)], env=env, capture_output=True, timeout=LIMIT
    )
    said = ran.stderr.decode()
    assert "can't be written: No space left on device." in said, said
    assert "Resuming after row " in said
    assert ran.stdout.decode().splitlines() == ["status 1", ".out.csv.nb-batch", "status 0", "out.csv"], said
    assert (tmp_path / "copy.csv").read_text() == "".join(f"{row},1,{row + 1}\n" for row in range(200_000))


@pytest.mark.parametrize("words", [["batch"], ["batch", "--help"], ["spark-model", "--help"]])
def test_a_device_that_takes_nothing_is_reported(words, model_cache):
    with open("/dev/full", "wb") as full:
        ran = subprocess.run(
            [*command()[:-1], *words],
            input=b"1,2\n",
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(model_cache(ADDS)),
        )
    assert ran.returncode == 1
    assert b"stdout can't be written: No space left on device." in ran.stderr
    assert b"Exception ignored" not in ran.stderr


# Of memory, as the kernel counts it, the highest that one of the processes had.
PEAK = """
import json, resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print(json.dumps([code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss]))
"""


def _peak(root, words):
    """Return the kilobytes that the largest process of a batch had, scorers included."""
    ran = subprocess.run(
        [sys.executable, "-c", PEAK, *command(*words)], env=environment(root), capture_output=True, timeout=LIMIT
    )
    code, peak = json.loads(ran.stdout)
    assert code == 0, ran.stderr.decode()
    return peak


def test_memory_does_not_grow_with_the_input(model_cache, tmp_path):
    root = model_cache(ADDS)
    peaks = []
    for rows in (20_000, 400_000):
        (tmp_path / "in.csv").write_text("".join(f"{row},1\n" for row in range(rows)))
        peaks.append(_peak(root, [tmp_path / "in.csv", tmp_path / f"{rows}.csv", "--header", "no", "--restart"]))
    assert peaks[1] < peaks[0] + 20_000, peaks


def test_a_few_long_rows_are_not_held_together(model_cache, tmp_path):
    code = "def predictor(x):\n    return len(x)\nexamples = ['a']\n"
    long = json.dumps("x" * (1 << 20)) + "\n"
    with open(tmp_path / "in.ndjson", "w") as file:
        file.writelines(long for _ in range(200))
    words = [tmp_path / "in.ndjson", tmp_path / "out.ndjson", "--keep", "none"]
    assert _peak(model_cache(code), words) < 300_000
    assert (tmp_path / "out.ndjson").read_text() == f"{1 << 20}\n" * 200


def test_a_hundred_thousand_rejected_rows_take_no_memory_but_a_file(model_cache, tmp_path):
    (tmp_path / "in.csv").write_text("1,2\n" + "1\n" * 100_000)
    ran = batch(
        model_cache(ADDS), tmp_path / "in.csv", "--header", "no", "--errors", tmp_path / "errors", "--keep", "none"
    )
    assert (ran.status, ran.out) == (0, b"3\n")
    assert "100001 rows in = 1 rows out + 100000 failed" in ran.err
    assert (tmp_path / "errors").read_bytes().count(b"\n") == 100_000
