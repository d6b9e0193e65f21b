"""Problems of a saved model, and of disk space for it."""

from nb_builder.problems.build_problem import BuildProblem


class NotSerializable(BuildProblem):
    """predictor, validator or batch_predictor can't be pickled."""

    code = "not-serializable"
    what_text = "'{name}' can't be saved: {culprit}."
    why_text = "The service loads {name} from a file, and this object can't be saved to one ({error})."
    fix_text = "Create it in setup, which each scorer of the service calls once: '{setup}'. Or create it inside {name}."


class ModelDoesNotLoad(BuildProblem):
    """The model was saved, but a fresh process can't load or call it."""

    code = "model-does-not-load"
    what_text = "The saved model does not work in a fresh process: {error}"
    why_text = "The service loads that file in a new process, where only 'requirements' is installed."
    fix_text = (
        "Fix {shown}; add a missing module to 'requirements', and give a slow model more time with S2I_VERIFY_TIMEOUT."
    )


class SetupFails(BuildProblem):
    """The notebook's setup failed in the build."""

    code = "setup-fails"
    what_text = "The notebook's setup failed: {error}"
    why_text = "Each scorer of the service calls setup before it takes samples, and the build verifies predictions so."
    fix_text = (
        "Fix the error in the traceback above. If setup connects to what only the service can reach, set "
        "S2I_SETUP_IN_BUILD=0: the build then calls neither setup nor predictor, and verifies no prediction."
    )


class AnswersDiffer(BuildProblem):
    """For a golden row, a fresh process gives another prediction than the notebook."""

    code = "answers-differ"
    what_text = (
        "For {sample} the notebook's prediction was {expected}, but the saved model gives {got} in a fresh process."
    )
    why_text = (
        "The service would not give the notebook's predictions: predictor depends on something that is not saved "
        "with it."
    )
    fix_text = "Make predictor depend only on its argument and on globals that are set before the last cell."


class BatchDiffers(BuildProblem):
    """For a golden row, batch_predictor gives another prediction than predictor."""

    code = "batch-differs"
    what_text = "batch_predictor and predictor disagree on golden row {number}, {sample}: {reason}."
    why_text = "A service may score waiting samples together, and clients must get the same predictions either way."
    fix_text = "Make batch_predictor(xs) return a list with predictor's value for each sample, in the same order."


class DiskFull(BuildProblem):
    """The disk is full."""

    code = "disk-full"
    what_text = "The disk is full: {folder} can't be written."
    why_text = "The build writes its results there."
    fix_text = "Free some space or enlarge the volume, then build again. No partial result was left behind."
