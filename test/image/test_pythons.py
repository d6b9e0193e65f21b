"""Notebooks whose Python the builder image lacks: downloaded by the build, or baked into the image."""

import json
import os
import shutil
import subprocess

import pytest

import shared
import signers
from cases import check_answer, named
from engine import bases, docker, mirror, native, provide, s2i_tool, slim
from engine.s2i import S2i, git_repository, must
from image import repos
from image.conftest import APPS, make_builder

TIGHT = ("--user", "1000730000:0", "--read-only", "--tmpfs", "/tmp")
# An older one than the base's, which k-means has wheels for, and the one that the original post needs.
OTHER, OLD = "3.12", "3.6"
PYTHON = "import sys\ndef predictor(x):\n    return [x, sys.version_info[1]]\n%%\npredictor(1)"
# What a workbench of 2026 writes.
NUMPY = (
    'requirements = [["numpy", "2.5.2"]]\n%%\nimport sys\nimport numpy as np\n%%\ndef predictor(x):\n'
    "    return [float(np.sum(x)), np.__version__, sys.version_info[1]]\n%%\npredictor([1.0, 2.0])"
)
# The old image has a Python where only root may look.
OLD_IMAGE = """
FROM {base}
COPY . {prefix}
RUN ln -s {prefix}/bin/python{minor} /usr/local/bin/python3
"""


def mounted(*minors):
    """Return the options of s2i and the variables with which a build downloads these Pythons."""
    folder, variables = mirror.serve_pythons(*minors)
    return ("--volume", f"{folder}:{mirror.MOUNT}:ro"), variables


def test_the_python_that_a_file_names_is_downloaded_and_an_incremental_build_needs_no_mirror(s2i, tag, tmp_path):
    repo = repos.write(tmp_path / "repo", PYTHON, **{".python-version": OTHER})
    source = git_repository(repo, repo)
    options, variables = mounted(OTHER)
    log = must(s2i.build(source, tag, *options, env=variables)).output
    assert f"downloading Python {OTHER} into /opt/app-root/python" in log
    with docker.service(tag, *TIGHT) as service:
        assert service.predict(b"5").value == [5, int(OTHER[2:])]
    # One interpreter, and nothing of uv's or the kernel's.
    found = docker.shell(tag, "ls -A /opt/app-root/python; ls -A /opt/app-root/src", "--entrypoint", "").split()
    assert len([name for name in found if name.startswith("cpython")]) == 1
    assert not {".lock", ".temp", ".gitignore", ".cache"} & set(found)
    again = must(s2i.build(source, tag, "--incremental", env=mirror.AWAY)).output
    assert "unchanged since the previous build" in again and "downloading" not in again
    with docker.service(tag, *TIGHT) as service:
        assert service.predict(b"6").value == [6, int(OTHER[2:])]


def test_the_repository_may_name_it_in_its_environment(s2i, tag, tmp_path):
    repo = repos.write(tmp_path / "repo", PYTHON)
    (repo / ".s2i").mkdir()
    (repo / ".s2i" / "environment").write_text(f"S2I_PYTHON={OTHER}\n")
    options, variables = mounted(OTHER)
    must(s2i.build(git_repository(repo, repo), tag, *options, env=variables))
    assert docker.answer(tag, b"7") == [7, int(OTHER[2:])]


def test_a_mirror_that_is_away_is_a_note_and_the_base_s_python_is_used(s2i, tag, tmp_path):
    repo = repos.write(tmp_path / "repo", PYTHON, **{".python-version": OTHER})
    log = must(s2i.build(git_repository(repo, repo), tag, env=mirror.AWAY)).output
    assert f"note: .python-version asks for Python {OTHER}, which is not installed and could not be downloaded (" in log
    assert docker.shell(tag, "ls -A /opt/app-root/python 2>/dev/null || true", "--entrypoint", "") == ""


