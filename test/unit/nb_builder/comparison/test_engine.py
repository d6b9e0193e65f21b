"""How an engine is called, by a program that notes its words."""

import json
import signal

import pytest
from nb_builder.comparison import services
from nb_builder.comparison.engine import Engine, EngineFailed
from nb_builder.comparison.problems import DiffEngine, DiffMissing, DiffNoService

ENGINE = """#!/bin/sh
echo "$@" >> {folder}/words
case "$1 $2" in
"version "*) echo 1 ;;
"image inspect") cat {folder}/image 2>/dev/null || {{ echo "Error: no such image" >&2; exit 1; }} ;;
"network create") [ -e {folder}/network ] ;;
"network inspect") cat {folder}/network ;;
"create "*) if [ -e {folder}/interrupt ]; then kill -INT $PPID; sleep 0.2; fi; echo created >> {folder}/words ;;
"cp "*) echo "Error: No such file or directory" >&2; exit 1 ;;
*) [ "$1" = rm ] ;;
esac
"""


@pytest.fixture
def engine(tmp_path):
    """Return an engine that has the image in the file `image`, if that is there, and no model in it."""
    program = tmp_path / "engine"
    program.write_text(ENGINE.format(folder=tmp_path))
    program.chmod(0o755)
    return Engine(str(program), {})


def words(tmp_path):
    return (tmp_path / "words").read_text().splitlines()


def test_an_image_that_is_not_there_is_a_sentence(engine):
    with pytest.raises(DiffMissing, match="OLD=nobody: there is no such image or folder"):
        services.find("OLD", "nobody", engine)


def test_an_image_without_a_model_is_a_sentence_and_its_container_goes(engine, tmp_path):
    config = {"Env": ["PATH=/bin", "APP_ROOT=/srv/app"], "Labels": None}
    (tmp_path / "image").write_text(json.dumps([{"Id": "sha256:1", "Config": config}]))
    with pytest.raises(DiffNoService, match="it has no /srv/app/model/manifest.json"):
        services.find("NEW", "debian", engine)
    (made,) = [line.split() for line in words(tmp_path) if line.startswith("create ")]
    assert made[3:] == ["--network", "none", "--entrypoint", "/nothing", "sha256:1", "nothing"]
    assert words(tmp_path)[-1] == f"rm --force --volumes {made[2]}"


@pytest.fixture
def ctrl_c():
    """Have Ctrl-C interrupt, also where the caller of the tests ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_a_container_that_is_being_made_when_ctrl_c_comes_is_removed_once_it_is_there(engine, tmp_path):
    (tmp_path / "image").write_text(json.dumps([{"Id": "sha256:1", "Config": {}}]))
    (tmp_path / "interrupt").touch()
    with pytest.raises(KeyboardInterrupt):
        services.find("NEW", "service", engine)
    said = [line.split()[0] for line in words(tmp_path)]
    assert said[-3:] == ["create", "created", "rm"]


def test_a_native_image_needs_no_manifest(engine, tmp_path):
    config = {"Env": ["S2I_PREDICT_TIMEOUT=7"], "Labels": {services.NATIVE: "10000"}}
    (tmp_path / "image").write_text(json.dumps([{"Id": "sha256:1", "Config": config}]))
    found = services.find("NEW", "native", engine)
    assert (found.model.has_golden, found.model.sample_schema, found.seconds) == (False, {}, 7.0)


@pytest.mark.parametrize("address", ["tcp://build.example.org:2376", "ssh://somebody@build.example.org"])
def test_an_engine_on_another_machine_is_rejected(address):
    with pytest.raises(DiffEngine, match="DOCKER_HOST names one on build.example.org"):
        Engine("docker", {"DOCKER_HOST": address}).require("my-service")


def test_an_engine_that_is_not_there_is_a_sentence(monkeypatch, tmp_path):
    # A folder of PATH that may not be searched would change the reason.
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DiffEngine, match="no-such-engine: No such file or directory"):
        Engine("no-such-engine", {}).require("my-service")


def test_a_container_that_somebody_has_removed_has_ended(engine):
    gone = services._Container.__new__(services._Container)
    gone._engine, gone._container = engine, "removed"
    assert gone.ending() == "is gone (exit status 1)"


def test_a_call_that_fails_has_the_engine_s_last_line(engine):
    with pytest.raises(EngineFailed, match="Error: no such image"):
        engine.call("image", "inspect", "nobody")


@pytest.mark.parametrize(
    ("told", "is_reached"),
    [
        ({"IPAM": {"Config": [{"Gateway": "127.0.0.1"}]}}, True),
        ({"subnets": [{"gateway": "127.0.0.1"}]}, True),
        # Of another machine, as with an engine in a virtual machine: TEST-NET-3.
        ({"IPAM": {"Config": [{"Gateway": "203.0.113.1"}]}}, False),
        ({"IPAM": {"Config": [{"Gateway": "2001:db8::1"}]}}, False),
        ({"IPAM": {"Config": None}}, False),
        (None, False),
    ],
)
def test_a_closed_network_is_used_where_this_machine_has_its_gateway(engine, tmp_path, told, is_reached):
    if told is not None:
        (tmp_path / "network").write_text(json.dumps([told]))
    with engine.network("nb-1") as reached:
        assert reached is is_reached
    calls = [line for line in words(tmp_path) if line.startswith("network")]
    assert (calls[0], calls[-1]) == ("network create --internal nb-1", "network rm nb-1")
