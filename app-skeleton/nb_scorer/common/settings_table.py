"""One row per setting: the mechanics behind both tables of settings."""

from nb_scorer.common.problem import SettingInvalid


class Knob(object):
    """One setting: its environment variable, how its text becomes a value, default and help.

    `read` takes the text and returns the value, or raises ValueError with what would have been
    right ("a whole number above 0"). `default` is already a value.
    """

    def __init__(self, env, read, default, help_text):
        self.env = env
        self.read = read
        self.default = default
        self.help = help_text


def read_all(knobs, environ):
    """Return {env: value} for every knob; raise SettingInvalid for the first bad value.

    An empty variable counts as not set: s2i and OpenShift templates pass empty ones.
    """
    values = {}
    for knob in knobs:
        text = environ.get(knob.env, "")
        if not text:
            values[knob.env] = knob.default
            continue
        try:
            values[knob.env] = knob.read(text)
        except ValueError as error:
            raise SettingInvalid(knob.env, text, str(error))
    return values


class Table(object):
    """The base of a table of settings: each attribute of its class is a `setting`, its instances have the values."""

    def __init__(self, environ):
        """Read every row from `environ`, raising as `read_all` does."""
        values = read_all(self.knobs(), environ)
        for name, knob in vars(type(self)).items():
            if isinstance(knob, Knob):
                setattr(self, name, values[knob.env])

    @classmethod
    def knobs(cls):
        """Return the rows in their order."""
        return tuple(row for row in vars(cls).values() if isinstance(row, Knob))


def setting(env, read, default, help_text):
    """Return a row of a Table, for an attribute annotated with the type of its value; see Knob."""
    return Knob(env, read, default, help_text)


def text(value):
    """Return the text as it is."""
    return value


def number(minimum, maximum, kind=float):
    """Return a reader of numbers of `kind` between `minimum` and `maximum`, both allowed."""
    noun = "a whole number" if kind is int else "a number"

    def read(value):
        try:
            result = kind(value)
        except ValueError:
            raise ValueError("{} from {:g} to {:g}".format(noun, minimum, maximum))
        if not minimum <= result <= maximum:
            raise ValueError("{} from {:g} to {:g}".format(noun, minimum, maximum))
        return result

    return read


def one_of(*choices):
    """Return a reader that takes one of `choices` and nothing else."""

    def read(value):
        if value not in choices:
            raise ValueError("one of: " + ", ".join(choices))
        return value

    return read


def switch(value):
    """Return True for 1/true/yes/on, False for 0/false/no/off."""
    lowered = value.lower()
    if lowered in ("1", "true", "yes", "on"):
        return True
    if lowered in ("0", "false", "no", "off"):
        return False
    raise ValueError("one of: 1, true, yes, on, 0, false, no, off")
