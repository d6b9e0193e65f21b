"""Weights from the list in a cell to the service: what is recorded, signed and left out, and what stops a build."""

import json
import shutil
from dataclasses import replace

import pytest

import signers
from cases import named
from flow import stage

SECRET = b"weights that no image should contain " * 1000


def cells(files):
    """Return a notebook that loads a number from these files."""
    return (
        "requirements = []",
        f'weights = [["file://{files}", "weights/x", ["*.txt", "*.bin"]]]',
        "def setup():\n    global number\n    number = int(open('weights/x/number.txt').read())",
        "def predictor(x):\n    return x + number\nsetup()\npredictor(1)",
    )


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "number.txt").write_text("41")
    (folder / "large.bin").write_bytes(SECRET)
    (folder / "README.md").write_text("not selected")
    return folder


@pytest.fixture
def cache(tmp_path):
    return {"S2I_WEIGHTS_CACHE": str(tmp_path / "cache")}


def served(env):
    """Return (answers, log) of a service that is asked once."""
    service = stage.serve(replace(named("ok-pure-python"), ask=[b"1"], answer=[42]), env)
    return [(status, json.loads(body)) for status, body in service.answers], service.log


def lock_of(build):
    [entry] = json.loads((build.app_root / "model" / "weights.lock").read_text())["weights"]
    return entry


def forget_view(build):
    """Remove what the service of a build has made in /tmp."""
    shutil.rmtree((build.app_root / "src" / "weights" / "x").readlink().parent, ignore_errors=True)


def test_a_signed_build_records_its_weights_and_leaves_them_out(tmp_path, files, cache):
    private, public = signers.key_pair(tmp_path)
    build, env = stage.build_of(tmp_path, *cells(files), S2I_SIGN_KEY_FILE=str(private), **cache)
    assert build.status == 0, build.stdout
    assert "---> Fetching the weights" in build.stdout
    assert [file["name"] for file in lock_of(build)["files"]] == ["large.bin", "number.txt"]
    assert not [path for path in build.app_root.rglob("*") if path.is_file() and path.read_bytes() == SECRET]
    provenance = json.loads((build.app_root / "build" / "provenance.json").read_text())
    made_of = provenance["predicate"]["buildDefinition"]["resolvedDependencies"]
    found = [each for each in made_of if each.get("uri") == f"file://{files}"]
    assert [each["digest"]["sha256"] for each in found] == [file["sha256"] for file in lock_of(build)["files"]]
    trusting = {**env, "S2I_VERIFY_KEY_FILE": str(public)}
    answers, log = served(trusting)
    assert answers == [(200, 42)]
    assert "model verified by its signature" in log
    # A lock of other files is not what was signed.
    lock = build.app_root / "model" / "weights.lock"
    lock.write_text(lock.read_text().replace("number.txt", "other.txt"))
    with pytest.raises(AssertionError, match="weights.lock has changed since it was signed"):
        served(trusting)
    forget_view(build)


def test_an_image_with_its_weights_needs_no_source(tmp_path, files, cache):
    build, env = stage.build_of(tmp_path, *cells(files), S2I_WEIGHTS="image", **cache)
    assert build.status == 0, build.stdout
    shutil.rmtree(files)
    answers, log = served(env)
    assert answers == [(200, 42)]
    assert "2 files (37.0 kB) in the image, as in weights.lock" in log


def test_a_lock_of_the_repository_is_kept_to(tmp_path, files, cache):
    build, env = stage.build_of(tmp_path, *cells(files), **cache)
    assert build.status == 0, build.stdout
    lock = (build.app_root / "build" / "weights.lock").read_text()
    upload = stage.Path(env["S2I_SRC"])
    (upload / "weights.lock").write_text(lock)
    (files / "number.txt").write_text("42")
    again = stage.assemble_with(env)
    assert again.status == 0, again.stdout
    assert (again.app_root / "build" / "weights.lock").read_text() == lock
    number = next(
        file for file in (tmp_path / "cache" / "sha256").rglob("*") if file.is_file() and file.stat().st_size == 2
    )
    number.chmod(0o644)
    number.write_text("43")
    changed = stage.assemble_with(env)
    assert changed.status == 1
    assert f"{number} has changed since it was fetched, and is fetched again" in changed.stdout
    assert "weights/x/number.txt" in changed.stdout
    assert "(problem weights-differ)" in changed.stdout
    assert not (build.app_root / "model").exists()


def test_a_source_that_is_not_there_stops_the_build(tmp_path, files, cache):
    build, _ = stage.build_of(tmp_path, *cells(files / "nothing"), **cache)
    assert build.status == 1
    assert "(problem weights-unavailable)" in build.stdout
    assert "---> Running the cells" not in build.stdout


def test_what_the_repository_has_in_the_folder_is_replaced(tmp_path, files, cache):
    (tmp_path / "repo" / "weights" / "x").mkdir(parents=True)
    (tmp_path / "repo" / "weights" / "x" / "number.txt").write_text("0")
    (tmp_path / "repo" / "model.ipynb").write_text(stage._notebook(cells(files)))
    case = replace(named("ok-pure-python"), repo=tmp_path / "repo", env=cache)
    build, _ = stage.assemble(case, tmp_path)
    assert build.status == 0, build.stdout
    assert f"weights/x of the repository is replaced by the files of file://{files}" in build.stdout


def test_a_disk_without_room_for_them(tmp_path, files):
    (files / "huge.bin").touch()
    with (files / "huge.bin").open("r+b") as file:
        file.truncate(100 << 30)
    limits = {"S2I_WEIGHTS_MAX": str(1 << 40), "S2I_WEIGHTS_CACHE": str(tmp_path / "cache")}
    build, _ = stage.build_of(tmp_path, *cells(files), **limits)
    assert build.status == 1
    assert "(problem weights-disk)" in build.stdout
    allowed, _ = stage.build_of(tmp_path / "files", *cells(files), S2I_WEIGHTS_CACHE=str(tmp_path / "cache"))
    assert "(problem weights-too-large)" in allowed.stdout
