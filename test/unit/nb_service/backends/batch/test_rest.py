"""Progress, report, answers, plan and inputs: small questions with small answers."""

import contextlib
import gzip
import json
import os

import pytest
from nb_service.backends.batch import command_line, formats, inputs, json_texts, outputs, plan
from nb_service.backends.batch.answers import Answers
from nb_service.backends.batch.inputs import Opened, Source
from nb_service.backends.batch.progress import Progress, duration
from nb_service.backends.batch.report import Report
from nb_service.problems import BatchInput, BatchNeedsMore, BatchOutput, BatchWords


def made(*words):
    """Return the plan for these words."""
    options = command_line.read(list(map(str, words)))
    return plan.make(inputs.resolve(options.inputs, options.from_format), options)


@pytest.mark.parametrize(
    ("array", "texts", "cells", "values"),
    [
        (b"[1, 2.5, null, true]", ["1", "2.5", "null", "true"], ["1", "2.5", "", "true"], [1, 2.5, None, True]),
        ('["ä", 1]'.encode(), ['"ä"', "1"], ["ä", "1"], ["ä", 1]),
        (b'[[1, 2], {"a": 1}]', ["[1, 2]", '{"a": 1}'], ["[1, 2]", '{"a": 1}'], [[1, 2], {"a": 1}]),
    ],
)
def test_answers_are_texts_cells_or_values(array, texts, cells, values):
    answers = Answers(len(values), array=array)
    assert (list(answers.texts), list(answers.cells), answers.values) == (texts, cells, values)


def test_answers_that_are_too_few_are_never_taken():
    with pytest.raises(RuntimeError, match="3 samples got 2 answers"):
        Answers(3, array=b"[1, 2]")


def test_a_terminal_gets_a_bar_and_a_log_a_line_a_minute():
    now = [0.0]
    lines = []
    progress = Progress(None, lines.append, lambda: now[0])
    for now[0] in range(0, 130, 10):
        progress.show(int(now[0]) * 10, 0, now[0] / 1000)
    assert lines == [
        "600 rows, 10 a second, about 9400 left, 15:40 to go",
        "1200 rows, 10 a second, about 8800 left, 14:40 to go",
    ]
    own, theirs = os.openpty()
    bar = Progress(theirs, lines.append, lambda: now[0])
    now[0] += 1
    bar.show(500, 3, 0.5)
    now[0] += 1
    bar.show(1000, 3, 1.0)
    bar.end()
    os.close(theirs)
    said = ""
    # A terminal returns its input in any number of reads; then its other side is closed (EIO).
    with contextlib.suppress(OSError):
        while data := os.read(own, 1 << 16):
            said += data.decode()
    os.close(own)
    assert said.startswith("\r[###############               ]  50% 500 rows, ")
    assert ", 3 rejected" in said and said.rstrip(" ").endswith("\r")
    assert len(lines) == 2


def test_a_time_is_said_as_a_clock_does():
    assert [duration(seconds) for seconds in (5.9, 65, 3600 + 125)] == ["0:05", "1:05", "1:02:05"]


def test_the_report_says_that_no_row_is_missing():
    report = Report(10, 8, ["out.csv"], "", ["row 1 of in.csv: no"], 2.0, 0, 3)
    assert report.lines() == [
        "10 rows in = 8 rows out + 2 failed, in 2.0 s (5 rows a second).",
        "Refused: row 1 of in.csv: no",
        "And 1 more; --errors FILE keeps all of them.",
    ]
    assert json.loads(report.as_json())["rows_refused"] == 2


def test_a_report_without_an_answer_says_where_to_look():
    assert Report(3, 0, ["out.csv"], "errors", [], 2.0, 0, 0).lines()[1:] == [
        "The failed rows are in errors.",
        "No row was scored: --show prints the samples of predictor, and --sample COLUMN,… names their columns.",
    ]
    assert len(Report(0, 0, ["out.csv"], "", [], 2.0, 0, 0).lines()) == 1


def test_a_name_says_format_and_packing():
    says = {
        "a.csv": ("csv", ""),
        "a.CSV.GZ": ("csv", "gzip"),
        "a.tsv.zst": ("tsv", "zstd"),
        "a.jsonl": ("ndjson", ""),
        "a.pq": ("parquet", ""),
        "a.gz": (None, "gzip"),
        "a": (None, ""),
    }
    for name, (expected, packing) in says.items():
        found, compression = formats.of_name(name)
        assert (found and found.name, compression) == (expected, packing)


def test_the_beginning_of_a_stream_says_its_format():
    says = {
        b"a,b\n": "csv",
        b"": "csv",
        b' {"a": 1}\n': "ndjson",
        b"[1, 2]\n[3, 4]\n": "ndjson",
        b"[[1, 2],\n[3, 4]]": "json",
        b"[1]": "json",
        b"PAR1": "parquet",
        b"ARROW1": "arrow",
        b"\xff\xff\xff\xff": "arrow",
        b"\x93NUMPY": "npy",
    }
    assert {head: formats.of_head(head).name for head in says} == says


