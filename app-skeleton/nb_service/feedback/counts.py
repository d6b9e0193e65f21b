"""Counts feedback by outcome; the numbers can be summed over replicas, and don't grow with clients' input."""

from collections.abc import Iterable
from itertools import islice
from typing import Any

from nb_service.feedback.judgement import OTHER, OUTCOMES, Judgement, judge

# The table has a row and a column for each of this many classes, and one for all others: at most 441 cells.
MAX_CLASSES = 20


class Counts:
    """Outcomes, sums of errors, and a table of classes; for one thread only.

    The classes of `golden` predictions get a place in the table before clients can name others.
    """

    def __init__(self, golden: Iterable[Any] = ()) -> None:
        self._outcomes = dict.fromkeys(OUTCOMES, 0)
        self._errors = 0
        self._sum = 0.0
        self._sum_of_squares = 0.0
        self._table: dict[tuple[str, str], int] = {}
        judged = (judge(answer, answer) for answer in golden)
        names = dict.fromkeys(one.answered for one in judged if one.answered is not None)
        self._classes = set(islice(names, MAX_CLASSES))

    def add(self, judgement: Judgement) -> None:
        """Count a judgement."""
        self._outcomes[judgement.outcome] += 1
        if judgement.error is not None:
            self._errors += 1
            self._sum += judgement.error
            self._sum_of_squares += judgement.error**2
        if judgement.answered is not None and judgement.true is not None:
            # The prediction first, because a service predicts few classes, whereas clients may report anything as true.
            cell = self._known(judgement.answered), self._known(judgement.true)
            self._table[cell] = self._table.get(cell, 0) + 1

    def _known(self, name: str) -> str:
        if name not in self._classes:
            if len(self._classes) >= MAX_CLASSES:
                return OTHER
            self._classes.add(name)
        return name

    def numbers(self) -> dict:
        """Return {"outcomes", "errors": [number, sum, sum of squares], "classes": [[answered, true, count]]}."""
        return {
            "outcomes": self._outcomes.copy(),
            "errors": [self._errors, self._sum, self._sum_of_squares],
            "classes": [[*cell, count] for cell, count in sorted(self._table.items())],
        }
