"""The service image scores files: `batch` is a command in it, and pyarrow is where it was asked for."""

import gzip
import json

import pytest

from engine import docker
from image.conftest import environments_with, slim_once


def test_a_stream_is_scored_with_nothing_but_answers_on_stdout(example):
    ran = docker.docker("run", "-i", "--rm", example, "batch", stdin=b"0.2,0.7\n0.9,0.1\n")
    assert ran.stdout == "0.2,0.7,4\n0.9,0.1,1\n"
    assert "2 rows in = 2 rows out + 0 failed" in ran.stderr


def test_files_of_a_mount_are_scored_by_any_user_on_a_read_only_root(example, tmp_path):
    (tmp_path / "in").mkdir()
    for name, row in (("a.csv", "0.2,0.7\n"), ("b.csv", "0.9,0.1\nx,1\n")):
        (tmp_path / "in" / name).write_text(row)
    tmp_path.chmod(0o777)
    options = ("--rm", "--read-only", "--user", "1234567:0", "-v", f"{tmp_path}:/data")
    words = ("/data/in/*.csv", "/data/out/", "--to", "ndjson", "--keep", "none", "--errors", "/data/errors", "--json")
    ran = docker.docker("run", *options, example, "batch", *words)
    assert json.loads(ran.stdout)["rows_in"] == 3
    assert {path.name: path.read_text() for path in (tmp_path / "out").iterdir()} == {
        "a.ndjson": "4\n",
        "b.ndjson": "1\n",
    }
    assert json.loads((tmp_path / "errors").read_text())["row"] == 2


@pytest.mark.parametrize(
    "words",
    [pytest.param((), marks=pytest.mark.long, id="distributions"), pytest.param(("S2I_SLIM=files",), id="files")],
)
def test_a_slim_image_scores_the_formats_that_need_nothing(example, tmp_path, words):
    slim = slim_once(example, *words)
    (tmp_path / "in").mkdir()
    for name, text in (
        ("a.csv", "id;x;y\np1;0.2;0.7\n"),
        ("b.ndjson", '{"id": "p1", "x": 0.2, "y": 0.7}\n'),
        ("c.json", '[{"id": "p1", "x": 0.2, "y": 0.7}]'),
    ):
        (tmp_path / "in" / name).write_text(text)
    (tmp_path / "in" / "d.tsv.gz").write_bytes(gzip.compress(b"id\tx\ty\np1\t0.2\t0.7\n"))
    tmp_path.chmod(0o777)
    options = ("--rm", "--read-only", "--network", "none", "--user", "1234567:0", "-v", f"{tmp_path}:/data")
    docker.docker("run", *options, slim.image, "batch", "--sample", "x,y", "--keep", "id", "/data/in/", "/data/out/")
    written = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert gzip.decompress(written.pop("d.tsv.gz")) == b"id\tprediction\np1\t4\n"
    assert written == {
        "a.csv": b"id;prediction\np1;4\n",
        "b.ndjson": b'{"id": "p1", "prediction": 4}\n',
        "c.json": b'[\n{"id": "p1", "prediction": 4}\n]\n',
    }


def test_without_pyarrow_the_way_to_it_is_reported(example):
    ran = docker.docker("run", "-i", "--rm", example, "batch", "--to", "parquet", ok=False, stdin=b"0.2,0.7\n")
    assert ran.returncode == 1
    assert "nb-builder builder --batch" in ran.stderr


@pytest.mark.other_base
def test_pyarrow_is_where_it_was_asked_for(builder_with_more):
    assert environments_with("pyarrow", builder_with_more) == ["service"]


def test_the_default_image_has_no_pyarrow(builder):
    assert environments_with("pyarrow", builder) == []
