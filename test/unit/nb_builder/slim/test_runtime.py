"""The commands that `make runtime` gives to the container engine."""

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
