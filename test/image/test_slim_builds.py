"""Slim images: the build's output, its errors, and that two builds are equal."""

import pytest

from engine import docker, slim
from engine.s2i import git_repository, must
from image import repos
from image.conftest import APPS

# One distribution in use, one named in a branch that no sample enters, one that only the notebook needs.
LAZY = """\
requirements = [["six", "1.17.0"], ["tabulate", "0.9.0"], ["toolz", "1.0.0"]]
%%
import six, toolz
with open("names.txt") as file:
    known = file.read().split()
def predictor(x):
    if x == "table":
        import tabulate
        return tabulate.tabulate([[1]])
    with open("names.txt") as file:
        return [six.ensure_str(x), x in file.read().split()]
%%
examples = ["ada", "bob"]
"""
# Needs a program that an image from scratch does not have.
SHELL = """\
import subprocess
def predictor(x):
    return subprocess.run(["sh", "-c", "echo $0", x], capture_output=True, text=True, check=True).stdout
%%
examples = ["a"]
"""
# Leaves something behind with each answer, and changes a file of the repository.
WRITES = """\
def predictor(x):
    import time
    left = f"left-{time.time_ns()}.txt"
    for name in (left, f"/opt/app-root/model/{left}", f"/opt/app-root/venv/lib/{left}", "notes.txt"):
        try:
            with open(name, "a") as file:
                file.write("more")
        except OSError:
            pass
    return x
%%
examples = ["a"]
"""
# At level `files` the plan takes away what no Python starts without; the trace, which asks another one, can't notice.
NO_START = """\
_with_files = with_files
def with_files(*given):
    made = _with_files(*given)
    codecs = [file for file in made.opened if "/encodings/" in file]
    return replace(made, left_out=made.left_out.union(codecs))
"""


@pytest.fixture(scope="module")
def lazy(s2i, tmp_path_factory):
    """Return (the service image of LAZY, its slim image)."""
    source = repos.write(tmp_path_factory.mktemp("lazy") / "repo", LAZY, **{"names.txt": "ada grace"})
    service = must(s2i.build(git_repository(source, source), f"{APPS}-lazy")).image
    return service, slim.must(slim.make(service, f"{APPS}-lazy-slim"))


@pytest.mark.xdist_group("lazy")
def test_the_table_says_what_stayed_what_went_and_why(lazy):
    rows = {line.split()[2]: line for line in lazy[1].output.splitlines() if " MB  " in line}
    assert rows["six"].endswith("in use")
    assert "tabulate" in rows["tabulate"].split("  ")[-1]
    assert rows["toolz"].endswith("not used")
    assert "2 golden rows with the same predictions" in lazy[1].output
    assert "with a read-only root file system and without a network" in lazy[1].output


@pytest.mark.xdist_group("lazy")
def test_a_lazy_import_in_a_rare_branch_survives_and_data_files_are_read(lazy):
    with docker.service(lazy[1].image, "--read-only") as service:
        assert service.predict(b'"table"').value == "-\n1\n-"
        assert service.predict(b'"grace"').value == ["grace", True]


def test_two_builds_of_the_same_have_the_same_layers(workbench, slim_workbench, tag):
    slim.must(slim.build(workbench, tag, "--no-cache"))
    assert slim.layers(tag) == slim.layers(slim_workbench.image)


def test_a_predictor_that_needs_a_program_is_not_shipped_from_scratch_and_works_with_a_shell(s2i, tmp_path, tag):
    source = repos.write(tmp_path / "repo", SHELL)
    service = must(s2i.build(git_repository(source, source), f"{APPS}-shell")).image
    rejected = slim.make(service, tag)
    assert rejected.status != 0
    assert "S2I_SLIM=off instead of distributions" in rejected.output
    assert "(problem slim-unproved)" in rejected.output
    assert "No such file or directory: 'sh'" in rejected.output
    assert not docker.exists(tag)
    made = slim.must(slim.make(service, tag, "S2I_SLIM_BASE=shell", "S2I_SLIM=off"))
    assert docker.answer(made.image, b'"b"', "--read-only") == "b\n"
    assert [member.name for member in slim.listed(tag) if member.mode & 0o6000] == []


def test_what_predictor_writes_while_it_is_traced_is_not_in_the_image(s2i, tmp_path, tag):
    source = repos.write(tmp_path / "repo", WRITES, **{"notes.txt": "first"})
    service = must(s2i.build(git_repository(source, source), f"{APPS}-writes")).image
    slim.must(slim.make(service, tag))
    left = docker.shell(service, "find /opt/app-root -name 'left-*'").splitlines()
    assert {f"/{member.name}" for member in slim.listed(tag) if "/left-" in member.name} == set(left)
    there = docker.inside(service, "cat", "/opt/app-root/src/notes.txt")
    assert slim.read(tag, "/opt/app-root/src/notes.txt").decode() == there


