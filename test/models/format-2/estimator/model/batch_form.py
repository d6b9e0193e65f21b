def _rows(self, sample):
    """Return `sample` as the only row of a list, or of a pandas table where the estimator was trained on a table.

    Raises KeyError, naming them, where an object lacks columns. `feature_names_in_` is scikit-learn's
    name for the columns of the table that an estimator was trained on.
    """
    names = getattr(self.estimator, 'feature_names_in_', None)
    table = _table() if names is not None else None
    if table is None:
        return [sample]
    if isinstance(sample, dict):
        return ((yield (1, table, ([sample],), {}, False)) if is_called(table) else table([sample]))[list(names)]
    return (yield (2, table, ([sample],), {'columns': list(names)}, False)) if is_called(table) else table([sample], columns=list(names))


def __call__(self, sample):
    """Return the estimator's answer for `sample`."""
    return self.estimator.predict((yield from _rows_in_steps_1(self, sample)))[0]