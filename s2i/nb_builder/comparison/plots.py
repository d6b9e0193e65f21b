"""Draws the page's plots as inline SVG: they contain only numbers, so nothing has to be escaped."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence

WIDTH, HEIGHT = 420, 240
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 12, 34
# More points would add nothing visible, but megabytes.
MAX_POINTS = 2000
STEPS = 200


def shares(old: Sequence[float], new: Sequence[float]) -> str:
    """Return a plot of the share of requests that were answered within a time in seconds, one line per service."""
    ordered = {"old": sorted(old), "new": sorted(new)}
    # The slowest percent would squeeze the rest into a corner.
    upper = max(_at(values, 0.99) for values in ordered.values())
    lower = min(values[0] for values in ordered.values())
    axis = _Log(lower, max(upper, lower * 1.01))
    lines = [
        f'<polyline class="mark-{label}" points="'
        + " ".join(
            f"{axis.x(_at(values, step / STEPS)):.1f},{_y(step / STEPS):.1f}" for step in range(STEPS * 99 // 100 + 1)
        )
        + '"/>'
        for label, values in ordered.items()
    ]
    ticks = [_tick(axis.x(value), f"{_short(1000 * value)} ms") for value in axis.ticks()]
    sides = [_side(_y(share), f"{share:.0%}") for share in (0, 0.5, 1)]
    return _drawn("Share of requests with a response within a time", [*ticks, *sides, *_legend(), *lines])


def bars(old: float, new: float, unit: str) -> str:
    """Return a plot with two bars."""
    largest = max(old, new) or 1.0
    drawn = []
    for place, (label, value) in enumerate((("old", old), ("new", new))):
        top = TOP + 50 + 70 * place
        width = (WIDTH - LEFT - 110) * value / largest
        drawn.append(f'<rect class="bar-{label}" x="{LEFT}" y="{top}" width="{width:.1f}" height="36"/>')
        drawn.append(f'<text x="{LEFT - 8}" y="{top + 22}" text-anchor="end">{label.upper()}</text>')
        drawn.append(f'<text x="{LEFT + width + 8:.1f}" y="{top + 22}">{value:.1f} {unit}</text>')
    return _drawn("Peak memory of a process with the model", drawn, frame=False)


def points(old_values: Sequence[float], new_values: Sequence[float]) -> str:
    """Return a plot with a point for each pair of predictions; equal ones lie on the diagonal."""
    low, high = min(*map(min, (old_values, new_values))), max(*map(max, (old_values, new_values)))
    if high == low:
        low, high = low - 1, high + 1
    pairs = list(zip(old_values, new_values, strict=True))
    # The most different ones are always included.
    apart = sorted(pairs, key=lambda pair: -abs(pair[0] - pair[1]))[: MAX_POINTS // 4]
    step = max(1, math.ceil(len(pairs) / MAX_POINTS))

    def share(value: float) -> float:
        # Halved, so that the difference of two large doubles stays finite.
        return (value / 2 - low / 2) / (high / 2 - low / 2)

    marks = sorted({(round(_x(share(old)), 1), round(_y(share(new)), 1)) for old, new in [*pairs[::step], *apart]})
    drawn = [f'<circle class="point" cx="{x}" cy="{y}" r="2.5"/>' for x, y in marks]
    line = f'<line class="axis" x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}" stroke-dasharray="3 3"/>'
    ticks = [_tick(_x(place), _short(value)) for place, value in ((0, low), (1, high))]
    sides = [_side(_y(place), _short(value)) for place, value in ((0, low), (1, high))]
    names = [
        f'<text x="{_x(0.5):.1f}" y="{HEIGHT - 6}" text-anchor="middle">OLD</text>',
        f'<text x="14" y="{_y(0.5):.1f}">NEW</text>',
    ]
    return _drawn("Predictions of NEW by those of OLD", [*ticks, *sides, *names, line, *drawn])


def magnitudes(sizes: Sequence[float]) -> str:
    """Return a histogram of differences by power of ten; equal predictions are the leftmost bar."""
    counted = Counter(math.floor(math.log10(size)) if size else None for size in sizes)
    powers = sorted(power for power in counted if power is not None)
    # The first of about a dozen bars includes all smaller differences.
    first = max(powers[0], powers[-1] - 11)
    columns = [("0", counted[None])]
    for power in range(first, powers[-1] + 1):
        count = sum(counted[each] for each in powers if each <= first) if power == first else counted[power]
        columns.append((f"1e{power}" if power else "1", count))
    largest = max(count for _, count in columns)
    width = (WIDTH - LEFT - RIGHT) / len(columns)
    # With many bars, adjacent labels would overlap.
    step = 1 + len(columns) // 8
    drawn = []
    for place, (name, count) in enumerate(columns):
        x, y = LEFT + width * place, _y(count / largest)
        drawn.append(
            f'<rect class="bar" x="{x + 1:.1f}" y="{y:.1f}" width="{width - 2:.1f}" height="{_y(0) - y:.1f}"/>'
        )
        if place % step == 0:
            drawn.append(f'<text x="{x + width / 2:.1f}" y="{HEIGHT - 20}" text-anchor="middle">{name}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    caption = f'<text x="{middle:.1f}" y="{HEIGHT - 5}" text-anchor="middle">difference, at least</text>'
    return _drawn(
        "Rows by the difference of their predictions", [*drawn, caption, _side(_y(1), f"{largest}"), _side(_y(0), "0")]
    )


class _Log:
    """A horizontal logarithmic axis, from `low` to `high`."""

    def __init__(self, low: float, high: float) -> None:
        self._low, self._span = math.log(low), math.log(high / low)
        self._ends = (low, high)

    def x(self, value: float) -> float:
        """Return the position of a value."""
        return _x(min(1.0, max(0.0, (math.log(value) - self._low) / self._span)))

    def ticks(self) -> list[float]:
        """Return the values to label: both ends, and the middle."""
        low, high = self._ends
        return [low, math.sqrt(low * high), high]


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _tick(x: float, name: str) -> str:
    anchor = "start" if x < LEFT + 1 else "end" if x > WIDTH - RIGHT - 1 else "middle"
    return f'<text x="{x:.1f}" y="{HEIGHT - 18}" text-anchor="{anchor}">{name}</text>'


def _side(y: float, name: str) -> str:
    return f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{name}</text>'


def _legend() -> Iterator[str]:
    for place, label in enumerate(("old", "new")):
        y = HEIGHT - BOTTOM - 30 + 16 * place
        x = WIDTH - RIGHT - 70
        yield f'<line class="mark-{label}" x1="{x}" y1="{y}" x2="{x + 30}" y2="{y}"/>'
        yield f'<text x="{x + 36}" y="{y + 4}">{label.upper()}</text>'


def _short(value: float) -> str:
    return f"{value:.3g}"


def _drawn(title: str, parts: Sequence[str], *, frame: bool = True) -> str:
    box = f'<path class="axis" d="M{LEFT},{TOP} V{HEIGHT - BOTTOM} H{WIDTH - RIGHT}"/>\n' if frame else ""
    inner = "\n".join(parts)
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">\n<title>{title}</title>\n'
        f"{box}{inner}\n</svg>"
    )
