"""Fetching weights: in pieces, after interruptions, and never more or something other than the lock has."""

import hashlib
import json
import os
import threading

import pytest
from nb_service import problems
from nb_service.weights import fetch, sources, store
from nb_service.weights.fetch import Progress
from nb_service.weights.lock import Entry, Lock, LockedFile, of_text
from nb_service.weights.sources import Remote, Restarted
from nb_service.weights.store import Store

CONTENT = bytes(range(256)) * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()
LOCKED = LockedFile("a.bin", len(CONTENT), DIGEST)


class Fake:
    """A source whose connection ends after `piece` bytes; `offsets` are where it was asked to go on."""

    def __init__(self, content=CONTENT, piece=100_000, size=LOCKED.size, restarts=False, names=("a.bin",)):
        self.content, self.piece, self.size, self.restarts, self.names = content, piece, size, restarts, names
        self.revision = "r1"
        self.offsets = []

    def files(self):
        return [Remote(name, self.size, "v1", name) for name in self.names]

    def blocks(self, remote, offset):
        self.offsets.append(offset)
        if offset and self.restarts:
            self.piece = len(self.content)
            raise Restarted("another file")
        yield self.content[offset : offset + self.piece]
        if offset + self.piece < len(self.content):
            raise OSError("the connection ended")


class Beats(Progress):
    """Keeps the sizes that were counted; each one shows that the process is not silent."""

    def __init__(self):
        super().__init__(lambda _: None)
        self.sizes, self.more = [], threading.Semaphore(0)

    def add(self, size):
        super().add(size)
        self.sizes.append(size)
        self.more.release()


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return a function that fetches from a Fake into the test's store."""
    monkeypatch.setattr(fetch, "PAUSE_SECONDS", 0)

    def run(source, files=(), max_bytes=1 << 20, patterns=(), progress=None):
        monkeypatch.setattr(sources, "opened", lambda *_: source)
        lock = Lock((Entry("s3://bucket/x", "w", patterns, files=tuple(files)),))
        blobs = Store(tmp_path / "store")
        progress = progress or Progress(lambda _: None)
        return fetch.fetch(lock, blobs, progress, seconds=1, max_bytes=max_bytes, locked=bool(files))

    return run


def stored(tmp_path):
    return [path for path in (tmp_path / "store" / "sha256").rglob("*") if path.is_file()]


def test_an_interrupted_file_goes_on_where_it_ended(run, tmp_path):
    source = Fake()
    lock = run(source)
    assert lock.entries == (Entry("s3://bucket/x", "w", (), "r1", (LOCKED,)),)
    assert source.offsets == [0, 100_000, 200_000]
    assert stored(tmp_path)[0].read_bytes() == CONTENT
    assert stored(tmp_path)[0].stat().st_mode & 0o777 == 0o444


def test_half_a_file_never_counts_and_the_next_attempt_continues_it(run, tmp_path):
    with pytest.raises(problems.WeightsUnavailable, match="the connection ended"):
        run(Fake(piece=10_000))
    assert stored(tmp_path) == []
    source = Fake(piece=len(CONTENT))
    run(source)
    assert source.offsets == [30_000]


def test_a_source_that_can_not_continue_starts_again(run, tmp_path):
    source = Fake(restarts=True)
    run(source)
    assert source.offsets == [0, 100_000, 0]
    assert stored(tmp_path)[0].read_bytes() == CONTENT


def test_a_size_that_is_not_known_is_limited(run, tmp_path):
    assert run(Fake(size=None, piece=len(CONTENT))).entries[0].files == (LOCKED,)
    with pytest.raises(problems.WeightsUnavailable, match="sends more than the 1000 bytes"):
        run(Fake(size=None, content=CONTENT[1:], piece=len(CONTENT)), max_bytes=1000)


def test_a_source_that_sends_more_than_it_said(run):
    with pytest.raises(problems.WeightsUnavailable, match="sends more than the 5 bytes"):
        run(Fake(size=5, piece=len(CONTENT)))


def test_too_much(run):
    with pytest.raises(problems.WeightsTooLarge, match="1 files with 256.0 kB"):
        run(Fake(), max_bytes=1000)


def test_another_content_than_locked(run, tmp_path):
    other = bytes(len(CONTENT))
    with pytest.raises(problems.WeightsDiffer, match="w/a.bin from s3://bucket/x has another SHA-256"):
        run(Fake(content=other, piece=len(other)), [LOCKED])
    assert stored(tmp_path) == []
    with pytest.raises(problems.WeightsDiffer, match="another size"):
        run(Fake(size=5), [LOCKED])


def test_what_is_stored_is_not_fetched_again(run):
    run(Fake(piece=len(CONTENT)))
    source = Fake(names=())
    assert run(source, [LOCKED]).entries[0].files == (LOCKED,)
    assert source.offsets == []


def test_a_stored_file_with_another_content_is_removed(run, tmp_path):
    said = []
    run(Fake(piece=len(CONTENT)))
    stored = Store(tmp_path / "store")
    lock = Lock((Entry("file:///x", "w", files=(LOCKED,)),))
    assert fetch.remove_changed(lock, stored, Progress(said.append), said.append) == {DIGEST: LOCKED}
    stored.path(DIGEST).chmod(0o644)
    stored.path(DIGEST).write_bytes(bytes(len(CONTENT)))
    assert fetch.remove_changed(lock, stored, Progress(said.append), said.append) == {}
    assert not stored.path(DIGEST).exists()
    assert said == [f"Weights: {stored.path(DIGEST)} has changed since it was fetched, and is fetched again."]


