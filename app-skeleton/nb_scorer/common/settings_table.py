"""Settings tables with one row per setting, as used by build and service."""

from nb_scorer.common.problem import SettingInvalid

# Prefixes of nb-builder's own settings, which no other software uses.
_OURS = ("S2I_", "WEB_CONCURRENCY")
# Similarity above which a name counts as a misspelt setting: about one letter of difference. No two settings are this
# similar.
_NEAR = 0.9
_LONG_ENOUGH = 8


class Reader(object):
    """Converts a setting's text to its value when called.

    `values` describes the accepted texts, such as "0, 1" or "1 to 9".
    """

    def __init__(self, read, values):
        self.read = read
        self.values = values

    def __call__(self, value):
        """Return the value; raise ValueError with a description of valid values."""
        return self.read(value)


class Knob(object):
    """One setting: its environment variable, reader, default and help.

    `read` converts the text to the value, or raises ValueError with a description of valid values ("a whole number
    above 0"). `default` is already a value. `group` is the title of the settings that start with this one, "" if it
    belongs to the previous group. `platform` means that only the person who runs a command may set it, not the
    repository. `protects` means that the setting restricts access to a service, so a service never ignores it silently.
    """

    def __init__(self, env, read, default, help_text, group="", platform=False, protects=False):
        self.env = env
        self.read = read
        self.default = default
        self.help = help_text
        self.group = group
        self.platform = platform
        self.protects = protects

    @property
    def values(self):
        """Return a description of the possible values, such as "0 or 1".

        It is "" if help contains it, or if any text is valid.
        """
        return getattr(self.read, "values", "")

    @property
    def default_text(self):
        """Return the default as text, "" if there is none."""
        if self.default is None:
            return ""
        if isinstance(self.default, bool):
            return str(int(self.default))
        return "{:g}".format(self.default) if isinstance(self.default, float) else str(self.default)


def read_all(knobs, environ):
    """Return {env: value} for every knob; raise SettingInvalid for the first invalid value.

    An empty variable counts as unset: s2i and OpenShift templates pass empty ones.
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
    """Return sorted [(variable, name)] of variables that resemble settings; `name` is the most similar setting.

    `name` is "" if none is similar. `names` are those of all settings. Variables without our prefixes that are not
    similar to a setting belong to other software.
    """
    others = sorted(variable for variable in environ if variable not in names and len(variable) >= _LONG_ENOUGH)
    if not others:
        return []
    # Imported here, because a service without misspelt settings doesn't need it.
    import difflib

    pairs = []
    for variable in others:
        near = difflib.get_close_matches(variable, [name for name in names if name.startswith(_OURS)], 1, _NEAR)
        if near or variable.startswith("S2I_"):
            pairs.append((variable, near[0] if near else ""))
    return pairs


class Table(object):
    """Base of settings tables: each class attribute is a `setting`, and instances have the values."""

    def __init__(self, environ):
        """Read every setting from `environ`; raises as `read_all` does."""
        values = read_all(self.knobs(), environ)
        for name, knob in vars(type(self)).items():
            if isinstance(knob, Knob):
                setattr(self, name, values[knob.env])

    @classmethod
    def knobs(cls):
        """Return the rows in order of definition."""
        return tuple(row for row in vars(cls).values() if isinstance(row, Knob))


def grouped(knobs):
    """Return [(title, rows)] of `knobs` in order; the first title is "" if the first rows have none."""
    groups = []  # type: list
    for knob in knobs:
        if knob.group or not groups:
            groups.append((knob.group, []))
        groups[-1][1].append(knob)
    return groups


def setting(env, read, default, help_text, group="", platform=False, protects=False):
    """Return a row of a Table, for an attribute annotated with its type; see Knob."""
    return Knob(env, read, default, help_text, group, platform, protects)


def text(value):
    """Return the text unchanged."""
    return value


def number(minimum, maximum, kind=float):
    """Return a reader of numbers of type `kind` from `minimum` to `maximum`, inclusive."""
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
    """Return a reader that accepts only `choices`."""

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
