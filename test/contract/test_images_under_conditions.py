"""Each command that takes an image, of hostile ones: nothing of this machine gets in, nothing of the image decides."""

import io
import json
import os
import shutil
import zipfile
from itertools import pairwise
from pathlib import Path

import pytest
from nb_builder.cli.__main__ import COMMANDS, PASSED_ON, parsers
from nb_builder.native import image_archive

import engine_program
from contract.test_strangers_images import IN_IMAGE, PROVENANCE, SECRET, about, assert_nothing_left, keys, place, run
from flow import stage

__all__ = ["keys", "place"]
# The words behind each command that takes an image, for the image `service`; KEY and PUB are a pair of keys.
WORDS = {
    "slim": ("service", "--tag", "made"),
    "native": ("service", "--tag", "made"),
    "zipapp": ("service", "--wheels", "--key", "KEY", "--output", "made.pyz"),
    "spark-model": ("service", "--output", "made.zip"),
    "sign": ("service", "--key", "KEY", "--tag", "made"),
    "verify": ("service", "--key", "PUB"),
    "audit": ("service",),
    "rebuild-check": ("service", "--builder", "builder"),
    "diff": ("service", "service", "golden"),
    "index": ("made", "service"),
}
# Variables that would choose code, and what the image sets next to them.
HOSTILE = {
    "PATH": "/opt/app-root/src",
    "BASH_ENV": "/opt/app-root/src/hook.sh",
    "ENV": "/opt/app-root/src/hook.sh",
    "LD_PRELOAD": "/opt/app-root/src/hook.so",
    "LD_LIBRARY_PATH": "/usr/local/nvidia/lib64:/opt/app-root/src",
    "PYTHONPATH": "/opt/app-root/src",
    "PYTHONSTARTUP": "/opt/app-root/src/hook.py",
    "NB_BUILDER_HOME": "/opt/app-root/src",
    "HOME": "/opt/app-root/src/home",
    "GIT_SSH_COMMAND": "/opt/app-root/src/hook.sh",
    "OPENSSL_CONF": "/opt/app-root/src/openssl.cnf",
}
OURS = {
    "APP_ROOT": "/opt/app-root",
    "HOME": "/opt/app-root/src",
    "NB_BUILDER_HOME": "/opt/nb-builder",
    "PATH": "/opt/app-root/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
}


def output_of(name, keys):
    return [name, *({"KEY": keys[0], "PUB": keys[1]}.get(word, word) for word in WORDS[name])]


def complete(place):
    """Have an image with all that any of the commands looks for; return its folder."""
    app_root = place / "root" / IN_IMAGE
    (app_root / "src" / "inner").mkdir(parents=True, exist_ok=True)
    (app_root / "src" / "model.ipynb").write_text("{}")
    (app_root / "src" / "inner" / "data.csv").write_text("1")
    (app_root / "src" / "requirements.lock").write_text("a==1\n")
    (app_root / "build" / "requirements.lock").write_text("a==1\n")
    manifest = json.loads((app_root / "model/manifest.json").read_text())
    (app_root / "model/manifest.json").write_text(json.dumps({**manifest, "built": "2026-01-02T03:04:05Z"}))
    (app_root / "model/golden.ndjson").write_text('{"sample": 1, "answer": 2}\n')
    (app_root / PROVENANCE).write_text(json.dumps(about(app_root / "model")))
    package = app_root / "venv/lib/python3.11/site-packages/a-1.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: a\nVersion: 1\n")
    (package / "WHEEL").write_text("Wheel-Version: 1.0\nTag: py3-none-any\n")
    (package / "RECORD").write_text("a-1.dist-info/METADATA,,\na-1.dist-info/WHEEL,,\na-1.dist-info/RECORD,,\n")
    for path in ("usr/share/nb-builder/sbom.cdx.json", image_archive.PROVED.lstrip("/") + "/model"):
        (place / "root" / path).parent.mkdir(parents=True, exist_ok=True)
        (place / "root" / path).write_text('{"bomFormat": "CycloneDX", "components": []}')
    facts = place / "root" / image_archive.PROVED.lstrip("/") / image_archive.FACTS
    facts.parent.mkdir(parents=True)
    facts.write_text(json.dumps({"proof": {"samples": 1, "largest_difference": 0, "tolerance": 0}}))
    shutil.copytree(place / "root", place / "second", symlinks=True)
    engine_program.add(place, "builder", place / "second", {"APP_ROOT": "/opt/app-root", "LANG": "C"})
    return place / "root"


