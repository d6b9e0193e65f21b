"""One row per setting: the mechanics behind both tables of settings."""

from nb_scorer.common.problem import SettingInvalid

# What settings of ours begin with, which nobody else's variables do.
_OURS = ("S2I_", "WEB_CONCURRENCY")
# A letter too few or too many is a misspelt name: no two settings are as near to each other.
_NEAR = 0.9
_LONG_ENOUGH = 8


class Reader(object):
    """What makes a value of a text, as a call, and which texts it takes, in words such as "0, 1" or "1 to 9"."""

    def __init__(self, read, values):
        self.read = read
        self.values = values

    def __call__(self, value):
        """Return the value; raise ValueError with what would have been right."""
        return self.read(value)


class Knob(object):
    """One setting: its environment variable, how its text becomes a value, default and help.

    `read` takes the text and returns the value, or raises ValueError with what would have been
    right ("a whole number above 0"). `default` is already a value. `group` is the title of the
    settings that begin with this one, "" for one that belongs to those before it. `platform`
    says that only the person who runs a command may set it, and no repository.
    """

    def __init__(self, env, read, default, help_text, group="", platform=False):
        self.env = env
        self.read = read
        self.default = default
        self.help = help_text
        self.group = group
        self.platform = platform

    @property
    def values(self):
        """Return which values there are, each as it is written: "0 or 1"; "" where help says it, or any text is one."""
        return getattr(self.read, "values", "")

    @property
    def default_text(self):
        """Return the default as it would be set, "" where there is none."""
        if self.default is None:
            return ""
        if isinstance(self.default, bool):
            return str(int(self.default))
        return "{:g}".format(self.default) if isinstance(self.default, float) else str(self.default)


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


def misspelt(environ, names):
    """Return [(variable, name)] of those in `environ` that are no setting, sorted; `name` is the setting that is near.

    It is "" where none is. `names` are those of all settings. Variables that do not begin as ours do, and are near
    none, are somebody else's.
    """
    others = sorted(variable for variable in environ if variable not in names and len(variable) >= _LONG_ENOUGH)
    if not others:
        return []
    # Imported here: a service whose variables are all its own starts without it.
    import difflib

    pairs = []
    for variable in others:
        near = difflib.get_close_matches(variable, [name for name in names if name.startswith(_OURS)], 1, _NEAR)
        if near or variable.startswith("S2I_"):
            pairs.append((variable, near[0] if near else ""))
    return pairs


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


def grouped(knobs):
    """Return [(title, rows)] of `knobs` in their order; of the first rows the title is "" if they have none."""
    groups = []  # type: list
    for knob in knobs:
        if knob.group or not groups:
            groups.append((knob.group, []))
        groups[-1][1].append(knob)
    return groups


def setting(env, read, default, help_text, group="", platform=False):
    """Return a row of a Table, for an attribute annotated with the type of its value; see Knob."""
    return Knob(env, read, default, help_text, group, platform)


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

    ends = ["{:g}".format(end) if end % 1 else str(int(end)) for end in (minimum, maximum)]
    return Reader(read, " to ".join(ends))


def one_of(*choices):
    """Return a reader that takes one of `choices` and nothing else."""

    def read(value):
        if value not in choices:
            raise ValueError("one of: " + ", ".join(choices))
        return value

    return Reader(read, ", ".join(choices))


def _switch(value):
    """Return True for 1/true/yes/on, False for 0/false/no/off."""
    lowered = value.lower()
    if lowered in ("1", "true", "yes", "on"):
        return True
    if lowered in ("0", "false", "no", "off"):
        return False
    raise ValueError("one of: 1, true, yes, on, 0, false, no, off")


switch = Reader(_switch, "0, 1")
