"""Weights that a service takes from where they are mounted, or fetches when it starts."""

import json
import os
import shutil
import subprocess

import pytest

import portable
from contract import tls
from contract.hub import COMMIT, hub
from contract.services import wait_until
from contract.weights import NOTEBOOK, root_with_weights, served, write_files
from flow import stage

# A disk with room for half a file, and then for all of it.
TWO_STARTS = """
mount -t tmpfs -o size=8m none "$S2I_WEIGHTS_CACHE"
head -c 6M /dev/zero >"$S2I_WEIGHTS_CACHE/other"
"$@"; echo "status $?"
rm "$S2I_WEIGHTS_CACHE/other"
"$@"; echo "status $?"
"""
# A read-only root on which only /tmp can be written, for a user that the machine does not know. The model's
# Python, which is not run, must be one that this user may run.
ANY_USER = """
mount -t tmpfs none /mnt && cp -r "$APP" /mnt/app && cp -r "$FILES" /mnt/files || exit
rm -r /mnt/app/venv && mkdir -p /mnt/app/venv/bin && cp /bin/true /mnt/app/venv/bin/python || exit
chmod -R a+rX /mnt || exit
mount -t tmpfs -o mode=1777 none /tmp && mount -o remount,ro /mnt && mount -o remount,bind,ro / || exit
touch /mnt/x /x 2>/dev/null && exit 3
setpriv --reuid=1000860000 --regid=0 --clear-groups "$@" && cat /tmp/nb-weights-*/0/sub/number.txt
"""
# The process that provides weights, as if another program took the room after it had looked for some.
ROOM_IS_TAKEN = """
import os, sys
from nb_service.weights import process, store
store.Store.free = lambda self: 1 << 40
sys.exit(process.main("start", dict(os.environ)))
"""


@pytest.fixture
def files(tmp_path):
    return write_files(tmp_path / "files")


@pytest.fixture
def root(model_cache, tmp_path, files):
    root = root_with_weights(model_cache(NOTEBOOK), tmp_path / "app", f"file://{files}", files)
    yield root
    shutil.rmtree(view(root).parent, ignore_errors=True)


@pytest.fixture
def web(model_cache, tmp_path, files):
    """Return (server, APP_ROOT, settings) of a model whose weights are one file behind https://."""
    tls.write_pems(tmp_path)
    only = tmp_path / "only"
    (only / "sub").mkdir(parents=True)
    os.link(files / "big.bin", only / "big.bin")
    notebook = """
        import os
        def predictor(x):
            return os.path.getsize("weights/x/big.bin")
    """
    with served(files, tmp_path) as server:
        root = root_with_weights(model_cache(notebook), tmp_path / "web", f"{server.url}/big.bin", only)
        yield server, root, {"S2I_CA_BUNDLE": str(tmp_path / "ca.pem"), "S2I_WEIGHTS_CACHE": str(tmp_path / "cache")}
        shutil.rmtree(view(root).parent, ignore_errors=True)


def view(root):
    return (root / "src" / "weights" / "x").readlink()


def readiness(service):
    """Return the body of /readyz, "" before it listens."""
    try:
        return json.dumps(service.ask(None, "/readyz", "GET")[1])
    except ConnectionError:
        return ""


def not_ready(service, words):
    """Wait until the service listens and reports that it is not ready, with this text."""
    service.wait_for("attempt 2 is in")
    service.port = int(service.environment_port)
    assert wait_until(lambda: words in readiness(service)), readiness(service)


@pytest.fixture
def begin(start):
    """Return what starts a service on a port that is known before it is ready."""
    from contract.services import free_port

    def begin(root, **env):
        port = free_port()
        service = start(root, PORT=port, **env)
        service.environment_port = port
        return service

    return begin