def test_what_the_source_no_longer_has(run):
    with pytest.raises(problems.WeightsUnavailable, match="it no longer has a.bin"):
        run(Fake(names=("b.bin",)), [LOCKED])


@pytest.mark.parametrize("name", ["../a", "/etc/passwd", "a/../../b", "a\\b", "a//b", "."])
def test_names_that_lead_out_of_the_folder(run, name):
    with pytest.raises(problems.WeightsUnavailable, match="outside its folder"):
        run(Fake(names=(name,)))


@pytest.mark.parametrize("names", [("a", "a/b"), ("x/y/z", "x"), ("a", "a")])
def test_names_that_need_the_same_place(run, tmp_path, names):
    with pytest.raises(problems.WeightsUnavailable, match=f"it has several files at '{min(names)}'"):
        run(Fake(names=names, piece=len(CONTENT)))
    assert stored(tmp_path) == []
    files = [LOCKED._replace(name=name)._asdict() for name in names]
    with pytest.raises(ValueError, match="several files at"):
        of_text(
            json.dumps(
                {
                    "format": 1,
                    "weights": [{"source": "file:///x", "folder": "w", "patterns": [], "revision": "", "files": files}],
                }
            )
        )


def test_a_digest_that_is_none_chooses_no_file(run, tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(CONTENT)
    source = Fake(piece=len(CONTENT))
    digest = os.path.relpath(victim, tmp_path / "store/sha256/..")
    source.files = lambda: [Remote("a.bin", len(CONTENT), "v1", "a.bin", digest)]
    with pytest.raises(problems.WeightsUnavailable, match="'a.bin' with a SHA-256 that is none"):
        run(source)


def test_patterns(run):
    names = ("a.json", "x/b.json", "c.bin")
    files = run(Fake(names=names, piece=len(CONTENT)), patterns=("*.json",)).entries[0].files
    assert [file.name for file in files] == ["a.json", "x/b.json"]
    with pytest.raises(problems.WeightsUnavailable, match="no files that fit"):
        run(Fake(names=names), patterns=("*.onnx",))


def test_a_full_disk_is_said_before_anything_is_fetched(run, monkeypatch):
    monkeypatch.setattr(Store, "free", lambda _: 1000)
    source = Fake()
    with pytest.raises(problems.WeightsDisk, match="256.0 kB are needed, and 1.0 kB are free"):
        run(source)
    assert source.offsets == []


def test_a_source_of_no_kind_that_is_known(tmp_path):
    lock = Lock((Entry("ftp://host/x", "w", files=(LOCKED,)),))
    with pytest.raises(problems.WeightsUnavailable, match="ftp:// is not supported"):
        fetch.fetch(lock, Store(tmp_path), Progress(print), seconds=1, max_bytes=1 << 20, locked=True)


def test_links_are_replaced_and_others_removed(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
    view = tmp_path / "view"
    store.lay(view, {"a": tmp_path / "one", "sub/b": tmp_path / "one", "gone": tmp_path / "one"})
    store.lay(view, {"a": tmp_path / "two", "sub/b": tmp_path / "one"})
    assert {str(path.relative_to(view)): path.read_text() for path in view.rglob("*") if path.is_file()} == {
        "a": "two",
        "sub/b": "one",
    }


def test_messages_have_nothing_secret():
    error = OSError("401 for https://me:pass@host/x?X-Amz-Signature=abc with hf_verysecrettoken")
    said = sources.error_text(error, {"HF_TOKEN": "hf_verysecrettoken", "HOME": "/root"})
    assert said == "401 for https://host/x with …"


def test_amounts():
    assert [fetch.amount(size) for size in (5, 1234, 12_345_678, 4_700_000_000)] == [
        *("5 bytes", "1.2 kB", "12.3 MB", "4.7 GB"),
    ]


def test_a_part_that_is_a_link_is_not_followed(tmp_path):
    blobs = Store(tmp_path)
    with blobs.part("key", lambda: None) as part:
        (tmp_path / "parts" / f"key.{os.geteuid()}").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(OSError, match="symbolic"):
            part.append(iter([b"x"]), 10, lambda _: None)
    assert not (tmp_path / "elsewhere").exists()


def test_a_large_file_is_not_silent_while_it_is_compared(run):
    content, beats = bytes(5 << 20), Beats()
    run(Fake(content, piece=len(content), size=len(content)), max_bytes=len(content), progress=beats)
    assert beats.sizes[-5:] == [0] * 5


def test_waiting_for_another_process_is_not_silent(run, tmp_path):
    held, begun = threading.Event(), threading.Event()

    class Slow(Fake):
        def blocks(self, remote, offset):
            begun.set()
            assert held.wait(10)
            yield self.content

    first, second, beats = Slow(), Fake(), Beats()
    threads = [threading.Thread(target=run, args=(first,), kwargs={"files": [LOCKED]})]
    threads[0].start()
    assert begun.wait(10)
    threads.append(threading.Thread(target=run, args=(second,), kwargs={"files": [LOCKED], "progress": beats}))
    threads[1].start()
    try:
        assert all(beats.more.acquire(timeout=5) for _ in range(3))
    finally:
        held.set()
        for thread in threads:
            thread.join(10)
    assert second.offsets == []
    assert stored(tmp_path)
