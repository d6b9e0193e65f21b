"""Modules that pickles name, found without unpickling them."""

import bz2
import collections
import gzip
import lzma
import pickle
import zlib

import pytest
from nb_builder.slim.imports import pickle_imports

MODEL = {"one": collections.Counter("a"), "data": b"raw \x8c bytes" * 10}


@pytest.mark.parametrize("protocol", range(2, 6))
@pytest.mark.parametrize("pack", [bytes, zlib.compress, gzip.compress, bz2.compress, lzma.compress])
def test_what_a_pickle_names_is_found_however_it_is_packed(tmp_path, protocol, pack):
    (tmp_path / "models").mkdir()
    (tmp_path / "models/a.bin").write_bytes(pack(pickle.dumps(MODEL, protocol)))
    assert pickle_imports.named(tmp_path, ["collections", "colle", "other"]) == {"collections": "models/a.bin"}


@pytest.mark.parametrize(
    "data", [b"", b"collections\n", b"\x1f\x8bno gzip", b"x\x8c\x0bcollections", b"\x78\x9cbroken"]
)
def test_what_is_no_pickle_names_nothing(tmp_path, data):
    (tmp_path / "a.pkl").write_bytes(data)
    assert pickle_imports.named(tmp_path, ["collections"]) == {}
