"""Every failure of making a slim image: a code and three sentences, as in nb_builder.problems."""

from nb_builder.problems import BuildProblem


class SlimPythonDiffers(BuildProblem):
    """The image has another Python than the one that the model, or the service, was made with."""

    code = "slim-python-differs"
    what_words = "{python} is {found}, and {wanted} is needed."
    why_words = "The model can only be loaded by the minor version of Python that saved it."
    fix_words = "Build the service image again with 's2i build', on the builder image of today; then make it slim."
