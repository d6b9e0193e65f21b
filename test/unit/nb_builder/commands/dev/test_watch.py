"""Saves are seen once, when they are whole."""

import asyncio
import os

import pytest
from nb_builder.commands.dev import watch

Path = watch.Path


async def first(folder, is_whole=lambda name: True, *, then):
    """Return the names of the first save that is seen after `then`, a coroutine that changes files, has started."""
    seen = watch.snapshot(folder)
    saves = watch.saves(folder, is_whole, seen=seen)
    changing = asyncio.ensure_future(then)
    try:
        return set(await asyncio.wait_for(anext(saves), 10))
    finally:
        await changing
        await saves.aclose()


async def write(path, text):
    path.write_text(text)


def test_files_that_are_new_changed_and_gone_are_named(tmp_path):
    for name in ("same", "changed", "gone"):
        (tmp_path / name).write_text("1")
    before = watch.snapshot(tmp_path)
    (tmp_path / "changed").write_text("22")
    (tmp_path / "gone").unlink()
    (tmp_path / "new").write_text("1")
    assert watch.changed(before, watch.snapshot(tmp_path)) == {Path("changed"), Path("gone"), Path("new")}


def test_a_file_of_the_same_size_and_time_is_seen_by_its_inode(tmp_path):
    (tmp_path / "a").write_text("1")
    os.utime(tmp_path / "a", (1, 1))
    before = watch.snapshot(tmp_path)
    (tmp_path / "b").write_text("2")
    os.utime(tmp_path / "b", (1, 1))
    (tmp_path / "b").rename(tmp_path / "a")
    assert watch.changed(before, watch.snapshot(tmp_path)) == {Path("a")}


@pytest.mark.parametrize(
    "name", [".~model.ipynb", ".model.ipynb.swp", "model.ipynb~", "4913", "#model.ipynb#", ".#model.ipynb", "x.tmp"]
)
def test_what_editors_write_next_to_a_file_is_no_save(tmp_path, name):
    (tmp_path / name).write_text("1")
    assert watch.snapshot(tmp_path) == {}


@pytest.mark.parametrize("folder", [".git", "__pycache__", ".ipynb_checkpoints", "venv"])
def test_what_no_build_takes_is_no_save(tmp_path, folder):
    (tmp_path / folder).mkdir()
    (tmp_path / "venv").mkdir(exist_ok=True)
    (tmp_path / "venv/pyvenv.cfg").write_text("")
    (tmp_path / folder / "x").write_text("1")
    assert watch.snapshot(tmp_path) == {}


def test_a_link_to_nowhere_is_left_out(tmp_path):
    (tmp_path / "link").symlink_to("nowhere")
    assert watch.snapshot(tmp_path) == {}


def test_a_save_is_seen(tmp_path):
    assert asyncio.run(first(tmp_path, then=write(tmp_path / "a", "1"))) == {Path("a")}


def test_a_save_is_not_seen_before_it_is_whole(tmp_path):
    (tmp_path / "a").write_text("whole")
    asked = []

    def is_whole(name):
        asked.append((tmp_path / name).read_text())
        if asked == ["new"]:
            (tmp_path / "a").write_text("new and whole")
        return asked[-1] == "new and whole"

    assert asyncio.run(first(tmp_path, is_whole, then=write(tmp_path / "a", "new"))) == {Path("a")}
    assert asked == ["new", "new and whole"]


def test_a_file_that_stays_broken_is_a_save_in_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(watch, "WHOLE_SECONDS", 0.2)
    assert asyncio.run(first(tmp_path, lambda name: False, then=write(tmp_path / "a", "1"))) == {Path("a")}


def test_what_is_undone_at_once_is_no_save(tmp_path):
    (tmp_path / "b").write_text("1")

    async def there_and_back():
        asked = asyncio.Event()

        def is_whole(name):
            # Called for the file that comes and goes: it goes while it is looked at.
            (tmp_path / "a").unlink(missing_ok=True)
            asked.set()
            return not (tmp_path / "a").exists() and name != Path("a")

        seen = watch.snapshot(tmp_path)
        saves = watch.saves(tmp_path, is_whole, seen=seen)
        (tmp_path / "a").write_text("1")
        waiting = asyncio.ensure_future(anext(saves))
        await asyncio.wait_for(asked.wait(), 10)
        (tmp_path / "b").write_text("22")
        names = await asyncio.wait_for(waiting, 10)
        await saves.aclose()
        return set(names)

    assert asyncio.run(there_and_back()) == {Path("b")}