def test_each_command_that_takes_an_image_is_tried():
    _, by_name, _ = parsers()
    takes = {
        name
        for name, parser in by_name.items()
        if {action.dest for action in parser._actions if not action.option_strings} & {"service", "image", "images"}
    }
    # Of commands whose words are read elsewhere, ab-report asks a Prometheus.
    assert takes | ({*PASSED_ON} - {"ab-report"}) == WORDS.keys() <= COMMANDS.keys()


def paths_of(root):
    """Return each file and folder of an image, those within first."""
    return sorted((path.relative_to(root) for path in root.rglob("*")), key=lambda path: (-len(path.parts), path))


def leaked(content, depth=0):
    """Return whether the secret is in some bytes, or in an archive that they are."""
    if SECRET.encode() in content:
        return True
    if zipfile.is_zipfile(io.BytesIO(content)) and depth < 3:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return any(leaked(archive.read(name), depth + 1) for name in archive.namelist())
    return False


@pytest.mark.long
@pytest.mark.parametrize("name", WORDS)
def test_no_file_and_no_folder_of_an_image_leads_out_of_it(place, keys, name):
    root = complete(place)
    kept = place / "kept"
    shutil.copytree(root, kept, symlinks=True)
    paths = paths_of(root)
    assert len(paths) > 30
    for path in paths:
        shutil.rmtree(root)
        shutil.copytree(kept, root, symlinks=True)
        target = place / "canary" / ("" if (root / path).is_dir() else "secret")
        shutil.rmtree(root / path) if (root / path).is_dir() else (root / path).unlink()
        (root / path).symlink_to(target)
        done = run(place, *output_of(name, keys))
        assert "Traceback" not in done.stdout + done.stderr, (path, done.stderr)
        assert SECRET not in done.stdout + done.stderr, path
        assert_nothing_left(place)
        # Folders, such as a cache, are of programs that made an environment.
        for made in filter(Path.is_file, (place / "cwd").rglob("*")):
            assert not leaked(made.read_bytes()), (path, made)
            made.unlink()


def environments(place):
    """Return the variables of each container that was started, and of each image that a build's steps ran in."""
    return [
        dict(word.split("=", 1) for flag, word in pairwise(call) if flag == "--env")
        for call in engine_program.calls(place)
        if call[0] == "create" and "/nothing" not in call
    ]


