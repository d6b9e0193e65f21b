"""Determines whether predictor passes its sample unchanged to the objects that a notebook has fitted.

The data passed to fit resembles clients' data only if predictor passes the sample, or a part of it, to the same object
unchanged: not if, for example, the author's own scaler comes first.
"""

import contextlib
import json
import time

from nb_scorer.kernel import data_rows
from nb_scorer.kernel.collect_golden_rows import result_of
from nb_scorer.model import feature_bins, json_codec

# Number of golden rows to try, within a time limit.
MAX_SHOWN = 10
SECONDS = 3
# Methods of fitted objects that take samples.
TAKING = (
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "transform",
    "score_samples",
    "kneighbors",
)
_TOLERANCE = 1e-6


def passed(predictor, models, golden):
    """Return for each of `models` [(sample, the row passed to it)], by calling predictor again."""
    found: list = [[] for _ in models]
    deadline = time.time() + SECONDS
    for row in golden[:MAX_SHOWN]:
        if time.time() > deadline:
            break
        sample = row["sample"]
        with _watched(models) as seen, unseen():
            try:
                result_of(predictor, json_codec.decode(json.dumps(sample).encode("ascii")))
            # The same as for a golden row: the notebook's code may raise anything. Rows passed before count.
            except BaseException:  # noqa: S110 - and whatever it is, it was answered when it became a golden row
                pass
        for index, rows in enumerate(seen):
            if rows:
                found[index].append((sample, rows[0]))
    return found


@contextlib.contextmanager
def _watched(models):
    """Record the single row that each call of a TAKING method of `models` receives; yield a list for each model."""
    seen: list = [[] for _ in models]
    changed = []
    try:
        for model, rows in zip(models, seen):
            for name in TAKING:
                method = getattr(model, name, None)
                if not callable(method):
                    continue
                own = vars(model).get(name) if hasattr(model, "__dict__") else None
                try:
                    setattr(model, name, _noting(method, rows))
                # Objects of C types may not accept attributes, and some classes reject those added here.
                except Exception:
                    break
                changed.append((model, name, own))
        yield seen
    finally:
        for model, name, own in changed:
            if own is None:
                delattr(model, name)
            else:
                setattr(model, name, own)


def _noting(method, rows):
    def noting(*args, **named):
        if args and not rows:
            try:
                passed = data_rows.find_rows(args[0])
                rows.extend(passed.samples if passed.total_rows == 1 else ())
            # As in fit_recorder, an error in the data must not become predictor's.
            except Exception:
                return method(*args, **named)
        return method(*args, **named)

    return noting


def matched(pairs, columns, samples):
    """Return ([(feature, column)], doubtful): columns that equal one feature of the sample in all `pairs`.

    `doubtful` are features that match several columns.
    """
    if not pairs:
        return [], set()
    expected = feature_bins.columns([sample for sample, _ in pairs], samples.form, samples.names)
    form, names = feature_bins.form_of([row for _, row in pairs])
    # fit may have received a table and predict an array: their columns correspond by position.
    if len(names) != len(columns):
        return [], set()
    received = feature_bins.columns([row for _, row in pairs], form, names)
    places = []
    for position, (column, values) in enumerate(zip(columns, received)):
        alike = [name for name, own in zip(samples.names, expected) if all(map(_same, own, values))]
        at_place = samples.names[position] if position < len(samples.names) else None
        preferred = [name for name in (column, at_place) if name in alike]
        if preferred or len(alike) == 1:
            places.append(((preferred or alike)[0], column))
    chosen = [feature for feature, _ in places]
    sure = [(feature, column) for feature, column in places if chosen.count(feature) == 1]
    return sure, {feature for feature in chosen if chosen.count(feature) > 1}


def _same(left, right):
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return abs(left - right) <= _TOLERANCE * max(1.0, abs(left))
    return type(left) is type(right) and left == right


class _Nowhere(object):
    def write(self, text):
        """Discard a text."""
        return len(text)

    def flush(self):
        """Do nothing."""


def unseen():
    """Discard predictor's output, because the notebook didn't make this call."""
    return contextlib.redirect_stdout(_Nowhere())
