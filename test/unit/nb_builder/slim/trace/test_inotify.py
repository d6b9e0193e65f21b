"""What the kernel reports about opened files."""

import os
import subprocess
import sys

from nb_builder.slim.trace import inotify


def test_a_file_that_code_in_c_opens_in_another_process_is_seen_and_its_neighbour_is_not(tmp_path):
    for name in ("read.dat", "left.dat"):
        (tmp_path / name).write_text("data")
    code = "import ctypes, sys; libc = ctypes.CDLL(None); libc.fopen.restype = ctypes.c_void_p\n"
    code += "assert libc.fopen(sys.argv[1].encode(), b'r')"
    with inotify.watched([str(tmp_path)]) as opened:
        subprocess.run([sys.executable, "-c", code, str(tmp_path / "read.dat")], check=True)
    assert (opened.files, opened.complete) == ({str(tmp_path / "read.dat")}, True)


def test_listing_a_folder_opens_none_of_its_files(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner/a").write_text("")
    with inotify.watched([str(tmp_path), str(tmp_path / "inner")]) as opened:
        assert len(list(os.walk(tmp_path))) == 2
    assert (opened.files, opened.complete) == (set(), True)


def test_a_folder_that_cannot_be_watched_is_reported(tmp_path):
    (tmp_path / "a").write_text("")
    with inotify.watched([str(tmp_path), str(tmp_path / "gone")]) as opened:
        (tmp_path / "a").read_text()
    assert (opened.files, opened.complete) == ({str(tmp_path / "a")}, False)


def test_more_than_the_kernel_can_hold_is_reported(tmp_path):
    with open("/proc/sys/fs/inotify/max_queued_events", encoding="ascii") as limit:
        capacity = int(limit.read())
    files = [tmp_path / "a", tmp_path / "b"]
    for file in files:
        file.write_text("")
    with inotify.watched([str(tmp_path)]) as opened:
        for count in range(capacity + 10):
            os.close(os.open(files[count % 2], os.O_RDONLY))
    assert not opened.complete
