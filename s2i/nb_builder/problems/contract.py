"""What can be wrong with the notebook contract: predictor, validator, examples, parameters."""

from nb_builder.problems.build_problem import BuildProblem, CellProblem


class PredictorMissing(BuildProblem):
    """The notebook defines no `predictor`."""

    code = "predictor-missing"
    what_words = "{notebook} does not define a function called 'predictor'."
    why_words = "The service calls predictor(sample) for each request."
    fix_words = "Add 'def predictor(x): ...' to any cell{other}, then build again."

    def __init__(self, *, notebook: object, other: str = "") -> None:
        """Take the notebook, and in `other` the words about a function that could be meant; "" for none."""
        super().__init__(notebook=notebook, other=other)


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
        "The service calls it with the sample, which is all of the JSON that a client sent; with several "
        "arguments, each gets the value of its name in an object."
    )
    fix_words = "Take one argument or, except in batch_predictor, several that can be passed by name."


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


class NameUndefined(BuildProblem):
    """predictor or validator needs a name that nothing defines."""

    code = "name-undefined"
    what_words = "'{function}' uses {names}, which nothing defines: {where}."
    why_words = "Each request would end with a NameError, so the service could answer none."
    fix_words = "Correct the name, or define it in a cell: by an import, an assignment or a function.{hint}"


class OnlyInJupyter(BuildProblem):
    """predictor or validator uses what only Jupyter has."""

    code = "only-in-jupyter"
    what_words = "'{function}' uses '{name}', which only Jupyter has."
    why_words = (
        "A service has no IPython: when {function} is called there is neither display nor get_ipython(), which magics "
        "and !commands call."
    )
    fix_words = (
        "Leave it out of {function}: print() goes into the service's log, and other cells may do the rest{instead}."
    )


class ValidatorReturnsNothing(BuildProblem):
    """validator has no return with a value."""

    code = "validator-returns-nothing"
    what_words = "'validator' never returns a value: {where}."
    why_words = "Without one it returns None, which means no, and the service would refuse each request (422)."
    fix_words = "End it with 'return True', or return the condition that a sample must meet."


class ValidatorRefusesAll(BuildProblem):
    """validator refuses every one of the notebook's own samples."""

    code = "validator-refuses-all"
    what_words = "'validator' refuses every one of the notebook's own samples: for {call} it {reason}."
    why_words = "The service would answer none of them (422), and nothing shows that it would answer anything."
    fix_words = "Have validator return True for what predictor can answer; it gets the same sample, as JSON gives it."


class PredictorNeverAnswers(BuildProblem):
    """predictor answers none of the notebook's own samples in the form that JSON gives them."""

    code = "predictor-never-answers"
    what_words = "predictor answers none of the notebook's own samples as a client sends them: {call} gives {error}."
    why_words = "A cell may pass any object ({passed}), a client only JSON: numbers, strings, lists and objects."
    fix_words = (
        "Convert inside predictor, for example 'x = numpy.asarray(x)' or 'df = pandas.DataFrame(x)', and return what "
        "has a form in JSON."
    )


class AnswerChanged(BuildProblem):
    """predictor's answer in a cell differs from its answer after the last cell."""

    code = "answer-changed"
    what_words = "{where} shows {shown} for predictor({sample}), and after the last cell predictor {outcome}."
    why_words = "The service answers as after the last cell, and so not as the notebook shows: {cause}."
    fix_words = (
        "Leave what predictor uses alone in later cells, for instance by another name there; "
        "if the new answer is right, call predictor({sample}) again after it."
    )


class AnswerDependsOnType(BuildProblem):
    """predictor answers a cell's object differently from the same values in JSON."""

    code = "answer-depends-on-type"
    what_words = (
        "{where} shows {shown} for a sample of type {passed}, and for the same values in JSON predictor {outcome}."
    )
    why_words = "A client can only send {sample}, so the service would not answer as the notebook shows."
    fix_words = "Convert inside predictor, for example 'x = numpy.asarray(x)', so that both get the same answer."


class ProofMissing(BuildProblem):
    """There is no golden row, and S2I_REQUIRE_PROOF requires one."""

    code = "proof-missing"
    what_words = "Nothing proves that this service answers: {notebook} has no sample that predictor answers as JSON."
    why_words = "The model loads, and it may still fail for every request: nobody has seen it answer one."
    fix_words = "Add a cell with one sample or more, as clients will send them: examples = {samples}"
