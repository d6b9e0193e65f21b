"""The bench of native programs: its own programs do what it says, and what is measured meets its goal or does not."""

import importlib
import json
import subprocess
from pathlib import Path

import pytest

from engine import provide
from unit.nb_native.runtime import programs

BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture
def bench(monkeypatch):
    """Return what imports a module as `make bench` finds it; its programs are compiled."""
    provide.program("gcc", "gcc", "libc6-dev")
    monkeypatch.syspath_prepend(BENCH)
    return importlib.import_module


def rounds(rate, answer=(0.25, 0.75)):
    """Return what a runner says in two rounds."""
    return [{"rate": rate, "answer": list(answer)}] * 2


def test_the_loop_over_rows_predicts_as_the_program_does(bench, tmp_path):
    program = tmp_path / "rows"
    bench("native_programs").make_rows_program(programs.HERE / "kmeans.c", program)
    asked = json.dumps({"rows": [[3.1, 4.0], [0, -3]], "seconds": 0.05})
    said = json.loads(subprocess.check_output([program, asked]))
    assert said["answer"] == 1 and said["rate"] > 1000
    assert subprocess.run([program, '{"rows": [[1, 2], [3]], "seconds": 0.05}']).returncode == 1


def test_the_empty_server_answers_every_sample_alike(bench, tmp_path, monkeypatch):
    native_programs = bench("native_programs")
    monkeypatch.setattr(native_programs, "PLACE", tmp_path)
    empty = native_programs.make_empty_server()
    assert subprocess.check_output([empty, "-"], input=b'[1, 2]\n{"a": null}\n') == b"0\n0\n"


def test_the_empty_image_s_program_ends_at_once(bench, tmp_path):
    assert subprocess.run([bench("native_programs").make_empty_program(tmp_path)]).returncode == 0


def test_rows_are_compared_with_python_s_and_a_wrong_answer_is_reported(bench):
    native_rows = bench("native_rows")
    said = {"python": rounds(1000), native_rows.NATIVE: rounds(250_000), "other": rounds(2000, (0.3, 0.7))}
    lines = native_rows.table(said)
    assert lines[3].endswith("2.0 x   its answer is off by 0.05")
    assert lines[4].split()[-5:] == ["250.00", "goal", ">=", "100", "met"]
    said[native_rows.NATIVE] = rounds(99_000)
    assert native_rows.table(said)[4].endswith("NOT met")


def test_rows_without_a_runner_are_a_table_all_the_same(bench):
    assert len(bench("native_rows").table({"python": rounds(1000)})) == 2


def test_starts_are_counted_beyond_those_of_empty_images(bench):
    lines = bench("native_starts").table({"a": [100, 102], "b": [104, 106], "c": [90, 90], "d": [120, 120]})
    assert lines[-2].split()[-5:] == ["4.00", "goal", "<=", "10", "met"]
    assert lines[-1].split()[-6:] == ["30.00", "goal", "<=", "10", "NOT", "met"]


def test_a_server_s_memory_grows_with_its_connections(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(bench("running"), "PLACE", tmp_path)
    native_memory = bench("native_memory")
    monkeypatch.setattr(native_memory, "CONNECTIONS", (10, 500))
    asked = bench("peers").Peer("kmeans", "", body="[3, 4]")
    program = programs.compiled(tmp_path, "kmeans")
    start, few, many = native_memory.measure(program, asked)
    assert 0 < start <= few < many < 4


def test_memory_is_left_out_where_there_may_be_too_few_connections(bench, monkeypatch):
    native_memory = bench("native_memory")
    monkeypatch.setattr(native_memory, "CONNECTIONS", (10, 10**9))
    (line,) = native_memory.report({})
    assert "may not have 1,000,000,000 connections" in line


def test_a_server_that_was_left_out_has_no_goal(bench):
    native, serve = bench("native"), bench("serve")
    once = {name: [serve.Round(rate, 1, 1, 1, 1, 0)] for name, rate in (("native", 90.0), ("native-nb", 60.0))}
    lines = native.goals("kmeans", {(name, 64): taken for name, taken in once.items()})
    assert [line.split()[-1] for line in lines] == ["met"]
    once["native-empty"] = [serve.Round(180.0, 1, 1, 1, 1, 0)]
    lines = native.goals("iris", {(name, 64): taken for name, taken in once.items()})
    assert lines[1].split()[-6:] == ["2.00", "goal", "<=", "1.3", "NOT", "met"]
