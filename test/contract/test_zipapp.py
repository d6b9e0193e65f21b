"""A model as one file: it answers as the service does, and what was forged in it is never executed."""

import fcntl
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import pytest
from nb_scorer.zipapp.one_reading import SHEBANG

import signers
from contract import zipapps
from contract.services import make_app_root, wait_until
from contract.zipapps import run

NOTEBOOK = """
    import helper

    def setup():
        global step
        step = helper.STEP

    def teardown():
        print("torn down")

    def validator(x):
        return isinstance(x, (int, float)) or "x must be a number"

    def predictor(x):
        print("asked", x)
        if x == 13:
            raise RuntimeError("unlucky")
        return {"next": x + step}

    examples = [1, 2]
"""
OTHER = """
    import helper

    def predictor(x):
        return x * 2 + helper.STEP
    examples = [3, 4]
"""


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """Return a private key, its public key, and both of somebody else."""
    folder = tmp_path_factory.mktemp("keys")
    return (*signers.key_pair(folder), *signers.key_pair(folder, "other"))


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    """Return the APP_ROOTs of two models, each with a module next to its notebook."""
    made = []
    for number, code in enumerate((NOTEBOOK, OTHER)):
        root = tmp_path_factory.mktemp("app-root")
        (root / "src").mkdir()
        (root / "src" / "helper.py").write_text(f"# {'of a test' * 20}\nSTEP = {number + 1}\n")
        made.append(make_app_root(root, code, {}))
    return made


@pytest.fixture(scope="module")
def plain(roots, tmp_path_factory):
    """Return an unsigned file, with its packages."""
    return zipapps.zipapp_of(roots[0], tmp_path_factory.mktemp("plain"), "--with-wheels")


@pytest.fixture(scope="module")
def signed(plain, roots, keys, tmp_path_factory):
    """Return two files that are signed as a whole by the same key, with their packages."""
    one = Path(shutil.copy(plain, tmp_path_factory.mktemp("signed") / "my-model"))
    other = zipapps.zipapp_of(roots[1], tmp_path_factory.mktemp("other"), "--with-wheels")
    return zipapps.sign(one, keys[0]), zipapps.sign(other, keys[0])


def entries(path):
    with zipfile.ZipFile(path) as source:
        return {entry.filename: source.read(entry) for entry in source.infolist()}


def test_samples_of_the_command_line_get_a_line_each_and_prints_are_no_answers(plain):
    done = run(plain, "1", "2.5", alone=True)
    assert (done.returncode, done.stdout) == (0, b'{"next": 2}\n{"next": 3.5}\n'), done.stderr.decode()
    assert b"torn down\n" in done.stderr
    assert b"asked 1\n" in done.stderr and b"signature not checked (--key names the signer's key)\n" in done.stderr


def test_a_sample_without_an_answer_leaves_its_line_empty_and_says_why(plain):
    done = run(plain, given=b'1\n\n"a"\n13\n{\n2\n')
    assert (done.returncode, done.stdout) == (1, b'{"next": 2}\n\n\n\n{"next": 3}\n')
    said = done.stderr.decode()
    assert "Sample 2: The notebook's validator rejects this sample: x must be a number.\n" in said
    assert "Sample 3: The notebook's predictor failed on this sample: RuntimeError: unlucky\n" in said
    assert "Sample 4: It is not JSON: " in said


def test_two_files_of_a_model_are_the_same_bytes(plain, roots, tmp_path):
    assert zipapps.zipapp_of(roots[0], tmp_path, "--with-wheels").read_bytes() == plain.read_bytes()


def test_it_runs_where_it_may_be_executed_and_has_no_build_code(plain, tmp_path):
    assert plain.read_bytes().startswith(b"#!/usr/bin/env python3\nPK")
    names = set(entries(plain))
    assert {"__main__.py", "zipapp.json", "src/helper.py", "model/model.pickle", "wheels/requirements.lock"} <= names
    assert not [name for name in names if name.startswith(("nb_scorer/kernel/", "nb_service", "src/.git/"))]


