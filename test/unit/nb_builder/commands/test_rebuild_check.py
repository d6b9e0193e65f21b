import json
import os
import pickle
import shutil

import pytest
from nb_builder.commands import rebuild_check


@pytest.fixture
def roots(tmp_path):
    """Return two APP_ROOTs with the same files."""
    first = tmp_path / "first"
    files = {
        "model/model.pickle": pickle.dumps([1, "two"]),
        "model/manifest.json": json.dumps({"built": "2026-01-01T00:00:00Z", "n": [1, 2]}).encode(),
        "build/requirements.lock": b"a==1\nb==2\n",
        "build/report.json": json.dumps({"seconds": {"install": 1.5}, "python": "3.11"}).encode(),
        "venv/lib/a.py": b"a = 1\n",
        "venv/lib/a.pyc": b"\xa7\r\r\n" + bytes(4) + b"time" + b"size" + b"code",
        "src/model.ipynb": b"{}",
    }
    for name, content in files.items():
        (first / name).parent.mkdir(parents=True, exist_ok=True)
        (first / name).write_bytes(content)
    (first / "venv/lib64").symlink_to("lib")
    shutil.copytree(first, tmp_path / "second", symlinks=True)
    return first, tmp_path / "second"


def said(roots, capsys):
    """Return the lines, and whether all was equal."""
    try:
        rebuild_check.main([str(root) for root in roots])
    except SystemExit as end:
        return capsys.readouterr().out, end.code != 1
    return capsys.readouterr().out, True


def test_equal_files_are_said_with_their_digests(roots, capsys):
    out, equal = said(roots, capsys)
    assert equal and out.endswith("---> All 8 files are equal\n")
    assert "     equal    build/requirements.lock  sha256:" in out and "     equal    venv/: 3 files  sha256:" in out


def test_the_lock_that_the_check_has_added_is_no_difference(roots, capsys):
    (roots[1] / "src/requirements.lock").write_text("a==1\n")
    assert said(roots, capsys)[1]


def test_variables_that_only_s2i_had_are_left_out(roots, capsys):
    (roots[0] / "build/from_repository.json").write_text('{"S2I_HOST": "::"}')
    out, equal = said(roots, capsys)
    assert equal and "left out build/from_repository.json: variables of the platform" in out
    assert out.endswith("---> All 8 files are equal\n")


def test_a_report_of_a_lock_that_the_check_has_given_is_equal_but_for_that(roots, capsys):
    report = json.loads((roots[0] / "build/report.json").read_text())
    (roots[0] / "build/report.json").write_text(json.dumps({**report, "asked": "a", "resolved": {"lock": None}}))
    changed = json.dumps({**report, "asked": "b", "resolved": {"lock": "requirements.lock"}})
    (roots[1] / "build/report.json").write_text(changed)
    assert not said(roots, capsys)[1]
    (roots[1] / "src/requirements.lock").write_text("a==1\n")
    out, equal = said(roots, capsys)
    assert equal and "build/report.json, except for the lock's origin: this check provided the lock" in out
    (roots[1] / "build/report.json").write_text(changed.replace("3.11", "3.12"))
    out, equal = said(roots, capsys)
    assert not equal and "/python is '3.11' and '3.12'" in out


def test_signatures_are_left_out(roots, capsys):
    (roots[0] / "model/model.sig").write_text("{}")
    out, equal = said(roots, capsys)
    assert equal and "left out model/model.sig: signatures contain a random number" in out


OF_BYTECODE = b"\xa7\r\r\n" + bytes(4)
OTHER_DATE = b'{"built": "2026-01-02T00:00:00Z", "n": [1, 2]}'
OTHER_NUMBER = b'{"built": "2026-01-01T00:00:00Z", "n": [1, 3]}'
OTHER_ORDER = b'{"n": [1, 2], "built": "2026-01-01T00:00:00Z"}'
OTHER_SECONDS = b'{"seconds": {"install": 2.5}, "python": "3.11"}'


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (
            "model/model.pickle",
            pickle.dumps([1, "three"]),
            "the pickle has different values: instruction 5 is SHORT_BINUNI",
        ),
        ("model/manifest.json", OTHER_DATE, "time stamps at /built"),
        ("model/manifest.json", OTHER_NUMBER, "/n/1 is 2 and 3"),
        ("model/manifest.json", OTHER_ORDER, "the order or the spaces of its JSON"),
        ("build/report.json", OTHER_SECONDS, "the durations of its steps, which a build with SOURCE_DATE_EPOCH"),
        ("build/requirements.lock", b"b==2\na==1\n", "the order of its lines"),
        ("build/requirements.lock", b"a==1\nb==3\n", "lines, the first of 1: 'b==2' and 'b==3'"),
        (
            "venv/lib/a.pyc",
            OF_BYTECODE + b"ticksizecode",
            "the time stamp of the source in the bytecode header",
        ),
        ("venv/lib/a.pyc", OF_BYTECODE + b"timesizeedoc", "bytecode that differs in the order of a set"),
        ("venv/lib/b.py", b"", "only the second build has it"),
    ],
)
def test_what_differs_is_said_with_its_reason(roots, capsys, name, content, words):
    (roots[1] / name).write_bytes(content)
    out, equal = said(roots, capsys)
    assert not equal and f"     DIFFERS  {name}: {words}" in out
    assert out.count("DIFFERS") == 1 and out.endswith(" files differ\n")


def test_the_order_of_a_set_is_reported_from_other_values(roots, capsys):
    for root, order in zip(roots, ([1, 2, 3], [3, 1, 2]), strict=True):
        (root / "model/model.pickle").write_bytes(pickle.dumps(dict.fromkeys(order)))
    assert "the order of a set or of a dict: the same values in another order" in said(roots, capsys)[0]


def test_rights_and_links_and_what_is_gone_count(roots, capsys):
    (roots[0] / "venv/lib/a.py").chmod(0o644)
    (roots[1] / "venv/lib/a.py").chmod(0o755)
    (roots[1] / "venv/lib64").unlink()
    (roots[1] / "venv/lib64").symlink_to("lib32")
    os.unlink(roots[1] / "src/model.ipynb")
    out, _ = said(roots, capsys)
    assert "venv/lib/a.py: its permissions are -rw-r--r-- and -rwxr-xr-x" in out
    assert "venv/lib64: it leads to lib and to lib32" in out
    assert "src/model.ipynb: only the first build has it" in out


def test_nothing_is_unpickled(roots, capsys, tmp_path):
    from contract.zipapps import canary

    (roots[1] / "model/model.pickle").write_bytes(canary(tmp_path / "sings"))
    assert not said(roots, capsys)[1]
    assert not (tmp_path / "sings").exists()
