"""Creates a model's baseline in a notebook's kernel: histograms and counts of its data, without any row.

The first suitable source is used: `baseline`, which the notebook sets for this purpose; the data passed to fit, if
predictor passes its sample to the same object; and `examples`, if they are numerous enough.
"""

import json
import random
import time

from nb_scorer.kernel import data_rows, passed_samples
from nb_scorer.kernel.collect_golden_rows import EXAMPLES, result_of, shown
from nb_scorer.model import feature_bins, functions, json_codec
from nb_scorer.model.feature_bins import ARRAY, MAX_FEATURES, OBJECT, SCALAR, Uncomparable

NAME = "baseline"
# Bins of fewer rows would not be meaningful.
MIN_ROWS = 30
# Predictor is called for at most this many rows of the baseline, within a time limit.
MAX_ASKED = 500
ASKED_SECONDS = 3
_SEED = 20


class Outcome(object):
    """The result: `facts` for the file, or None, `summary` for the manifest and report, `notes` for the log."""

    def __init__(self, facts, summary, notes):
        self.facts = facts
        self.summary = summary
        self.notes = notes


class _Source(object):
    """A suitable source: `places` are (feature of samples, column of the rows).

    `doubtful` are features that match several columns of the data passed to fit; None if names match.
    """

    def __init__(self, description, rows, places, doubtful=None):
        self.description = description
        self.rows = rows
        self.places = places
        self.doubtful = doubtful

    def lack(self, feature):
        """Return why no column matches a feature of the samples."""
        if self.doubtful is None:
            return "the baseline has no column of that name"
        if feature in self.doubtful:
            reason = "several columns of the data passed to fit have its value in each golden row; "
            return reason + "another call of predictor may show which one"
        return "no column of the data passed to fit has its value in each golden row"


class _Samples(object):
    """The form and feature names of the notebook's own samples; without samples, all None."""

    def __init__(self, samples):
        self.form: str = None
        self.names: list = None
        if samples:
            self.form, self.names = feature_bins.form_of(samples)

    def places(self, columns, form):
        """Return [(feature, column)] for rows of this form with these column names; raise Uncomparable."""
        if self.form is None:
            return [(column, column) for column in columns]
        if self.form == OBJECT and form == OBJECT:
            found = [(name, name) for name in self.names if name in columns]
            if not found:
                raise Uncomparable("none of its columns is a key of predictor's samples")
            return found
        if self.form == OBJECT or (self.form == SCALAR and form == OBJECT and len(columns) != 1):
            raise Uncomparable("its columns have no names, and predictor's samples are objects")
        if len(columns) != len(self.names):
            reason = "it has {} columns, and predictor's samples have {}"
            raise Uncomparable(reason.format(len(columns), len(self.names)))
        return list(zip(self.names, columns))


def collect(called, namespace, fits, golden, form):
    """Return the Outcome for a notebook's functions and `namespace`, the recorded `fits` and its `golden` rows.

    `called` and `form` are as in collect_golden_rows. Faults in the notebook's data don't fail the build.
    """
    reasons: list = []
    notes: list = []
    try:
        samples = _Samples([row["sample"] for row in golden])
    except Uncomparable as error:
        reasons.append("samples: {}".format(error))
        return Outcome(None, {"reason": reasons[0]}, [])
    source = _of_name(namespace, NAME, samples, reasons)
    # Notebooks may use this name for something else, such as a number or a model.
    if source is None and data_rows.may_be(namespace.get(NAME)):
        notes.append("drift is not measured by {}".format(reasons[-1]))
    source = source or _of_fits(called, fits, golden, samples, reasons)
    source = source or _of_name(namespace, EXAMPLES, samples, reasons)
    if source is None:
        return Outcome(None, {"reason": "; ".join(reasons) or "the form of its data is unknown"}, notes)
    return _made(called, source, samples, golden, form, notes)


