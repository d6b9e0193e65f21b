"""Adapters for functions of the notebook that don't simply take a sample as decoded from JSON.

They are created and pickled when the model is saved. This module imports nothing, so that scorers start quickly.
"""

HEADERS = "headers"
# A call names its function if it isn't predictor.
FUNCTION, EXPLAINER = "function", "explainer"
# Prefix of a named predictor's name in a call.
NAMED = "predictors/"
_NOTHING: dict = {}


class NoDefault(object):
    """Replaces predictor in a notebook that has only named predictors: each sample gets 404 with their names."""

    def __init__(self, names):
        self.names = names

    def __call__(self, sample):
        """Raise the exception whose status and text the client receives."""
        error = LookupError(no_default(self.names))
        error.status = 404  # type: ignore[attr-defined] # as exceptions of notebooks may have one
        raise error


def no_default(names):
    """Return the sentence for a request that names no predictor."""
    return "This model has no default predictor. Send the sample to one of its predictors: {}.".format(", ".join(names))


class Call(object):
    """A function that receives the result of `read` for a sample; if `read` is None, the sample itself.

    `keyword` is the name of the argument for the sample, None for the first argument. `parameters` are {name: (reader
    or None, whether a text is passed unchanged)} of the arguments that a request may set, and `takes_headers` is
    whether the function receives headers.
    """

    # For calls that were pickled before this attribute existed.
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
        """Return the function's result with the arguments in `given`; raise Misfit for an invalid sample."""
        args, keywords = self.arguments(sample, given)
        return self.function(*args, **keywords)

    def arguments(self, sample, given=_NOTHING):
        """Return (args, keywords) for calling the function; raise Misfit for an invalid sample."""
        value = sample if self.read is None else self.read(sample)
        if self.keyword is None:
            return (value,), self._with_headers(given)
        return (), dict(self._with_headers(given), **{self.keyword: value})

    def _with_headers(self, given):
        return dict(given, headers={}) if self.takes_headers and HEADERS not in given else given


class CallByName(Call):
    """A function of several arguments, which receives an object's values by key."""

    def arguments(self, sample, given=_NOTHING):
        """Return (args, keywords) as Call does; keys of the sample take precedence over `given`."""
        return (), dict(self._with_headers(given), **self.read(sample))


class CallTogether(Call):
    """A batch_predictor that receives the result of `read` for each of its samples."""

    def __call__(self, samples, given=_NOTHING):
        """Return the function's results; raise Misfit for an invalid sample."""
        return self.of_read([sample if self.read is None else self.read(sample) for sample in samples], given)

    def of_read(self, values, given=_NOTHING):
        """Return the function's results for samples that were read already."""
        return self.function(values, **self._with_headers(given))
