import io
import json
import pickle
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nb_service.protocols import Limits, Malformed, npy, tensors
from nb_service.protocols.rows import Rows

UNKNOWN = Rows(None)


def saved(values, **options) -> bytes:
    """Return what numpy itself saves."""
    file = io.BytesIO()
    np.save(file, values, **options)
    return file.getvalue()


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.booleans())
def test_an_array_of_any_shape_and_order_is_read_as_numpy_reads_it(shape, fortran):
    values = np.arange(np.prod(shape), dtype=float).reshape(shape)
    body = saved(np.asfortranarray(values) if fortran else values)
    assert [json.loads(sample) for sample in npy.read(body, UNKNOWN)] == values.tolist()


@pytest.mark.parametrize("kind", ["?", "<i1", ">i2", "<u4", ">u8", "<f2", ">f4", "<f8"])
def test_every_kind_of_number_is_read(kind):
    assert npy.read(saved(np.array([1, 0]).astype(kind)), UNKNOWN) == [
        json.dumps(value).encode() for value in np.array([1, 0]).astype(kind).tolist()
    ]


def test_newer_versions_of_the_format_are_read():
    for version in ((1, 0), (2, 0), (3, 0)):
        file = io.BytesIO()
        np.lib.format.write_array(file, np.array([[1, 2]]), version)
        assert npy.read(file.getvalue(), UNKNOWN) == [b"[1, 2]"]


def test_no_row_is_no_sample():
    assert npy.read(saved(np.zeros((0, 3))), UNKNOWN) == []


class Bomb:
    """Tells when it is unpickled."""

    def __reduce__(self):
        return pytest.fail, ("it was unpickled",)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (saved(np.array([Bomb()], dtype=object), allow_pickle=True), "'?O'?"),
        (pickle.dumps(Bomb()), "not an npy file"),
        (b"", "not an npy file"),
        (saved(np.array(["a"])), "type U1"),
        (saved(np.array([1j])), "type c16"),
        (saved(np.array([(1, 2)], dtype="i4,i4")), "not that of numbers"),
        (saved(np.float64(1)), "no dimension"),
        (saved(np.arange(3))[:-1], "does not match"),
        (saved(np.arange(3))[:40], "truncated or too long"),
        (saved(np.arange(3)) + b"x", "does not match"),
        (saved(np.arange(3)).replace(b"(3,)", b"(3*9,)"), "not that of numbers"),
    ],
)
def test_what_is_no_array_of_numbers_is_rejected_and_nothing_is_unpickled(body, words):
    with pytest.raises(Malformed, match=words):
        npy.read(body, UNKNOWN)


@pytest.mark.parametrize("answers", [[1, 2], [1.5, None], [None], [True, False], [[1, 2], [3, 4]], [2**63, 1]])
def test_numpy_reads_what_is_written(answers):
    read = np.load(io.BytesIO(npy.write(answers).data), allow_pickle=False)
    assert [None if value != value else value for value in read.tolist()] == answers


@pytest.mark.parametrize("answers", [["a"], [{"a": 1}], [[1], [1, 2]], []])
def test_answers_that_are_no_numbers_have_no_array(answers):
    assert npy.write(answers) is None


def header(text: str) -> bytes:
    """Return the beginning of a file with that header."""
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({'9' * 5000},), }}", "an invalid dimension"),
        (f"{{'descr': '<f{'9' * 5000}', 'fortran_order': False, 'shape': (1,), }}", "header is not that of numbers"),
    ],
)
def test_numbers_of_thousands_of_digits_are_rejected(text, words):
    with pytest.raises(Malformed, match=words):
        npy.read(header(text), UNKNOWN)


@pytest.mark.parametrize(
    ("shape", "words"),
    [((11, 1), "S2I_MAX_SAMPLES"), ((10, *[1] * 31), "S2I_MAX_BODY"), ((1, *[2] * 9), "S2I_MAX_BODY")],
)
def test_a_shape_that_becomes_too_much_is_rejected_before_anything_is_built(monkeypatch, shape, words):
    body = saved(np.zeros(shape, "i1"))
    monkeypatch.setattr(tensors, "unpack", pytest.fail)
    with pytest.raises(Malformed, match=words) as rejected:
        npy.read(body, UNKNOWN, Limits(10, 100))
    assert rejected.value.status == 413


@pytest.mark.parametrize("shape", [(3000, *[1] * 31), (1, 1000, 200), (1, 200_000), (60_000, 3)])
def test_an_array_takes_memory_as_its_json_does(shape):
    body = saved(np.full(shape, -100, "i1"))
    tracemalloc.start()
    samples = npy.read(body, UNKNOWN)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * len(samples.array) + (8 << 20)
    assert samples.values == np.full(shape, -100).tolist()
