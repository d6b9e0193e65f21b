"""How interpreters are described."""

import os
import sys
from pathlib import Path

from nb_builder.slim.rootfs import interpreter


def test_it_reports_its_program_version_and_library():
    described = interpreter.describe(Path(sys.executable))
    assert described.program == os.path.realpath(sys.executable)
    assert described.minor == "{}.{}".format(*sys.version_info[:2])
    assert described.version.startswith(described.minor + ".")
    assert [folder for folder in described.library if os.path.isfile(os.path.join(folder, "os.py"))]


def test_what_does_not_run_says_nothing(tmp_path):
    assert interpreter.describe(tmp_path / "no-python") is None
    (tmp_path / "fails").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "fails").chmod(0o755)
    assert interpreter.describe(tmp_path / "fails") is None