@pytest.mark.long
@pytest.mark.parametrize("minor", ["3.7", "3.8", "3.9", "3.10", "3.11"])
def test_each_python_is_downloaded_and_serves(s2i, tag, tmp_path, minor):
    repo = repos.write(tmp_path / "repo", PYTHON, **{"runtime.txt": f"python-{minor}"})
    options, variables = mounted(minor)
    must(s2i.build(git_repository(repo, repo), tag, *options, env=variables))
    assert docker.answer(tag, b"1", *TIGHT) == [1, int(minor[2:])]


@pytest.mark.long
def test_the_original_post_builds_with_its_python(s2i, tag, tmp_path):
    case = named("ok-original-post")
    options, variables = mounted(OLD)
    log = must(s2i.build(git_repository(case.repo, tmp_path / "repo"), tag, *options, env=variables)).output
    assert f"downloading Python {OLD} into /opt/app-root/python" in log
    answers(tag, case)


@pytest.mark.long
@pytest.mark.parametrize("minor", [OTHER, "3.13"])
def test_numpy_2_5(s2i, tag, tmp_path, minor):
    repo = repos.write(tmp_path / "repo", NUMPY, **{".python-version": minor})
    # The base has 3.13 itself.
    options, variables = mounted(OTHER)
    must(s2i.build(git_repository(repo, repo), tag, *options, env=variables))
    assert docker.answer(tag, b"[1.5, 2]", *TIGHT) == [3.5, "2.5.2", int(minor[2:])]


@pytest.mark.long
@pytest.mark.other_base
def test_numpy_2_5_on_a_base_with_python_3_14(s2i, tag, tmp_path):
    builder = make_builder("forky", "forky")
    repo = repos.write(tmp_path / "repo", NUMPY)
    must(s2i.build(git_repository(repo, repo), tag, builder=builder))
    assert docker.answer(tag, b"[1.5, 2]", *TIGHT) == [3.5, "2.5.2", 14]
    made = slim.must(slim.make(tag, f"{tag}-slim"))
    assert docker.answer(made.image, b"[1.5, 2]", *TIGHT) == [3.5, "2.5.2", 14]
    docker.docker("image", "rm", "--force", made.image)


def answers(image, case):
    """Fail unless a service of `image` answers as the case says."""
    with docker.service(image, *TIGHT) as service:
        for question, expected in zip(case.ask, case.answer, strict=True):
            got = service.predict(question)
            check_answer(expected, got.status, got.body)


