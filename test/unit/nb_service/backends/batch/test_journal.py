import json

import pytest
from nb_service.backends.batch.journal import Journal, Mark
from nb_service.problems import BatchJournal, BatchOutput

JOB = {
    "inputs": [{"path": "/in.csv", "bytes": 1}],
    "outputs": ["/out.csv"],
    "options": {"keep": "all"},
    "model": {"pickle_sha256": "a"},
}
DONE = Mark(rows=5, rows_in=5, rows_out=4, data=100, reasons=["row 1"])


def begun(folder, *marks, job=JOB):
    """Leave a journal with these marks."""
    journal = Journal(str(folder), job, restart=False)
    for mark in marks:
        journal.note(mark)
    journal.close()
    return folder / "journal"


def test_a_folder_that_is_none_of_a_job_is_left_alone(tmp_path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "job").symlink_to("theirs")
    with pytest.raises(BatchOutput, match="job can't be written: it is a link"):
        Journal(str(tmp_path / "job"), JOB, restart=True)
    (tmp_path / "theirs" / "diary").touch()
    with pytest.raises(BatchOutput, match="it has 'diary', which is not a file of a job"):
        Journal(str(tmp_path / "theirs"), JOB, restart=True)
    assert [path.name for path in (tmp_path / "theirs").iterdir()] == ["diary"]


def test_the_last_mark_is_where_a_job_goes_on(tmp_path):
    begun(tmp_path / "job", Mark(rows=1, rows_in=1), DONE)
    journal = Journal(str(tmp_path / "job"), JOB, restart=False)
    assert journal.mark == DONE
    journal.remove()
    assert not (tmp_path / "job").exists()


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_a_line_that_was_cut_is_none_and_what_follows_is_a_line_again(cut, tmp_path):
    path = begun(tmp_path / "job", DONE, DONE._replace(rows=9, rows_in=9))
    path.write_bytes(path.read_bytes()[:-cut])
    begun(tmp_path / "job", DONE._replace(rows=7, rows_in=7))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line.get("rows") for line in lines[1:]] == [5, 7]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"inputs": [{"path": "/in.csv", "bytes": 2}]}, "/in.csv has changed since"),
        ({"inputs": []}, "its inputs were 1 files, and are now 0, or different ones"),
        ({"outputs": ["/other.csv"]}, "outputs was ['/out.csv'], and is ['/other.csv']"),
        ({"options": {"keep": "none"}}, "keep was 'all', and is 'none'"),
        ({"model": {"pickle_sha256": "b"}}, "the model differs"),
    ],
)
def test_another_job_is_rejected_with_what_differs_unless_the_first_has_done_nothing(change, said, tmp_path):
    begun(tmp_path / "job", DONE)
    with pytest.raises(BatchJournal) as rejected:
        Journal(str(tmp_path / "job"), {**JOB, **change}, restart=False)
    assert said in rejected.value.what
    again = Journal(str(tmp_path / "job"), {**JOB, **change}, restart=True)
    assert again.mark is None
    again.close()
    begun(tmp_path / "idle")
    assert begun(tmp_path / "idle", job={**JOB, **change}).exists()


def test_what_is_no_journal_is_not_taken_for_one(tmp_path):
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "journal").write_text("no journal\n")
    with pytest.raises(BatchJournal, match="its journal can't be read"):
        Journal(str(tmp_path / "job"), JOB, restart=False)


def test_one_job_is_done_by_one_process(tmp_path):
    first = Journal(str(tmp_path / "job"), JOB, restart=False)
    with pytest.raises(BatchOutput, match="another process is working on it"):
        Journal(str(tmp_path / "job"), JOB, restart=False)
    first.close()


def test_where_nothing_can_be_written_is_reported(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(BatchOutput, match="Not a directory"):
        Journal(str(tmp_path / "file" / "job"), JOB, restart=False)
