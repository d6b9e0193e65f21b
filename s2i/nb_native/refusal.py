"""The reason why a predictor has no native form, in one line, with its position."""


class Refusal(Exception):
    """There is no native form, for this `reason`; `file` and `line` are the position in the notebook, or None."""

    def __init__(self, reason, file=None, line=None):
        super().__init__(reason)
        self.reason = reason
        self.file = file
        self.line = line