def test_outputs_in_a_folder_have_the_names_of_their_inputs(tmp_path):
    for name in ("a.csv", "b.csv.gz", "c.ndjson"):
        (tmp_path / name).touch()

    def names(*words):
        return [os.path.basename(task.path) for task in made(tmp_path, f"{tmp_path}/out/", *words).tasks]

    assert names() == ["a.csv", "b.csv.gz", "c.ndjson"]
    assert names("--to", "json") == ["a.json", "b.json.gz", "c.json"]
    assert names("--compress", "none") == ["a.csv", "b.csv", "c.ndjson"]
    assert names("--compress", "gzip") == ["a.csv.gz", "b.csv.gz", "c.ndjson.gz"]
    assert made(tmp_path, f"{tmp_path}/out/").folder == f"{tmp_path}/out/.nb-batch"
    assert made(tmp_path, tmp_path / "all.csv").folder == f"{tmp_path}/.all.csv.nb-batch"
    assert made(tmp_path / "a.csv").folder == ""


def test_what_would_write_over_something_is_rejected(tmp_path):
    for name in ("a.csv", "b/a.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(BatchWords, match="a.csv would be written twice"):
        made(tmp_path / "a.csv", tmp_path / "b/a.csv", f"{tmp_path}/out/")
    with pytest.raises(BatchWords, match="would be both read and written"):
        made(tmp_path / "a.csv", tmp_path / "b/../a.csv")
    with pytest.raises(BatchWords, match="would be written twice"):
        made(tmp_path / "a.csv", tmp_path / "out.csv", "--errors", tmp_path / "out.csv")
    with pytest.raises(BatchWords, match="have no name for a file in a folder"):
        made("-", f"{tmp_path}/")


def test_a_link_is_followed_and_what_is_no_file_is_never_replaced(tmp_path):
    (tmp_path / "in.csv").touch()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link.csv").symlink_to(tmp_path / "elsewhere/out.csv")
    linked = made(tmp_path / "in.csv", tmp_path / "link.csv", "--errors", tmp_path / "link.csv.errors")
    assert linked.tasks[0].path == str(tmp_path / "elsewhere/out.csv")
    assert linked.folder == str(tmp_path / "elsewhere/.out.csv.nb-batch")
    # In a folder, the user has not named it: another user who may write there would choose the replaced file.
    (tmp_path / "out").mkdir()
    (tmp_path / "out/in.csv").symlink_to(tmp_path / "elsewhere/victim")
    with pytest.raises(BatchOutput, match=r"out/in.csv can't be written: it is a link\."):
        made(tmp_path / "in.csv", f"{tmp_path}/out/")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "to-pipe").symlink_to("pipe")
    for words in ([tmp_path / "pipe"], [tmp_path / "to-pipe"], [tmp_path / "o.csv", "--errors", tmp_path / "to-pipe"]):
        with pytest.raises(BatchOutput, match=r"pipe can't be written: it is not a file\."):
            made(tmp_path / "in.csv", *words, "--to", "csv")


def test_what_needs_pyarrow_says_so_before_anything_is_read(monkeypatch, tmp_path):
    monkeypatch.setattr(formats.columns, "find_spec", lambda name: None)
    (tmp_path / "a.csv").touch()
    for words in (["out.parquet"], ["out.csv.zst"], ["out.x", "--to", "arrow"]):
        with pytest.raises(BatchNeedsMore, match="needs pyarrow, which is not installed"):
            made(tmp_path / "a.csv", *words)


def test_a_file_is_itself_until_it_changes(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("1,2\n")
    source = Source(str(path), formats.FORMATS["csv"], "")
    first = source.fingerprint()
    assert source.fingerprint() == first
    os.utime(path, (1, 1))
    assert source.fingerprint() != first
    path.unlink()
    with pytest.raises(BatchInput, match="it can't be read: No such file or directory"):
        source.fingerprint()


def test_gzip_of_several_members_is_one_input(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"1,2\n") + gzip.compress(b"3,4\n"))
    opened = Opened(Source(str(path), formats.FORMATS["csv"], "gzip"))
    assert opened.stream.read() == b"1,2\n3,4\n"
    assert opened.share_read() == 1.0
    opened.close()


def test_a_file_that_is_packed_is_unpacked_whatever_its_name(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(gzip.compress(b"1,2\n"))
    with inputs.opened(Source(str(path), formats.FORMATS["csv"], "")) as opened:
        assert opened.stream.read() == b"1,2\n"


def test_a_file_that_changes_while_it_is_read_is_reported(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("1,2\n")
    with inputs.opened(Source(str(path), formats.FORMATS["csv"], "")) as opened:
        opened.check_unchanged()
        with open(path, "a") as file:
            file.write("3,4\n")
        with pytest.raises(BatchInput, match="a.csv can't be scored: it has changed while it was read"):
            opened.check_unchanged()


def test_a_file_that_grows_has_one_writer_and_is_no_link(tmp_path):
    (tmp_path / "theirs").write_text("diary")
    (tmp_path / "link").symlink_to("theirs")
    with pytest.raises(BatchOutput, match="link can't be written"):
        outputs.Growing(str(tmp_path / "link"), 0)
    first = outputs.Growing(str(tmp_path / "own"), 0)
    first.write(b"a")
    with pytest.raises(BatchOutput, match="own can't be written: another process is working on it"):
        outputs.Growing(str(tmp_path / "own"), 0)
    first.close()
    assert ((tmp_path / "theirs").read_text(), (tmp_path / "own").read_text()) == ("diary", "a")


def test_a_number_that_json_has_no_text_for_is_null():
    assert json_texts.text({"a": [float("inf"), float("nan")]}) == '{"a": [null, null]}'
