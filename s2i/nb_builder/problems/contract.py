"""Problems of the notebook contract: predictor, validator, examples, parameters."""

from nb_builder.problems.build_problem import BuildProblem, CellProblem


class PredictorMissing(BuildProblem):
    """The notebook defines no `predictor`."""

    code = "predictor-missing"
    what_text = "{notebook} does not define a function called 'predictor'."
    why_text = "The service calls predictor(sample) for each request{reason}."
    fix_text = "Add 'def predictor(x): ...' to any cell{other}, then build again."

    def __init__(self, *, notebook: object, other: str = "", reason: str = "") -> None:
        """Take the notebook, a hint to a similar function, and the reason why none is proposed.

        Both may be "".
        """
        super().__init__(notebook=notebook, other=other, reason=reason)


class PredictorsInvalid(BuildProblem):
    """`predictors` is a dict of functions, and one of its names or functions can't be served."""

    code = "predictors-invalid"
    what_text = "In {notebook}, 'predictors' can't be served: {reason}."
    why_text = "Each key of 'predictors' becomes a model's name, as in /predict/price, and each value is its predictor."
    fix_text = (
        "Write predictors = {{'price': price}} with functions of one sample and names of letters, digits, '-' and '_'; "
        "'validators', 'batch_predictors' and 'examples' are dicts with the same names."
    )


class NotCallable(BuildProblem):
    """predictor, validator or batch_predictor is an object that can't be called."""

    code = "not-callable"
    what_text = "In {notebook}, '{name}' is {kind}, which can't be called."
    why_text = "The service calls {name}(...) for each request."
    fix_text = "Make {name} a function: 'def {name}(x): ...'."


class WrongArguments(BuildProblem):
    """predictor, validator or batch_predictor can't be called with a sample."""

    code = "wrong-arguments"
    what_text = "'{name}' can't be called with one argument: {signature}."
    why_text = (
        "The service calls it with the sample: the JSON value that a client sent. With several arguments, each "
        "receives the value of its name in a JSON object."
    )
    fix_text = "Accept one argument or, except in batch_predictor, several that can be passed by name."


class ExampleFails(BuildProblem):
    """predictor or validator fails for one of the notebook's own examples."""

    code = "example-fails"
    what_text = "Row {number} of 'examples', {sample}, gets no prediction: {error}."
    why_text = "The rows of 'examples' verify the service, so predictor must return a prediction for each of them."
    fix_text = (
        "Correct the row or predictor; a row is exactly the JSON value that a client would send. If 'examples' is "
        "another list of your own, rename it."
    )


class ExamplesArePairs(BuildProblem):
    """The rows of `examples` are pairs of a sample and something else, such as its label."""

    code = "examples-are-pairs"
    what_text = (
        "Row {number} of 'examples', {sample}, gets no prediction ({error}), but its first part, {first}, gets one."
    )
    why_text = "Each row of 'examples' is one sample as a client sends it; these look like samples with their labels."
    fix_text = "Rename that list, or keep only the samples in the last cell: examples = [x for x, _ in examples]."


class NameTaken(CellProblem):
    """The notebook uses a reserved name for something else."""

    code = "name-taken"
    what_text = "{where} uses the name '{name}' for {kind}."
    why_text = "nb-builder reserves '{name}' for {meaning}."
    fix_text = "Rename it, then build again."


class ParameterUnknown(BuildProblem):
    """S2I_PARAMETERS sets a name that no parameters cell assigns."""

    code = "parameter-unknown"
    what_text = "S2I_PARAMETERS sets {names}, which the cell tagged 'parameters' does not assign."
    why_text = "A misspelt parameter would have no effect. The cell assigns: {known}."
    fix_text = "Correct the name, or give the parameter a default in that cell."


