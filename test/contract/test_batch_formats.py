"""`batch` reads files of pandas, pyarrow and numpy, and they read its files: same rows, same answers."""

import json

import pytest

from contract import clients
from contract.batches import batch

ADDS = """
    def predictor(x):
        return x[0] + x[1]

    examples = [[1, 2.5], [3.5, 4]]
"""
KINDS = """
    def predictor(x):
        a = x[0]
        return [None, a, a / 2, {"n": a}, [a], str(a)][int(a) % 6]

    examples = [[1, 2.5], [3.5, 4]]
"""
ROWS = 2500
TOTAL = sum(range(ROWS))  # half of those of b are below 0
SAMPLE = ("--sample", "a,b")


@pytest.fixture(scope="module")
def python():
    """Return the Python of a service with pyarrow."""
    return clients.python_of("batch")


@pytest.fixture(scope="module")
def written(python, tmp_path_factory):
    """Return a folder with a table in all formats, as others write it."""
    folder = tmp_path_factory.mktemp("written")
    assert clients.ask("batch", "write_batch.py", folder)
    return folder


READ = {
    "comma.csv": (),
    "semicolon.csv.gz": (),
    "tab.tsv": (),
    "wide.csv": (),
    "latin.csv": ("--encoding", "latin-1"),
    "packed.csv.zst": (),
    "lines.ndjson": (),
    "array.json": (),
    "table.parquet": (),
    "table.feather": (),
    "table.arrows": (),
}
WRITTEN = ["csv", "csv.gz", "csv.zst", "ndjson", "json", "parquet", "arrow"]


@pytest.mark.parametrize(
    ("name", "to"),
    [
        *((name, "parquet") for name in READ),
        *(("semicolon.csv.gz", to) for to in WRITTEN),
        *(("table.parquet", to) for to in WRITTEN),
    ],
)
def test_each_format_that_others_write_is_read_and_each_that_is_written_others_read(
    name, to, written, python, model_cache, tmp_path
):
    out = tmp_path / f"out.{to}"
    words = [*SAMPLE, *READ[name], "--keep", "id,a", "--header", "yes"]
    ran = batch(model_cache(ADDS), written / name, out, *words, python=python)
    assert ran.status == 0, ran.err
    options = ["sep=;"] if name.startswith("semicolon") and "csv" in to else []
    found = clients.ask("batch", "read_batch.py", out, *options)
    assert found["columns"] == ["id", "a", "prediction"]
    assert (found["rows"], found["total"]) == (ROWS, TOTAL)
    assert [end[:2] for end in found["ends"]] == [[f'row "{at}", Zürich\n;', str(at)] for at in (0, ROWS - 1)]
    if found["types"]:
        assert found["types"]["a"] == "int64" and found["types"]["prediction"] == "double"


def test_columns_that_are_kept_of_parquet_stay_what_they_are(written, python, model_cache, tmp_path):
    out = tmp_path / "out.parquet"
    words = [*SAMPLE, "--keep", "id,at,price,raw"]
    assert batch(model_cache(ADDS), written / "table.parquet", out, *words, python=python).status == 1
    ran = batch(model_cache(ADDS), written / "table.parquet", out, *SAMPLE, "--keep", "at,price", python=python)
    assert ran.status == 0, ran.err
    types = clients.ask("batch", "read_batch.py", out)["types"]
    assert types == {"at": "timestamp[ms, tz=UTC]", "price": "decimal128(3, 2)", "prediction": "double"}


def test_rows_that_are_rejected_are_left_out_of_kept_columns_too(written, python, model_cache, tmp_path):
    code = (
        "def validator(x):\n    return x[0] % 10 != 3\n\ndef predictor(x):\n    return x[0]\n\nexamples = [[1, 2.5]]\n"
    )
    out, errors = tmp_path / "out.parquet", tmp_path / "errors.ndjson"
    words = [*SAMPLE, "--keep", "a", "--errors", errors]
    ran = batch(model_cache(code), written / "table.parquet", out, *words, python=python)
    assert ran.status == 0, ran.err
    found = clients.ask("batch", "read_batch.py", out)
    assert found["rows"] == ROWS * 9 // 10
    assert found["ends"][-1] == [str(ROWS - 1)] * 2
    rejected = [json.loads(line) for line in errors.read_text().splitlines()]
    assert [row["row"] for row in rejected] == list(range(4, ROWS + 1, 10))
    assert rejected[0]["sample"] == [3, rejected[0]["input"]["b"]]


def test_npy_comes_and_goes(written, python, model_cache, tmp_path):
    ran = batch(model_cache(ADDS), written / "array.npy", tmp_path / "out.npy", python=python)
    assert ran.status == 0, ran.err
    found = clients.ask("batch", "read_batch.py", tmp_path / "out.npy")
    assert (found["rows"], found["total"]) == (ROWS, TOTAL)
    ran = batch(model_cache(KINDS), written / "array.npy", tmp_path / "other.npy", python=python)
    assert ran.status == 1
    assert "the predictions are not an array of numbers of one shape" in ran.err


def test_answers_of_several_types_are_a_column_of_their_json(written, python, model_cache, tmp_path):
    out = tmp_path / "out.parquet"
    ran = batch(model_cache(KINDS), written / "table.parquet", out, *SAMPLE, "--keep", "none", python=python)
    assert ran.status == 0, ran.err
    found = clients.ask("batch", "read_batch.py", out)
    assert (found["types"], found["rows"]) == ({"prediction": "string"}, ROWS)


