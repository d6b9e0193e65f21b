"""The back end `batch`: what goes in comes out, row for row, with the answers that requests get."""

import gzip
import json
import os
import signal
import subprocess
import time

import pytest

import portable
from contract.batches import batch, command, environment
from contract.notebooks import LISTS, OBJECTS, TROUBLE
from contract.services import SOON, Service, children, wait_until

TOGETHER = (
    TROUBLE
    + """
    def batch_predictor(xs):
        return [predictor(x) for x in xs]
    """
)


def _json(*values):
    return "".join(json.dumps(value) + "\n" for value in values).encode()


def test_a_stream_of_csv_comes_back_with_a_column_more_and_nothing_else_on_stdout(model_cache):
    ran = batch(model_cache(LISTS), given=b"a,b\n1,2\n3.50,4\n")
    assert (ran.status, ran.out) == (0, b"a,b,prediction\n1,2,3.0\n3.50,4,7.5\n")
    assert "2 rows in = 2 rows out + 0 failed" in ran.err


def test_s2i_backend_names_it_too(model_cache):
    ran = subprocess.run(
        command()[:-1],
        input=b"[1, 2]\n[3, 4]\n",
        capture_output=True,
        env=environment(model_cache(LISTS), S2I_BACKEND="batch"),
    )
    assert (ran.returncode, ran.stdout) == (
        0,
        b'{"sample": [1, 2], "prediction": 3.0}\n{"sample": [3, 4], "prediction": 7.0}\n',
    )


@pytest.mark.parametrize(
    ("words", "given", "written"),
    [
        ([], b"1;2\n3;4\n", b"1;2;3.0\n3;4;7.0\n"),
        (["--keep", "none"], b"[1, 2]\n\n[3, 4]", b"3.0\n7.0\n"),
        (["--keep", "none"], b"[[1, 2],\n [3, 4]]", b"[\n3.0,\n7.0\n]\n"),
        (["--from", "json", "--to", "csv", "--keep", "none"], b"[]", b"prediction\n"),
        (["--to", "ndjson", "--keep", "b"], b"a,b\n1,2\n", b'{"b": 2, "prediction": 3.0}\n'),
        (["--to", "ndjson", "--column", "sum"], b"1\t2\n", b'{"1": 1, "2": 2, "sum": 3.0}\n'),
        (["--sample", "x,y", "--keep", "id"], b"id,x,y\n007,1,2\n", b"id,prediction\n007,3.0\n"),
        (["--sample", "2,3", "--keep", "1", "--header", "no"], b"007,1,2\n", b"007,3.0\n"),
        (
            ["--sample", "v"],
            b'id|v\n1|"[1, 2]"\n',
            b"id|v|prediction\n1|[1, 2]|3.0\n",
        ),
        (["--sample", "v", "--keep", "id"], b'{"id": "a", "v": [1, 2]}\n', b'{"id": "a", "prediction": 3.0}\n'),
        (["--as", "list", "--keep", "none"], b'{"x": 1, "y": 2}\n', b"3.0\n"),
        (
            ["--compress", "none", "--to", "tsv"],
            gzip.compress(b"x,y\n1,2\n", mtime=0),
            b"x\ty\tprediction\n1\t2\t3.0\n",
        ),
        (["--header", "no"], "1,2\n".encode("utf-16"), b"1,2,3.0\n"),
        ([], b"\xef\xbb\xbfx,y\r\n1,2\r\n", b"x,y,prediction\n1,2,3.0\n"),
        (["--header", "yes"], b"x,y\n", b"x,y,prediction\n"),
    ],
)
def test_words_say_what_is_read_and_written(words, given, written, model_cache):
    ran = batch(model_cache(LISTS), *words, given=given)
    assert (ran.status, ran.out) == (0, written), ran.err


