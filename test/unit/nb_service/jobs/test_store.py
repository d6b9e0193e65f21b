"""The contract of stores, for each of them."""

import threading
import time

import pytest
from nb_service.jobs.job import (
    CANCELED,
    FAILED,
    MAX_LOGS,
    PROCESSING,
    STARTING,
    SUCCEEDED,
    Job,
    Outcome,
    Request,
    from_bytes,
    new_id,
    to_bytes,
)
from nb_service.jobs.memory import MemoryStore
from nb_service.jobs.store import StoreFull

LIMIT = 1 << 20
DONE = Outcome(SUCCEEDED, b"42", response_status=200)


def make_job(name, body=b"[1]", created_at=1.0):
    return Job(name, "owner", Request("POST", "/predict?x=1", (("Accept", "*/*"),), body), created_at)


@pytest.fixture(params=["memory"])
def make_store():
    stores = []

    def make(limit=LIMIT, hours=1.0):
        stores.append(MemoryStore(limit, hours))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def store(make_store):
    return make_store()


def test_jobs_are_claimed_in_the_order_in_which_they_came(store):
    for name in "abc":
        assert store.put(make_job(name))[1]
    claimed = [store.claim(60) for _ in range(4)]
    assert [job and job.id for job in claimed] == ["a", "b", "c", None]
    assert {job.status for job in claimed[:3]} == {PROCESSING}
    assert claimed[0].request == make_job("a").request
    assert claimed[0].attempt == 1
    assert claimed[0].started_at is not None


def test_a_job_with_a_known_id_is_not_added_again(store):
    store.put(make_job("a", b"first"))
    existing, is_new = store.put(make_job("a", b"second"))
    assert not is_new
    assert existing.request.body == b"first"
    assert store.claim(60).id == "a"
    assert store.claim(60) is None


def test_a_job_gathers_logs_and_items_and_ends_once(store):
    store.put(make_job("a"))
    claim = store.claim(60)
    assert store.renew(claim, 60, "one\n", [b"1"])
    assert store.renew(claim, 60, "two\n", [b"2"])
    job = store.get("a")
    assert (job.logs, job.items, job.status) == ("one\ntwo\n", [b"1", b"2"], PROCESSING)
    assert store.finish(claim, DONE).status == SUCCEEDED
    assert store.finish(claim, Outcome(FAILED, error="late")) is None
    assert not store.renew(claim, 60, "late", [])
    job = store.get("a")
    assert (job.status, job.output, job.error, job.response_status) == (SUCCEEDED, b"42", None, 200)
    assert job.completed_at is not None


def test_only_the_end_of_a_long_log_is_kept(store):
    store.put(make_job("a"))
    claim = store.claim(60)
    for text in ("x" * MAX_LOGS, "end"):
        store.renew(claim, 60, text)
    assert len(store.get("a").logs) == MAX_LOGS
    assert store.get("a").logs.endswith("xend")


def test_a_canceled_job_is_not_claimed_and_tells_its_runner(store):
    store.put(make_job("waits"))
    assert store.cancel("waits").status == CANCELED
    store.put(make_job("runs"))
    claim = store.claim(60)
    assert claim.id == "runs"
    assert store.cancel("runs").status == CANCELED
    assert not store.renew(claim, 60)
    assert store.finish(claim, DONE) is None
    assert store.get("runs").status == CANCELED
    assert store.cancel("unknown") is None


def test_a_job_that_is_over_stays_as_it_ended_when_it_is_canceled(store):
    store.put(make_job("a"))
    store.finish(store.claim(60), DONE)
    assert store.cancel("a").status == SUCCEEDED


def test_a_job_whose_claim_expired_is_claimed_again_and_the_older_claim_changes_nothing(store):
    store.put(make_job("a"))
    old = store.claim(0)
    store.put(make_job("b"))
    new = store.claim(60)
    assert (new.id, new.attempt) == ("a", 2)
    assert not store.renew(old, 60, "old")
    assert store.finish(old, DONE) is None
    store.release(old)
    assert store.get("a").status == PROCESSING
    assert store.finish(new, DONE).logs == ""


def test_a_released_job_waits_before_all_others(store):
    store.put(make_job("a"))
    claim = store.claim(60)
    store.put(make_job("b"))
    store.renew(claim, 60, "half", [b"1"])
    store.release(claim)
    job = store.get("a")
    assert (job.status, job.started_at, job.logs, job.items) == (STARTING, None, "", [])
    assert store.claim(60).id == "a"