def test_a_signed_file_runs_by_its_key(signed, keys):
    done = run(signed[0], "--key", str(keys[1]), "1", alone=True)
    assert (done.returncode, done.stdout) == (0, b'{"next": 2}\n'), done.stderr.decode()
    assert done.stderr.startswith(b"model verified by the key ") and b"not signed" not in done.stderr


def test_the_key_may_be_a_setting_as_it_is_of_a_service(plain, keys):
    done = run(plain, "1", S2I_VERIFY_KEY_FILE=str(keys[1]))
    assert done.returncode == 1 and b"it is not signed" in done.stderr and b"(problem zipapp-untrusted)" in done.stderr


def test_somebody_elses_key_does_not_count(signed, keys):
    done = run(signed[0], "--key", str(keys[3]), "1")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"no trusted key has signed zipapp.sig (trusted: " in done.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file or directory"),
        (b"", "it contains no public key"),
        ("private", "it contains a private key; verification needs only the public key"),
    ],
)
def test_what_is_no_public_key_is_rejected(signed, keys, tmp_path, content, words):
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(keys[0].read_bytes() if content == "private" else content)
    done = run(signed[0], "--key", str(path), "1")
    assert done.returncode == 1 and words in done.stderr.decode() and b"(problem zipapp-key)" in done.stderr


def test_what_was_forged_is_rejected_before_anything_of_it_is_executed(signed, keys, tmp_path):
    """Each by the program in the file, where that was not forged, and by one that is trusted."""
    sings, missed = tmp_path / "sings", []
    forged = list(zipapps.forgeries(entries(signed[1]), sings))
    assert len(forged) > 45
    trusted = [sys.executable, "-I", "-m", "nb_scorer.zipapp"]
    for number, (name, change) in enumerate(forged):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = zipapps.changed(signed[0], folder / "my-model", change)
        words = [path, "--key", keys[1], "--cache", folder / "cache", "1"]
        done = subprocess.run([*trusted, *words], capture_output=True)
        if done.returncode != 1 or b"(problem zipapp-" not in done.stderr or sings.exists():
            missed.append((name, done.returncode, done.stderr[-300:]))
        if (folder / "cache" / "models").exists() and list((folder / "cache" / "models").iterdir()):
            missed.append((name, "unpacked"))
    assert missed == []


def test_the_canary_sings_where_no_one_verifies(signed, tmp_path):
    """Else the test above would show nothing."""
    sings = tmp_path / "sings"
    for name in ("a pickle that sings", "a module that sings", "a package that sings", "our code that sings"):
        change = dict(zipapps.forgeries(entries(signed[1]), sings))[name]
        folder = tmp_path / name
        folder.mkdir()

        def without_digest(found, change=change):
            found = change(found)
            manifest = json.loads(found["model/manifest.json"])
            manifest["pickle_sha256"] = hashlib.sha256(found["model/model.pickle"]).hexdigest()
            return {**found, "model/manifest.json": json.dumps(manifest).encode()}

        path = zipapps.changed(signed[0], folder / "my-model", without_digest)
        run(path, "1")
        assert sings.exists(), name
        sings.unlink()


def test_verify_compares_all_and_executes_nothing(signed, keys, tmp_path):
    done = run(signed[0], "--verify", "--key", str(keys[1]), cache=tmp_path / "cache")
    assert done.returncode == 0 and done.stdout.startswith(b"The file is what the key ")
    assert not (tmp_path / "cache").exists()
    with zipfile.ZipFile(signed[0]) as file:
        (name,) = [name for name in file.namelist() if name.endswith(".whl")]
    path = zipapps.changed(signed[0], tmp_path / "m", lambda found: {**found, name: found[name] + b" "})
    done = run(path, "--verify", "--key", str(keys[1]))
    assert done.returncode == 1 and f"{name} has changed since it was signed" in done.stderr.decode()


