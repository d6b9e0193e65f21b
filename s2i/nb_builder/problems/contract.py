"""What can be wrong with what a notebook promises: predictor, validator, examples, parameters."""

from nb_builder.problems.base import BuildProblem, CellProblem


class PredictorMissing(BuildProblem):
    """The notebook defines no `predictor`."""

    code = "predictor-missing"
    what_words = "{notebook} does not define a function called 'predictor'."
    why_words = "The service calls predictor(sample) for each request."
    fix_words = "Add 'def predictor(x): ...' to any cell, then build again."


class NotCallable(BuildProblem):
    """predictor, validator or batch_predictor is something that can't be called."""

    code = "not-callable"
    what_words = "In {notebook} '{name}' is {kind}, which can't be called."
    why_words = "The service calls {name}(...) for each request."
    fix_words = "Make {name} a function: 'def {name}(x): ...'."


class WrongArguments(BuildProblem):
    """predictor, validator or batch_predictor can't be called with a sample."""

    code = "wrong-arguments"
    what_words = "'{name}' can't be called with one argument: {signature}."
    why_words = (
        "The service calls it with the sample, which is all of the JSON that a client sent; of several arguments each "
        "gets the value of its name in an object."
    )
    fix_words = "Take one argument, or, but in batch_predictor, several that can be given by name."


class ExampleFails(BuildProblem):
    """predictor or validator does not answer one of the notebook's own examples."""

    code = "example-fails"
    what_words = "Row {number} of 'examples', {sample}, gets no answer: {error}."
    why_words = "The rows of 'examples' prove the service, so predictor must answer each of them."
    fix_words = (
        "Correct the row or predictor; a sample is exactly what a client would send as JSON. "
        "If 'examples' is a list of your own, give it another name."
    )


class ExamplesArePairs(BuildProblem):
    """The rows of `examples` are pairs of a sample and something else, such as its label."""

    code = "examples-are-pairs"
    what_words = (
        "Row {number} of 'examples', {sample}, gets no answer ({error}), but its first part, {first}, gets one."
    )
    why_words = "Each row of 'examples' is one sample as a client sends it; these look like samples with their labels."
    fix_words = (
        "Give that list another name, or keep the samples alone in the last cell: examples = [x for x, _ in examples]."
    )


class NameTaken(CellProblem):
    """A name of the contract is used for something else."""

    code = "name-taken"
    what_words = "{where} uses the name '{name}' for {kind}."
    why_words = "To nb-builder '{name}' is {meaning}."
    fix_words = "Give it another name there, then build again."


class ParameterUnknown(BuildProblem):
    """S2I_PARAMETERS sets a name that no cell of parameters assigns."""

    code = "parameter-unknown"
    what_words = "S2I_PARAMETERS sets {names}, which the cell tagged 'parameters' does not assign."
    why_words = "A misspelt parameter would change nothing and nobody would notice; the cell assigns: {known}."
    fix_words = "Correct the name, or give the parameter a default in that cell."