@pytest.mark.parametrize("name", ["spark-model", "slim", "native", "diff"])
def test_programs_of_an_image_run_without_its_variables_a_network_or_a_mount(place, keys, name):
    root = complete(place)
    engine_program.add(
        place,
        "service",
        root,
        {"APP_ROOT": "/opt/app-root", "MODEL_THRESHOLD": "0.5", "KEPT": "a 'b\" $c", **HOSTILE},
        Entrypoint=["/opt/app-root/src/hook.sh"],
        Cmd=["hook"],
        Labels={"io.nb-builder.x": "1"},
    )
    (place / "prints").write_text("archive")
    done = run(place, *output_of(name, keys))
    calls = engine_program.calls(place)
    assert not {"--volume", "--mount", "-v"} & {word.partition("=")[0] for call in calls for word in call}
    for call in calls:
        if call[0] == "create":
            network = call[call.index("--network") + 1] if "--network" in call else ""
            assert network == "none" or (name == "diff" and network.startswith("nb-builder-")), call
            # What only lends its files never runs.
            assert "--cap-drop" in call or "/nothing" in call, call
        # Only a compiler of ours is downloaded.
        if call[0] == "build" and not call[call.index("--tag") + 1].startswith("nb-builder-compiler:"):
            assert call[call.index("--network") + 1] == "none", call
    for given in environments(place):
        assert {variable: given[variable] for variable in OURS} == OURS
        assert all(given[each] == "" for each in HOSTILE.keys() - OURS.keys() if each in given), given
    # Steps of a build run in an image with such variables, as the stand-in has noted them.
    for config in conditioned(place):
        variables = dict(text.split("=", 1) for text in config["Env"])
        assert all(variables[each] == OURS.get(each, "") for each in HOSTILE)
        assert (variables["MODEL_THRESHOLD"], variables["KEPT"]) == ("0.5", "a 'b\" $c")
    if name == "spark-model":
        assert (done.returncode, (place / "cwd" / "made.zip").read_text()) == (0, "archive"), done.stderr
        create = next(call for call in calls if call[0] == "create")
        assert create[create.index("--entrypoint") + 1 :][:1] == ["/opt/nb-builder/service/bin/python"]
        assert create[-5:] == ["-I", "-u", "-m", "nb_service", "spark-model"]
    elif name == "diff":
        # The stand-in has no such containers.
        assert "(problem diff-not-ready)" in done.stdout and environments(place)
        assert {call[1] for call in calls if call[0] == "network"} == {"create", "inspect", "rm"}
        assert "--internal" in next(call for call in calls if call[0] == "network")
    else:
        assert done.returncode == 0, done.stdout + done.stderr
        assert len(conditioned(place)) == 1


def conditioned(place):
    """Return the configuration of the images that steps of builds were given."""
    noted = place / "built-of"
    return [json.loads(line) for line in noted.read_text().splitlines()] if noted.exists() else []


@pytest.mark.parametrize("name", ["a b", "X\nRUN evil", "BASH_FUNC_x%%", "é"])
@pytest.mark.parametrize("command", ["slim", "native", "spark-model", "diff"])
def test_a_variable_that_can_t_be_replaced_is_rejected(place, keys, command, name):
    engine_program.add(place, "service", complete(place), {"APP_ROOT": "/opt/app-root", name: "1"})
    done = run(place, *output_of(command, keys))
    assert done.returncode == 1 and "(problem image-unfit)" in done.stdout + done.stderr, done.stdout + done.stderr


@pytest.mark.parametrize("command", ["slim", "native"])
def test_no_image_is_made_of_one_with_instructions_of_its_own(place, keys, command):
    engine_program.add(place, "service", complete(place), OnBuild=["RUN evil"])
    done = run(place, *output_of(command, keys))
    assert done.returncode == 1 and "ONBUILD" in done.stderr


@pytest.mark.parametrize("command", ["slim", "native", "spark-model", "zipapp"])
def test_nothing_is_left_of_what_was_made_on_the_way(place, keys, command):
    complete(place)
    (place / "prints").write_text("archive")
    before = sorted(path.stem for path in (place / "images").iterdir())
    done = run(place, *output_of(command, keys))
    assert done.returncode == 0, done.stdout + done.stderr
    after = {path.stem for path in (place / "images").iterdir()} - {*before}
    # To install a compiler takes longest.
    assert {name for name in after if not name.startswith("nb-builder-compiler:")} <= {"made"}
    assert not (place / "containers").exists() or not list((place / "containers").iterdir())
    assert not [path for path in (place / "cwd").iterdir() if path.name.startswith("nb-")]


@pytest.mark.parametrize("command", ["slim", "native"])
def test_nothing_is_left_where_a_step_fails(place, keys, command):
    complete(place)
    (place / "fails").write_text("AS proved")
    done = run(place, *output_of(command, keys))
    assert done.returncode == 1 and "ERROR: a step failed" in done.stdout, done.stderr
    names = {path.stem for path in (place / "images").iterdir()}
    assert {name for name in names if not name.startswith("nb-builder-compiler:")} == {"builder", "service"}


