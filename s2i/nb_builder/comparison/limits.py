"""The limits that a comparison in CI must meet."""

import re
from typing import NamedTuple

from nb_scorer.common import phrases

from nb_builder.comparison.memory import Peak
from nb_builder.comparison.problems import DiffWords
from nb_builder.comparison.speed import Speed
from nb_builder.comparison.tally import Tally
from nb_builder.comparison.wording import percent

_NUMBER = re.compile(r"\d+(\.\d+)?([eE][+-]?\d+)?")
NAMES = ("MAX_DIFFERENT", "MAX_DIFFERENCE", "MAX_LATENCY_RATIO", "MAX_MEMORY_RATIO")


class Limit(NamedTuple):
    """A limit as given; for a percentage, `number` is the fraction."""

    name: str
    text: str
    number: float
    is_share: bool


class Verdict(NamedTuple):
    """Whether a limit is met, and a description of the measurement."""

    limit: Limit
    holds: bool
    measured: str


def read(name: str, text: str) -> Limit | None:
    """Return the limit in `text`, or None if empty; raise DiffWords if it isn't a number."""
    if not text:
        return None
    number, is_share = text.removesuffix("%"), text.endswith("%")
    may_be_share = name in ("MAX_DIFFERENT", "MAX_DIFFERENCE")
    if not _NUMBER.fullmatch(number) or (is_share and not may_be_share):
        wanted = "a number, or a percentage such as 1%" if may_be_share else "a ratio such as 1.2"
        raise DiffWords(reason=f"{name}={text} is not {wanted}")
    if name == "MAX_DIFFERENT" and not is_share and not float(number).is_integer():
        raise DiffWords(reason=f"{name}={text} is neither a whole number of rows nor a percentage such as 1%")
    return Limit(name, text, float(number) / (100 if is_share else 1), is_share)


def judge(limit: Limit, tally: Tally, speed: Speed, memory: tuple[Peak, Peak]) -> Verdict:
    """Return whether a measurement meets `limit`. An unknown measurement doesn't."""
    return _JUDGES[limit.name](limit, tally, speed, memory)


def _different(limit: Limit, tally: Tally, speed: Speed, memory: tuple[Peak, Peak]) -> Verdict:
    rows = tally.different + tally.only_old + tally.only_new
    measured = f"{rows} of {tally.rows} rows differ, {percent(tally.share)}"
    return Verdict(limit, (tally.share if limit.is_share else rows) <= limit.number, measured)


def _difference(limit: Limit, tally: Tally, speed: Speed, memory: tuple[Peak, Peak]) -> Verdict:
    largest = tally.relative if limit.is_share else tally.absolute
    measured = f"the largest is {percent(largest.value) if limit.is_share else f'{largest.value:.6g}'}"
    if largest.row:
        measured += f", in {largest.row}"
    if tally.without_size:
        rows = phrases.counted(tally.without_size, "row")
        measured += f"; {rows} with a difference in values other than numbers: MAX_DIFFERENT limits those"
    if not tally.compared:
        return Verdict(limit, holds=False, measured="unknown: neither has scored any row")
    return Verdict(limit, largest.value <= limit.number, measured)


def _latency(limit: Limit, tally: Tally, speed: Speed, memory: tuple[Peak, Peak]) -> Verdict:
    ratio = speed.ratio()
    if ratio is None:
        return Verdict(limit, holds=False, measured=f"unknown: {len(speed)} pairs of predictions are too few")
    # Uses the lower end of the interval, so that random variation doesn't fail a build.
    measured = f"{ratio.ratio:.3f}, and {ratio.low:.3f} at the lower end of its interval"
    return Verdict(limit, ratio.low <= limit.number, measured)


def _memory(limit: Limit, tally: Tally, speed: Speed, memory: tuple[Peak, Peak]) -> Verdict:
    old, new = memory
    if not old.bytes or not new.bytes:
        return Verdict(limit, holds=False, measured="unknown: the processes can't be seen from here")
    ratio = new.bytes / old.bytes
    return Verdict(limit, ratio <= limit.number, f"{ratio:.3f}")


_JUDGES = dict(zip(NAMES, (_different, _difference, _latency, _memory), strict=True))
