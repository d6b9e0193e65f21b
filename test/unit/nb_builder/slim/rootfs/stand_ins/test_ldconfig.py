"""The stand-in for ldconfig: as ctypes reads it."""

import ctypes.util
import subprocess
import sys

from nb_builder.slim.rootfs.stand_ins import ldconfig


def test_the_first_library_of_a_name_counts(tmp_path):
    for name in ("one/libm.so.6", "one/liba.a", "two/libm.so.6", "two/libz.so.1"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    found = ldconfig.libraries([f"{tmp_path}/o*", f"{tmp_path}/two"])
    assert found == {"libm.so.6": f"{tmp_path}/one/libm.so.6", "libz.so.1": f"{tmp_path}/two/libz.so.1"}


def test_ctypes_finds_libraries_by_it(monkeypatch):
    real = subprocess.Popen

    def started(command, **more):
        assert command == ["/sbin/ldconfig", "-p"]
        return real([sys.executable, "-IS", ldconfig.__file__, "-p"], **more)

    monkeypatch.setattr(subprocess, "Popen", started)
    assert ctypes.util._findSoname_ldconfig("c").startswith("libc.")
    assert ctypes.util._findSoname_ldconfig("no such library") is None


def test_other_work_is_refused():
    told = subprocess.run([sys.executable, ldconfig.__file__], capture_output=True, text=True)
    assert (told.returncode, told.stderr) == (1, "ldconfig: only -p is known here\n")
