"""What queueing theory says in closed form: waiting before servers, and cycles of a server that takes all that waits.

Rates are per second, times in seconds. Where a formula has a name in the field it has that name here.
"""

import math


def erlang_c(servers: int, offered: float) -> float:
    """Return the share of arrivals that wait in an M/M/c queue; `offered` is rate x service, below `servers`.

    By the recursion of Erlang's B, which stays exact where factorials would overflow.
    """
    blocked = 1.0
    for number in range(1, servers + 1):
        blocked = offered * blocked / (number + offered * blocked)
    return blocked / (1 - offered / servers * (1 - blocked))


def wait(rate: float, service: float, servers: int = 1, variation: float = 1.0) -> float:
    """Return the mean wait before a server, by Allen and Cunneen: exact for M/M/c and for one server with any service.

    `variation` is the squared coefficient of variation of service times: 1 for exponential ones, 0 for equal ones.
    """
    free = servers / service - rate
    return (1 + variation) / 2 * erlang_c(servers, rate * service) / free


def later_than(seconds: float, rate: float, service: float, servers: int = 1) -> float:
    """Return the share of arrivals whose answer takes longer than that, in an M/M/c queue."""
    serving, leaving = 1 / service, servers / service - rate
    waiting = erlang_c(servers, rate * service)
    alone = math.exp(-serving * seconds)
    # Those who wait take the sum of two exponential times.
    both = (leaving * alone - serving * math.exp(-leaving * seconds)) / (leaving - serving)
    return (1 - waiting) * alone + waiting * both


def cycle(rate: float, start: float, sample: float) -> float:
    """Return how long a call takes that has all who came during the last one: `start + sample x n` for n of them.

    The fluid answer, right under load: n is rate x cycle. One sample alone is the least that a call takes.
    """
    return max(start + sample, start / (1 - rate * sample))


def cycle_latency(rate: float, start: float, sample: float, most: int = 2000) -> float:
    """Return the mean from arrival to answer before such a server, exact for Poisson arrivals and calls without limit.

    The sizes of successive calls are a Markov chain: the next has the arrivals of a Poisson process during this one,
    or, if there are none, the next arrival. Sizes above `most` must be rare.
    """
    sizes = [0.0, 1.0] + [0.0] * (most - 1)
    for _ in range(1000):
        after = _next_sizes(sizes, rate, start, sample)
        if max(abs(new - old) for new, old in zip(after, sizes, strict=True)) < 1e-12:
            break
        sizes = after
    total = answered = 0.0
    for size, share in enumerate(sizes):
        if share > 1e-15:
            length = start + sample * size
            for size_after, chance in _poisson(rate * length, most):
                # Each of them waits half of this call on average; a later request finds the server idle.
                each = length / 2 + start + sample * size_after if size_after else start + sample
                total += share * chance * max(1, size_after) * each
                answered += share * chance * max(1, size_after)
    return total / answered


def _next_sizes(sizes: list[float], rate: float, start: float, sample: float) -> list[float]:
    after = [0.0] * len(sizes)
    for size, share in enumerate(sizes):
        if share > 1e-15:
            for number, chance in _poisson(rate * (start + sample * size), len(sizes) - 1):
                after[max(1, number)] += share * chance
    return after


def _poisson(mean: float, most: int) -> list[tuple[int, float]]:
    """Return (number, its chance) for all numbers that are not next to impossible."""
    reach = 12 * math.sqrt(mean) + 12
    numbers = range(max(0, int(mean - reach)), min(most, int(mean + reach)) + 1)
    return [(number, math.exp(number * math.log(mean) - mean - math.lgamma(number + 1))) for number in numbers]
