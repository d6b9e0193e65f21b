"""Several inputs in one output, inputs other than files, and kept columns: no row is lost or mixed up."""

import gzip
import json
import os
import signal
import subprocess
import time

import pytest

from contract import clients
from contract.batches import batch, command, environment

POINTS = """
    def predictor(x):
        return x[0] * 10 + x[1]

    examples = [[1, 2], [3, 4]]
"""
KEYS = """
    def predictor(x):
        return {"n": len(x)}

    examples = [{"x": 1}, {"x": 1, "y": 2}]
"""
SLOW = """
    import time

    def predictor(x):
        time.sleep(0.004)
        return x[0] * 10 + x[1]

    examples = [[1, 2], [3, 4]]
"""
EMPTY_ANSWERS = """
    def predictor(x):
        return {}

    examples = [[1, 2]]
"""
XY = ("--header", "yes", "--sample", "x,y", "--as", "list")


@pytest.fixture(scope="module")
def python():
    """Return the Python of a service with pyarrow."""
    return clients.python_of("batch")


@pytest.fixture
def points(model_cache):
    return model_cache(POINTS)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_a_pipe_is_read_from_its_first_byte(packed, points, tmp_path):
    # More than the part by which files are distinguished.
    rows = b"".join(b"%d,%d\n" % (at, at + 1) for at in range(30_000))
    pipe, out = tmp_path / "pipe", tmp_path / "out.csv"
    os.mkfifo(pipe)
    words = command("--from", "csv", "--as", "list", pipe, out)
    with (
        subprocess.Popen(["tee", pipe], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as writer,
        subprocess.Popen(words, env=environment(points), stderr=subprocess.PIPE) as job,
    ):
        writer.stdin.write(gzip.compress(rows) if packed else rows)
        writer.stdin.close()
        assert job.wait(60) == 0, job.stderr.read()
    lines = out.read_text().splitlines()
    assert (len(lines), lines[0], lines[-1]) == (30_000, "0,1,1", "29999,30000,329990")


def test_columns_of_another_order_stay_under_their_names(points, tmp_path):
    (tmp_path / "a.csv").write_text("id,x,y\n7,1,2\n")
    (tmp_path / "b.csv").write_text("id,y,x\n8,2,1\n")
    ran = batch(points, *XY, tmp_path / "a.csv", tmp_path / "b.csv", tmp_path / "out.csv")
    assert ran.status == 0, ran.err
    assert (tmp_path / "out.csv").read_text() == "id,x,y,prediction\n7,1,2,12\n8,1,2,12\n"


def test_a_column_that_only_a_later_input_has_is_no_row_s_to_lose(points, tmp_path):
    (tmp_path / "a.csv").write_text("id,x,y\n7,1,2\n")
    (tmp_path / "b.csv").write_text("id,more,x,y\n8,99,1,2\n")
    ran = batch(points, *XY, tmp_path / "a.csv", tmp_path / "b.csv", tmp_path / "out.csv")
    assert ran.status == 1
    assert "b.csv can't be scored: it has the column 'more', which the previous input does not have." in ran.err
    ran = batch(points, *XY, "--keep", "id", "--restart", tmp_path / "a.csv", tmp_path / "b.csv", tmp_path / "out.csv")
    assert ran.status == 0, ran.err
    assert (tmp_path / "out.csv").read_text() == "id,prediction\n7,12\n8,12\n"


def test_an_input_without_rows_says_nothing_of_those_behind_it(points, tmp_path):
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "a.csv").write_text("id,x,y\n7,1,2\n")
    ran = batch(points, *XY, tmp_path / "empty.csv", tmp_path / "a.csv", tmp_path / "out.csv")
    assert ran.status == 0, ran.err
    assert (tmp_path / "out.csv").read_text() == "id,x,y,prediction\n7,1,2,12\n"


def test_keys_that_the_first_object_lacks_are_kept_or_said(model_cache, tmp_path):
    rows = '{"x": 1}\n{"x": 1, "y": 2, "id": "q"}\n{"x": 3, "prediction": 4}\n'
    (tmp_path / "in.ndjson").write_text(rows)
    ran = batch(model_cache(KEYS), tmp_path / "in.ndjson", tmp_path / "out.ndjson", "--errors", tmp_path / "e.ndjson")
    assert ran.status == 0, ran.err
    assert [json.loads(line) for line in (tmp_path / "out.ndjson").read_text().splitlines()] == [
        {"x": 1, "prediction": {"n": 1}},
        {"x": 1, "y": 2, "id": "q", "prediction": {"n": 3}},
    ]
    (rejected,) = map(json.loads, (tmp_path / "e.ndjson").read_text().splitlines())
    assert rejected["reason"] == "It has 'prediction' already, the name of the prediction: set --column or --keep."
    ran = batch(model_cache(KEYS), tmp_path / "in.ndjson", tmp_path / "out.csv", "--errors", tmp_path / "e.ndjson")
    assert ran.status == 0, ran.err
    assert (tmp_path / "out.csv").read_text() == 'x,prediction\n1,"{""n"": 1}"\n'
    reasons = [json.loads(line)["reason"] for line in (tmp_path / "e.ndjson").read_text().splitlines()]
    assert reasons[0] == "It has the key 'y', but the first row, whose keys are the columns, does not."