def _of_name(namespace, name, samples, reasons):
    """Return the source for a name of the notebook, or None after adding the reason."""
    data = namespace.get(name)
    if data is None:
        return None
    try:
        rows = data_rows.find_rows(data)
        lack = _too_few(rows)
        if not lack:
            form, columns = feature_bins.form_of(rows.samples)
            return _Source(name, rows, samples.places(columns, form))
        reasons.append("{}: {}".format(name, lack))
    except (data_rows.NoRows, Uncomparable) as error:
        reasons.append("{}: {}".format(name, error))
    # The methods of any object may raise any exception.
    except Exception as error:
        reasons.append("{}: its rows can't be read ({})".format(name, type(error).__name__))
    return None


def _too_few(rows):
    """Return why these rows can't be a baseline, "" if they can."""
    count = len(rows.samples)
    return "" if count >= MIN_ROWS else "it has {} rows, and {} are needed".format(count, MIN_ROWS)


def _of_fits(called, fits, golden, samples, reasons):
    """Return the fit whose object receives predictor's samples, as a source, or None after adding reasons."""
    usable = []
    for fit in fits:
        lack = fit.lack or _too_few(fit.rows) or ("the fitted object no longer exists" if fit.model() is None else "")
        if lack:
            reasons.append("{}: {}".format(_where(fit), lack))
        else:
            usable.append(fit)
    if usable and not golden:
        reasons.append("fit: no golden row shows what predictor passes to the fitted object")
        return None
    pairs = passed_samples.passed(called["predictor"], [fit.model() for fit in usable], golden) if usable else []
    for fit, of_fit in zip(usable, pairs):
        try:
            places, doubtful = passed_samples.matched(of_fit, feature_bins.form_of(fit.rows.samples)[1], samples)
        except Uncomparable as error:
            reasons.append("{}: {}".format(_where(fit), error))
            continue
        if places:
            return _Source("the data passed to {}".format(_where(fit)), fit.rows, places, doubtful)
        reasons.append("{}: predictor does not pass its sample to it unchanged".format(_where(fit)))
    return None


def _where(fit):
    return "{} in {}".format(fit.method, "a cell" if fit.cell is None else "cell [{}]".format(fit.cell))


def _made(called, source, samples, golden, form, notes):
    """Return the Outcome for a suitable source."""
    rows = source.rows
    own_form, columns = feature_bins.form_of(rows.samples)
    values = dict(zip(columns, feature_bins.columns(rows.samples, own_form, columns)))
    sample_form = samples.form or own_form
    missing = [name for name in samples.names or () if name not in dict(source.places)]
    not_compared = [["sample", name, source.lack(name)] for name in missing]
    features = _features("sample", [(name, values[column]) for name, column in source.places], not_compared)
    if rows.left_out:
        reason = "only the first {} columns of the baseline are compared".format(MAX_FEATURES)
        not_compared.append(["sample", "{} more columns".format(rows.left_out), reason])
    answers, lack = _answers(called, source, values, sample_form, missing, golden, form)
    answer_form = None
    try:
        if not lack:
            answer_form, names = feature_bins.form_of(answers)
            by_name = zip(names, feature_bins.columns(answers, answer_form, names))
            features += _features("answer", list(by_name), not_compared)
    except Uncomparable as error:
        lack = str(error)
    if lack:
        not_compared.append(["answer", feature_bins.VALUE, lack])
    lines = ["{} of the {}: {}".format(name, part, why) for part, name, why in not_compared]
    if not features:
        return Outcome(
            None, {"reason": "; ".join(lines)}, [*notes, "drift is not measured: {}".format(shown(lines[0]))]
        )
    facts = {
        "source": source.description,
        "rows": len(rows.samples),
        "of": rows.total_rows,
        "form": sample_form,
        "answer_form": answer_form,
        "features": [feature.facts() for feature in features],
        "not_compared": not_compared,
    }
    summary = {
        "source": source.description,
        "rows": facts["rows"],
        "of": rows.total_rows,
        "features": [feature.name for feature in features if feature.part == "sample"],
        "answers": [feature.name for feature in features if feature.part == "answer"],
        "not_compared": lines,
    }
    return Outcome(facts, summary, [*notes, *_log_lines(summary)])


