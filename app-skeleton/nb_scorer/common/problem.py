"""Errors shown to users: what, why and fix, with a stable code."""


class Problem(Exception):
    """A failure with a code and three texts; each package has its own in `problems.py`.

    A subclass sets `code`, and passes what, why and fix to this constructor.
    """

    code = "problem"
    # The exit status of a command that fails with this problem; 2 is for wrong usage.
    exit_status = 1

    def __init__(self, what, why, fix):
        super().__init__(what)
        self.what = what
        self.why = why
        self.fix = fix

    def as_json(self):
        """Return a dict of code, what, why and fix, for other processes and for reports."""
        return {"code": self.code, "what": self.what, "why": self.why, "fix": self.fix}

    @classmethod
    def from_json(cls, facts):
        """Return the problem that another process sent as `as_json`."""
        problem = cls.__new__(cls)
        Problem.__init__(problem, facts["what"], facts["why"], facts["fix"])
        problem.code = facts["code"]
        return problem

    def __str__(self):
        """Return the text for users: what, why, fix and code on four lines."""
        return self.in_lines()

    def in_lines(self, *more):
        """Return what, why and fix as lines, then the lines `more`, then the code."""
        lines = ["ERROR: " + self.what, "  Why: " + self.why, "  Fix: " + self.fix, *more]
        return "\n".join([*lines, "  (problem {})".format(self.code)])


class WrittenProblem(Problem):
    """A problem whose class defines the three texts with placeholders; raising it passes the values."""

    what_text = why_text = fix_text = ""

    def __init__(self, **facts):
        super().__init__(*(text.format(**facts) for text in (self.what_text, self.why_text, self.fix_text)))


class SettingInvalid(WrittenProblem):
    """A setting has an invalid value."""

    code = "setting-invalid"
    what_text = "{env}={value!r} is not {expected}."
    why_text = "The program does not guess the meaning of an invalid value."
    fix_text = "Correct {env}, or unset it to use its default."

    def __init__(self, env, value, expected):
        super().__init__(env=env, value=value, expected=expected)
