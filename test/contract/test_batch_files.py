"""Rows that name files: a column of paths, and a folder whose files are the rows."""

import io
import json
import os

import pytest
from PIL import Image

from contract.batches import batch

SIZE = """
import PIL.Image

def predictor(picture: PIL.Image.Image):
    return picture.width

examples = [PIL.Image.new("L", (1, 1))]
"""
NAMED = """
import typing

def predictor(sound: bytes, pages: typing.List[bytes], note: str):
    return [len(sound), [page.decode() for page in pages], note]

examples = [{"sound": b"a", "pages": [b"b"], "note": "c"}]
"""


@pytest.fixture
def pictures(tmp_path):
    """Return a folder of pictures and of what must not be read."""
    folder = tmp_path / "pictures"
    (folder / "more").mkdir(parents=True)
    for width, name in ((3, "a.png"), (4, "b.jpg"), (5, "more/c.gif")):
        Image.new("L", (width, 2)).save(folder / name)
    (folder / "x").mkdir()
    Image.new("L", (6, 2)).save(folder / "x/x", "PNG")
    (folder / "broken.png").write_bytes(b"nothing")
    Image.new("L", (9, 9)).save(tmp_path / "outside.png")
    (folder / "link.png").symlink_to(tmp_path / "outside.png")
    (folder / "linked").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe.png")
    (folder / ".hidden.png").write_bytes(b"nothing")
    return folder


REFUSED = {
    "../outside.png": "is not a path of a file within --files.",
    "more/../../outside.png": "is not a path of a file within --files.",
    "/etc/hostname": "is not a path of a file within --files.",
    "link.png": "is a link.",
    "linked/outside.png": "is not in a folder, or leads through a link.",
    "missing.png": "does not exist.",
    "pipe.png": "is not a file.",
    "more": "is not a file.",
    "broken.png": "is not a readable picture",
}


def test_a_column_of_paths_is_a_file_per_row(model_cache, pictures, tmp_path):
    rows = ["a.png", "b.jpg", "more/c.gif", "x/x", *REFUSED]
    lines = ["number,name", *(f"{at},{name}" for at, name in enumerate(rows, 1))]
    (tmp_path / "in.csv").write_text("\n".join(lines))
    words = ["--files", pictures, "--header", "yes", "--sample", "name", "--errors", tmp_path / "errors"]
    ran = batch(model_cache(SIZE), *words, tmp_path / "in.csv", tmp_path / "out.csv")
    assert ran.status == 0, ran.err
    assert (
        tmp_path / "out.csv"
    ).read_text() == "number,name,prediction\n1,a.png,3\n2,b.jpg,4\n3,more/c.gif,5\n4,x/x,6\n"
    errors = [json.loads(line) for line in (tmp_path / "errors").read_text().splitlines()]
    assert [error["row"] for error in errors] == list(range(5, 5 + len(REFUSED)))
    for error, (name, reason) in zip(errors, REFUSED.items(), strict=True):
        assert reason in error["reason"]
        assert name in str(error["input"])
    # The sample is shown by its path.
    assert errors[-1]["sample"] == "broken.png"


def test_a_folder_is_a_row_per_file(model_cache, pictures, tmp_path):
    (pictures / "broken.png").unlink()
    ran = batch(model_cache(SIZE), "--from", "files", pictures, tmp_path / "out.ndjson")
    assert ran.status == 0, ran.err
    lines = [json.loads(line) for line in (tmp_path / "out.ndjson").read_text().splitlines()]
    assert lines == [{"sample": "a.png", "prediction": 3}, {"sample": "b.jpg", "prediction": 4}]
    ran = batch(model_cache(SIZE), "--from", "files", "--to", "csv", pictures, "-")
    assert (ran.status, ran.out) == (0, b"sample,prediction\na.png,3\nb.jpg,4\n")


def test_rows_of_several_arguments_name_files_where_they_are_files(model_cache, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
    row = {"sound": "one", "pages": ["one", "two"], "note": "one"}
    inline = {**row, "sound": "data:audio/wav;base64,AAEC"}
    given = "".join(json.dumps(each) + "\n" for each in (row, inline)).encode()
    ran = batch(model_cache(NAMED), "--files", tmp_path, "--keep", "none", given=given)
    assert (ran.status, ran.out) == (0, b'[3, ["one", "two"], "one"]\n[3, ["one", "two"], "one"]\n'), ran.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--files", "nowhere"], "--files nowhere is not a folder"),
        (["--from", "files", "in.csv", "out.csv"], "in.csv can't be scored: it is not a folder"),
        (["--files", "."], "need a predictor that takes files"),
    ],
)
def test_what_can_t_be_done_is_reported_in_a_sentence(words, said, model_cache, tmp_path):
    (tmp_path / "in.csv").write_text("1\n")
    ran = batch(model_cache("def predictor(x):\n    return x\n"), *words, given=b"1\n", cwd=tmp_path)
    assert ran.status in (1, 2)
    assert said in " ".join(ran.err.split())


def test_large_files_are_read_one_after_another(model_cache, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(40):
        Image.effect_noise((1000, 1000), 90).save(stream := io.BytesIO(), "PNG")
        (folder / f"{number:02}.png").write_bytes(stream.getvalue())
    ran = batch(model_cache(SIZE), "--from", "files", "--keep", "none", folder, tmp_path / "out.ndjson")
    assert (ran.status, (tmp_path / "out.ndjson").read_text()) == (0, "1000\n" * 40), ran.err
