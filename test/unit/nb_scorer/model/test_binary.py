"""Which hints are files, and the form in which predictions that are files are sent."""

import io
import os
import pathlib
import typing

import pytest
from nb_scorer.model import binary, conversion
from PIL import Image, ImageFile, JpegImagePlugin


@pytest.mark.parametrize(
    ("hint", "kind"),
    [
        (Image.Image, binary.IMAGE),
        (ImageFile.ImageFile, binary.IMAGE),
        (JpegImagePlugin.JpegImageFile, binary.IMAGE),
        (bytes, binary.BYTES),
        *((hint, binary.PATH) for hint in (pathlib.Path, os.PathLike, os.PathLike[str])),
        *((hint, binary.STREAM) for hint in (io.BytesIO, io.RawIOBase, typing.BinaryIO, typing.IO, typing.IO[bytes])),
        (str, None),
        (io.StringIO, None),
    ],
)
def test_a_hint_that_is_a_file(hint, kind):
    read = conversion.reader(hint)
    assert (read and conversion.files_in(read)[0]) == kind
    assert (conversion.reader(hint | None) is not None) is (kind is not None)


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a.csv", "text/csv"),
        ("a.JSON", "application/json"),
        ("a.html", "text/html"),
        ("a.mp4", "video/mp4"),
        ("a.jpeg", "image/jpeg"),
        ("a.svg", "image/svg+xml"),
        ("a.unknown", "application/octet-stream"),
        ("csv", "application/octet-stream"),
    ],
)
def test_the_media_type_of_a_path(name, media_type, tmp_path):
    (tmp_path / name).write_bytes(b"1")
    part = binary.part_of_answer(tmp_path / name)
    assert (part.content, part.media_type, part.name) == (b"1", media_type, name)


def camera_picture(quality: int, form: str = "JPEG") -> Image.Image:
    """Return an opened picture with a turned orientation."""
    exif = Image.Exif()
    exif[274] = 6
    stream = io.BytesIO()
    picture = Image.effect_noise((64, 64), 80).convert("RGB")
    more = {"save_all": True, "append_images": [picture]} if form == "MPO" else {}
    picture.save(stream, form, quality=quality, subsampling=0, exif=exif.tobytes(), **more)
    return Image.open(stream)


@pytest.mark.parametrize("form", ["JPEG", "MPO"])
@pytest.mark.parametrize("quality", [30, 95])
def test_a_jpeg_is_sent_with_the_quality_and_orientation_that_it_came_with(quality, form):
    came = camera_picture(quality, form)
    part = binary.part_of_answer(came)
    sent = Image.open(io.BytesIO(part.content))
    assert (part.media_type, sent.quantization) == ("image/jpeg", came.quantization)
    assert JpegImagePlugin.get_sampling(sent) == JpegImagePlugin.get_sampling(came) == 0
    assert sent.getexif()[274] == 6


def test_a_picture_that_is_only_called_a_jpeg_is_one():
    picture = Image.new("RGB", (2, 2))
    picture.format = "JPEG"
    assert binary.part_of_answer(picture).media_type == "image/jpeg"


def test_only_the_first_ranges_of_accept_count():
    assert binary.accepts("image/png;q=0.5, */*", "image/png") == (0.5, 2)
    assert binary.accepts("a/b, " * 1000 + "image/png", "image/png") == (0.0, -1)