def test_an_image_whose_python_does_not_start_is_made_one_level_lower_and_says_why(workbench, tag):
    broken, folder = f"{tag}-broken", "/opt/nb-builder/s2i/nb_builder/slim/plan"
    change = f"cat >> {folder}/planner.py <<'END'\n{NO_START}\nEND"
    container = docker.docker(
        "create", "--user", "0", workbench, "sh", "-c", f"rm {folder}/__pycache__/planner.*; {change}"
    )
    docker.docker("start", "--attach", container.stdout.strip())
    docker.docker("commit", container.stdout.strip(), broken)
    docker.docker("rm", container.stdout.strip())
    made = slim.make(broken, tag, "S2I_SLIM=files", "S2I_SLIM_BASE=shell")
    docker.docker("image", "rm", "--force", broken)
    slim.must(made)
    assert "The slim image differs from the service image: S2I_SLIM=distributions instead of files" in made.output
    assert (
        "the service does not respond: its Python exited with status 1 "
        "(LookupError: no codec search functions registered: can't find encoding)" in made.output
    )
    assert "(S2I_SLIM=distributions); 1 golden row with the same predictions" in made.output
    # The lower level stands on what was asked for, too.
    assert "usr/bin/bash" in {member.name for member in slim.listed(tag)}


def test_a_predictor_that_must_write_next_to_the_notebook_is_reported_where_it_may(s2i, tmp_path, tag):
    cells = "def predictor(x):\n    open('seen.txt', 'w').close()\n    return x\nexamples = [1]\n"
    source = repos.write(tmp_path / "repo", cells)
    made = slim.make(must(s2i.build(git_repository(source, source), f"{APPS}-must-write")).image, tag)
    assert made.status != 0
    assert "ERROR: The slim image fails with a read-only root file system and without a network." in made.output
    assert "  Fix: In predictor, write only below /tmp" in made.output
    assert not docker.exists(tag)


def test_an_image_of_somebody_else_is_rejected(builder, tag):
    made = slim.build(docker.docker("image", "inspect", "--format", "{{.Id}}", builder).stdout.strip(), tag)
    assert made.status != 0
    assert "ERROR: This image was not built by nb-builder: it has no model (/opt/app-root/model)." in made.output
    assert "(problem slim-no-service)" in made.output


def test_an_image_without_nb_builder_is_rejected_in_the_same_words(builder, tag):
    foreign = f"{tag}-foreign"
    docker.docker("build", "--tag", foreign, "-", stdin=f"FROM {builder}\nUSER 0\nRUN rm -r /opt/nb-builder\n".encode())
    made = slim.build(foreign, tag)
    docker.docker("image", "rm", "--force", foreign)
    assert made.status != 0
    assert "it has no working /opt/nb-builder/build/bin/python." in made.output
    assert "(problem slim-no-service)" in made.output


def test_a_service_image_whose_base_has_another_python_now_is_rejected(workbench, tag):
    other = f"{tag}-other"
    change = 'mv "$(readlink -f /usr/bin/python3)" /usr/bin/python3.99 && ln -sf python3.99 /usr/bin/python3'
    docker.docker("build", "--tag", other, "-", stdin=f"FROM {workbench}\nUSER 0\nRUN {change}\n".encode())
    made = slim.build(other, tag)
    docker.docker("image", "rm", "--force", other)
    assert made.status != 0
    assert "it has no working /opt/nb-builder/build/bin/python." in made.output
    assert "A slim image is derived from a service image" in made.output


@pytest.mark.parametrize("make", [slim.make, slim.build], ids=["make", "docker"])
def test_a_rejection_leaves_no_container_behind(builder, tag, make):
    # Whatever is made of it has its label.
    marked = f"{tag}-marked"
    docker.docker("build", "--tag", marked, "-", stdin=f"FROM {builder}\nLABEL refused={tag}\n".encode())
    made = make(marked, tag)
    left = docker.docker("ps", "--all", "--quiet", "--filter", f"label=refused={tag}").stdout
    docker.docker("image", "rm", "--force", marked)
    assert "(problem slim-no-service)" in made.output
    assert left == ""


def test_an_image_that_is_not_there_is_rejected_by_name(engine, tag):
    made = slim.make("nobody-made-this", tag)
    assert made.status != 0
    assert "ERROR: The image nobody-made-this is not on this machine." in made.output


def test_a_name_to_keep_that_is_not_installed_is_rejected_with_those_that_are(workbench, tag):
    made = slim.make(workbench, tag, "S2I_KEEP=cloudpickle,clodpickle")
    assert made.status != 0
    assert "S2I_KEEP names clodpickle, which the image does not contain." in made.output
    assert "The image contains: cloudpickle." in made.output
    assert made.output.rpartition("  Fix: ")[2].startswith("Correct the name")


def test_a_golden_row_that_differs_is_rejected_with_both_answers(workbench, tag):
    damaged = f"{tag}-damaged"
    change = "sed -i 's/a=b, c/another/' /opt/app-root/model/golden.ndjson"
    docker.docker("build", "--tag", damaged, "-", stdin=f"FROM {workbench}\nRUN {change}\n".encode())
    made = slim.make(damaged, tag)
    docker.docker("image", "rm", "--force", damaged)
    assert made.status != 0
    assert "(problem slim-service-differs)" in made.output
    assert "another" in made.output and "a=b, c" in made.output


def test_a_full_disk_is_said_in_a_sentence(workbench):
    command = ("/opt/nb-builder/build/bin/python", "-I", "-m", "nb_builder", "slim", "prepare")
    done = docker.docker("run", "--rm", "--user", "0", "--tmpfs", "/slim:size=9m", workbench, *command, ok=False)
    assert done.returncode == 1
    assert "(problem disk-full)" in done.stdout
    assert "The disk is full: /slim/root/" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
