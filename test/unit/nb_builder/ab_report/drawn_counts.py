"""What Prometheus might have counted of a version, drawn by lot."""

import math

from nb_builder.ab_report.counts import Chosen, Counted
from nb_builder.ab_report.intervals import Buckets, Moments
from nb_service.http.histogram import SECONDS, Histogram, buckets

CHOSEN = Chosen("nb", "version", "/predict", "1h")


def drawn(chance, name="a", requests=400, **more):
    """Return the counts of a version, of which `more` says what it is like; half of the requests got feedback."""
    like = {"seconds": 0.004, "errors": 0.02, "right": 0.9, "error": 1.0, **more}
    latencies = Histogram(SECONDS)
    for _ in range(requests):
        latencies.observe(chance.lognormvariate(math.log(like["seconds"]), 0.6))
    rising = buckets(latencies.numbers())
    judged = requests // 2
    errors = [abs(chance.gauss(0, like["error"])) for _ in range(judged)]
    return Counted(
        name,
        requests,
        sum(chance.random() < like["errors"] for _ in range(requests)),
        Buckets(tuple(float(edge) for edge, _ in rising), tuple(count for _, count in rising)),
        sum(chance.random() < like["right"] for _ in range(judged)),
        judged,
        Moments(judged, sum(errors), sum(error * error for error in errors)),
    )