def test_they_are_fetched_into_a_cache_and_once_only(start, root, tmp_path, files):
    cache = tmp_path / "cache"
    service = start(root, S2I_WEIGHTS_CACHE=str(cache)).ready()
    assert service.predict(1) == (200, 42)
    assert "Weights: fetching 2 of 2 files, 3.0 MB, from file://" in service.log
    service.stop()
    shutil.rmtree(files)
    again = start(root, S2I_WEIGHTS_CACHE=str(cache)).ready()
    assert again.predict(1) == (200, 42)
    assert "fetching" not in again.log


@pytest.mark.parametrize("below", ["", "x", "weights/x"])
def test_a_mount_is_used_as_it_is(start, root, tmp_path, files, below):
    mount = tmp_path / "mount"
    shutil.copytree(files, mount / below)
    shutil.rmtree(files)
    (mount / below / "more.bin").write_text("not locked")
    service = start(root, S2I_WEIGHTS_DIR=str(mount), S2I_WEIGHTS_CACHE=str(tmp_path / "cache")).ready()
    assert service.predict(1) == (200, 42)
    assert f" in {mount / below}, as in weights.lock" in service.log
    assert not (tmp_path / "cache").exists()
    assert sorted(os.listdir(view(root))) == ["big.bin", "sub"]


def test_a_file_with_another_digest_keeps_the_service_not_ready_and_is_named(begin, root, tmp_path, files):
    mount = tmp_path / "mount"
    shutil.copytree(files, mount)
    (mount / "sub" / "number.txt").write_text("42")
    service = begin(root, S2I_WEIGHTS_DIR=str(mount))
    not_ready(service, f"weights/x/sub/number.txt from {mount} has another content than in weights.lock")
    assert service.predict(1)[0] == 503
    assert "(problem weights-differ)" in service.log
    (mount / "sub" / "number.txt").write_text("41")
    assert service.ready().predict(1) == (200, 42)


def test_a_folder_that_is_set_and_has_none_of_them(begin, root, tmp_path):
    service = begin(root, S2I_WEIGHTS_DIR=str(tmp_path / "nothing"))
    not_ready(service, "contains no weights for weights/x")


def test_a_file_of_the_cache_that_was_damaged_is_fetched_again(start, root, tmp_path):
    cache = tmp_path / "cache"
    start(root, S2I_WEIGHTS_CACHE=str(cache)).ready().stop()
    for path in (cache / "sha256").rglob("*"):
        if path.is_file():
            path.chmod(0o644)
            path.write_bytes(b"0" * path.stat().st_size)
    service = start(root, S2I_WEIGHTS_CACHE=str(cache)).ready()
    assert service.log.count("has changed since it was fetched") == 2
    assert service.predict(1) == (200, 42)


def test_a_source_that_is_gone_comes_back(begin, root, tmp_path, files):
    files.rename(tmp_path / "elsewhere")
    service = begin(root, S2I_WEIGHTS_CACHE=str(tmp_path / "cache"))
    not_ready(service, "can't be fetched: ")
    (tmp_path / "elsewhere").rename(files)
    assert service.ready().predict(1) == (200, 42)


def test_somebody_elses_folder_is_not_used(begin, root, tmp_path):
    folder = view(root).parent
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    service = begin(root, S2I_WEIGHTS_CACHE=str(tmp_path / "cache"))
    not_ready(service, "it is not a folder that belongs to this user alone")


def test_a_service_that_waits_for_weights_ends_at_once(begin, root, tmp_path):
    service = begin(root, S2I_WEIGHTS_DIR=str(tmp_path / "nothing"))
    service.wait_for("attempt 2 is in")
    assert service.stop() == 0


def test_a_file_over_https_that_arrives_in_parts(start, web):
    server, root, settings = web
    server.breaks_after = 1_200_000
    service = start(root, **settings).ready()
    assert service.predict(1) == (200, 3_000_000)
    ranges = [asked[2] for asked in server.seen if asked[0] == "GET"]
    assert ranges[0] is None
    assert ranges[1].startswith("bytes=1")


