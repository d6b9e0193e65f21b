"""The shape of an error that a user meets: what, why, fix, under a stable code."""


class Problem(Exception):
    """A failure that has a name and three sentences; each half's `problems.py` holds its own.

    A subclass sets `code` and passes what / why / fix to this constructor, so that the words stay
    with the class and the raiser passes facts only.
    """

    code = "problem"
    # Of a command that fails with it; 2 is for a wrong command line.
    exit_status = 1

    def __init__(self, what, why, fix):
        super().__init__(what)
        self.what = what
        self.why = why
        self.fix = fix

    def as_json(self):
        """Return what processes of ours send each other, and reports contain: a dict of code, what, why and fix."""
        return {"code": self.code, "what": self.what, "why": self.why, "fix": self.fix}

    @classmethod
    def from_json(cls, facts):
        """Return the problem that another process has sent, from its `as_json`."""
        problem = cls.__new__(cls)
        Problem.__init__(problem, facts["what"], facts["why"], facts["fix"])
        problem.code = facts["code"]
        return problem

    def __str__(self):
        """Return the text that a user sees: four lines, the code last."""
        return "ERROR: {}\n  Why: {}\n  Fix: {}\n  (problem {})".format(self.what, self.why, self.fix, self.code)


class SettingInvalid(Problem):
    """A setting has a value that its row in the table of settings does not allow."""

    code = "setting-invalid"

    def __init__(self, env, value, expected):
        super().__init__(
            what="{}={!r} is not {}.".format(env, value, expected),
            why="A setting is taken as it is written or refused, never guessed.",
            fix="Correct {} or leave it out; docs/reference/settings.md lists every setting.".format(env),
        )