@pytest.fixture(scope="module")
def baking(engine, tmp_path_factory):
    """Return s2i with a builder image that has Python 3.12 from a mirror, and 3.6 out of an image."""

    def make():
        folder, variables = mirror.serve_pythons(OTHER)
        base, old = f"{APPS}-with-mirror", f"{APPS}-old-python"
        debian = shared.once(f"base-{bases.MAIN}", lambda: bases.base(bases.MAIN))
        docker.docker(
            "build", "--tag", base, "--file", "-", str(folder), stdin=f"FROM {debian}\nCOPY . /mirror\n".encode()
        )
        _, prefix = mirror.prefix(OLD)
        context = tmp_path_factory.mktemp("old") / "context"
        shutil.copytree(prefix, context, symlinks=True)
        text = OLD_IMAGE.format(base=debian, prefix=prefix, minor=OLD)
        docker.docker("build", "--tag", old, "--file", "-", str(context), stdin=text.encode())
        name = f"{APPS}-baked"
        words = [f"IMAGE_NAME={name}", f"BASE_IMAGE={base}", f"PYTHONS={OLD} {OTHER}", f"PYTHON_IMAGE={old}"]
        done = subprocess.run(
            ["make", "builder", *words],
            cwd=provide.ROOT,
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout
        return name

    return S2i(s2i_tool.program(), shared.once("baked", make))


@pytest.mark.long
@pytest.mark.other_base
def test_baked_pythons_need_no_download(baking, tag, tmp_path):
    case = named("ok-original-post")
    env = {"S2I_PYTHON_DOWNLOADS": "never"}
    must(baking.build(git_repository(case.repo, tmp_path / "post"), tag, env=env))
    answers(tag, case)
    repo = repos.write(tmp_path / "repo", PYTHON, **{".python-version": OTHER})
    must(baking.build(git_repository(repo, repo), tag, env=env))
    assert docker.answer(tag, b"1", *TIGHT) == [1, int(OTHER[2:])]


@pytest.fixture(scope="module", params=["downloaded", pytest.param("baked", marks=pytest.mark.other_base)])
def kmeans(request, s2i, tmp_path_factory):
    """Return the image of k-means with Python 3.12, the builder image, and how its Python came."""
    with_python = request.getfixturevalue("baking") if request.param == "baked" else s2i
    folder = tmp_path_factory.mktemp(request.param) / "repo"
    shutil.copytree(provide.ROOT / "docs/examples/kmeans", folder)
    (folder / ".python-version").write_text(OTHER)
    options, variables = ((), {}) if request.param == "baked" else mounted(OTHER)
    env = {**variables, "SOURCE_DATE_EPOCH": "1700000000"}
    image = f"{APPS}-kmeans-{request.param}"
    must(with_python.build(git_repository(folder, folder), image, *options, env=env))
    assert docker.inside(image, "/opt/app-root/venv/bin/python", "-V", options=("--entrypoint", "")).startswith(
        f"Python {OTHER}."
    )
    return image, with_python.builder, request.param


def made(target, **words):
    """Return the stdout of `make TARGET`, which must succeed."""
    command = ["make", "--no-print-directory", target, *(f"{name}={value}" for name, value in words.items())]
    done = subprocess.run(command, cwd=provide.ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


@pytest.mark.long
def test_everything_that_is_made_of_a_service_works_with_such_a_python(kmeans, tag, tmp_path):
    image, _, _ = kmeans
    ran = docker.docker("run", "-i", "--rm", *TIGHT, image, "batch", stdin=b"0.2,0.7\n0.9,0.1\n")
    assert ran.stdout == "0.2,0.7,4\n0.9,0.1,1\n"
    small = slim.must(slim.make(image, f"{tag}-slim")).image
    assert docker.answer(small, b"[0.2, 0.7]", *TIGHT) == 4
    shared.note(f"k-means with a {kmeans[2]} Python: {docker.megabytes(image)} MB, slim {docker.megabytes(small)} MB")
    base = shared.once(f"base-{bases.MAIN}", lambda: bases.base(bases.MAIN))
    program = slim.must(native.make(image, f"{tag}-native", base)).image
    assert docker.answer(program, b"[0.2, 0.7]") == 4
    private, public = signers.key_pair(tmp_path)
    made("sign", SERVICE=image, KEY=private, IMAGE=tag)
    assert "is the one that was signed" in made("verify", SERVICE=tag, KEY=public)
    made("zipapp", SERVICE=image, OUT=tmp_path / "model.pyz", WHEELS=1)
    made("spark-model", SERVICE=image, OUT=tmp_path / "model.zip")
    assert (tmp_path / "model.zip").stat().st_size > 0
    _, place = mirror.prefix(OTHER)
    command = [place / "bin" / f"python{OTHER}", tmp_path / "model.pyz", "[0.2, 0.7]"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "HOME": str(tmp_path / "home")})
    assert (done.returncode, done.stdout.strip()) == (0, "4"), done.stderr
    for name in (small, program):
        docker.docker("image", "rm", "--force", name)


# rebuild-check starts a build that mounts no mirror.
@pytest.mark.long
@pytest.mark.other_base
@pytest.mark.parametrize("kmeans", ["baked"], indirect=True)
def test_a_rebuild_with_a_baked_python_is_equal(kmeans):
    image, builder, _ = kmeans
    text = made("rebuild-check", SERVICE=image, IMAGE_NAME=builder)
    assert text.splitlines()[-1].endswith("files are equal"), text
    assert json.loads(docker.inside(image, "cat", "/opt/app-root/build/report.json"))["python"].startswith(OTHER)