def test_lists_made_of_objects_have_one_order_in_all_inputs(points, tmp_path):
    (tmp_path / "1.ndjson").write_text('{"x": 1, "y": 2}\n')
    (tmp_path / "2.ndjson").write_text('{"y": 2, "x": 1}\n')
    ran = batch(points, "--as", "list", "--keep", "none", tmp_path / "1.ndjson", tmp_path / "2.ndjson", "-")
    assert (ran.status, ran.out) == (0, b"12\n12\n"), ran.err


def test_a_job_that_goes_on_in_a_later_input_writes_as_the_first_one_is_written(model_cache, tmp_path):
    slow = model_cache(SLOW)
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text("id,x,y\n" + "".join(f"a{at},{at},1\n" for at in range(200)))
    second.write_text("id;x;y\n" + "".join(f"b{at};{at};1\n" for at in range(2000)))
    words = [*XY, first, second]
    whole = batch(slow, *words, tmp_path / "whole.csv")
    assert whole.status == 0, whole.err
    out = tmp_path / "out.csv"
    process = subprocess.Popen(
        command(*words, out), env=environment(slow, S2I_BATCH_KEEP="0.1"), stderr=subprocess.DEVNULL
    )
    journal = tmp_path / ".out.csv.nb-batch" / "journal"
    until = time.monotonic() + 60
    while time.monotonic() < until and not (journal.exists() and '"source": 1, "rows": 1' in journal.read_text()):
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    process.wait(60)
    assert not out.exists()
    again = batch(slow, *words, out)
    assert (again.status, "Resuming after row" in again.err) == (0, True), again.err
    assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_rows_are_in_the_errors_file_as_they_came_each_a_line(points, tmp_path):
    (tmp_path / "in.json").write_text('[\n  [1,\n   2],\n  [1,\n   "a"]\n]\n')
    errors = tmp_path / "e.ndjson"
    ran = batch(points, tmp_path / "in.json", "--to", "ndjson", tmp_path / "out.ndjson", "--errors", errors)
    assert ran.status == 0, ran.err
    (rejected,) = map(json.loads, errors.read_text().splitlines())
    assert (rejected["input"], rejected["sample"]) == ([1, "a"], [1, "a"])
    (tmp_path / "in.csv").write_text('id,x,y\n1,"1"1,1\n2,1,2\n3,"1,1\n4,1,2\n')
    ran = batch(points, *XY, tmp_path / "in.csv", tmp_path / "out.csv", "--errors", errors)
    assert ran.status == 0, ran.err
    cut, open_ended = map(json.loads, errors.read_text().splitlines())
    assert (cut["input"], cut["row"]) == ('1,"1"1,1', 1)
    assert (open_ended["input"], open_ended["row"]) == ('3,"1,1\n4,1,2', 3)
    assert "It is not CSV (the 2 lines ending at line 4 of what follows the first quote)" in open_ended["reason"]
    assert (tmp_path / "out.csv").read_text() == "id,x,y,prediction\n2,1,2,12\n"


def test_rejected_rows_are_there_to_be_looked_at_where_a_job_ends_early(points, tmp_path):
    (tmp_path / "in.csv").write_text("x,y\n" + "1,a\n" * 5)
    errors = tmp_path / "e.ndjson"
    words = [*XY, "--errors", errors, tmp_path / "in.csv", tmp_path / "out.csv"]
    ran = batch(points, "--max-errors", "1", *words)
    assert ran.status == 4
    assert f"All of them are in {tmp_path}/.e.ndjson.nb-batch." in ran.err
    # Whoever moves it takes it from the job, which must not go on without.
    (tmp_path / ".e.ndjson.nb-batch").rename(errors)
    ran = batch(points, "--max-errors", "100", *words)
    assert (ran.status, ".e.ndjson.nb-batch can't be written: No such file or directory" in ran.err) == (1, True), (
        ran.err
    )
    errors.unlink()
    given = (tmp_path / "in.csv").read_bytes()
    ran = batch(points, "--max-errors", "1", *XY, "--errors", errors, "-", "-", given=given)
    assert (ran.status, f"All of them are in {errors}." in ran.err) == (4, True), ran.err
    assert len(errors.read_text().splitlines()) >= 2