def test_verify_without_a_key_is_rejected(signed):
    done = run(signed[0], "--verify")
    assert done.returncode == 2 and b"--verify needs --key with the public key to trust" in done.stderr


def test_a_file_that_changes_after_it_was_unpacked_is_not_loaded(signed, keys, tmp_path):
    cache, sings = tmp_path / "cache", tmp_path / "sings"
    assert run(signed[0], "--key", str(keys[1]), "1", cache=cache).returncode == 0
    (unpacked,) = cache.glob("models/*/model/model.pickle")
    unpacked.write_bytes(zipapps.canary(sings))
    done = run(signed[0], "--key", str(keys[1]), "1", cache=cache)
    assert done.returncode == 1 and b"(problem model-not-as-signed)" in done.stderr and not sings.exists()


@pytest.fixture(scope="module")
def of_image(roots, keys, tmp_path_factory):
    """Return the folder of an APP_ROOT that is signed as builds and `nb-builder sign` do it."""
    folder = tmp_path_factory.mktemp("of-an-image")
    root = zipapps.root_of(roots[0], folder)
    signers.sign(root / "model", keys[0])
    digest = hashlib.sha256((root / "src" / "helper.py").read_bytes()).hexdigest()
    zipapps.sign_origin(root, keys[0], **{"src/helper.py": digest})
    return folder


@pytest.fixture(scope="module")
def of_image_file(of_image, roots):
    """Return its file, which is without packages: those no signature stands for."""
    return zipapps.zipapp_of(roots[0], of_image)


def verified(path, keys, tmp_path):
    return run(path, "--key", str(keys[1]), "--verify", cache=tmp_path / "cache")


def test_model_lock_and_modules_are_verified(of_image_file, keys, tmp_path):
    done = verified(of_image_file, keys, tmp_path)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.startswith(b"The content of the file is what the key ")


def test_packages_are_in_no_signature(of_image, roots, of_image_file, keys, tmp_path):
    whole = tmp_path / "with"
    shutil.copytree(of_image, whole, symlinks=True)
    done = verified(zipapps.zipapp_of(roots[0], whole, "--with-wheels"), keys, tmp_path)
    assert done.returncode == 1
    assert b".whl is not signed, and neither is the whole file" in done.stderr


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("src/helper.py", "src/helper.py has changed since it was signed"),
        ("build/requirements.lock", "build/requirements.lock has changed since it was signed"),
        ("model/model.pickle", "model/model.pickle has changed since it was signed"),
        ("build/provenance.json", "build/provenance.json has changed since it was signed"),
        ("model/model.sig", "no trusted key has signed model/model.sig"),
        ("build/provenance.sig", "no trusted key has signed build/provenance.sig"),
    ],
)
def test_what_was_changed_is_rejected(of_image_file, keys, tmp_path, name, words):
    def change(found):
        content = found[name]
        signature = content.find(b'"sig": "') + 12 if name.endswith(".sig") else 0
        other = b"A" if content[signature : signature + 1] != b"A" else b"B"
        return {**found, name: content[:signature] + other + content[signature + 1 :]}

    done = verified(zipapps.changed(of_image_file, tmp_path / "m", change), keys, tmp_path)
    assert done.returncode == 1 and words in done.stderr.decode()


@pytest.mark.parametrize("name", ["src/more.py", "model/more", "build/more", "wheels/a-1-py3-none-any.whl"])
def test_what_is_too_many_is_rejected(of_image_file, keys, tmp_path, name):
    done = verified(zipapps.changed(of_image_file, tmp_path / "m", lambda found: {**found, name: b""}), keys, tmp_path)
    assert done.returncode == 1 and f"{name.removeprefix('model/')} is not signed" in done.stderr.decode()