class NameUndefined(BuildProblem):
    """predictor or validator uses an undefined name."""

    code = "name-undefined"
    what_text = "'{function}' uses {names}, which nothing defines: {where}."
    why_text = "Each request would fail with a NameError, so the service could not return any prediction."
    fix_text = "Correct the name, or define it in a cell: with an import, an assignment or a function.{hint}"


class OnlyInJupyter(BuildProblem):
    """predictor or validator uses a function that only Jupyter provides."""

    code = "only-in-jupyter"
    what_text = "'{function}' uses '{name}', which only Jupyter provides."
    why_text = (
        "A service has no IPython: when {function} is called, there is no display or get_ipython(), which magics "
        "and !commands need."
    )
    fix_text = (
        "Remove it from {function}: print() writes to the service's log, and other cells can do the rest{instead}."
    )


class ValidatorReturnsNothing(BuildProblem):
    """validator never returns a value."""

    code = "validator-returns-nothing"
    what_text = "'validator' never returns a value: {where}."
    why_text = "It then returns None, which counts as false, and the service would reject every request (422)."
    fix_text = "End it with 'return True', or return the condition that a sample must meet."


class ValidatorRefusesAll(BuildProblem):
    """validator rejects every one of the notebook's own samples."""

    code = "validator-refuses-all"
    what_text = "'validator' rejects every one of the notebook's own samples: for {call} it {reason}."
    why_text = "The service would reject all of them (422), and probably every other sample as well."
    fix_text = (
        "Make validator return True for samples that predictor accepts. It receives the sample as parsed from JSON."
    )


class PredictorNeverAnswers(BuildProblem):
    """predictor fails for all of the notebook's own samples once they are parsed from JSON."""

    code = "predictor-never-answers"
    what_text = "predictor fails for all of the notebook's own samples as a client sends them: {call} gives {error}."
    why_text = "A cell can pass any object ({passed}), a client only JSON: numbers, strings, lists and objects."
    fix_text = (
        "Convert inside predictor, for example 'x = numpy.asarray(x)' or 'df = pandas.DataFrame(x)', and return a "
        "value that JSON can represent."
    )


class AnswerChanged(BuildProblem):
    """predictor's return value in a cell differs from its return value after the last cell."""

    code = "answer-changed"
    what_text = "{where} shows {shown} for predictor({sample}), and after the last cell predictor {outcome}."
    why_text = "The service uses the state after the last cell, so it would not give the prediction shown: {cause}."
    fix_text = (
        "Don't change variables that predictor uses in later cells; use another name there. If the new prediction "
        "is right, call predictor({sample}) again after it."
    )


class AnswerDependsOnType(BuildProblem):
    """predictor's prediction for a cell's object differs from that for the same values in JSON."""

    code = "answer-depends-on-type"
    what_text = (
        "{where} shows {shown} for a sample of type {passed}, and for the same values in JSON predictor {outcome}."
    )
    why_text = "A client can only send {sample}, so the service would not give the prediction that the notebook shows."
    fix_text = "Convert inside predictor, for example 'x = numpy.asarray(x)', so that both get the same prediction."


class ProofMissing(BuildProblem):
    """S2I_REQUIRE_PROOF is set, and the notebook has no golden row."""

    code = "proof-missing"
    what_text = "No sample verifies this service: none in {notebook} gets a prediction in JSON."
    why_text = (
        "The model loads, but it may still fail for every request: the build has not seen it return a prediction."
    )
    fix_text = "Add a cell with at least one sample, as clients will send it: examples = {samples}"


class SetupNotInBuild(BuildProblem):
    """S2I_REQUIRE_PROOF is set, and S2I_SETUP_IN_BUILD=0 leaves predictions unverified."""

    code = "setup-not-in-build"
    what_text = "No sample verifies this service: the build calls neither setup nor predictor of {notebook}."
    why_text = "S2I_SETUP_IN_BUILD=0 is set, so setup or predictor may fail for every request."
    fix_text = "Remove S2I_SETUP_IN_BUILD=0, and let setup connect to a test server during the build."
