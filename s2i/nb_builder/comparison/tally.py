"""Counts the outcomes of all rows, and keeps a limited number of rows to show."""

import heapq
import json
from array import array
from collections import Counter
from typing import NamedTuple

from nb_builder.comparison import differences
from nb_builder.comparison.client import Outcome
from nb_builder.comparison.differences import Difference
from nb_builder.comparison.samples import Row

# With more distinct predictions, they don't count as classes, because a table would be unreadable.
MAX_CLASSES = 20
# Longer predictions aren't class names.
MAX_CLASS = 60
# Rows kept to be shown side by side: the largest differences, and the first ones without a prediction.
SHOWN = 1000


class Shown(NamedTuple):
    """A row to show; `difference` is None if one service returned no prediction."""

    row: Row
    old: Outcome
    new: Outcome
    difference: Difference | None


class Largest(NamedTuple):
    """The largest difference of two numbers, and its row."""

    value: float = 0.0
    row: str = ""


class Tally:
    """The totals of all rows; floats are the same within `tolerance`."""

    def __init__(self, tolerance: float) -> None:
        self.tolerance = tolerance
        self.rows = 0
        self.equal = 0
        self.within = 0
        self.different = 0
        self.without_size = 0  # of `different`: differences in something other than numbers
        self.only_old = 0
        self.only_new = 0
        self.neither = 0
        self.absolute = Largest()
        self.relative = Largest()
        # {(outcome in OLD, outcome in NEW): rows}, and the first row of each.
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.first: dict[tuple[str, str], Shown] = {}
        # {(prediction of OLD, prediction of NEW) as JSON: rows}; None if predictions aren't classes.
        self.classes: Counter[tuple[str, str]] | None = Counter()
        self._names: set[str] = set()
        # For predictions that are one number: both; for those that contain numbers: their largest difference.
        self.numbers = (array("d"), array("d"))
        self.sizes = array("d")
        self.unanswered: list[Shown] = []
        self._largest: list[tuple[float, int, Shown]] = []

    @property
    def compared(self) -> int:
        """Return the number of rows with predictions from both."""
        return self.equal + self.within + self.different

    @property
    def share(self) -> float:
        """Return the share of rows with different predictions, or with a prediction from only one service."""
        return (self.different + self.only_old + self.only_new) / self.rows

    @property
    def differing(self) -> list[Shown]:
        """Return rows whose predictions differ, largest difference first, otherwise in order."""
        return [shown for _, _, shown in sorted(self._largest, key=lambda entry: (-entry[0], -entry[1]))]

    def add(self, row: Row, old: Outcome, new: Outcome) -> None:
        """Add the outcomes of a row."""
        self.rows += 1
        self.outcomes[old.code, new.code] += 1
        difference = None
        if old.is_answer and new.is_answer:
            difference = differences.between(old.answer, new.answer, self.tolerance)
            self._compare(row, old, new, difference)
        elif old.is_answer:
            self.only_old += 1
        elif new.is_answer:
            self.only_new += 1
        else:
            self.neither += 1
        shown = Shown(row, old, new, difference)
        self.first.setdefault((old.code, new.code), shown)
        if difference is None and len(self.unanswered) < SHOWN:
            self.unanswered.append(shown)

    def _compare(self, row: Row, old: Outcome, new: Outcome, difference: Difference) -> None:
        if difference.is_equal:
            self.equal += 1
        elif difference.is_same:
            self.within += 1
        else:
            self.different += 1
            self.without_size += difference.beyond_numbers
            # Of rows with equal differences, the first are kept.
            entry = (difference.size, -self.rows, Shown(row, old, new, difference))
            if len(self._largest) < SHOWN:
                heapq.heappush(self._largest, entry)
            else:
                heapq.heappushpop(self._largest, entry)
        self.absolute = max(self.absolute, Largest(difference.absolute, row.name), key=lambda each: each.value)
        self.relative = max(self.relative, Largest(difference.relative, row.name), key=lambda each: each.value)
        if not difference.beyond_numbers:
            self.sizes.append(difference.absolute)
        self._classify(old.answer, new.answer)

    def _classify(self, old: object, new: object) -> None:
        if differences.is_number(old) and differences.is_number(new):
            for kept, value in zip(self.numbers, (old, new), strict=True):
                kept.append(_float(value))
        if self.classes is None:
            return
        names = [_class(old), _class(new)]
        self._names.update(name for name in names if name is not None)
        if None in names or len(self._names) > MAX_CLASSES:
            self.classes = None
        else:
            self.classes[str(names[0]), str(names[1])] += 1


def _class(answer: object) -> str | None:
    """Return a prediction as a class name, its JSON; None if it can't be a class: a list, an object, a fraction."""
    if isinstance(answer, (list, dict)) or (isinstance(answer, float) and not answer.is_integer()):
        return None
    text = json.dumps(answer, ensure_ascii=False)
    return text if len(text) <= MAX_CLASS else None


def _float(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type] # is_number says so
    except OverflowError:
        return differences.MAX_SIZE
