"""Programs come out small, static, and without anything of the machine that made them."""

import platform
import struct

import pytest

from unit.nb_native.runtime import programs

MAX_SIZE = 24_700


@pytest.fixture(scope="module")
def kmeans(folder):
    """Return the bytes of the running example's program."""
    return programs.compiled(folder, "kmeans").read_bytes()


@pytest.mark.skipif(platform.machine() != "x86_64", reason="other machines have larger instructions")
def test_the_running_example_is_small(kmeans):
    assert len(kmeans) <= MAX_SIZE


def test_it_has_no_interpreter_no_sections_and_no_stack_that_runs(kmeans):
    at, size, count = struct.unpack_from("<Q", kmeans, 32)[0], *struct.unpack_from("<HH", kmeans, 54)
    segments = [struct.unpack_from("<II", kmeans, at + size * number) for number in range(count)]
    load, dynamic, interpreter, stack = 1, 2, 3, 0x6474E551
    assert not {kind for kind, _ in segments} & {dynamic, interpreter}
    assert struct.unpack_from("<QHHH", kmeans, 40)[0] == 0
    # Nothing can be written and run.
    assert all(flags & 3 != 3 for kind, flags in segments if kind in (load, stack))


def test_it_reports_nothing_of_its_making(kmeans):
    for word in (b"GCC", b"/tmp", b"nb_native", b".text"):
        assert word not in kmeans