def test_a_source_that_hangs_is_named_and_its_file_continued(begin, web):
    server, root, settings = web
    server.breaks_after, server.hangs = 400_000, True
    service = begin(root, S2I_WEIGHTS_TIMEOUT="0.3", **settings)
    not_ready(service, "big.bin: The read operation timed out")
    server.hangs, server.breaks_after = False, 0
    service.ready()
    assert [asked[2] for asked in server.seen if asked[0] == "GET"][-1] in ("bytes=1200000-", "bytes=1600000-")


def test_a_certificate_that_is_not_trusted(begin, web):
    _, root, settings = web
    service = begin(root, **{**settings, "S2I_CA_BUNDLE": ""})
    not_ready(service, "certificate verify failed")


def test_a_rotated_credential_is_read_again(begin, web, tmp_path):
    server, root, settings = web
    netrc = tmp_path / "netrc"
    service = begin(root, NETRC=str(netrc), **settings)
    service.ready()
    assert {asked[3] for asked in server.seen} == {None}
    service.stop()
    netrc.write_text("machine localhost login me password first-secret\n")
    shutil.rmtree(settings["S2I_WEIGHTS_CACHE"])
    service = begin(root, NETRC=str(netrc), **settings).ready()
    assert server.seen[-1][3].startswith("Basic ")
    assert "first-secret" not in service.log


def test_a_claim_is_taken_from_its_mount(tmp_path, files):
    if not stage.can_mount():
        pytest.skip("mounting a volume needs root and namespaces")
    order = {
        "entries": [{"source": "pvc://claim/models/7", "folder": "weights/x", "patterns": ["*.txt"]}],
        "pinned": "",
        "store": str(tmp_path / "store"),
        "max_bytes": 1 << 20,
    }
    place = "/mnt/pvc/claim/models"
    mounts = f'mount -t tmpfs none /mnt && mkdir -p {place} && cp -r "$0" {place}/7 && exec "$@"'
    weights = (portable.python(), "-I", "-m", "nb_service", "weights", "build")
    ran = subprocess.run(
        [*stage.namespace(), "sh", "-c", mounts, str(files), *weights],
        input=json.dumps(order),
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )
    [entry] = json.loads(json.loads(ran.stdout)["done"]["lock"])["weights"]
    assert [file["name"] for file in entry["files"]] == ["sub/number.txt"]


def test_a_claim_that_is_not_mounted_is_named(begin, model_cache, tmp_path, files):
    root = root_with_weights(model_cache(NOTEBOOK), tmp_path / "pvc", "pvc://no-such-claim/models", files)
    service = begin(root, S2I_WEIGHTS_CACHE=str(tmp_path / "cache"))
    not_ready(service, "the volume is not mounted at /mnt/pvc/no-such-claim")
    service.stop()
    mounted = begin(root, S2I_WEIGHTS_DIR=str(files)).ready()
    assert mounted.predict(1) == (200, 42)
    shutil.rmtree(view(root).parent, ignore_errors=True)


def run_in_own_mounts(script, *command, **env):
    """Run a shell script in mounts of its own, with a command that provides weights as its arguments; return it."""
    # The command ends when its standard input does.
    reader, writer = os.pipe()
    try:
        return subprocess.run(
            [*stage.namespace(), "sh", "-c", script, "sh", *command],
            env={"PATH": os.environ["PATH"], **env},
            stdin=reader,
            capture_output=True,
            text=True,
        )
    finally:
        os.close(reader)
        os.close(writer)


def test_any_user_of_a_read_only_root_gets_them(model_cache, tmp_path, files):
    if os.getuid() or not stage.can_mount():
        pytest.skip("a read-only root for another user needs root and namespaces")
    root = root_with_weights(model_cache(NOTEBOOK), tmp_path / "app", "file:///mnt/files", files)
    weights = (portable.python(), "-I", "-m", "nb_service", "weights", "start")
    ran = run_in_own_mounts(ANY_USER, *weights, APP_ROOT="/mnt/app", APP=str(root), FILES=str(files))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "into /tmp/nb-weights-cache-1000860000" in ran.stdout
    assert ran.stdout.endswith("41")