def test_waiting_jobs_beyond_the_bytes_are_rejected(make_store):
    store = make_store(limit=10_000)
    store.put(make_job("a", b"x" * 7000))
    with pytest.raises(StoreFull):
        store.put(make_job("b", b"x" * 7000))
    assert store.get("b") is None


def test_jobs_that_ended_make_room_for_others(make_store):
    store = make_store(limit=10_000)
    store.put(make_job("a", b"x" * 7000))
    store.finish(store.claim(60), DONE)
    store.put(make_job("b", b"x" * 7000))
    assert store.get("a") is None
    assert store.has_expired("a")
    assert not store.has_expired("b")
    assert not store.has_expired("c")


def test_a_job_whose_output_has_no_room_fails(make_store):
    store = make_store(limit=10_000)
    store.put(make_job("a"))
    claim = store.claim(60)
    with pytest.raises(StoreFull):
        store.renew(claim, 60, "", [b"x" * 20_000])
    job = store.finish(claim, Outcome(SUCCEEDED, b"x" * 20_000))
    assert (job.status, job.output) == (FAILED, None)
    assert "no room" in job.error


def test_a_job_expires_after_the_hours(make_store):
    store = make_store(hours=0.0)
    store.put(make_job("a"))
    claim = store.claim(60)
    assert store.get("a") is not None
    store.finish(claim, DONE)
    assert store.get("a") is None
    assert store.has_expired("a")
    assert store.counts()[SUCCEEDED] == 0


def test_jobs_are_counted_and_listed_by_status(store):
    for name in "abc":
        store.put(make_job(name, b"x" * 100))
    store.finish(store.claim(60), DONE)
    store.claim(60)
    assert store.counts() == {STARTING: 1, PROCESSING: 1, SUCCEEDED: 1, FAILED: 0, CANCELED: 0}
    listed = store.jobs((STARTING, PROCESSING))
    assert [(job.id, job.request.body) for job in listed] == [("b", b""), ("c", b"")]


def test_a_reader_waits_for_a_change(store):
    store.put(make_job("a"))
    version = store.get("a").version
    seen = []
    thread = threading.Thread(target=lambda: seen.append(store.wait("a", version, 60)))
    thread.start()
    store.claim(60)
    thread.join(60)
    assert seen[0].status == PROCESSING
    assert store.wait("a", seen[0].version, 0).version == seen[0].version
    assert store.wait("unknown", 0, 60) is None


def test_a_runner_waits_for_work(store):
    found = []

    def work():
        while not found:
            store.wait_for_work(60)
            job = store.claim(60)
            if job:
                found.append(job.id)

    thread = threading.Thread(target=work)
    thread.start()
    store.put(make_job("a"))
    thread.join(60)
    assert found == ["a"]


def test_each_job_is_claimed_by_one_of_many_runners(store):
    names = [f"job{number}" for number in range(200)]
    for name in names:
        store.put(make_job(name))
    claimed, ended = [], []

    def work():
        while (job := store.claim(60)) is not None:
            claimed.append(job.id)
            if store.finish(job, DONE):
                ended.append(job.id)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(claimed) == sorted(ended) == sorted(names)


def test_many_items_are_appended_without_counting_all_of_them_again(store):
    store.put(make_job("a"))
    claim = store.claim(60)
    for _ in range(3):
        store.renew(claim, 60, "", [b"1"] * 10)
    size = store.get("a").size
    assert len(store.get("a").items) == 30
    assert store.finish(claim, Outcome(FAILED, error="x")).size == size


def test_jobs_as_bytes_are_the_same_jobs():
    job = make_job(new_id(), bytes(range(256)), time.time())
    job.items, job.output, job.input, job.webhook_events = [b"1", b'"\xc3\xa9"'], b"[1]", b"{}", ("start", "completed")
    assert from_bytes(to_bytes(job)) == job


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"request": 1}',
        b"\xff",
        to_bytes(make_job("a")).replace(b"starting", b"odd"),
    ],
)
def test_damaged_bytes_are_no_job(data):
    with pytest.raises(ValueError, match="not a job"):
        from_bytes(data)


def test_ids_differ_and_fit_into_paths():
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(job_id) == 32 and job_id.isalnum() for job_id in ids)
