"""The script that makes nb-builder's own environments runs uv as pip was configured."""

import os
import subprocess

import pytest

from commands import ROOT


@pytest.mark.parametrize(("settings", "expected"), [({}, False), ({"PIP_NO_INDEX": "1"}, True)])
def test_no_index_holds_for_them_too(settings, expected, tmp_path):
    uv = tmp_path / "uv"
    uv.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n[ "$1" = --version ]\n')
    uv.chmod(0o755)
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "UV": str(uv), **settings}
    done = subprocess.run([ROOT / "s2i/install", tmp_path / "home"], env=environ, capture_output=True, text=True)
    calls = (tmp_path / "calls").read_text().splitlines()
    assert done.returncode != 0 and calls[1].startswith("pip install ")
    assert calls[1].endswith(" --no-index") == expected
