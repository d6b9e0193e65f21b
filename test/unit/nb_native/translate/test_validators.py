"""Validators as notebooks write them: yes, no and its reason, as the service's own asking of Python's."""

import pytest
from hypothesis import HealthCheck, given, settings

from unit.nb_native.translate.samples import ANY, samples
from unit.nb_native.translate.translated import Translated, rejected

WRITTEN = {
    "length": "return len(x) == 4",
    "length of a list": "return isinstance(x, list) and len(x) == 4",
    "numbers": "return isinstance(x, list) and len(x) == 4 and all(isinstance(v, (int, float)) for v in x)",
    "numbers but no truths": """
        return len(x) == 4 and all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in x)
        """,
    "ranges": "return len(x) == 4 and all(0 <= v <= 5 for v in x)",
    "min and max": "return len(x) == 4 and min(x) >= 0 and max(x) < 10",
    "sum": "return sum(x) > 3",
    "any": "return not any(v is None for v in x)",
    "type": "return type(x) == list and all(type(v) in (int, float) for v in x)",
    "field": "return 'a' in x and 'b' in x",
    "fields": "return isinstance(x, dict) and all(name in x for name in FIELDS)",
    "missing fields": "return not [name for name in FIELDS if name not in x]"
    if False
    else "return all(f in x for f in FIELDS)",
    "membership": "return x.get('a') in ('x', 'y', 1)",
    "membership in a set": "return x['a'] in KINDS",
    "not in": "return x['a'] not in KINDS",
    "a reason": """
        if not isinstance(x, list):
            return 'a list is needed'
        if len(x) != 4:
            return 'four numbers are needed, not more'
        return True
        """,
    "a reason in a pair": """
        if len(x) != 4:
            return False, 'four numbers'
        return True, ''
        """,
    "a pair of a comparison": "return len(x) == 4, 'four numbers'",
    "a pair without words": "return len(x) == 4, None",
    "an empty reason": "return '' if x else True",
    "nothing": "len(x)",
    "None for yes": "if len(x) == 4:\n    return None\nreturn False",
    "truth of a length": "return len(x)",
    "truth of the sample": "return x",
    "truth of a field": "return x['a']",
    "truth of a number": "return x['a'] - 1",
    "truth of a list": "return [x]",
    "truth of an empty dict": "return {}",
    "raises": """
        if not isinstance(x, dict):
            raise ValueError('an object is needed')
        if 'a' not in x:
            raise KeyError('a')
        return True
        """,
    "asserts": "assert isinstance(x, list), 'a list'\nassert len(x) == 4\nreturn True",
    "constants": "return True",
    "never": "return False",
    "a helper": "return is_number(x['a']) and is_number(x['b'])",
    "a conditional reason": "return True if len(x) == 4 else 'too short' if len(x) < 4 else 'too long'",
    "a range": "return x['a'] in range(0, 5)",
    "strings": "return isinstance(x['a'], str) and len(x['a']) > 0",
    "or": "return isinstance(x, list) or isinstance(x, dict) and len(x) == 2",
    "chained": "return 1 <= len(x) < 4",
    "all of a list": "return isinstance(x, list) and len(x) == 2 and all([isinstance(v, int) for v in x])",
    "inner values": "return all(isinstance(row, list) and len(row) == 2 for row in x)",
    "map": "return all(map(lambda v: v > 0, [x['a'], x['b']]))",
    "try": """
        try:
            assert float(x['a']) > 0, 'nobody reads this'
        except Exception:
            return False
        return x['b'] != 1
        """,
    "try with a reason": """
        try:
            row = [float(v) for v in x]
        except (TypeError, ValueError, Exception):
            return 'numbers are needed'
        return len(x) == 4
        """,
    "numbers module": "import numbers\nreturn isinstance(x['a'], numbers.Number)",
}
HELPERS = """
FIELDS = ['a', 'b']
KINDS = {'x', 'y', 1}

def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)
"""


@pytest.mark.parametrize("name", WRITTEN)
def test_the_program_says_what_the_service_makes_of_python(name):
    import textwrap

    text = HELPERS + "\ndef validator(x):\n" + textwrap.indent(textwrap.dedent(WRITTEN[name]).strip("\n"), "    ")
    both = Translated(text)
    both.check_validator(*ANY)

    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    @given(samples)
    def more(sample):
        both.check_validator(sample)

    more()


def test_without_a_validator_all_samples_are_fine():
    assert Translated("def predictor(x):\n    return 1").native(b"[]", True) == (0, "")


def test_a_raised_reason_goes_with_the_failure():
    both = Translated("def validator(x):\n    raise ValueError('no: \u00e9')")
    assert both.native(b"1", True) == (2, "no: \u00e9")


def test_a_reason_made_of_the_sample_is_rejected():
    rejected(
        "def validator(x):\n    return f'not {x}'", "validator creates a string from a value that is not a constant", 2
    )
