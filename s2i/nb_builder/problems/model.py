"""What can be wrong with a saved model, and with the disk space for it."""

from nb_builder.problems.build_problem import BuildProblem


class NotSerializable(BuildProblem):
    """predictor, validator or batch_predictor can't be pickled."""

    code = "not-serializable"
    what_words = "'{name}' can't be saved: {culprit}."
    why_words = "The service loads {name} from a file, and this can't be written to one ({error})."
    fix_words = "Create it inside {name} (or in a helper that creates it at first use) instead of keeping it global."


class ModelDoesNotLoad(BuildProblem):
    """The model was saved, but a fresh process can't load it or call it."""

    code = "model-does-not-load"
    what_words = "The saved model does not work in a fresh process: {error}"
    why_words = "The service starts from that file in a new process, where only 'requirements' is installed."
    fix_words = "Correct what {shown} says; a missing module belongs in 'requirements'."


class AnswersDiffer(BuildProblem):
    """A fresh process answers a golden row differently from the notebook."""

    code = "answers-differ"
    what_words = "For {sample} the notebook answered {expected}, and the saved model answers {got} in a fresh process."
    why_words = (
        "The service would not answer as the notebook does, so predictor depends on something not saved with it."
    )
    fix_words = "Make predictor depend only on its argument and on globals that are set before the last cell."


class BatchDiffers(BuildProblem):
    """batch_predictor does not answer the golden rows as predictor does."""

    code = "batch-differs"
    what_words = "batch_predictor and predictor disagree on golden row {number}, {sample}: {reason}."
    why_words = "A service may answer waiting samples together, and a client must not notice."
    fix_words = "Have batch_predictor(xs) return a list with predictor's answer for each sample, in their order."


class DiskFull(BuildProblem):
    """The disk is full."""

    code = "disk-full"
    what_words = "The disk is full: nothing more can be written to {folder}."
    why_words = "What a build makes is written there."
    fix_words = "Free some space or enlarge the volume, then build again; nothing half-made was left behind."