@pytest.mark.parametrize("name", ["utf-8", "UTF-8", "utf8", "U8"])
def test_each_name_of_utf_8_is_that_encoding(name, points, tmp_path):
    (tmp_path / "in.csv").write_bytes(b"x,y\n1,2\n1,\xff\n")
    words = [*XY, "--encoding", name, "--errors", tmp_path / "e", tmp_path / "in.csv", tmp_path / "out.csv"]
    ran = batch(points, *words)
    assert (ran.status, "2 rows in = 1 rows out + 1 failed" in ran.err) == (0, True), ran.err


def test_an_array_in_another_encoding_is_rejected_in_a_sentence(points, tmp_path):
    (tmp_path / "in.json").write_bytes("[[1, 2]]".encode("utf-16-le"))
    ran = batch(points, "--encoding", "utf-16", tmp_path / "in.json", tmp_path / "out.ndjson")
    assert (ran.status, "in.json can't be scored: it is not UTF-16 (" in ran.err) == (1, True), ran.err
    assert "Traceback" not in ran.err


MAKE = """
import sys
import pyarrow as pa
import pyarrow.parquet as pq
rows = {"id": ["p", "q"], "x": [1, 2], "y": [1, 1]}
fields = [("id", pa.string()), ("x", pa.int64()), ("y", pa.int64())]
tight = pa.schema([pa.field(*field, nullable=False) for field in fields])
pq.write_table(pa.table(rows, schema=tight), "1.parquet")
pq.write_table(pa.table(rows, schema=pa.schema(fields)), "2.parquet")
words = pa.dictionary(pa.int32(), pa.string())
for name, ids in (("1", ["p", "q"]), ("2", ["r", "s"])):
    columns = {"id": pa.array(ids).dictionary_encode(), "x": [1, 2], "y": [1, 1]}
    table = pa.table(columns)
    with pa.ipc.new_file(name + ".arrow", table.schema) as file:
        file.write_table(table)
with pa.ipc.new_file("cut.arrow", pa.schema(fields)) as file:
    for _ in range(3):
        file.write_batch(pa.record_batch(rows, schema=pa.schema(fields)))
data = open("cut.arrow", "rb").read()
# Behind the second of three batches, each of which is as long as the others.
with pa.ipc.new_stream("head.arrows", pa.schema(fields)) as stream:
    for _ in range(2):
        stream.write_batch(pa.record_batch(rows, schema=pa.schema(fields)))
length = len(open("head.arrows", "rb").read()) - 8
open("cut.arrow", "wb").write(data[: 8 + length])
"""


@pytest.fixture(scope="module")
def made(python, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    subprocess.run([python, "-I", "-c", MAKE], cwd=folder, check=True)
    return folder


@pytest.mark.parametrize(("ending", "ids"), [("parquet", "pqpq"), ("arrow", "pqrs")])
def test_inputs_whose_schemas_differ_in_what_they_allow_are_one_output(ending, ids, made, points, python, tmp_path):
    out = tmp_path / f"out.{ending}"
    words = ["--sample", "x,y", "--as", "list", made / f"1.{ending}", made / f"2.{ending}", out]
    ran = batch(points, *words, python=python)
    assert ran.status == 0, ran.err
    found = clients.ask("batch", "read_batch.py", out)
    assert (found["rows"], found["types"]["id"], found["columns"]) == (4, "string", ["id", "x", "y", "prediction"])
    assert [found["ends"][0][0], found["ends"][1][0]] == [ids[0], ids[-1]]


def test_an_arrow_file_that_is_cut_between_two_batches_is_no_whole_one(made, points, python, tmp_path):
    words = ["--sample", "x,y", "--as", "list", made / "cut.arrow", tmp_path / "out.csv"]
    ran = batch(points, *words, python=python)
    assert ran.status == 1
    assert "cut.arrow can't be scored: it is truncated." in ran.err


def test_answers_without_keys_are_a_column_of_json(made, model_cache, python, tmp_path):
    out = tmp_path / "out.parquet"
    words = ["--sample", "x,y", "--as", "list", "--keep", "id", made / "1.parquet", out]
    ran = batch(model_cache(EMPTY_ANSWERS), *words, python=python)
    assert ran.status == 0, ran.err
    assert clients.ask("batch", "read_batch.py", out)["types"] == {"id": "string", "prediction": "string"}


def test_where_the_model_does_not_load_no_one_waits_for_a_stream_that_stays_open(model_cache):
    model = model_cache(
        """
        import os
        class Deadly:
            def __reduce__(self):
                return os._exit, (7,)
        deadly = Deadly()
        def predictor(x):
            return deadly
        """
    )
    with subprocess.Popen(
        command(), env=environment(model), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as job:
        job.stdin.write(b"1,2\n")
        job.stdin.flush()
        assert job.wait(20) == 1
        assert b"(problem model-load-failed)" in job.stderr.read()