def test_a_native_image_has_the_name_and_the_files_that_this_machine_gives_it(place, keys):
    """Whatever archive the image itself has written: the engine would give its images any names."""
    complete(place)
    done = run(place, "native", "service", "--tag", "made", PLATFORM="linux/arm64")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "---> made: 1 bytes, linux/arm64"
    facts = engine_program._facts(place, "made")
    assert (facts["Architecture"], facts["Config"]["Entrypoint"]) == ("arm64", ["/model"])
    assert facts["Config"]["Labels"]["io.nb-builder.native.samples"] == "1"
    compiler, proof = (call for call in engine_program.calls(place) if call[:2] == ["build", "--force-rm"])
    assert "MACHINE=aarch64" in compiler and "nb-builder-compiler:debian-trixie-slim-aarch64" in compiler
    assert "MACHINE=aarch64" in proof and "COMPILER=nb-builder-compiler:debian-trixie-slim-aarch64" in proof


@pytest.mark.parametrize("facts", ["", "[" * 10_000, "{}", '{"proof": {"samples": "1"}}', '{"proof": 1}'])
def test_a_proof_that_is_none_is_a_sentence(place, keys, facts):
    root = complete(place)
    (root / image_archive.PROVED.lstrip("/") / image_archive.FACTS).write_text(facts)
    done = run(place, "native", "service", "--tag", "made")
    assert done.returncode == 1 and "(problem image-unfit)" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr


def test_another_platform_is_rejected_before_anything_is_made(place, keys):
    complete(place)
    done = run(place, "native", "service", "--platform", "linux/riscv64")
    assert done.returncode == 1 and "can't be built for PLATFORM='linux/riscv64'" in done.stderr
    assert not [call for call in engine_program.calls(place) if call[0] in ("build", "create")]


@pytest.mark.parametrize(("slim", "relabelled"), [("arm64", True), ("amd64", False)])
def test_a_slim_image_is_for_its_service_s_machine(place, keys, slim, relabelled):
    """'docker build' says that an image is for its own machine; the stand-in says what the service says."""
    root = complete(place)
    engine_program.add(place, "service", root)
    path = place / "images" / "service.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "Architecture": "arm64"}))
    (place / "prints").write_text("")
    done = run(place, "slim", "service", "--tag", "made", STAND_IN_ARCHITECTURE=slim)
    assert done.returncode == 0, done.stdout + done.stderr
    assert engine_program._facts(place, "made")["Architecture"] == "arm64"
    assert bool([call for call in engine_program.calls(place) if call[0] == "load"]) is not relabelled


def test_a_zipapp_has_the_code_of_this_machine_and_the_files_of_the_image(place, keys):
    root = complete(place)
    app_root = root / IN_IMAGE
    (app_root / "src" / "also.csv").symlink_to("inner/data.csv")
    (app_root / "src" / "absolute.csv").symlink_to("/opt/app-root/src/inner/data.csv")
    (app_root / "src" / "loop").symlink_to("loop")
    (app_root / "src" / "out").symlink_to("../../../etc/passwd")
    scorer = root / "opt/nb-builder/app-skeleton/nb_scorer/zipapp"
    scorer.mkdir(parents=True)
    (scorer / "__init__.py").write_text("evil")
    done = run(place, *output_of("zipapp", keys))
    assert done.returncode == 0, done.stdout + done.stderr
    made = place / "cwd" / "made.pyz"
    assert os.access(made, os.X_OK)
    with zipfile.ZipFile(made) as archive:
        assert [archive.read(f"src/{name}") for name in ("also.csv", "absolute.csv")] == [b"1", b"1"]
        assert not {"src/loop", "src/out"} & {*archive.namelist()}
        assert json.loads(archive.read("zipapp.json"))["machine"] == "x86_64 glibc"
        assert not any(b"evil" in archive.read(each) for each in archive.namelist())
    assert not [call for call in engine_program.calls(place) if call[0] == "start"]
    done = run(place, "verify", made, "--key", keys[1])
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("record", ["../../../bin/python", "../../../../../../../../canary/secret", "/etc/hostname"])
def test_a_record_of_a_package_reads_no_file_of_this_machine(place, keys, record):
    app_root = complete(place) / IN_IMAGE
    path = app_root / "venv/lib/python3.11/site-packages/a-1.dist-info/RECORD"
    path.write_text(f"{path.read_text()}{record},,\n")
    (app_root / "venv/bin").mkdir()
    (app_root / "venv/bin/python").symlink_to("/etc/hostname")
    done = run(place, *output_of("zipapp", keys))
    assert_nothing_left(place)
    assert "Traceback" not in done.stderr
    made = place / "cwd" / "made.pyz"
    assert not made.exists() or not leaked(made.read_bytes())


