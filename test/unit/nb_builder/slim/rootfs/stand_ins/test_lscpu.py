"""The stand-in for lscpu, whose output joblib parses."""

import subprocess
import sys

from nb_builder.slim.rootfs.stand_ins import lscpu


def test_two_threads_of_one_core_have_one_number(tmp_path):
    for cpu, (package, core) in enumerate([(0, 0), (0, 1), (0, 0), (1, 0)]):
        folder = tmp_path / f"cpu{cpu}"
        folder.mkdir()
        (folder / "physical_package_id").write_text(f"{package}\n")
        (folder / "core_id").write_text(f"{core}\n")
    assert lscpu.cores(f"{tmp_path}/cpu*") == [0, 1, 0, 2]


def test_where_the_kernel_says_nothing_each_cpu_is_a_core(tmp_path, monkeypatch):
    monkeypatch.setattr(lscpu.os, "cpu_count", lambda: 3)
    assert lscpu.cores(f"{tmp_path}/none*") == [0, 1, 2]


def test_as_a_program_it_prints_what_joblib_counts():
    process = subprocess.run([sys.executable, "-IS", lscpu.__file__, "--parse=core"], capture_output=True, text=True)
    lines = [line for line in process.stdout.splitlines() if not line.startswith("#")]
    assert process.returncode == 0
    assert lines and all(line.isdigit() for line in lines)
    assert subprocess.run([sys.executable, lscpu.__file__, "--all"], capture_output=True).returncode == 1
