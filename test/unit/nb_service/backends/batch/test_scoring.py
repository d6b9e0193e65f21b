import json
import random
import threading

import pytest
from nb_service.backends.batch.scoring import Failure, Scoring, Stopped
from nb_service.pool import answer as outcomes
from nb_service.pool.answer import Answer
from nb_service.problems import BatchUnscored


class Client:
    """A pool that answers each number with itself, and of others what they say; scored as one array or not at all."""

    def __init__(self, together=True, lost=0):
        self.together = together
        self.asked = []
        self.lost = lost  # how often there is no receiver

    def ask_arrays(self, arrays, call=b""):
        """Answer as PoolClient does: nothing is sent behind a failure."""
        answers = []
        for array in map(json.loads, arrays):
            self.asked.append(len(array))
            answers.append(None if any(one is not None and one.outcome for one in answers) else self._answer(array))
        return answers

    def _answer(self, array):
        if self.lost:
            self.lost -= 1
            return Answer(outcomes.NOT_READY)
        for index, sample in enumerate(array):
            if sample == "slow" and len(array) > 10:
                return Answer(outcomes.TOO_SLOW)
            if sample == "die":
                return Answer(outcomes.DIED)
            if sample == "no":
                return Answer(
                    outcomes.REFUSED, json.dumps({"reason": "no", "traceback": None, "index": index}).encode()
                )
        return Answer(outcomes.OK, json.dumps(array).encode())


def scoring(client, **more):
    """Return a Scoring over `client`, all of whose scorers are there."""
    settings = {"is_ready": lambda: True, "stop": threading.Event(), "absence": 5, "most": 1000, **more}
    return Scoring(client, **settings)


def score(samples, client=None):
    """Return the outcome of each sample: its answer, or a status."""
    scored = scoring(client or Client()).score([json.dumps(sample) for sample in samples])
    answers = iter(scored.answers.values)
    failures = scored.failures
    outcome = [failures[at].status if at in failures else next(answers) for at in range(len(samples))]
    assert list(answers) == []
    return outcome


@pytest.mark.parametrize("seed", range(30))
def test_each_sample_has_its_own_outcome_whatever_fails_next_to_it(seed):
    chance = random.Random(seed)
    share = chance.choice([0, 0.01, 0.2, 1])
    samples = [chance.choice(["no", "die"]) if chance.random() < share else at for at in range(chance.randrange(300))]
    assert score(samples) == [{"no": 422, "die": 500}.get(sample, sample) for sample in samples]


def test_once_batching_has_ended_calls_are_as_small_as_for_samples_that_are_scored_alone():
    client = Client()
    it = scoring(client)
    it.score(["1"])
    assert it.most == 1000
    client.together = False
    it.score(["1"])
    assert it.most < 1000


def test_what_is_fine_is_asked_at_once_and_a_neighbour_of_a_failure_once_more():
    client = Client()
    assert score(list(range(1000)), client) == list(range(1000))
    assert client.asked == [1000]
    client = Client()
    samples = [*range(10), "no", *range(10)]
    assert score(samples, client) == [*range(10), 422, *range(10)]
    assert client.asked == [21, 10, 10]


def test_a_failure_has_the_words_of_a_request():
    scored = scoring(Client()).score(['"no"'])
    assert scored.failures == {0: Failure(422, "The notebook's validator rejects this sample: no.")}


def test_one_by_one_as_many_are_asked_as_take_a_moment():
    fast = scoring(Client(together=False))
    assert fast.most == 8
    for _ in range(10):
        fast.score(["1"] * fast.most)
    assert fast.most == 1000
    assert scoring(Client()).most == 1000


def test_after_an_array_that_took_too_long_the_next_ones_are_smaller():
    slow = scoring(Client())
    assert slow.score(['"slow"'] * 1000).answers.values == ["slow"] * 1000
    assert slow.most == 125
    slow.score(['"slow"'] * 125)
    assert slow.most == 15


def test_a_scorer_that_is_gone_is_waited_for_and_not_for_ever():
    assert score([1, 2], Client(lost=2)) == [1, 2]
    with pytest.raises(BatchUnscored, match="the processes with the model keep crashing"):
        score([1, 2], Client(lost=100))
    there = iter([True])
    gone = scoring(Client(), is_ready=lambda: next(there, False), absence=0.1)
    gone.score(["1"])
    with pytest.raises(BatchUnscored, match="no process has loaded the model for 0.1 seconds"):
        gone.score(["1"])


def test_who_waits_ends_when_the_job_does():
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        scoring(Client(), is_ready=lambda: False, stop=stop).score(["1"])
