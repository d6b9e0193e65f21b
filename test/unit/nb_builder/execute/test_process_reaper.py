"""Processes that a block has started end with it, and no others do."""

import subprocess
from pathlib import Path

from nb_builder.execute import process_reaper


def test_a_process_whose_parent_has_gone_ends_with_the_block():
    with process_reaper.reaping():
        shell = "setsid sleep 600 >/dev/null 2>&1 & echo $!"
        pid = int(subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=True).stdout)
        assert Path(f"/proc/{pid}").exists()
    assert not Path(f"/proc/{pid}").exists()


def test_a_process_from_before_the_block_goes_on():
    with subprocess.Popen(["sleep", "600"]) as before:
        try:
            with process_reaper.reaping():
                assert before.pid in process_reaper.children()
            assert before.poll() is None
        finally:
            before.kill()