def test_an_encoding_that_is_said_is_read_and_utf_8_is_written(model_cache):
    ran = batch(model_cache(OBJECTS), "--encoding", "latin-1", given="name,age\nJosé,1\n".encode("latin-1"))
    assert ran.out.decode() == 'name,age,prediction\nJosé,1,"{""greeting"": ""hi Jos\\u00e9"", ""next"": 2}"\n'


def test_flat_writes_the_keys_of_answers_as_columns(model_cache):
    ran = batch(model_cache(OBJECTS), "--flat", given=b'age,name\n1,"a\nb"\n2,"c,d"\n')
    assert ran.out == b'age,name,greeting,next\n1,"a\nb","hi a\nb",2\n2,"c,d","hi c,d",3\n'


@pytest.mark.parametrize("code", [TROUBLE, TOGETHER], ids=["one by one", "together"])
def test_a_row_of_each_kind_of_trouble_costs_itself_alone_and_is_kept(code, model_cache, tmp_path):
    rows = ["a", "refused", "raising", "b", "fail", "exit", "die", "odd", "hang", "print", "c"]
    # Broken ones too: no JSON, and no UTF-8.
    given = _json(*rows[:4]) + b"{no json\n" + _json(*rows[4:]) + b'"\xff"\n' + _json("d")
    ran = batch(
        model_cache(code), "--from", "ndjson", "--keep", "none", "--errors", tmp_path / "errors", given=given,
        S2I_PREDICT_TIMEOUT="1",
    )  # fmt: skip
    assert ran.out == b'"A"\n"B"\n"PRINT"\n"C"\n"D"\n'
    assert ran.status == 0
    assert "14 rows in = 5 rows out + 9 failed" in ran.err
    assert "said by the notebook" in ran.err and "said by its library" in ran.err
    errors = [json.loads(line) for line in (tmp_path / "errors").read_text().splitlines()]
    assert [(error["row"], error["status"], error["input"]) for error in errors] == [
        (2, 422, "refused"),
        (3, 422, "raising"),
        (5, 400, "{no json"),
        (6, 500, "fail"),
        (7, 500, "exit"),
        (8, 500, "die"),
        (9, 500, "odd"),
        (10, 504, "hang"),
        (13, 400, '"\\xff"'),
    ]
    assert {error["file"] for error in errors} == {"stdin"}
    # Two are no JSON, so that predictor has got nothing.
    assert [error["sample"] for error in errors] == [
        *("refused", "raising", None, "fail", "exit", "die", "odd", "hang", None)
    ]
    assert [error["reason"] for error in errors][:6] == [
        "The notebook's validator rejects this sample.",
        "The notebook's validator rejects this sample: KeyError: 'words of the validator'.",
        "It is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1).",
        "The notebook's predictor failed on this sample: ZeroDivisionError: division by zero",
        "The notebook's predictor failed on this sample: SystemExit: 3",
        "The process that scored this sample crashed or was killed.",
    ]


def test_without_a_file_for_errors_the_first_ten_are_reported_and_the_status_says_so(model_cache):
    ran = batch(model_cache(LISTS), "--keep", "none", given=b"1,2\n" + b"1,2,3\n" * 12 + b"3,4\n")
    assert (ran.status, ran.out) == (3, b"3.0\n7.0\n")
    assert ran.err.count("Refused: row ") == 10
    assert "Refused: row 2 of stdin: It has 3 fields, and the first row has 2." in ran.err
    assert "And 2 more; --errors FILE keeps all of them." in ran.err


@pytest.mark.parametrize(("limit", "status"), [("1", 4), ("2", 3), ("10%", 4), ("50%", 3)])
def test_max_errors_ends_a_job_early_with_a_status_of_its_own(limit, status, model_cache, tmp_path):
    (tmp_path / "in.csv").write_text("1,2\nx,1\n1,2,3\n3,4\n")
    ran = batch(model_cache(LISTS), tmp_path / "in.csv", tmp_path / "out.csv", "--header", "no", "--max-errors", limit)
    assert ran.status == status, ran.err
    assert (tmp_path / "out.csv").exists() == (status == 3)
    assert ("(problem batch-max-errors)" in ran.err) == (status == 4)