def test_the_origin_of_another_model_is_rejected(of_image_file, roots, keys, tmp_path):
    other = zipapps.root_of(roots[1], tmp_path / "other")
    zipapps.sign_origin(other, keys[0])
    taken = {f"build/{name}": (other / "build" / name).read_bytes() for name in ("provenance.json", "provenance.sig")}
    done = verified(zipapps.changed(of_image_file, tmp_path / "m", lambda found: {**found, **taken}), keys, tmp_path)
    assert done.returncode == 1 and b"describes the provenance of another model" in done.stderr


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda found: [*found.items(), ("src/helper.py", b"")], "a name in it is not a file, or occurs twice"),
        (lambda found: [*found.items(), ("src/../../x", b"")], "src/../../x in it is not a file, or occurs twice"),
        (lambda found: [*found.items(), ("/etc/x", b"")], "/etc/x in it is not a file"),
        (lambda found: [*found.items(), ("src/x/", b"")], "src/x/ in it is not a file"),
        (lambda found: {**found, "zipapp.json": b'{"format": 9}'}.items(), "it has format 9, but this program reads 1"),
        (lambda found: {**found, "zipapp.json": b"{}"}.items(), "it was not written by 'nb-builder zipapp'"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_that_could_be_read_in_two_ways_is_rejected(plain, tmp_path, make, words):
    zipapps.write(tmp_path / "m", make(entries(plain)))
    done = run(tmp_path / "m", "1")
    assert done.returncode == 1 and words in done.stderr.decode() and b"(problem zipapp-damaged)" in done.stderr


EVIL = b"print('evil')\n"
ODD_FORMS = {
    "another command before it": (
        lambda content: b"#!/bin/sh\necho evil\nexit 0\n" + content[len(SHEBANG) :],
        "it is ambiguous: it does not start with the line that runs it",
    ),
    "code behind a file": (
        lambda content: zipapps.code_behind(content, b"nb_scorer/__init__.py", b"\nprint('evil')\n\n"),
        "it is ambiguous: unexpected bytes follow one of its files",
    ),
    "two directories": (
        lambda content: zipapps.read_in_two_ways(content, EVIL),
        "it contains a ZIP64 record",
    ),
    "two directories, and no gap": (
        lambda content: zipapps.read_in_two_ways_by_its_count(content, EVIL),
        "it contains a ZIP64 record",
    ),
    "a comment": (lambda content: content[:-2] + b"\1\0x", "it does not end as a model file does"),
}


@pytest.mark.parametrize("form", ODD_FORMS)
def test_a_signed_file_that_others_read_in_another_way_is_rejected(signed, keys, tmp_path, form):
    change, words = ODD_FORMS[form]
    path = tmp_path / "m"
    path.write_bytes(change(signed[0].read_bytes()))
    path.chmod(0o755)
    command = [path] if form == "another command before it" else [sys.executable, path]
    if form != "a comment" and sys.version_info < (3, 13):
        assert subprocess.run([*command, "--help"], capture_output=True).stdout.startswith(b"evil\n")
    done = by_trusted(path, "--key", keys[1], "--verify")
    assert (done.returncode, f"can't be read: {words}" in done.stderr) == (1, True), done.stderr


def by_trusted(path, *words):
    """Return the result of this program for a file, not of the program in the file."""
    command = [sys.executable, "-I", "-m", "nb_scorer.zipapp", path, "--cache", path.parent / "cache", *words]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize("words", [["--verify"], ["1"]], ids=["verify", "run"])
@pytest.mark.parametrize("name", ["__main__.py", "nb_scorer/zipapp/predict.py", "nb_scorer/zipapp/new.py"])
def test_another_program_around_what_an_image_has_signed_is_not_taken(of_image_file, keys, tmp_path, name, words):
    path = zipapps.changed(of_image_file, tmp_path / "m", lambda found: {**found, name: EVIL + found.get(name, b"")})
    done = by_trusted(path, "--key", keys[1], *words)
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert f"{name} is not signed, and differs from the program that verifies it" in done.stderr


def test_the_program_that_is_here_takes_its_like(of_image_file, keys):
    done = by_trusted(of_image_file, "--key", keys[1], "--verify")
    assert done.returncode == 0, done.stderr


def test_an_empty_key_is_no_wish_to_trust_everybody(signed):
    done = run(signed[0], "--key", "", "1", S2I_VERIFY_KEY_FILE="/nowhere")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"argument --key: it is empty; without --key, nothing is verified" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to be root, to give a folder away")
@pytest.mark.parametrize("folder", [".", "models", "venvs"])
def test_a_cache_that_others_can_change_is_not_used(signed, keys, tmp_path, folder):
    cache = tmp_path / "cache"
    assert run(signed[0], "--key", str(keys[1]), "1", cache=cache).returncode == 0
    assert {path.stat().st_mode & 0o777 for path in cache.iterdir()} == {0o700}
    for change, words in (
        (lambda: os.chown(cache / folder, 65534, -1), "it belongs to another user"),
        (lambda: (os.chown(cache / folder, 0, -1), (cache / folder).chmod(0o777)), "other users can write to it"),
        (lambda: (cache / folder).chmod(0o770), "other users can write to it"),
    ):
        change()
        done = run(signed[0], "--key", str(keys[1]), "1", cache=cache)
        assert (done.returncode, done.stdout) == (1, b"")
        assert f"can't be created in {cache / folder}: {words}" in done.stderr.decode()


@pytest.mark.parametrize("caller", ["takes Ctrl-C", "ignores it, as a shell's job in the background"])
def test_ctrl_c_while_packages_are_installed_is_no_traceback(plain, tmp_path, caller):
    cache = tmp_path / "cache"
    assert run(plain, "1", cache=cache).returncode == 0
    ((ready,), (path,)) = cache.glob("venvs/*/.ready"), cache.glob("venvs/*.lock")
    ready.unlink()
    words = [sys.executable, plain, "--cache", cache, "1"]
    if caller.startswith("ignores"):
        words = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *words]
    with open(path, "w") as lock:
        # Somebody else installs them, for longer than this takes.
        fcntl.flock(lock, fcntl.LOCK_EX)
        with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr.readline() == "signature not checked (--key names the signer's key)\n"
            process.send_signal(signal.SIGINT)
            assert (process.communicate()[1], process.returncode) == ("", 130)
    assert run(plain, "1", cache=cache).returncode == 0


