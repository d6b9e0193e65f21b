"""Digests of files and folders."""

import tracemalloc

from nb_builder.common import digests


def test_files_are_listed_without_caches_and_digested(tmp_path):
    for name in ("b.txt", "a/c.txt", "a/__pycache__/c.pyc"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    assert digests.all_files(tmp_path) == ["a/c.txt", "b.txt"]
    assert list(digests.digests(tmp_path, ["b.txt", "gone"])) == ["b.txt"]
    assert digests.digest(tmp_path / "b.txt") == "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"


def test_a_large_file_is_never_whole_in_memory(tmp_path):
    with (tmp_path / "data.bin").open("wb") as file:
        file.truncate(64 << 20)
    tracemalloc.start()
    digests.digest(tmp_path / "data.bin")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20
