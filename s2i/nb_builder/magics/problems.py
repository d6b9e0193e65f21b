"""Problems of a magic, before it calls the command."""

from nb_builder.problems.build_problem import BuildProblem


class NotebookUnnamed(BuildProblem):
    """A magic can't find the notebook that it is in."""

    code = "notebook-unnamed"
    what_text = "{magic} can't find out which notebook it is in."
    why_text = "{reason}"
    fix_text = "Name the file: {magic} model.ipynb"


class NotebookNotSaved(BuildProblem):
    """The notebook's file does not exist."""

    code = "notebook-not-saved"
    what_text = "The file {path} does not exist."
    why_text = (
        "The command reads the saved notebook. The kernel only has the name that the notebook had when the kernel "
        "started."
    )
    fix_text = "Save the notebook. If you renamed or moved it, restart the kernel, or name the file: {magic} FILE"


class PredictorNotDefined(BuildProblem):
    """The kernel has no predictor."""

    code = "predictor-not-defined"
    what_text = "This kernel has no predictor."
    why_text = "{magic} calls predictor in this kernel to get predictions."
    fix_text = "Run the cells that define predictor, then run {magic} again."


class SamplesInvalid(BuildProblem):
    """The samples can't be evaluated, or there are none."""

    code = "samples-invalid"
    what_text = "{text!r} contains no samples: {reason}."
    why_text = "The text after {magic} is evaluated in this kernel, as the items of a list."
    fix_text = "Name samples, as in '{magic} [0.2, 0.7], [0.9, 0.1]', or spread a list of them: {magic} *rows"


class CommandEnded(BuildProblem):
    """The command `nb-builder` exited without a result."""

    code = "command-ended"
    what_text = "'nb-builder {command}' exited with status {status} and without a result."
    why_text = "Its last output is in the log below."
    fix_text = "Run it in a terminal: nb-builder {command} {path}"
