"""`nb-builder diff` of real builds of one notebook before and after a change, without an engine."""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

import versions
from contract.services import wait_until
from flow import stage

# One worker has the builds of all versions.
pytestmark = pytest.mark.xdist_group("diff")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return what builds a version of the notebook, once, and returns its APP_ROOT."""
    made = {}

    def build(version):
        if version not in made:
            cells = versions.cells(version).split("%%\n")
            outcome, env = stage.build_of(tmp_path_factory.mktemp(version), *cells)
            assert outcome.status == 0, outcome.stdout
            made[version] = env["APP_ROOT"]
        return made[version]

    return build


@pytest.fixture
def samples(tmp_path):
    """Return files of samples: of classes and of scores, ten of each."""
    for name, text in (("classes", versions.CLASSES), ("scores", versions.SCORES)):
        (tmp_path / f"{name}.csv").write_text(text)
    return tmp_path


def environ(mark=""):
    """Return the variables for a comparison, whose processes can be found by `mark`."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("S2I_")}
    return {"NB_BUILDER_HOME": str(stage.ROOT / ".nb-builder"), **kept, stage.MARK: mark}


def diff(old, new, source, *words, **env):
    """Return what `nb-builder diff` came to; no process of it may stay."""
    given = environ(f"{os.getpid()}-{Path(old).parent.name}-{Path(new).parent.name}")
    command = [stage.ROOT / "s2i/nb-builder", "diff", *words, old, new, source]
    done = subprocess.run(command, capture_output=True, text=True, env={**given, **env}, timeout=stage.BUILD_LIMIT)
    assert stage.processes_of(given) == []
    return done


def compared(*words, **env):
    """Return the report of a comparison, and its exit status."""
    done = diff(*words, "--json", **env)
    assert done.stdout.startswith("{"), done.stdout + done.stderr
    return json.loads(done.stdout), done.returncode


def rows(report):
    """Return what became of the rows, without what became of none."""
    return {name: count for name, count in report["rows"].items() if count}


def test_a_second_build_of_the_same_notebook_is_equal(built):
    report, status = compared(built("before"), built("same"), "golden", "--max-different=0", "--max-difference=0")
    assert (status, rows(report)) == (0, {"in": 3, "compared": 3, "equal": 3})
    assert report["old"]["notebook"] == report["new"]["notebook"] == "model.ipynb"


def test_a_class_that_has_moved_is_in_the_table_and_exceeds_the_limit(built, samples):
    found = compared(built("before"), built("class"), samples / "classes.csv", "--max-different=9%")
    report, status = found
    assert (status, rows(report)) == (3, {"in": 10, "compared": 10, "equal": 9, "different": 1})
    assert report["classes"] == {"names": ['"high"', '"low"'], "rows": [[4, 1], [0, 5]]}
    (shown,) = report["differences"]
    assert (shown["row"], json.loads(shown["sample"])) == ("row 5", ["class", 0.5])
    assert (shown["old"], shown["new"]) == ({"answer": "high"}, {"answer": "low"})
    assert compared(built("before"), built("class"), samples / "classes.csv", "--max-different=10%")[1] == 0


def test_the_twelfth_digit_is_measured_and_is_the_same_answer(built, samples):
    words = (built("before"), built("digits"), samples / "scores.csv", "--max-different=0")
    report, status = compared(*words)
    assert status == 0 and report["rows"]["different"] == 0 and report["rows"]["within_tolerance"] >= 8
    largest = report["largest_difference"]["relative"]
    assert largest["value"] == pytest.approx(1e-12, rel=1e-3)
    assert compared(*words, "--max-difference=1e-13")[1] == 3


def test_rows_that_only_one_answers_count_as_different_and_are_shown_by_their_code(built, samples):
    report, status = compared(built("before"), built("stricter"), samples / "classes.csv", "--max-different=1")
    assert (status, rows(report)) == (3, {"in": 10, "compared": 8, "equal": 8, "only_old_answered": 2})
    assert report["share_different"] == 0.2
    assert [row["new"]["problem"] for row in report["unanswered"]] == ["422 Unprocessable Content"] * 2
    backwards, _ = compared(built("stricter"), built("before"), samples / "classes.csv")
    assert rows(backwards) == {"in": 10, "compared": 8, "equal": 8, "only_new_answered": 2}


def test_a_row_that_can_t_be_read_and_one_that_takes_too_long_are_counted(built, samples):
    path = samples / "odd.csv"
    path.write_text("class,0.9\nclass\n")
    report, status = compared(built("before"), built("slow"), path, S2I_PREDICT_TIMEOUT="0.5")
    assert (status, rows(report)) == (0, {"in": 2, "only_old_answered": 1, "neither_answered": 1})
    assert {(each["old"], each["new"]) for each in report["outcomes"]} == {
        ("200", "504 Gateway Timeout"),
        ("the row can't be read", "the row can't be read"),
    }
    assert report["speed"] is None


def test_a_slower_version_exceeds_its_limit_by_the_whole_interval(built, samples):
    (samples / "few.csv").write_text(versions.CLASSES[:20])
    words = (built("before"), built("slow"), samples / "few.csv", "--max-latency-ratio=1.5")
    report, status = compared(*words)
    assert status == 3 and report["speed"]["new_median_seconds"] >= 0.2
    assert report["limits"][0]["holds"] is False and report["speed"]["ratio"]["low"] > 1.5


