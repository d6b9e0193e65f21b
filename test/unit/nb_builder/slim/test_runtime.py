"""The commands that `make slim` gives to the container engine."""

import os
import subprocess
from pathlib import Path

import nb_builder

RUNTIME = Path(nb_builder.__file__).parents[1] / "runtime"
ENGINE = """#!/bin/sh
echo "$1 $2 $3" >> "$CALLS"
case "$1" in
cp) exit 1 ;;
create) echo the-container ;;
esac
"""


def test_the_container_that_its_bill_is_read_from_is_removed_where_it_can_t_be_read(tmp_path):
    engine, calls = tmp_path / "engine", tmp_path / "calls"
    engine.write_text(ENGINE)
    engine.chmod(0o755)
    environ = {**os.environ, "DOCKER": str(engine), "CALLS": str(calls)}
    process = subprocess.run([RUNTIME, "service", "service-slim"], env=environ, capture_output=True, text=True)
    assert process.returncode != 0
    assert "rm --force the-container" in calls.read_text().splitlines()
    # Nothing is tagged with the digest of nothing.
    assert "build --quiet" not in calls.read_text()


BUILT = """#!/bin/sh
echo "$*" >> "$CALLS"
case "$*" in
*Architecture*service-slim) echo "$SLIM" ;;
*Architecture*service) echo arm64 ;;
*Size*) echo 1000000 ;;
*.Id*) echo sha256:old ;;
create*) echo the-container ;;
cp*) tar -cf - -C / etc/hostname ;;
esac
"""


def relabelled(tmp_path, architecture):
    """Return the engine's calls where the slim image of an arm64 service says that it is for `architecture`."""
    engine, calls = tmp_path / "engine", tmp_path / "calls"
    engine.write_text(BUILT)
    engine.chmod(0o755)
    environ = {**os.environ, "DOCKER": str(engine), "CALLS": str(calls), "SLIM": architecture}
    subprocess.run([RUNTIME, "service", "service-slim"], env=environ, capture_output=True, text=True, check=True)
    return [call for call in calls.read_text().splitlines() if call.startswith(("save", "load")) or "_archive" in call]


def test_an_image_that_says_it_is_for_the_engine_s_machine_is_saved_and_loaded_as_its_service_s(tmp_path):
    calls = relabelled(tmp_path, "amd64")
    assert sorted(call.split()[0] for call in calls) == ["load", "run", "save"]


def test_an_image_that_says_it_is_for_its_service_s_machine_stays_as_it_is(tmp_path):
    assert relabelled(tmp_path, "arm64") == []
