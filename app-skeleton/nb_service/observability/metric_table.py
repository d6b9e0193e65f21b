"""Every metric family of a service, one row each, for /metrics, the dashboard, the rules and the pages.

A name in the table has no prefix (S2I_APP_METRICS_PREFIX), and none of the suffixes that Prometheus's text format gives
to samples of counters and histograms: `Names` adds both.
"""

from collections.abc import Sequence
from typing import NamedTuple

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"

# When a family is present. A family that is always present may have no samples at first, for example a counter by
# value.
ALWAYS = "always"
FRACTIONAL = "once a prediction is a fractional number"
BUS = "with the back end bus"
BUS_THAT_SAYS = "with the back end bus, if the broker reports its lag"
BASELINE = "with a baseline"
GPU = "if there is a GPU"
PREDICTORS = "with named predictors"
STREAMS = "if a predictor streams"

DRIFT = "drift_"
_OF_BASELINE = ("baseline", "part", "feature")
_OF_BIN = (*_OF_BASELINE, "bin")


class Family(NamedTuple):
    """A family: its name, kind and labels, its unit, a description, and when it is present.

    `other_labels` are those that only some of its samples have.
    """

    name: str
    kind: str
    unit: str
    description: str
    labels: tuple[str, ...] = ()
    when: str = ALWAYS
    other_labels: tuple[str, ...] = ()


