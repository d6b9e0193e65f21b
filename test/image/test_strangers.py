"""Commands on an image whose variables and programs would decide what they do; the contract tests try all commands."""

import subprocess
import zipfile

import pytest

from engine import docker, provide

HOSTILE = """
FROM {image}
USER 0
RUN printf '#!/bin/sh\\necho hooked\\n' > /opt/app-root/src/hook.sh && chmod 755 /opt/app-root/src/hook.sh \\
 && cp /opt/app-root/src/hook.sh /opt/app-root/venv/bin/selftest
USER 1001
ENV BASH_ENV=/opt/app-root/src/hook.sh ENV=/opt/app-root/src/hook.sh LD_PRELOAD=/opt/app-root/src/hook.so \\
    PYTHONSTARTUP=/opt/app-root/src/hook.py PYTHONPATH=/opt/app-root/src NB_BUILDER_HOME=/opt/app-root/src \\
    MODEL_COLOUR="a 'b"
ENTRYPOINT ["/opt/app-root/src/hook.sh"]
"""


@pytest.fixture(scope="module")
def hostile(example):
    """Return the name of an image of the running example with hostile variables, programs and entry point."""
    name = f"{example}-hostile"
    docker.docker("build", "--tag", name, "-", stdin=HOSTILE.format(image=example).encode())
    yield name
    docker.docker("image", "rm", "--force", name)


def nb_builder(*words):
    """Return what `nb-builder WORDS` came to; nothing of the image may have had a say."""
    done = subprocess.run([provide.ROOT / "s2i/nb-builder", *words], capture_output=True, text=True)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    # The linker complains about a library that it can't preload.
    assert "hooked" not in said and "preload" not in said and "could reach other hosts" not in said
    return said


def test_the_archive_for_spark_is_made_by_the_service_s_own_program(hostile, tmp_path):
    nb_builder("spark-model", hostile, "--output", str(tmp_path / "model.zip"))
    with zipfile.ZipFile(tmp_path / "model.zip") as archive:
        assert archive.testzip() is None and "nb-spark.json" in archive.namelist()


def test_a_zipapp_is_made_without_the_image_s_programs(hostile, tmp_path):
    nb_builder("zipapp", hostile, "--wheels", "--output", str(tmp_path / "model.pyz"))
    ran = subprocess.run([tmp_path / "model.pyz", "--help"], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_a_slim_image_is_proved_by_the_service_s_own_program(hostile, tag):
    said = nb_builder("slim", hostile, "--tag", tag)
    assert f"---> {tag}: " in said
    assert docker.answer(tag, b"[0.2, 0.7]", "--read-only") == 4
