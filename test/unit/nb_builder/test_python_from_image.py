"""The Python of an image: what is copied, and what the builder image does with it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import pythons

SCRIPTS = Path(__file__).parents[3] / "s2i" / "python_from_image"
sys.path.insert(0, str(SCRIPTS))
try:
    import collect
    import settle
finally:
    sys.path.remove(str(SCRIPTS))


def test_libraries_but_glibc_s_are_named_with_their_places(monkeypatch):
    listed = (
        "\tlinux-vdso.so.1 (0x1)\n\tlibssl.so.1.1 => /usr/lib/libssl.so.1.1 (0x2)\n\tlibc.so.6 => /lib/libc.so.6 (0x3)"
        "\n\tlibgone.so => not found\n\t/lib64/ld-linux-x86-64.so.2 (0x4)\n"
    )
    monkeypatch.setattr(
        collect.subprocess, "run", lambda *args, **options: subprocess.CompletedProcess(args, 0, listed)
    )
    assert collect.libraries(["python"]) == {"libssl.so.1.1": "/usr/lib/libssl.so.1.1"}


def test_libraries_that_the_image_has_are_removed_and_the_loader_finds_the_others(tmp_path, monkeypatch):
    library = tmp_path / "3.6" / "lib"
    (library / "python3.6").mkdir(parents=True)
    for name in ("libssl.so.1.1", "libz.so.1"):
        (library / name).touch()
    data = library / "python3.6" / "_sysconfigdata_m_linux.py"
    data.write_text("{'LIBDIR': '/usr/local/lib',\n 'prefix': '/usr/local',\n 'CC': 'gcc'}\n")
    have = subprocess.CompletedProcess([], 0, "1 libs found\n\tlibz.so.1 (libc6,x86-64) => /lib/libz.so.1\n")
    monkeypatch.setattr(settle.subprocess, "run", lambda *args, **options: have)
    (tmp_path / "conf").mkdir()
    assert settle.settle(str(tmp_path / "3.6"), "3.6", str(tmp_path / "conf")) == ["libssl.so.1.1"]
    assert (tmp_path / "conf" / "nb-python-3.6.conf").read_text() == f"{library}\n"
    assert sorted(path.name for path in library.iterdir()) == ["libssl.so.1.1", "python3.6"]
    assert data.read_text() == f"{{'LIBDIR': '{library}',\n 'prefix': '{tmp_path}/3.6',\n 'CC': 'gcc'}}\n"


@pytest.mark.skipif("3.6" not in pythons.installed(), reason="needs Python 3.6")
def test_a_python_3_6_collects_itself(tmp_path):
    python = pythons.installed()["3.6"].path
    subprocess.run([python, SCRIPTS / "collect.py", tmp_path], check=True, stdout=subprocess.DEVNULL)
    collected = tmp_path / "3.6" / "bin" / "python3.6"
    environ = {**os.environ, "LD_LIBRARY_PATH": str(tmp_path / "3.6" / "lib")}
    ran = subprocess.run(
        [collected, "-c", "import ssl, ctypes, sys; print(sys.prefix)"], env=environ, capture_output=True, text=True
    )
    assert ran.stdout == f"{tmp_path}/3.6\n", ran.stderr