def test_the_cache_is_the_model_s_own_also_where_builds_have_made_theirs(plain, tmp_path):
    builds = tmp_path / "nb-builder"
    builds.mkdir()
    builds.chmod(0o775)
    environ = {"PATH": "/usr/bin:/bin", "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, plain, "1"], env=environ, capture_output=True)
    assert (done.returncode, done.stdout) == (0, b'{"next": 2}\n'), done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["nb-builder", "nb-builder-models"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to be root, to give a link away")
def test_a_link_that_another_user_can_turn_is_no_cache(signed, keys, tmp_path):
    cache = tmp_path / "cache"
    (tmp_path / "place").mkdir()
    cache.mkdir(0o700)
    (cache / "venvs").symlink_to(tmp_path / "place")
    done = run(signed[0], "--key", str(keys[1]), "1", cache=cache)
    assert done.returncode == 0, done.stderr.decode()
    os.chown(cache / "venvs", 65534, -1, follow_symlinks=False)
    done = run(signed[0], "--key", str(keys[1]), "1", cache=cache)
    assert done.returncode == 1 and b"it belongs to another user" in done.stderr


def test_packages_that_no_one_has_signed_are_in_no_environment_of_a_signed_file(signed, keys, tmp_path):
    def evil(found):
        (name,) = [name for name in found if name.endswith(".whl")]
        return {**found, name: zipapps.with_code(found[name], b"print('EVIL')\n")}

    cache = tmp_path / "cache"
    done = run(zipapps.changed(signed[0], tmp_path / "m", evil), "1", cache=cache)
    assert done.stdout.startswith(b"EVIL")
    done = run(signed[0], "--key", str(keys[1]), "1", cache=cache)
    assert (done.returncode, done.stdout) == (0, b'{"next": 2}\n')


@pytest.mark.parametrize("name", ["zipapp.json", "zipapp.sig"])
def test_a_hole_in_a_file_does_not_fill_the_memory(signed, keys, tmp_path, name):
    path = zipapps.changed(signed[0], tmp_path / "m", lambda found: {**found, name: bytes(100 << 20)})
    command = [sys.executable, "-I", "-m", "nb_scorer.zipapp", path, "--key", keys[1], "--verify"]
    done = subprocess.run(["prlimit", f"--as={150 << 20}", *command], capture_output=True, text=True)
    assert f"{name} in it is larger than allowed" in done.stderr and "Traceback" not in done.stderr


def test_a_file_that_python_could_not_run_is_not_written(roots, tmp_path):
    root = zipapps.root_of(roots[0], tmp_path)
    with open(root / "src" / "large", "wb") as file:
        file.truncate(2_000_000_001)
    done = zipapps.exported(root, tmp_path / "m")
    assert done.returncode == 1 and b"With src/large the file would be larger than 2 GB." in done.stderr
    assert b"(problem zipapp-too-large)" in done.stderr


def test_a_pipe_is_no_file_of_a_model(tmp_path):
    os.mkfifo(tmp_path / "m")
    assert "it is not a file" in by_trusted(tmp_path / "m", "1").stderr


def test_a_name_can_not_write_on_a_terminal(of_image_file, keys, tmp_path):
    path = zipapps.changed(of_image_file, tmp_path / "m", lambda found: {**found, "nb_scorer/\x1b[2J": b""})
    done = by_trusted(path, "--key", keys[1], "--verify")
    assert r"nb_scorer/\x1b[2J is not signed" in done.stderr


@pytest.mark.parametrize("version", [b"[1]", b"3.11", b'"3"', b"null"])
def test_a_manifest_without_a_version_of_python_is_a_sentence(plain, tmp_path, version):
    def change(found):
        changed = found["model/manifest.json"].replace(b'"python": "' + _minor(), b'"python": ' + version + b', "x": "')
        return {**found, "model/manifest.json": changed}

    done = by_trusted(zipapps.changed(plain, tmp_path / "m", change), "1")
    assert "model/manifest.json contains no version of Python" in done.stderr and "Traceback" not in done.stderr


def test_facts_that_go_too_deep_are_a_sentence(plain, tmp_path):
    path = zipapps.changed(plain, tmp_path / "m", lambda found: {**found, "zipapp.json": b"[" * 200_000})
    done = by_trusted(path, "1")
    assert "(problem zipapp-damaged)" in done.stderr and "Traceback" not in done.stderr


def test_a_file_that_is_cut_off_or_damaged_is_a_sentence(plain, tmp_path):
    content = plain.read_bytes()
    place = content.index(entries(plain)["model/model.pickle"])
    for path, broken in (("cut", content[:-100]), ("bit", content[:place] + b"\0" + content[place + 1 :])):
        (tmp_path / path).write_bytes(broken)
        trusted = [sys.executable, "-I", "-m", "nb_scorer.zipapp", tmp_path / path, "--cache", tmp_path / "cache", "1"]
        done = subprocess.run(trusted, capture_output=True)
        assert done.returncode == 1 and b"(problem zipapp-damaged)" in done.stderr and b"Traceback" not in done.stderr


def test_another_python_is_named(plain, tmp_path):
    def change(found):
        return {**found, "model/manifest.json": found["model/manifest.json"].replace(_minor(), b"3.5")}

    done = run(zipapps.changed(plain, tmp_path / "m", change), "1")
    assert done.returncode == 1
    assert b"The model needs Python 3.5; this is " in done.stderr and b"(problem zipapp-python)" in done.stderr


def _minor():
    return "{}.{}".format(*sys.version_info[:2]).encode()


def test_packages_of_another_machine_are_rejected(plain, tmp_path):
    def change(found):
        (name,) = [name for name in found if name.endswith(".whl")]
        found[name.replace("none-any", "abi3-linux_s390x")] = found.pop(name)
        return {**found, "zipapp.json": found["zipapp.json"].replace(b"glibc", b"musl")}

    done = run(zipapps.changed(plain, tmp_path / "m", change), "1")
    assert done.returncode == 1
    assert b"packages in the file are for " in done.stderr and b"(problem zipapp-environment)" in done.stderr


def test_a_place_that_can_not_be_written_is_a_sentence(plain, tmp_path):
    (tmp_path / "file").write_text("")
    done = run(plain, "1", cache=tmp_path / "file")
    assert done.returncode == 1 and b"(problem zipapp-environment)" in done.stderr and b"Traceback" not in done.stderr


def test_several_at_once_make_one_environment(plain, tmp_path):
    command = [zipapps.PYTHON, plain, "--cache", tmp_path / "cache", "1"]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) for _ in range(4)]
    assert [process.communicate()[0] for process in started] == [b'{"next": 2}\n'] * 4
    assert len(list((tmp_path / "cache" / "venvs").glob("*/.ready"))) == 1
    assert len(list((tmp_path / "cache" / "models").iterdir())) == 1


