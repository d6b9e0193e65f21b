from nb_service.scoring.answer import FAILED, OK, Answer
from nb_service.scoring.warmup import Warmup

ROWS = [{"sample": 1, "answer": 2.0}, {"sample": "ü", "answer": "x"}]


class Link:
    """A scorer's link that answers at once."""

    alive = True

    def __init__(self, answers):
        self._answers = answers
        self.asked = []

    def give(self, job):
        self.asked.append(job.body)
        self._job = job

    def flush(self):
        self._job.done(self._answers.pop(0))


def results(answers, repeats=1):
    """Return what a warm-up with ROWS makes of `answers`."""
    found = []
    link = Link(answers)
    Warmup(link, ROWS, repeats, 1e-6, lambda _link, results: found.extend(results)).next()
    return link, found


def test_every_row_is_asked_as_often_as_wanted_and_compared():
    link, found = results([Answer(OK, b"2.0000001"), Answer(OK, b'"y"')] * 2, repeats=2)
    assert link.asked == [b"1", b'"\\u00fc"'] * 2
    assert [(result.row, result.turn, result.same) for result in found] == [
        (0, 0, True),
        (1, 0, False),
        (0, 1, True),
        (1, 1, False),
    ]


def test_a_row_that_fails_is_not_the_same_and_the_next_is_asked():
    _, found = results([Answer(FAILED), Answer(OK, b'"x"')])
    assert [result.same for result in found] == [False, True]


def test_without_rows_it_is_over_at_once():
    seen = []
    Warmup(Link([]), [], 2, 1e-6, lambda _link, found: seen.append(found)).next()
    assert seen == [[]]
