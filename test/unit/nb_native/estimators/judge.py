"""Holds a native form next to its library's own answers, and says how they differ."""

import numpy as np
from compiled import OK, Compiled

# Where arithmetic is in double, and BLAS or numpy may add up in another order.
BOUND = 1e-12


class _Tables:
    """Rows that become a DataFrame each: `tables[i : i + 1]`, as predictor makes it of a sample."""

    def __init__(self, rows, names):
        self._rows, self._names = rows, names

    def __len__(self):
        return len(self._rows)

    def __getitem__(self, place):
        import pandas as pd

        return pd.DataFrame([dict(zip(self._names, row, strict=True)) for row in self._rows[place]])


class Judge:
    """Compares, prints, and remembers whether all was well."""

    def __init__(self):
        self.failed = False

    def compare(self, title, estimator, method, rows, kinds=None, **options):
        """Print how a native form and the library's answers differ for `rows`, whose cells are of `kinds`.

        Options: `names` of columns, for tables; `exact`: all bits must be equal; `scale`: the sizes that differences
        are relative to, one a row, for sums that cancel; `single`: the library is asked for one row at a time, as
        BLAS adds up many otherwise.
        """
        kinds = kinds or ["float64"] * len(rows[0])
        names = options.get("names")
        native = Compiled(estimator, method, kinds, names)
        answers, statuses = native.ask(rows)
        asked = _as_kind(rows, kinds) if names is None else _Tables(rows, names)
        if kinds == ["document"]:
            asked = [text for (text,) in rows]
        expected, failures = _expected(estimator, method, asked, options.get("single", False))
        ends_alike = (statuses != OK) == failures
        both = ~failures & (statuses == OK)
        theirs = expected[both].reshape(-1, answers.shape[1])
        scale = options.get("scale")
        different, worst = _difference(
            native, answers[both], theirs, None if scale is None else np.asarray(scale)[both]
        )
        bad = different > 0 if options.get("exact") or not _is_real(native) else not worst <= BOUND
        # The library's own type.
        bad |= _is_real(native) and str(expected.dtype) != native.kinds[0]
        bad |= not ends_alike.all()
        self.failed |= bad
        print(
            f"{'FAIL' if bad else 'ok  '} {f'{title}.{method}':58} {len(rows):6} samples, {different:5} not bit-equal,"
            f" largest {worst:.1e}, {failures.sum()} refused alike, {(~ends_alike).sum()} not; {native.size} bytes",
            flush=True,
        )


def _is_real(native):
    return native.kinds[0] in ("float32", "float64")


def _difference(native, ours, theirs, scale):
    """Return (how many rows are not the same in all bits, the largest difference, relative)."""
    if not _is_real(native):
        if native.tables[0] is not None:
            ours = np.array([[native.tables[0][int(cell)] for cell in row] for row in ours]).reshape(theirs.shape)
        different = int((ours != theirs).any(axis=1).sum())
        return different, float(different > 0)
    theirs = theirs.astype(float)
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    size = np.abs(theirs) if scale is None else np.maximum(np.abs(theirs), scale[:, None])
    with np.errstate(all="ignore"):
        worst = np.max(np.where(same, 0.0, np.abs(ours - theirs) / size), initial=0.0)
    return int((~same).any(axis=1).sum()), float(worst)


def _as_kind(rows, kinds):
    for kind in ("float32", "int64"):
        if set(kinds) == {kind}:
            return rows.astype(kind)
    return rows


def _expected(estimator, method, rows, single):
    """Return (answers, which rows have none): all at once where nothing fails, else one by one."""
    ask = getattr(estimator, method)

    def call(some):
        answer = ask(some)
        return answer.toarray() if hasattr(answer, "toarray") else np.asarray(answer)

    if not isinstance(rows, _Tables):
        try:
            whole = np.concatenate([call(row[None]) for row in rows]) if single else call(rows)
        except ValueError:
            pass
        else:
            return whole, np.zeros(len(rows), bool)
    answers = []
    for place in range(len(rows)):
        try:
            answers.append(call(rows[place : place + 1])[0])
        except (ValueError, TypeError):
            answers.append(None)
    failures = np.array([answer is None for answer in answers])
    some = next((answer for answer in answers if answer is not None), 0.0)
    return np.asarray([np.zeros_like(some) if answer is None else answer for answer in answers]), failures
