from nb_service.pool.answer import DIED, FAILED, OK, Answer
from nb_service.pool.plan import Plan
from nb_service.pool.warmup import Warmup

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


def plan(repeats, patience=None):
    """Return a plan that asks each row `repeats` times."""
    return Plan("fork", True, "", 2, 1, {}, predict_timeout=60, max_queue=2, repeats=repeats, patience=patience)


def results(answers, repeats=1, patience=None):
    """Return what a warm-up with ROWS makes of `answers`."""
    row_results = []
    link = Link(answers)
    Warmup(link, ROWS, plan(repeats, patience), lambda _link, results: row_results.extend(results)).next()
    return link, row_results


def test_every_row_is_asked_as_often_as_wanted_and_compared():
    link, row_results = results([Answer(OK, b"2.0000001"), Answer(OK, b'"y"')] * 2, repeats=2)
    assert link.asked == [b"1", b'"\\u00fc"'] * 2
    assert [(result.row, result.turn, result.same) for result in row_results] == [
        (0, 0, True),
        (1, 0, False),
        (0, 1, True),
        (1, 1, False),
    ]


def test_a_row_that_fails_is_not_the_same_and_the_next_is_asked():
    _, row_results = results([Answer(FAILED), Answer(OK, b'"x"')])
    assert [result.same for result in row_results] == [False, True]


def test_without_rows_it_is_over_at_once():
    seen = []
    Warmup(Link([]), [], plan(2), lambda _link, row_results: seen.append(row_results)).next()
    assert seen == [[]]


def test_a_slow_predictor_is_asked_one_row_at_least_and_none_after_the_patience_is_gone():
    link, row_results = results([Answer(OK, b"2.0"), Answer(OK, b'"x"')], patience=0)
    assert (len(link.asked), [result.same for result in row_results]) == (1, [True])


def test_a_scorer_that_is_gone_is_asked_no_more_rows():
    link, found = Link([Answer(DIED)]), []
    link.alive = False
    Warmup(link, ROWS, plan(1), lambda *reported: found.append(reported)).next()
    ((reported, results),) = found
    assert (reported, len(link.asked)) == (link, 1)
    assert [tuple(result) for result in results] == [(0, 0, Answer(DIED), None, False)]


def test_what_was_got_is_kept_and_compared_by_the_plan_s_tolerance():
    answers, found = [Answer(OK, b"2.1"), Answer(OK, b'"x"')], []
    loose = plan(1, patience=60)._replace(tolerance=0.1)
    Warmup(Link(answers), ROWS, loose, lambda _link, results: found.extend(results)).next()
    assert [(result.value, result.same) for result in found] == [(2.1, True), ("x", True)]