def test_answers_that_no_one_reads_are_a_sentence(plain):
    command = [zipapps.PYTHON, plain, "--cache", plain.parent / "cache", "1"]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert b"predictions can't be written: No space left on device" in done.stderr and b"Traceback" not in done.stderr


class Served:
    """A file that serves, on a port of the system's choice."""

    def __init__(self, path: Path, *words: str):
        command = [zipapps.PYTHON, path, "--cache", path.parent / "cache", "--serve", "0", *words]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        line = ""
        while "/predict" not in line:
            line = self.process.stderr.readline()
            assert line, "it ended"
        self.port = int(line.rpartition(":")[2].partition("/")[0])

    def ask(self, path: str, body: bytes | None = None, headers: dict | None = None):
        try:
            headers = {"Content-Type": "application/json"} if headers is None else headers
            asked = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body, headers)
            with urllib.request.urlopen(asked, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)


@pytest.fixture
def served(signed, keys):
    made = Served(signed[0], "--key", str(keys[1]))
    yield made
    made.process.kill()
    made.process.communicate()


def test_it_serves(served):
    assert served.ask("/healthz") == (200, {"status": "alive"})
    assert served.ask("/readyz") == (200, {"status": "ready"})
    assert served.ask("/predict", b"41") == (200, {"next": 42})
    status, rejected = served.ask("/predict", b'"a"')
    assert (status, rejected["detail"]) == (422, "The notebook's validator rejects this sample: x must be a number.")
    assert served.ask("/predict", b"{")[0] == 400
    assert served.ask("/predict", b"13")[1]["status"] == 500
    assert served.ask("/predict", b"")[1]["detail"] == "The body is empty; send one sample as JSON."
    assert served.ask("/other", b"1")[0] == 404 and served.ask("/")[0] == 404


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"Content-Length: 99999999999\r\n", b"413"),
        (b"Content-Length: -1\r\n", b"411"),
        (b"Transfer-Encoding: chunked\r\n", b"411"),
        (b"", b"411"),
    ],
)
def test_bodies_without_a_length_that_fits_are_rejected(served, head, status):
    with socket.create_connection(("127.0.0.1", served.port), 10) as link:
        link.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\n")
        answer = b"".join(iter(lambda: link.recv(4096), b""))
    assert answer.split()[1] == status and b"\r\nConnection: close\r\n" in answer