@pytest.fixture
def with_golden(built, tmp_path):
    """Return what makes an APP_ROOT like that of the first version, with golden rows that a function has changed."""

    def make(change):
        root = tmp_path / "app-root"
        root.mkdir()
        for path in Path(built("before")).iterdir():
            if path.name != "model":
                (root / path.name).symlink_to(path)
        shutil.copytree(Path(built("before")) / "model", root / "model")
        rows = (root / "model" / "golden.ndjson").read_text().splitlines()
        (root / "model" / "golden.ndjson").write_text("\n".join(change(rows)) + "\n")
        return root

    return make


def test_golden_rows_that_only_one_has_are_reported(built, with_golden):
    done = diff(built("before"), with_golden(lambda rows: rows[1:]), "golden")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 rows in = 2 compared" in done.stdout
    assert "note: 1 golden row of OLD that NEW does not have." in done.stdout


def test_without_a_common_golden_row_there_is_nothing_to_compare(built, with_golden):
    changed = with_golden(lambda rows: [row.replace("0.", "0.00") for row in rows])
    done = diff(built("before"), changed, "golden")
    assert done.returncode == 1 and "(problem diff-no-rows)" in done.stdout
    assert "they share no golden row (3 only OLD and 3 only NEW)" in done.stdout


def test_parquet_is_read_where_the_service_has_what_it_needs(built, tmp_path):
    (tmp_path / "samples.parquet").write_bytes(b"PAR1")
    done = diff(built("before"), built("same"), tmp_path / "samples.parquet")
    assert done.returncode == 1 and "(problem batch-" in done.stderr and "Traceback" not in done.stderr


def test_columns_are_chosen_by_the_words_of_batch(built, tmp_path):
    (tmp_path / "samples.csv").write_text("id,what,value\nfirst,class,0.7\n")
    report, _ = compared(
        built("before"), built("same"), tmp_path / "samples.csv", "--read=--header yes --sample what,value"
    )
    assert json.loads(report["outcomes"][0]["first"]["sample"]) == ["class", 0.7]
    done = diff(built("before"), built("same"), tmp_path / "samples.csv", "--read=--keep none")
    assert done.returncode == 2 and "here, not keep" in done.stderr


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("before", "numbers", "classes.csv"), "diff-inputs"),
        (("before", "same", "empty.csv"), "diff-no-rows"),
        (("before", "same", "absent.csv"), "batch-input"),
        (("before", "same", "classes.csv", "--html=/nowhere/page.html"), "diff-unwritten"),
        (("before", "same", "classes.csv", "--engine=no-such-engine"), ""),
    ],
)
def test_what_can_t_be_compared_is_a_sentence_before_a_service_starts(built, samples, words, code):
    (samples / "empty.csv").write_text("")
    old, new, source, *more = words
    done = diff(built(old), built(new), samples / source, *more)
    if not code:
        assert done.returncode == 0, "folders need no engine"
        return
    assert done.returncode == 1 and f"(problem {code})" in done.stdout + done.stderr
    assert "Comparing" not in done.stdout


def test_an_image_without_an_engine_is_a_sentence(built):
    done = diff(built("before"), "no-such-image", "golden", "--engine=no-such-engine")
    assert done.returncode == 1
    assert (
        "no container engine can look for an image of that name (no-such-engine: No such file or directory)"
        in done.stdout
    )


def test_an_engine_elsewhere_is_a_sentence(built):
    done = diff(built("before"), "my-service", "golden", DOCKER_HOST="tcp://build.example.org:2376")
    assert done.returncode == 1 and "DOCKER_HOST names one on build.example.org" in done.stdout


def test_a_service_that_does_not_start_is_a_sentence_with_the_end_of_its_log(built):
    # The same setting for both: the first one decides.
    done = diff(built("before"), built("same"), "golden", S2I_MAX_QUEUE="none")
    assert done.returncode == 1 and "(problem diff-not-ready)" in done.stdout
    assert "S2I_MAX_QUEUE='none' is not a whole number" in done.stdout


def test_a_service_that_does_not_get_ready_is_a_sentence_with_what_it_says(built, with_golden):
    changed = with_golden(lambda rows: [row.replace('"low"', '"lower"') for row in rows])
    done = diff(built("before"), changed, "golden")
    assert done.returncode == 1 and "(problem diff-not-ready)" in done.stdout
    assert f"NEW={changed} does not become ready: Not ready: golden row 1 " in done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_comparison_that_is_stopped_leaves_no_process(built, samples, number):
    (samples / "many.csv").write_text(versions.CLASSES * 1000)
    given = environ(f"stopped-{os.getpid()}-{number}")
    command = [stage.ROOT / "s2i/nb-builder", "diff", built("slow"), built("slow"), samples / "many.csv"]
    running = subprocess.Popen(command, env=given, stdout=subprocess.DEVNULL, start_new_session=True)
    # Both services with a scorer each.
    assert wait_until(lambda: sum("nb_scorer" in line for line in stage.processes_of(given, 0)) > 3)
    os.killpg(running.pid, number)
    assert running.wait(60) in (128 + number, 130)
    assert stage.processes_of(given) == []


def test_make_says_which_limit_was_exceeded_and_writes_both_files(built, samples):
    words = [f"OLD={built('before')}", f"NEW={built('class')}", f"SAMPLES={samples}/classes.csv"]
    files = [f"JSON={samples}/report.json", f"HTML={samples}/report.html"]
    command = ["make", "--no-print-directory", "diff", *words, *files, "MAX_DIFFERENT=5%"]
    done = subprocess.run(command, cwd=stage.ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "Error 3" in done.stderr, done.stdout + done.stderr
    assert "EXCEEDED  MAX_DIFFERENT=5%: 1 of 10 rows differ, 10 %" in done.stdout
    assert json.loads((samples / "report.json").read_text())["exit_status"] == 3
    page = (samples / "report.html").read_text()
    assert "<script" not in page and page.count("<svg ") == 2