def test_a_disk_that_fills_up_while_a_file_arrives_is_named_and_the_rest_fetched_later(root, tmp_path):
    if not stage.can_mount():
        pytest.skip("mounting a small disk needs root and namespaces")
    cache = tmp_path / "cache"
    cache.mkdir()
    start = (portable.python(), "-I", "-c", ROOM_IS_TAKEN)
    ran = run_in_own_mounts(TWO_STARTS, *start, APP_ROOT=str(root), S2I_WEIGHTS_CACHE=str(cache))
    first, _, second = ran.stdout.partition("status 1\n")
    assert f"Weights can't be written to {cache}: No space left on device." in first, ran.stdout + ran.stderr
    assert second.endswith('{"done": {}}\nstatus 0\n'), second


@pytest.fixture
def of_hub(model_cache, tmp_path, files):
    """Return (server, APP_ROOT, settings) of a model whose weights are in a repository of Hugging Face."""
    with hub(files) as server:
        root = root_with_weights(model_cache(NOTEBOOK), tmp_path / "hf", "hf://team/model@main", files, COMMIT)
        cache = str(tmp_path / "cache")
        yield server, root, {"HF_ENDPOINT": server.url, "S2I_WEIGHTS_CACHE": cache, "HF_HOME": str(tmp_path / "home")}
        shutil.rmtree(view(root).parent, ignore_errors=True)


def test_hugging_faces_own_library_finds_them_by_the_commit_of_the_lock(start, of_hub):
    server, root, settings = of_hub
    service = start(root, **settings).ready()
    assert service.predict(1) == (200, 42)
    asked = {path.partition("?")[0] for path, _, _ in server.seen}
    assert asked == {
        f"/api/models/team/model/revision/{COMMIT}",
        f"/team/model/resolve/{COMMIT}/big.bin",
        f"/team/model/resolve/{COMMIT}/sub/number.txt",
    }


def test_a_token_that_is_wrong_and_then_replaced(begin, of_hub, tmp_path):
    server, root, settings = of_hub
    server.token = "hf_the-right-one"
    token = tmp_path / "token"
    token.write_text("hf_the-wrong-one")
    service = begin(root, HF_TOKEN_PATH=str(token), **settings)
    not_ready(service, "401")
    token.write_text(server.token)
    assert service.ready().predict(1) == (200, 42)
    assert "hf_the" not in service.log


def test_a_large_file_that_is_another_one_at_the_same_commit(begin, of_hub):
    server, root, settings = of_hub
    content = bytearray((server.folder / "big.bin").read_bytes())
    content[5] ^= 1
    (server.folder / "big.bin").write_bytes(content)
    service = begin(root, **settings)
    not_ready(service, "weights/x/big.bin from hf://team/model@main has another SHA-256 than in weights.lock")


def test_without_a_network(begin, of_hub):
    _, root, settings = of_hub
    service = begin(root, **{**settings, "HF_ENDPOINT": "http://127.0.0.1:9"})
    not_ready(service, "The weights of hf://team/model@main can't be fetched")


def test_a_build_pins_the_commit_of_a_branch(tmp_path, files):
    with hub(files) as server:
        order = {
            "entries": [{"source": "hf://team/model@main/sub", "folder": "weights/x", "patterns": ["*.txt"]}],
            "pinned": "",
            "store": str(tmp_path / "store"),
            "max_bytes": 1 << 20,
        }
        ran = subprocess.run(
            [portable.python(), "-I", "-m", "nb_service", "weights", "build"],
            input=json.dumps(order),
            env={"PATH": os.environ["PATH"], "HF_ENDPOINT": server.url, "HF_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
        )
    [entry] = json.loads(json.loads(ran.stdout)["done"]["lock"])["weights"]
    assert (entry["revision"], [file["name"] for file in entry["files"]]) == (COMMIT, ["number.txt"])