def test_what_programs_of_an_image_print_commands_no_one(place, keys):
    complete(place)
    (place / "fails").write_text("AS proved")
    engine = Path(engine_program.__file__).read_text()
    assert "ERROR: a step failed" in engine
    (place / "says").write_text("##vso[task.setvariable]x\x1b[2J\n::error::x")
    done = run(place, *output_of("slim", keys))
    assert "##vso[" not in done.stdout and "\x1b[" not in done.stdout and "\n::error" not in done.stdout
    assert "\\x23vso[task.setvariable]x\\x1b[2J" in done.stdout


def test_a_signature_that_was_verified_lets_a_slim_image_be_made(place, keys):
    complete(place)
    (place / "prints").write_text("")
    done = run(place, *output_of("slim", keys), S2I_VERIFY_KEY_FILE=str(keys[1]))
    assert done.returncode == 1 and "(problem model-unsigned)" in done.stdout
    assert not [call for call in engine_program.calls(place) if call[0] == "build"]
    assert run(place, "sign", "service", "--key", keys[0]).returncode == 0
    done = run(place, *output_of("slim", keys), S2I_VERIFY_KEY_FILE=str(keys[1]))
    assert done.returncode == 0 and "is the one that was signed." in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize(
    "name", [b"\xff.txt", b"a\nb", b"##[error]x", b"\x1b[2J", "\u202e.py".encode(), b"a\\b", b"a b"]
)
@pytest.mark.parametrize("command", ["zipapp", "sign", "verify", "rebuild-check"])
def test_odd_names_in_an_image_are_no_tracebacks_and_command_no_one(place, keys, command, name):
    root = os.fsencode(complete(place) / IN_IMAGE)
    for folder in (b"src", b"model") if command in ("sign", "verify") else (b"src",):
        with open(os.path.join(root, folder, name), "w") as file:
            file.write("x")
    os.symlink(name, os.path.join(root, b"src", b"link to " + name))
    done = run(place, *output_of(command, keys))
    said = done.stdout + done.stderr
    assert "Traceback" not in said, said
    assert "\x1b" not in said and "##[" not in said and "\u202e" not in said


def test_an_image_that_prints_without_end_leaves_room_on_the_disk(place, keys):
    if not stage.can_mount():
        pytest.skip("mounting a small disk needs root and namespaces")
    complete(place)
    (place / "prints").write_text(engine_program.ENDLESS)
    small = place / "small"
    small.mkdir()
    script = f'mount -t tmpfs -o size=300m none {small} && exec "$@"'
    done = run(
        place,
        "spark-model",
        "service",
        "--output",
        small / "model.zip",
        before=[*stage.namespace(), "sh", "-c", script, "sh"],
    )
    assert done.returncode == 1 and "(problem image-unreadable)" in done.stderr, done.stdout + done.stderr
    assert "fills this disk" in done.stderr
    assert not list((place / "containers").iterdir())
