import io
import math

import pytest
from nb_scorer.model import binary
from nb_scorer.model.compare_answers import same
from PIL import Image


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (1, 1),
        (0.1 + 0.2, 0.3),
        (1e300, 1e300 * (1 + 1e-9)),
        (3, 3.0000001),
        (0.0, 4e-13),
        (-0.0, 0.0),
        ("a", "a"),
        (None, None),
        ([1, [2.0, {"a": 3.0}]], [1, [2.0000001, {"a": 3.0000001}]]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (10**400, 10**400),
        (math.nan, math.nan),
    ],
)
def test_answers_that_differ_by_no_more_than_noise_are_the_same(expected, actual):
    assert same(expected, actual)
    assert same(actual, expected)


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (1, 2),
        (2**60, 2**60 + 1),
        (1.0, 1.00001),
        (0.0, 1e-6),
        (True, 1),
        (True, 1.0),
        (0, False),
        (None, 0),
        ("1", 1),
        ([1], [1, 1]),
        ([1, 2], [2, 1]),
        ({"a": 1}, {"b": 1}),
        ({"a": 1}, [1]),
        (10**400, 1.0),
        (1.0, math.nan),
        (1e10, -1e10),
    ],
)
def test_answers_that_really_differ_are_not_the_same(expected, actual):
    assert not same(expected, actual)
    assert not same(actual, expected)


def test_the_tolerance_is_the_caller_s_and_0_means_exact():
    assert same(1.0, 1.05, tolerance=0.1)
    assert not same(1.0, 1.0 + 1e-12, tolerance=0)
    assert not same(0.0, 1e-300, tolerance=0)


def written(picture, form="PNG", **options):
    """Return the data: URL of a picture's file."""
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return binary.data_url(stream.getvalue(), f"image/{form.lower()}")


def picture(mode, value, other=None):
    """Return a picture of one value, and of another one in a pixel."""
    made = Image.new(mode, (9, 7), value)
    if other is not None:
        made.putpixel((4, 4), other)
    return made


@pytest.mark.parametrize(
    ("mode", "value", "near", "form"),
    [
        ("L", 100, 101, "PNG"),
        ("RGB", (9, 100, 0), (9, 101, 0), "PNG"),
        ("RGBA", (9, 100, 0, 50), (9, 100, 0, 51), "PNG"),
        ("CMYK", (9, 100, 0, 50), (9, 100, 1, 50), "TIFF"),
        ("I;16", 40_000, 40_100, "PNG"),
        ("I", 40_000, 40_100, "TIFF"),
        ("F", 1.5, 1.503, "TIFF"),
    ],
)
def test_pictures_are_compared_by_their_pixels(mode, value, near, form):
    options = {"compress_level": 0} if form == "PNG" else {"compression": "tiff_lzw"}
    first, again = written(picture(mode, value), form), written(picture(mode, value), form, **options)
    assert first != again
    assert same({"a": [first]}, {"a": [again]})
    other = written(picture(mode, value, near), form)
    assert not same(first, other)
    assert same(first, other, 0.01)
    assert not same(first, other, 0.001)


def test_pictures_that_differ_in_anything_else_are_not_the_same():
    first = written(picture("RGB", (1, 2, 3)))
    for other in (
        written(picture("RGB", (1, 2, 3)), "TIFF"),
        written(picture("RGBA", (1, 2, 3, 255))),
        written(picture("RGB", (1, 2, 3)).resize((7, 9))),
        first[:-40] + "====",
        "data:image/png;base64,AAAA",
        "data:image/png;base64,A",
    ):
        assert not same(first, other, 0.5)
    frames = [picture("L", number) for number in (0, 50, 100)]
    one = written(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert not same(one, written(frames[0], "GIF", save_all=True, append_images=frames[1:2]))
    assert not same(one, written(frames[0], "GIF", save_all=True, append_images=[frames[1], picture("L", 101)]))
    assert same(one, written(frames[0], "GIF", save_all=True, append_images=frames[1:], comment=b"x"))


def test_other_files_are_compared_by_their_bytes():
    assert not same(binary.data_url(b"a", "audio/wav"), binary.data_url(b"b", "audio/wav"), 0.5)