def test_a_report_of_json_is_on_stdout_where_that_has_no_answers(model_cache, tmp_path):
    (tmp_path / "in.csv").write_text("1,2\nx,1\n")
    ran = batch(model_cache(LISTS), tmp_path / "in.csv", tmp_path / "out.csv", "--header", "no", "--json")
    report = json.loads(ran.out)
    assert report.pop("seconds") > 0
    assert report == {
        "rows_in": 2,
        "rows_out": 1,
        "rows_refused": 1,
        "outputs": [str(tmp_path / "out.csv")],
        "errors": None,
        "reasons": [(f"row 2 of {tmp_path / 'in.csv'}: The sample does not match what the notebook accepts: 0: must be "
                    "a number, as in the notebook's own samples, but is a string.")],
        "resumed_after_row": 0,
        "exit_status": 3,
        "problem": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "code", "status", "rows"),
    [
        (["nowhere.csv", "out.csv"], "batch-input", 1, 0),
        (["in.csv", "out.csv", "--max-errors", "0"], "batch-max-errors", 4, 2),
        (["in.csv", "out.csv", "--sample", "z"], "batch-input", 1, 0),
        (["in.csv", "out.csv", "--max-errors", "x"], "batch-words", 2, 0),
        (["--nonsense"], "batch-words", 2, 0),
    ],
)
def test_a_report_of_json_says_what_ended_the_job(words, code, status, rows, model_cache, tmp_path):
    (tmp_path / "in.csv").write_text("1,2\nx,1\n")
    ran = batch(model_cache(LISTS), *words, "--header", "no", "--json", cwd=tmp_path)
    report = json.loads(ran.out)
    assert (ran.status, report["exit_status"], report["problem"]["code"]) == (status, status, code)
    assert (report["rows_in"], report["outputs"]) == (rows, ["out.csv"] if rows else report["outputs"])
    assert report["problem"]["what"] in ran.err and report["problem"]["fix"] in ran.err


def test_a_report_of_json_is_behind_the_answers_on_stderr_and_says_that_the_model_is_missing(tmp_path):
    ran = batch(tmp_path, "--json", given=b"1,2\n")
    assert (ran.status, ran.out) == (1, b"")
    assert json.loads(ran.err.splitlines()[-1])["problem"]["code"] == "model-missing"


def test_the_totals_are_behind_what_scorers_print(model_cache):
    code = (
        "import sys\ndef predictor(x):\n    print('a line of the notebook', file=sys.stderr)\n    return x[0] / x[1]\n"
    )
    ran = batch(model_cache(code), "--keep", "none", given=b"1,2\n1,0\n" * 200)
    lines = ran.err.splitlines()
    assert lines[-12].startswith("400 rows in = 200 rows out + 200 failed")
    assert lines[-1] == "And 190 more; --errors FILE keeps all of them."


def test_a_row_in_the_file_of_errors_is_there_as_it_came_and_as_predictor_got_it(model_cache, tmp_path):
    code = "def predictor(x):\n    return 1 / x['b']\n"
    words = ["--header", "yes", "--sample", "a,b", "--as", "object"]
    given = b"id,a,b\np1,0.5,0\np2,1,1\np3,1\n"
    ran = batch(model_cache(code), *words, "--errors", tmp_path / "errors", given=given)
    assert ran.status == 0, ran.err
    errors = [json.loads(line) for line in (tmp_path / "errors").read_text().splitlines()]
    assert [(error["row"], error["input"], error["sample"]) for error in errors] == [
        (1, {"id": "p1", "a": "0.5", "b": "0"}, {"a": 0.5, "b": 0}),
        (3, ["p3", "1"], None),
    ]


