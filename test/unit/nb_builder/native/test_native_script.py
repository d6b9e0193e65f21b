"""The commands that `nb-builder native` gives to the container engine, and what it leaves behind."""

import os
import subprocess
from pathlib import Path

import nb_builder
import pytest

NATIVE = Path(nb_builder.__file__).parents[1] / "native"
# Has an image `service` of amd64. Its second build fails where the test says so; a step of it is then left: a container
# and two images, the older of which can only be removed once the newer is gone.
ENGINE = """#!/bin/bash
cd "$(dirname "$0")"
echo "$*" >> calls
case "$1 $2" in
"image inspect") [[ ${*: -1} != nothing ]] && echo "${OF_ENGINE:-amd64}" ;;
"build --force-rm")
  cat >/dev/null
  [[ $* == *nb-builder-native-proof* ]] || exit 0
  echo step > containers
  printf 'newer\\nolder\\n' > images
  exit "$FAILS"
  ;;
"run --rm") echo archive ;;
"load --quiet") cat > loaded ;;
"ps --all") cat containers 2>/dev/null || true ;;
"image ls") cat images 2>/dev/null || true ;;
"rm --force") rm containers ;;
"image rm")
  [[ $* != *--no-prune* ]] || if grep -q newer images; then echo older > images; exit 1; else rm images; fi
  ;;
esac
"""


@pytest.fixture
def native(tmp_path):
    """Return what runs s2i/native with an engine that notes its calls: (exit status, output, calls)."""
    engine = tmp_path / "engine"
    engine.write_text(ENGINE)
    engine.chmod(0o755)

    def run(service="service", fails=0, **env):
        environ = {**os.environ, "DOCKER": str(engine), "FAILS": str(fails), **env}
        done = subprocess.run([NATIVE, service, "service-native"], env=environ, capture_output=True, text=True)
        return done.returncode, done.stdout, (tmp_path / "calls").read_text().splitlines()

    return run


def builds(calls):
    """Return the build arguments of each build."""
    return [
        dict(word.split("=", 1) for word in call.split() if "=" in word) for call in calls if call.startswith("build ")
    ]


def test_the_image_is_what_the_proof_has_left(native, tmp_path):
    status, output, calls = native(COMPILER="debian:bookworm-slim")
    assert (status, output) == (0, "---> service-native: amd64\n")
    compiler, proof = builds(calls)
    assert compiler == {"BASE": "debian:bookworm-slim", "MACHINE": ""}
    assert proof["SERVICE"] == "service"
    assert proof["COMPILER"] == "nb-builder-compiler:debian-bookworm-slim"
    assert (tmp_path / "loaded").read_text() == "archive\n"
    assert f"tag {proof['NAME']} service-native" in calls
    # Of one run, and of no other.
    assert proof["RUN"] in proof["NAME"]


@pytest.mark.parametrize(
    ("platform", "own", "machine"),
    [
        ("linux/arm64", "amd64", "aarch64"),
        ("linux/arm64/v8", "amd64", "aarch64"),
        ("linux/amd64", "arm64", "x86_64"),
        ("linux/amd64", "amd64", ""),
        ("linux/arm64", "arm64", ""),
        ("", "arm64", ""),
    ],
)
def test_another_platform_has_a_compiler_of_its_own(native, platform, own, machine):
    status, _, calls = native(PLATFORM=platform, OF_ENGINE=own, COMPILER="base")
    assert status == 0
    compiler, proof = builds(calls)
    assert compiler["MACHINE"] == proof["MACHINE"] == machine
    assert proof["COMPILER"] == "nb-builder-compiler:base" + (f"-{machine}" if machine else "")


@pytest.mark.parametrize("fails", [0, 1])
def test_nothing_is_left_behind_also_where_it_is_refused(native, tmp_path, fails):
    status, _, calls = native(fails=fails)
    assert status == fails
    assert not (tmp_path / "containers").exists() and not (tmp_path / "images").exists()
    assert (tmp_path / "loaded").exists() is not bool(fails)
    proof = builds(calls)[1]
    assert f"image rm --force {proof['NAME']} nb-builder-native-proof:{proof['RUN']}" in calls
    removed = [call for call in calls if "--no-prune" in call]
    assert removed == ["image rm --force --no-prune newer older", "image rm --force --no-prune older"]
    # Only what this run has made is looked for.
    assert all(
        f"label=io.nb-builder.native.run={proof['RUN']}" in call
        for call in calls
        if call.startswith(("ps ", "image ls "))
    )


@pytest.mark.parametrize(
    ("service", "platform", "what"),
    [
        ("nothing", "", "ERROR: There is no image nothing on this machine.\n"),
        ("service", "linux/riscv64", "ERROR: Native programs can't be built for PLATFORM='linux/riscv64'.\n"),
    ],
)
def test_what_can_t_be_is_refused_before_anything_is_made(native, service, platform, what):
    status, output, calls = native(service, PLATFORM=platform)
    assert status == 1
    assert output.startswith(what)
    assert "\n  Why: " in output and "\n  Fix: " in output
    assert [call.split()[:2] for call in calls] == [["image", "inspect"]]
