"""Counts what came of each row: none is dropped, and what is shown of them is bounded."""

import heapq
import json
from array import array
from collections import Counter
from typing import NamedTuple

from nb_builder.comparison import differences
from nb_builder.comparison.client import Outcome
from nb_builder.comparison.differences import Difference
from nb_builder.comparison.samples import Row

# Answers of more kinds are no classes, and a table of them nothing to look at.
MAX_CLASSES = 20
# A longer answer is no name of a class.
MAX_CLASS = 60
# So many rows are kept to be shown side by side: those that differ most, and the first without an answer.
SHOWN = 1000


class Shown(NamedTuple):
    """A row to be shown: `difference` is None where one of the two has not answered."""

    row: Row
    old: Outcome
    new: Outcome
    difference: Difference | None


class Largest(NamedTuple):
    """The largest difference of two numbers, and the row that has it."""

    value: float = 0.0
    row: str = ""


class Tally:
    """The sum of all rows; floats are the same within `tolerance`."""

    def __init__(self, tolerance: float) -> None:
        self.tolerance = tolerance
        self.rows = 0
        self.equal = 0
        self.within = 0
        self.different = 0
        self.without_size = 0  # of `different`: what differs is no number
        self.only_old = 0
        self.only_new = 0
        self.neither = 0
        self.absolute = Largest()
        self.relative = Largest()
        # {(what became of it in OLD, in NEW): rows}, and the first row of each.
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.first: dict[tuple[str, str], Shown] = {}
        # {(answer of OLD, answer of NEW) as JSON: rows}; None where answers are no classes.
        self.classes: Counter[tuple[str, str]] | None = Counter()
        self._names: set[str] = set()
        # Of answers that are one number: both; of those with numbers in them: their largest difference.
        self.numbers = (array("d"), array("d"))
        self.sizes = array("d")
        self.unanswered: list[Shown] = []
        self._largest: list[tuple[float, int, Shown]] = []

    @property
    def compared(self) -> int:
        """Return how many rows both have answered."""
        return self.equal + self.within + self.different

    @property
    def share(self) -> float:
        """Return the share of rows that differ: in their answer, or in that only one of the two has answered."""
        return (self.different + self.only_old + self.only_new) / self.rows

    @property
    def differing(self) -> list[Shown]:
        """Return rows whose answers differ, the largest difference first, and in their order where it is the same."""
        return [shown for _, _, shown in sorted(self._largest, key=lambda entry: (-entry[0], -entry[1]))]

    def add(self, row: Row, old: Outcome, new: Outcome) -> None:
        """Take the outcomes of a row."""
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
            # Rows that come first stay, of those that differ as much.
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
    """Return an answer as a class's name, its JSON; None for what is no class: a list, an object, a fraction."""
    if isinstance(answer, (list, dict)) or (isinstance(answer, float) and not answer.is_integer()):
        return None
    text = json.dumps(answer, ensure_ascii=False)
    return text if len(text) <= MAX_CLASS else None


def _float(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type] # is_number says so
    except OverflowError:
        return differences.MAX_SIZE
