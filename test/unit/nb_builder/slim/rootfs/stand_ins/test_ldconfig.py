"""The stand-in for ldconfig, whose output ctypes parses."""

import ctypes.util
import subprocess
import sys

from nb_builder.slim.rootfs.stand_ins import ldconfig


def test_the_first_library_of_a_name_counts(tmp_path):
    for name in ("one/libm.so.6", "one/liba.a", "two/libm.so.6", "two/libz.so.1"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    libraries = ldconfig.libraries([f"{tmp_path}/o*", f"{tmp_path}/two"])
    assert libraries == {"libm.so.6": f"{tmp_path}/one/libm.so.6", "libz.so.1": f"{tmp_path}/two/libz.so.1"}


def test_ctypes_finds_libraries_by_it(monkeypatch):
    popen = subprocess.Popen

    def start(command, **options):
        assert command == ["/sbin/ldconfig", "-p"]
        return popen([sys.executable, "-IS", ldconfig.__file__, "-p"], **options)

    monkeypatch.setattr(subprocess, "Popen", start)
    assert ctypes.util._findSoname_ldconfig("c").startswith("libc.")
    assert ctypes.util._findSoname_ldconfig("no such library") is None


def test_other_work_is_rejected():
    process = subprocess.run([sys.executable, ldconfig.__file__], capture_output=True, text=True)
    assert (process.returncode, process.stderr) == (1, "ldconfig: only -p is supported\n")
