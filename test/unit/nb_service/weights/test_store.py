"""A store in a folder that others can write to, too."""

import os

import pytest
from nb_service.weights.store import Store

PUT_THERE = {
    "link": lambda path, outside: path.symlink_to(outside),
    "hard link": lambda path, outside: path.hardlink_to(outside),
    "pipe": lambda path, outside: os.mkfifo(path),
    "file of another user": lambda path, outside: (path.write_bytes(b"other"), os.chown(path, 12345, 12345)),
}


@pytest.mark.parametrize("kind", PUT_THERE)
def test_what_others_put_in_the_place_of_a_part_is_removed(kind, tmp_path):
    if kind == "file of another user" and os.geteuid():
        pytest.skip("only root can give files to another user")
    outside = tmp_path / "outside"
    outside.write_bytes(b"canary")
    store = Store(tmp_path / "store")
    (store.root / "parts").mkdir(parents=True)
    PUT_THERE[kind](store.root / "parts" / f"key.{os.geteuid()}", outside)
    with store.part("key", lambda: None) as part:
        assert part.size == 0
        part.append(iter([b"content"]), 100, lambda size: None)
        part.keep("ab" * 32)
    assert outside.read_bytes() == b"canary"
    kept = store.path("ab" * 32)
    assert kept.read_bytes() == b"content" and kept.lstat().st_uid == os.geteuid()


def test_an_own_part_goes_on_where_it_was(tmp_path):
    store = Store(tmp_path / "store")
    for size in (0, 1):
        with store.part("key", lambda: None) as part:
            assert part.size == size
            part.append(iter([b"a"]), 100, lambda size: None)