def status_of(served: Served, request: bytes) -> bytes:
    """Return the status that the bytes of a request get."""
    with socket.create_connection(("127.0.0.1", served.port), 10) as link:
        link.sendall(request)
        return link.recv(4096).split()[1]


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"Content-Type: text/plain\r\n", b"415"),
        (b"Content-Type: application/x-www-form-urlencoded\r\n", b"415"),
        # A page can send a body without a type, but not without its origin.
        (b"Origin: https://example.com\r\n", b"415"),
        (b"Content-Type: application/json; charset=utf-8\r\n", b"200"),
        (b"Content-Type: application/vnd.x+json\r\n", b"200"),
        (b"", b"200"),
    ],
)
def test_a_web_page_can_not_post_to_it(served, head, status):
    request = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n" + head + b"\r\n1"
    assert status_of(served, request) == status


@pytest.mark.parametrize(
    ("host", "status"),
    [
        (b"evil.example", b"403"),
        (b"localhost.evil.example:80", b"403"),
        (b"LocalHost:8080", b"200"),
        (b"model.localhost.", b"200"),
        (b"[::1]:80", b"200"),
    ],
)
def test_a_page_whose_name_leads_here_is_rejected(served, host, status):
    assert status_of(served, b"GET /healthz HTTP/1.1\r\nHost: " + host + b"\r\n\r\n") == status