TABLE = (
    Family("http_requests", COUNTER, "requests", "Requests answered.", ("route", "status"), ALWAYS, ("protocol",)),
    Family(
        "http_request_duration_seconds",
        HISTOGRAM,
        "seconds",
        "Seconds from a request's last byte to its response.",
        ("route",),
        ALWAYS,
        ("protocol",),
    ),
    Family("processing_seconds", HISTOGRAM, "seconds", "Seconds that a scorer took for a sample."),
    Family(
        "predictor_seconds",
        HISTOGRAM,
        "seconds",
        "Seconds that a sample of a named predictor took in a scorer.",
        ("model_name",),
        PREDICTORS,
    ),
    Family("streams", GAUGE, "streams", "Streams that scorers work on.", when=STREAMS),
    Family("stream_items", COUNTER, "items", "Items of streams.", when=STREAMS),
    Family(
        "stream_first_item_seconds",
        HISTOGRAM,
        "seconds",
        "Seconds from the request of a stream to its first item.",
        when=STREAMS,
    ),
    Family("batch_samples", HISTOGRAM, "samples", "Samples scored in one call."),
    Family("predictions", COUNTER, "answers", "Predictions by value.", ("value",)),
    # Not `predictions`: in OpenMetrics, that is the name of the counter above, whose samples end in _total.
    Family("prediction_values", HISTOGRAM, "", "Predictions that are fractional numbers.", when=FRACTIONAL),
    Family("input", HISTOGRAM, "", "Numbers that samples hold.", ("feature",)),
    Family("ready", GAUGE, "", "1 while the service predicts."),
    Family(
        "model_info", GAUGE, "", "1, with the served model as labels.", ("model_name", "model_version", "model_commit")
    ),
    Family("queue_samples", GAUGE, "samples", "Samples that wait for a scorer."),
    Family("queue_limit_samples", GAUGE, "samples", "Maximum number of waiting samples (S2I_MAX_QUEUE)."),
    Family("in_flight_samples", GAUGE, "samples", "Samples in scorers."),
    Family("scorers", GAUGE, "scorers", "Scorers at work."),
    Family("scorer_restarts", COUNTER, "scorers", "Scorers that were replaced, by reason.", ("reason",)),
    Family("gpu_scorers", GAUGE, "scorers", "Scorers that use a GPU.", ("gpu",), GPU),
    Family("gpu_memory_bytes", GAUGE, "bytes", "Memory of a GPU.", ("gpu", "product"), GPU),
    Family("gpu_memory_used_bytes", GAUGE, "bytes", "Used memory of a GPU, by all processes.", ("gpu", "product"), GPU),
    Family(
        "scoring_form", GAUGE, "", "1, with the function that scores waiting samples together as a label.", ("form",)
    ),
    Family("batch_differences", COUNTER, "scorers", "Scorers in which a batch changed the prediction for a sample."),
    Family("bus_connected", GAUGE, "", "1 while samples are taken from the broker.", when=BUS),
    Family("bus_lag_samples", GAUGE, "samples", "Messages waiting in the broker.", when=BUS_THAT_SAYS),
    Family("bus_in_flight_samples", GAUGE, "samples", "Received messages that are not settled.", when=BUS),
    Family("bus_oldest_seconds", GAUGE, "seconds", "Age of the oldest message without a prediction.", when=BUS),
    Family("bus_taken", COUNTER, "messages", "Received messages.", when=BUS),
    Family("bus_redelivered", COUNTER, "messages", "Received messages that had been delivered before.", when=BUS),
    Family("bus_answered", COUNTER, "messages", "Messages whose prediction was published.", when=BUS),
    Family(
        "bus_passed_on",
        COUNTER,
        "messages",
        "Messages that the broker gave to another service before their prediction.",
        when=BUS,
    ),
    Family("bus_errors", COUNTER, "messages", "Messages published as errors, by reason.", ("reason",), BUS),
    Family("feedback", COUNTER, "answers", "True values that clients sent, by outcome.", ("result",)),
    Family("feedback_numbers", COUNTER, "answers", "Numeric predictions with feedback."),
    Family("feedback_absolute_error", COUNTER, "", "Sum of their errors."),
    Family("feedback_squared_error", COUNTER, "", "Sum of their errors' squares."),
    Family("feedback_classes", COUNTER, "answers", "Predictions by value and true value.", ("prediction", "truth")),
    Family("drift_samples", COUNTER, "samples", "Samples or predictions by bin.", _OF_BIN, BASELINE),
    Family("drift_baseline_rows", GAUGE, "rows", "Rows of the baseline by bin.", _OF_BIN, BASELINE),
    # KS is derived from differences of these. A query could not sum them up, because it does not know the order of the
    # bins.
    Family("drift_samples_up_to", COUNTER, "samples", "Samples up to the end of a bin.", _OF_BIN, BASELINE),
    Family("drift_baseline_rows_up_to", GAUGE, "rows", "Rows up to the end of a bin.", _OF_BIN, BASELINE),
    Family("drift_psi", GAUGE, "", "PSI of this replica's recent samples.", _OF_BASELINE, BASELINE),
    Family("drift_psi_limit", GAUGE, "", "PSI above which a feature has drifted.", _OF_BASELINE, BASELINE),
    Family("drift_ks", GAUGE, "", "KS of this replica's recent samples.", _OF_BASELINE, BASELINE),
    Family("drift_ks_limit", GAUGE, "", "KS above which a feature has drifted.", _OF_BASELINE, BASELINE),
    Family("drift_found", GAUGE, "", "1 if a feature of this replica has drifted.", _OF_BASELINE, BASELINE),
    Family(
        "drift_psi_critical",
        GAUGE,
        "",
        "Chi-squared that chance exceeds once in a million checks.",
        _OF_BASELINE,
        BASELINE,
    ),
    Family("drift_ks_critical", GAUGE, "", "The same for KS.", _OF_BASELINE, BASELINE),
    Family("drift_counting_seconds", COUNTER, "seconds", "CPU seconds that counting took.", when=BASELINE),
    Family("drift_present_samples", GAUGE, "samples", "Number of recent samples.", ("baseline",), BASELINE),
    Family(
        "drift_present_seconds",
        GAUGE,
        "seconds",
        "Seconds in which the recent samples arrived.",
        ("baseline",),
        BASELINE,
    ),
)
BY_NAME = {family.name: family for family in TABLE}


class Names:
    """The names of families and their samples with a prefix. All methods raise KeyError for names not in the table."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    def family(self, name: str) -> str:
        """Return the name of a family, whatever its kind."""
        return f"{self.prefix}_{BY_NAME[name].name}"

    def called(self, family: Family) -> str:
        """Return the name to query a family by: for a histogram, the common prefix of its samples' names."""
        return self.family(family.name) + ("_total" if family.kind == COUNTER else "")

    def samples(self, family: Family) -> Sequence[str]:
        """Return the names of a family's samples in the text format."""
        whole = self.family(family.name)
        endings = {COUNTER: ("_total",), GAUGE: ("",), HISTOGRAM: ("_bucket", "_sum", "_count")}[family.kind]
        return [whole + ending for ending in endings]
