"""Adapters for functions of the notebook that take more than a sample in the form that JSON gives it.

Made when the model is saved, they go into the pickle. Nothing is imported here, so that a scorer starts no later.
"""

HEADERS = "headers"
# A call names the function that answers it, where that is another one than predictor.
FUNCTION, EXPLAINER = "function", "explainer"
# Behind it, in a call, is the name of the one of `predictors` that is asked.
NAMED = "predictors/"
_NOTHING: dict = {}


class NoDefault(object):
    """Takes the place of predictor in a notebook that only has `predictors`: each sample gets 404 with their names."""

    def __init__(self, names):
        self.names = names

    def __call__(self, sample):
        """Raise the exception whose status and text the client gets."""
        error = LookupError(no_default(self.names))
        error.status = 404  # type: ignore[attr-defined] # as exceptions of notebooks may have one
        raise error


def no_default(names):
    """Return the sentence for a request that names no predictor."""
    return "This model has no default predictor. Send the sample to one of its predictors: {}.".format(", ".join(names))


class Call(object):
    """A function that gets what `read` makes of a sample; where `read` is None, the sample as it is.

    `keyword` is the name by which it takes the sample, None where it is the first argument. `parameters` are
    {name: (reader or None, whether a text is passed as it is)} of the arguments that a request may set, and
    `takes_headers` is whether it gets header fields.
    """

    # For calls that were pickled before there were any.
    keyword = None
    parameters = _NOTHING
    takes_headers = False

    def __init__(self, function, read, keyword=None, parameters=_NOTHING, takes_headers=False):
        self.function = function
        self.read = read
        self.keyword = keyword
        self.parameters = parameters
        self.takes_headers = takes_headers

    def __call__(self, sample, given=_NOTHING):
        """Return the function's answer with the arguments in `given`; raise Misfit for a sample that does not fit."""
        args, keywords = self.arguments(sample, given)
        return self.function(*args, **keywords)

    def arguments(self, sample, given=_NOTHING):
        """Return (args, keywords) with which the function is called; raise Misfit for a sample that does not fit."""
        value = sample if self.read is None else self.read(sample)
        if self.keyword is None:
            return (value,), self._with_headers(given)
        return (), dict(self._with_headers(given), **{self.keyword: value})

    def _with_headers(self, given):
        return dict(given, headers={}) if self.takes_headers and HEADERS not in given else given


class CallByName(Call):
    """A function of several arguments, which gets an object's values by their keys."""

    def arguments(self, sample, given=_NOTHING):
        """Return (args, keywords) as Call does; what the sample itself has counts before `given`."""
        return (), dict(self._with_headers(given), **self.read(sample))


class CallTogether(Call):
    """A batch_predictor that gets what `read` makes of each of its samples."""

    def __call__(self, samples, given=_NOTHING):
        """Return the function's answers; raise Misfit for a sample that is not what it takes."""
        return self.of_read([sample if self.read is None else self.read(sample) for sample in samples], given)

    def of_read(self, values, given=_NOTHING):
        """Return the function's answers to samples that were read already."""
        return self.function(values, **self._with_headers(given))