def crowd(port: int) -> list[socket.socket]:
    """Return the maximum number of connections, each with an incomplete request."""
    from nb_scorer.zipapp import serve

    slow = [socket.create_connection(("127.0.0.1", port), 30) for _ in range(serve.MAX_CLIENTS)]
    for link in slow:
        link.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n")
    return slow


def test_it_has_a_thread_for_so_many_clients_and_the_slowest_makes_room_for_another(served):
    from nb_scorer.zipapp import serve

    slow = crowd(served.port)
    assert wait_until(lambda: len(os.listdir(f"/proc/{served.process.pid}/task")) >= serve.MAX_CLIENTS)
    assert served.ask("/predict", b"1") == (200, {"next": 2})
    assert len(os.listdir(f"/proc/{served.process.pid}/task")) <= serve.MAX_CLIENTS + 4
    slow[-1].sendall(b"1")
    assert b" 200 " in slow[-1].recv(4096)
    assert slow[0].recv(4096) == b""
    for link in slow:
        link.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_it_is_asked_to_though_clients_fill_it(served, number):
    slow = [*crowd(served.port), socket.create_connection(("127.0.0.1", served.port), 30)]
    served.process.send_signal(number)
    assert served.process.wait(20) == 0
    for link in slow:
        link.close()


def test_a_client_that_waits_keeps_no_one_waiting(served):
    with socket.create_connection(("127.0.0.1", served.port), 10) as slow:
        slow.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n1")
        assert served.ask("/predict", b"1") == (200, {"next": 2})


def test_a_port_that_is_taken_is_a_sentence(signed, served):
    done = run(signed[0], "--serve", str(served.port))
    assert done.returncode == 1 and b"(problem zipapp-port)" in done.stderr
    assert b"Address already in use" in done.stderr
    assert wait_until(lambda: served.process.poll() is None)


def test_an_old_python_gets_a_sentence():
    from nb_scorer.zipapp import layout

    old = f"import sys; sys.version_info = (2, 7, 18); exec({layout.MAIN_PROGRAM!r})"
    done = subprocess.run([sys.executable, "-c", old], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "ERROR: This is Python 2.7, and the program in this file needs 3.6 or newer.\n"


def test_help_says_how(plain):
    done = run(plain, "--help")
    # Where lines break depends on the terminal.
    text = b" ".join(done.stdout.split())
    assert done.returncode == 0 and b"--key FILE" in text and b"samples are read from stdin" in text
    assert os.path.basename(plain).encode() in done.stdout