def _log_lines(summary):
    """Yield the lines of the build's log: the source of the baseline, and features that are not compared."""
    total = "" if summary["of"] == summary["rows"] else " of {}".format(summary["of"])
    line = "drift is measured against {}{} rows of {}: features {}".format(
        summary["rows"], total, summary["source"], shown(", ".join(summary["features"]) or "none")
    )
    yield line + ("" if summary["answers"] else "; predictions are not compared")
    for line in summary["not_compared"][:5]:
        yield "drift is not measured for {}".format(shown(line))
    if len(summary["not_compared"]) > 5:
        yield "drift is not measured for {} more; build/report.json lists them".format(len(summary["not_compared"]) - 5)


def _features(part, named_columns, not_compared):
    """Return a Feature for each column whose values can be counted; add the others to `not_compared`."""
    features = []
    for name, column in named_columns[:MAX_FEATURES]:
        try:
            features.append(feature_bins.made_of(part, name, column))
        except Uncomparable as error:
            not_compared.append([part, name, str(error)])
    if len(named_columns) > MAX_FEATURES:
        reason = "only the first {} are compared".format(MAX_FEATURES)
        not_compared.append([part, "{} more".format(len(named_columns) - MAX_FEATURES), reason])
    return features


def _answers(called, source, values, form, missing, golden, answer_form):
    """Return (predictions for the baseline's rows, ""), or ([], why there are none)."""
    lack = "the baseline lacks data that predictor needs"
    answers: list = []
    if not missing:
        answers = _asked(called, _as_samples(source, values, form), answer_form)
        lack = "predictor scored only {} rows of the baseline in {} seconds".format(len(answers), ASKED_SECONDS)
    if len(answers) < MIN_ROWS:
        answers = [row["answer"] for row in golden]
    return (answers, "") if len(answers) >= MIN_ROWS else ([], lack)


def _as_samples(source, values, form):
    """Return rows of the baseline as samples of this form, shuffled, because the first may all have one class."""
    names = [name for name, _ in source.places]
    rows = list(zip(*(values[column] for _, column in source.places)))
    rows = random.Random(_SEED).sample(rows, min(len(rows), MAX_ASKED))  # noqa: S311 - no secret
    if form == SCALAR:
        return [row[0] for row in rows]
    return [list(row) for row in rows] if form == ARRAY else [dict(zip(names, row)) for row in rows]


def _asked(called, samples, form):
    """Return predictor's results for `samples` within the time limit, without those that it or validator rejects."""
    answers: list = []
    deadline = time.time() + ASKED_SECONDS
    validator = called.get("validator")
    with passed_samples.unseen():
        for sample in samples:
            if time.time() > deadline:
                # Doubling makes the count independent of small time differences, so that the same build gives the same
                # baseline.
                return answers[: _doubled(len(answers))]
            body = json.dumps(sample).encode("ascii")
            try:
                if validator is None or functions.rejection(result_of(validator, json_codec.decode(body))) is None:
                    answer = json_codec.encode(result_of(called["predictor"], json_codec.decode(body)), form)
                    answers.append(json_codec.decode(answer))
            # The same as for a golden row: the baseline may contain rows that predictor can't process.
            except BaseException:  # noqa: S112 - how many were answered is counted
                continue
    return answers


def _doubled(count):
    """Return the largest of MIN_ROWS, 2 * MIN_ROWS, 4 * MIN_ROWS, … that is at most `count`, otherwise 0."""
    kept = MIN_ROWS
    while 2 * kept <= count:
        kept *= 2
    return kept if kept <= count else 0


def text_of(facts):
    """Return the text of the baseline's file: `facts` as JSON."""
    return json.dumps(facts, sort_keys=True, separators=(",", ":")) + "\n"