def test_show_says_what_rows_become_and_scores_no_others(model_cache, tmp_path):
    (tmp_path / "in.csv").write_text("x,y\n1,2\n5,4,3\nd,4\n5,6\n")
    ran = batch(model_cache(LISTS), "--show", tmp_path / "in.csv", tmp_path / "out.csv")
    assert ran.status == 0
    assert ran.out.decode().splitlines() == [
        f"{tmp_path / 'in.csv'}: csv, fields separated by ','; columns: x, y",
        "row 1: predictor gets [1, 2]",
        '       output: {"x": 1, "y": 2, "prediction": 3.0}',
        "row 2: rejected: It has 3 fields, and the header has 2.",
        'row 3: predictor gets ["d", 4]',
        (
            "       rejected: The sample does not match what the notebook accepts: 0: must be a number, as in the "
            "notebook's own samples, but is a string."
        ),
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_folders_and_patterns_give_a_file_each_and_a_file_takes_all(model_cache, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "b.csv").write_text("x,y\n3,4\n")
    (tmp_path / "in" / "a.csv").write_text("x,y\n1,2\n")
    (tmp_path / "in" / "notes.md").write_text("no samples")
    root = model_cache(LISTS)
    assert batch(root, tmp_path / "in", f"{tmp_path}/out/", "--to", "ndjson").status == 0
    assert {path.name: path.read_text() for path in (tmp_path / "out").iterdir()} == {
        "a.ndjson": '{"x": 1, "y": 2, "prediction": 3.0}\n',
        "b.ndjson": '{"x": 3, "y": 4, "prediction": 7.0}\n',
    }
    assert batch(root, tmp_path / "in" / "*.csv", tmp_path / "all.csv").status == 0
    assert (tmp_path / "all.csv").read_text() == "x,y,prediction\n1,2,3.0\n3,4,7.0\n"


def test_the_samples_of_a_request_get_the_same_answers(model_cache):
    """The rules of what a row becomes are one: what HTTP answers to a body of CSV, batch writes."""
    samples = b"name,age\nann,1\n,2\n007,3\n1.5,4\n"
    root = model_cache(OBJECTS)
    ran = batch(root, "--flat", "--keep", "none", given=samples, S2I_MAX_BATCH="1")
    service = Service(root).ready()
    try:
        status, text, _ = service.ask(samples, "/predict/batch", headers={"Content-Type": "text/csv"})
    finally:
        service.close()
    assert status == 200
    assert ran.out.decode() == text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_the_same_words_go_on(number, model_cache, tmp_path):
    goes_on = tmp_path / "goes-on"
    halting = f"""
    import os, time

    def predictor(x):
        while x >= 300 and not os.path.exists({str(goes_on)!r}):
            time.sleep(0.01)
        return x

    examples = [1, 2]
    """
    root = model_cache(halting)
    folder = tmp_path / "job"
    folder.mkdir()
    (folder / "in.csv").write_text("".join(f"{row}\n" for row in range(600)))
    words = [folder / "in.csv", folder / "out.csv", "--header", "no", "--keep", "none"]
    process = subprocess.Popen(
        command(*words, "--json"),
        env=environment(root, S2I_BATCH_KEEP="0"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    staged = folder / ".out.csv.nb-batch" / "0.data"
    assert wait_until(lambda: staged.exists() and staged.stat().st_size)
    process.send_signal(number)
    out, said = process.communicate(timeout=SOON)
    assert process.returncode == 128 + number, said
    assert "run the same command again to resume" in said
    report = json.loads(out)
    assert (report["exit_status"], report["problem"]) == (128 + number, None)
    assert 0 < report["rows_in"] == report["rows_out"] < 600
    assert not (folder / "out.csv").exists()
    goes_on.touch()
    ran = batch(root, *words)
    assert ran.status == 0 and "Resuming after row" in ran.err
    assert (folder / "out.csv").read_text() == "".join(f"{row}\n" for row in range(600))
    assert sorted(path.name for path in folder.iterdir()) == ["in.csv", "out.csv"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_while_no_row_comes(number, model_cache):
    process = subprocess.Popen(
        command(),
        env=environment(model_cache(LISTS)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    # It has processes once it listens to signals.
    assert wait_until(lambda: children(process.pid))
    process.send_signal(number)
    assert process.wait(SOON) == 128 + number
    assert process.stderr.read() == b"Stopping after signal %d.\n" % number
    for stream in (process.stdin, process.stdout, process.stderr):
        stream.close()


SLOW = "import time\ndef predictor(x):\n    time.sleep(0.002)\n    return x\nexamples = [1, 2]\n"
# With that, a job that no test waits for: it is at work until it is killed.
LONG = "1\n" * 300_000


def _interrupted(root, folder):
    """Leave a started job in `folder`; return its arguments."""
    (folder / "in.csv").write_text(LONG)
    words = [folder / "in.csv", folder / "out.csv", "--header", "no", "--keep", "none"]
    process = subprocess.Popen(command(*words), env=environment(root, S2I_BATCH_KEEP="0"), stderr=subprocess.DEVNULL)
    journal = folder / ".out.csv.nb-batch" / "journal"
    assert wait_until(lambda: journal.exists() and journal.read_bytes().count(b"\n") > 1)
    process.kill()
    process.wait()
    return words


def test_what_was_started_otherwise_is_not_gone_on_with(model_cache, tmp_path):
    root = model_cache(SLOW)
    words = _interrupted(root, tmp_path)
    ran = batch(root, *words, "--column", "answer")
    assert ran.status == 1
    assert "differs from this one: column was 'prediction', and is 'answer'." in ran.err and "--restart" in ran.err
    ran = batch(model_cache(SLOW.replace("002", "001")), *words)
    assert "differs from this one: the model differs." in ran.err
    (tmp_path / "in.csv").write_text(LONG.replace("1", "2"))
    ran = batch(root, *words)
    assert f"{tmp_path / 'in.csv'} has changed since." in ran.err
    (tmp_path / "in.csv").write_text("2\n" * 10)
    ran = batch(root, *words, "--restart")
    assert ran.status == 0
    assert (tmp_path / "out.csv").read_text() == "2\n" * 10


def test_two_at_a_time_do_not_write_one_file(model_cache, tmp_path):
    root = model_cache(SLOW)
    (tmp_path / "in.csv").write_text(LONG)
    words = [tmp_path / "in.csv", tmp_path / "out.csv"]
    with subprocess.Popen(command(*words), env=environment(root), stderr=subprocess.DEVNULL) as first:
        assert wait_until((tmp_path / ".out.csv.nb-batch" / "journal").exists)
        ran = batch(root, *words)
        first.kill()
    assert ran.status == 1 and "another process is working on it" in ran.err


def test_a_model_whose_processes_keep_ending_ends_the_job_with_a_sentence(model_cache):
    ran = batch(
        model_cache("import os\ndef predictor(x):\n    os._exit(1)\n"), "--from", "ndjson", given=b"1\n2\n3\n4\n"
    )
    # Whether each row ends a process, or none is left to ask before that, is a matter of moments.
    sentences = {1: "(problem batch-unscored)", 3: "4 rows in = 0 rows out + 4 failed"}
    assert sentences.get(ran.status, "another exit status") in ran.err, ran


def test_a_predictor_that_leaks_is_replaced_and_no_row_is_lost(model_cache, tmp_path):
    leak = "held = []\ndef predictor(x):\n    held.append(bytearray(10_000))\n    return x\nexamples = [1, 2]\n"
    (tmp_path / "in.csv").write_text("".join(f"{row}\n" for row in range(5000)))
    ran = batch(model_cache(leak), tmp_path / "in.csv", "--keep", "none", "--header", "no", S2I_MAX_REQUESTS="300")
    assert ran.status == 0
    assert ran.out == (tmp_path / "in.csv").read_bytes()


@pytest.mark.parametrize(
    ("words", "given", "said"),
    [
        (["/nowhere.csv"], b"", "/nowhere.csv can't be scored: it names no file."),
        (["in.xyz", "out.csv"], b"", "in.xyz can't be scored: its suffix is none of .csv"),
        (["in.csv", "in.csv"], b"", "would be both read and written"),
        (["in.csv", "out.xlsx"], b"", "out.xlsx can't be written: its suffix .xlsx is none of .csv"),
        (["in.csv", "/dev/stdout"], b"", "/dev/stdout can't be written: it is not a file."),
        (["in.csv", "in.xyz/out.csv"], b"", "can't be written: Not a directory"),
        (["--sample", "q", "--header", "yes"], b"x,y\n1,2\n", "it has no column 'q'"),
        (["--keep", "q", "--header", "yes"], b"x,y\n1,2\n", "it has no column 'q'"),
        (["--header", "yes"], b"x,x\n1,2\n", "its header has 'x' more than once"),
        (["--header", "yes"], b"x,prediction\n1,2\n", "Two columns of the output would be called 'prediction'"),
        (["--from", "json"], b'{"x": 1}', "it is not a JSON array"),
        (["--from", "json"], b"[[1, 2], [3", "its array is broken at element 2"),
        (["--from", "json"], b"[[1, 2]] 3", "text follows its array"),
        ([], gzip.compress(b"1,2\n" * 10_000, mtime=0)[:-20], "it is truncated"),
        ([], b"\x1f\x8b" + b"no gzip" * 99, "it is not gzip, despite its name"),
        (["--from", "npy"], b"no npy", "it is not an npy file"),
        (["--encoding", "ascii"], "é,1\n".encode(), "it is not ASCII"),
    ],
)
def test_what_can_t_be_done_is_reported_in_a_sentence(words, given, said, model_cache, tmp_path):
    (tmp_path / "in.xyz").write_text("1,2\n")
    (tmp_path / "in.csv").write_text("1,2\n")
    ran = batch(model_cache(LISTS), *words, given=given, cwd=tmp_path)
    assert ran.status in (1, 2)
    assert said in ran.err
    assert "Traceback" not in ran.err


def test_a_file_that_this_user_may_not_read_is_reported(model_cache, tmp_path):
    if os.getuid() == 0:
        os.symlink("in.csv", tmp_path / "in.csv")  # no user can read a link to itself, not even root
    else:
        (tmp_path / "in.csv").touch(0o000)
    ran = batch(model_cache(LISTS), tmp_path / "in.csv", tmp_path / "out.csv")
    assert ran.status == 1
    assert f"{tmp_path / 'in.csv'} can't be scored: it can't be read: " in ran.err


def test_a_reader_that_is_gone_ends_it_with_a_sentence(model_cache, tmp_path):
    (tmp_path / "in.csv").write_text("1,2\n" * 200_000)
    process = subprocess.Popen(
        command(tmp_path / "in.csv"),
        env=environment(model_cache(LISTS)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.read(10)
    process.stdout.close()
    said = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(SOON) == 1
    assert "stdout can't be written: the reading process has exited." in said


def test_a_bar_on_a_terminal_says_how_far_it_is(model_cache, tmp_path):
    """The bar is drawn over itself, and the last line is the sum."""
    (tmp_path / "in.csv").write_text("1\n" * 2000)
    own, theirs = os.openpty()
    process = subprocess.Popen(
        command(tmp_path / "in.csv", tmp_path / "out.csv", "--header", "no"),
        env=environment(model_cache(SLOW)),
        stderr=theirs,
    )
    os.close(theirs)
    said = b""
    until = time.monotonic() + SOON
    while time.monotonic() < until:
        try:
            said += os.read(own, 1 << 16)
        except OSError:
            break
    os.close(own)
    assert process.wait(SOON) == 0
    assert b"\r[#" in said and b"rows, " in said and b" left, " in said and b" to go" in said
    assert b"2000 rows in = 2000 rows out + 0 failed" in said


def _begun_by(shell, words, app_root, folder, given=b""):
    """Run a batch from a shell with these arguments before its own; return its outcome."""
    ran = subprocess.run(
        ["bash", "-c", shell, "bash", *command(*words)],
        input=given,
        capture_output=True,
        env=environment(app_root),
        cwd=folder,
        timeout=120,
    )
    return ran.returncode, ran.stdout, ran.stderr.decode()


@pytest.mark.parametrize("words", [["in.csv"], ["in.csv", "out.csv", "--json"], ["in.csv", "--show"]])
def test_where_stdout_is_closed_nothing_is_scored_into_nowhere(words, model_cache, tmp_path):
    (tmp_path / "in.csv").write_text("1,2\n")
    status, _, err = _begun_by('exec "$@" >&-', words, model_cache(LISTS), tmp_path)
    assert status == 1
    assert "stdout can't be written: it is closed." in err
    assert "rows in" not in err
    assert not (tmp_path / "out.csv").exists()


def test_a_closed_stdout_that_no_one_writes_to_does_not_matter(model_cache, tmp_path):
    (tmp_path / "in.csv").write_text("1,2\n")
    status, _, err = _begun_by('exec "$@" >&-', ["in.csv", "out.csv"], model_cache(LISTS), tmp_path)
    assert (status, (tmp_path / "out.csv").read_text()) == (0, "1,2,3.0\n"), err


def test_a_closed_stdin_is_no_table_without_rows(model_cache, tmp_path):
    status, out, err = _begun_by('exec "$@" <&-', ["-", "out.csv"], model_cache(LISTS), tmp_path)
    assert (status, out) == (1, b"")
    assert "stdin can't be scored: it is closed." in err


def test_where_the_system_starts_no_process_a_job_ends(model_cache, tmp_path):
    (tmp_path / "in.csv").write_text("1,2\n")
    status, _, err = _begun_by('ulimit -n 19; exec "$@"', ["in.csv", "out.csv"], model_cache(LISTS), tmp_path)
    assert status == 1
    # Where sockets need a folder, `tempfile` is the first to fail.
    reason = "No usable temporary directory" if os.environ.get(portable.VARIABLE) else "Too many open files)"
    assert f"no process with the model can be started ({reason}" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(("words", "wrap"), [([], "[{}, 1]"), (["--sample", "x,y"], '{{"x": {}, "y": 1}}')])
@pytest.mark.parametrize(("form", "around"), [("ndjson", "{}\n"), ("json", "[{}]\n")])
def test_numbers_beyond_all_doubles_are_what_they_are_in_a_request_whatever_the_file(
    form, around, words, wrap, model_cache
):
    code = "def predictor(x):\n    return str(x)\nexamples = [[1.5, 1]]\n"
    given = around.format(wrap.format("-1e999")).encode()
    ran = batch(model_cache(code), *words, "--from", form, "--to", "ndjson", "--keep", "none", given=given)
    assert (ran.status, ran.out) == (0, b'"[-inf, 1]"\n'), ran.err


@pytest.mark.parametrize(("form", "around"), [("ndjson", "{}\n{}\n"), ("json", "[{},{}]")])
def test_what_json_lacks_costs_its_row_whatever_the_file(form, around, model_cache):
    given = around.format("[NaN, 1]", "[1, 2]").encode()
    ran = batch(model_cache(LISTS), "--from", form, "--to", "ndjson", "--keep", "none", given=given)
    assert (ran.status, ran.out) == (3, b"3.0\n")
    assert "Refused: row 1 of stdin: It is not JSON: NaN is not JSON; null is." in ran.err


def test_lists_made_of_objects_have_the_order_of_the_first_ones_keys(model_cache):
    code = "def predictor(x):\n    return x[0] - x[1]\nexamples = [[1.5, 1]]\n"
    given = _json({"x": 3, "y": 1}, {"y": 1, "x": 3}, {"x": 3, "z": 1})
    ran = batch(model_cache(code), "--as", "list", "--from", "ndjson", "--keep", "none", given=given)
    assert (ran.status, ran.out) == (3, b"2\n2\n")
    assert "row 3 of stdin: Its keys differ from those of the first object" in ran.err
