import threading
from types import SimpleNamespace

import pytest
from nb_service.http.asking import SHARE, Asker
from nb_service.loop import Loop
from nb_service.scoring import answer as outcomes
from nb_service.scoring.answer import Answer


class Pool:
    """Answers on the next turn of the loop, and notes how many samples waited at a time."""

    def __init__(self, loop, outcome_of=lambda sample: outcomes.OK, max_queue=8 * SHARE):
        self.plan = SimpleNamespace(max_queue=max_queue)
        self.waiting = 0
        self.most = 0
        self.asked = []
        self._loop = loop
        self._outcome_of = outcome_of

    def submit(self, sample, done):
        self.asked.append(sample)
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        self._loop.soon(lambda: self._answer(sample, done))

    def _answer(self, sample, done):
        self.waiting -= 1
        done(Answer(self._outcome_of(sample), sample))


@pytest.fixture
def asked():
    """Return what asks a pool for samples from another thread than the loop's."""
    loop = Loop()

    def ask(samples, *options, **more):
        pool = Pool(loop, *options, **more)
        box = []
        thread = threading.Thread(
            target=lambda: (box.append(Asker(loop, pool).ask_many(samples)), loop.from_thread(loop.stop))
        )
        thread.start()
        loop.run()
        thread.join()
        return pool, box[0]

    yield ask
    loop.close()


def test_answers_come_in_the_order_of_the_samples_and_leave_room_in_the_queue(asked):
    samples = [b"%d" % number for number in range(100)]
    pool, answers = asked(samples)
    assert [answer.payload for answer in answers] == samples
    assert pool.most == 8


def test_no_sample_is_no_answer(asked):
    assert asked([])[1] == []


def test_after_a_sample_that_failed_no_more_are_asked(asked):
    samples = [b"%d" % number for number in range(100)]
    pool, answers = asked(samples, lambda sample: outcomes.FAILED if sample == b"3" else outcomes.OK)
    assert answers[3].outcome == outcomes.FAILED
    assert len(pool.asked) < 20
    assert answers[50] is None


def test_a_full_queue_is_waited_for_while_answers_come(asked):
    refused = {b"2", b"5"}

    def outcome(sample):
        if sample in refused:
            refused.discard(sample)
            return outcomes.FULL
        return outcomes.OK

    samples = [b"%d" % number for number in range(20)]
    assert [answer.payload for answer in asked(samples, outcome)[1]] == samples


def test_a_queue_that_stays_full_is_told(asked):
    _, answers = asked([b"1", b"2", b"3"], lambda sample: outcomes.FULL)
    assert outcomes.FULL in {answer.outcome for answer in answers if answer}
