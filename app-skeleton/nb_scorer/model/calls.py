"""Adapters for functions of the notebook that don't take a sample in the form that JSON gives it.

Made when the model is saved, they go into the pickle. Nothing is imported here, so that a scorer starts no later.
"""


class Call(object):
    """A function that gets what `read` makes of a sample."""

    def __init__(self, function, read):
        self.function = function
        self.read = read

    def __call__(self, sample):
        """Return the function's answer; raise Misfit for a sample that is not what it takes."""
        return self.function(self.read(sample))


class CallByName(Call):
    """A function of several arguments, which gets an object's values by their keys."""

    def __call__(self, sample):
        """Return the function's answer; raise Misfit for a sample that is not what it takes."""
        return self.function(**self.read(sample))


class CallTogether(Call):
    """A batch_predictor that gets what `read` makes of each of its samples."""

    def __call__(self, samples):
        """Return the function's answers; raise Misfit for a sample that is not what it takes."""
        return self.function([self.read(sample) for sample in samples])