LATE = """
    def predictor(x):
        n = x[0]
        return n if n < 66000 else n / 2 if n < 66010 else str(n)

    examples = [[1]]
"""


@pytest.mark.parametrize(("rows", "kind"), [(66_000, "int64"), (66_005, "double"), (66_020, "string")])
def test_a_type_that_only_the_last_rows_have_is_that_of_the_column(rows, kind, written, python, model_cache, tmp_path):
    # Rows are written by 65,536; the first ones' answers are whole numbers.
    source, columns, out = tmp_path / "in.csv", tmp_path / "in.parquet", tmp_path / "out.parquet"
    source.write_text("a\n" + "".join(f"{at}\n" for at in range(rows)))
    model = model_cache(LATE)
    for given, made in ((source, columns), (columns, out)):
        ran = batch(model, given, made, "--sample", "a", "--as", "list", "--keep", "a", python=python)
        assert ran.status == 0, ran.err
        found = clients.ask("batch", "read_batch.py", made)
        assert (found["rows"], found["types"]) == (rows, {"a": "int64", "prediction": kind})
        last = {"int64": str(rows - 1), "double": str((rows - 1) / 2), "string": f'"{rows - 1}"'}[kind]
        assert [end[1] for end in found["ends"]] == ["0.0" if kind == "double" else "0", last]
    ran = batch(
        model,
        columns,
        "--sample",
        "a",
        "--as",
        "list",
        "--keep",
        "a",
        "--to",
        "parquet",
        python=python,
    )
    assert ran.status == 0, ran.err
    assert ran.out == out.read_bytes()


def test_where_no_row_is_answered_or_there_is_none_the_columns_are_there(written, python, model_cache, tmp_path):
    code = "def validator(x):\n    return False\n\ndef predictor(x):\n    return x[0]\n"
    out = tmp_path / "out.parquet"
    words = [*SAMPLE, "--keep", "a", "--errors", tmp_path / "errors.ndjson"]
    ran = batch(model_cache(code), written / "table.parquet", out, *words, python=python)
    assert ran.status == 0, ran.err
    found = clients.ask("batch", "read_batch.py", out)
    wanted = (0, {"a": "int64", "prediction": "null"})
    assert (found["rows"], found["types"]) == wanted
    # So are those of a file without rows.
    again = tmp_path / "again.parquet"
    words = ["--sample", "a", "--keep", "a", "--column", "b"]
    ran = batch(model_cache(code), out, again, *words, python=python)
    assert ran.status == 0, ran.err
    assert batch(model_cache(code), again, out, "--sample", "a", "--keep", "a", "--restart", python=python).status == 0
    found = clients.ask("batch", "read_batch.py", out)
    assert (found["rows"], found["types"]) == wanted


def test_a_stream_of_parquet_is_kept_on_disk_and_one_of_arrow_is_not(written, python, model_cache):
    for name in ("table.parquet", "table.arrows", "table.feather", "packed.csv.zst"):
        given = (written / name).read_bytes()
        words = [*SAMPLE, "--keep", "none", "--to", "ndjson", "--header", "yes"]
        ran = batch(model_cache(ADDS), *words, given=given, python=python)
        assert (ran.status, ran.out.count(b"\n")) == (0, ROWS), ran.err


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("cut.parquet", "cut.parquet can't be scored: it is not Parquet ("),
        ("damaged.parquet", "damaged.parquet can't be scored: its row group 2 of 4 is broken ("),
        ("t*.parquet", "its column 'a' is of type int32, but int64 in the previous input"),
    ],
)
def test_what_is_broken_in_the_middle_is_reported(name, said, written, python, model_cache, tmp_path):
    if "*" in name:
        for number, each in enumerate(("table", "other")):
            (tmp_path / f"t{number}.parquet").symlink_to(written / f"{each}.parquet")
        name = tmp_path / name
    sample = ("--sample", "a,a") if "*" in str(name) else SAMPLE
    ran = batch(model_cache(ADDS), written / name, tmp_path / "out.parquet", *sample, "--keep", "a", python=python)
    assert ran.status == 1
    assert said in ran.err
    assert "Traceback" not in ran.err


def test_without_pyarrow_its_formats_say_how_to_have_it(written, model_cache, tmp_path):
    for words in ([written / "table.parquet", tmp_path / "out.csv"], [written / "comma.csv", tmp_path / "o.csv.zst"]):
        ran = batch(model_cache(ADDS), *words)
        assert ran.status == 1
        assert "needs pyarrow, which is not installed." in ran.err and "nb-builder builder --batch" in ran.err


def test_a_value_that_rows_share_is_held_for_some_of_them_at_a_time(python):
    """A file of two kilobytes would have 800 GB."""
    found = clients.ask("batch", "read_dictionaries.py")
    assert found["text"] == dict.fromkeys(("categories", "parquet", "arrow"), [2] * 5)
    too_long = "input can't be scored: its row is longer than 64 MB."
    assert found["list"] == dict.fromkeys(("categories", "parquet", "arrow"), too_long)
    assert found["short"] == [1000, 1000, 500]
    assert found["memory"] < 700
