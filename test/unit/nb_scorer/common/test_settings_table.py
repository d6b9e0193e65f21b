import pytest
from nb_scorer.common.problem import SettingInvalid
from nb_scorer.common.settings_table import Knob, number, one_of, read_all, switch, text

KNOBS = (
    Knob("NAME", text, "nobody", "A name."),
    Knob("COUNT", number(1, 10, int), 3, "How many."),
    Knob("WEIGHT", number(0, 1), 0.5, "How heavy."),
    Knob("KIND", one_of("a", "b"), "a", "Which."),
    Knob("DEBUG", switch, False, "Whether."),
)


def test_what_is_not_set_or_empty_has_its_default():
    expected = {"NAME": "nobody", "COUNT": 3, "WEIGHT": 0.5, "KIND": "a", "DEBUG": False}
    assert read_all(KNOBS, {"COUNT": "", "OTHER": "x"}) == expected


def test_what_is_set_is_read_by_its_row():
    environ = {"NAME": "x", "COUNT": "10", "WEIGHT": "0.25", "KIND": "b", "DEBUG": "YES"}
    assert read_all(KNOBS, environ) == {"NAME": "x", "COUNT": 10, "WEIGHT": 0.25, "KIND": "b", "DEBUG": True}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("COUNT", "ten", "COUNT='ten' is not a whole number from 1 to 10"),
        ("COUNT", "11", "COUNT='11' is not a whole number from 1 to 10"),
        ("COUNT", "1.5", "COUNT='1.5' is not a whole number from 1 to 10"),
        ("WEIGHT", "nan", "WEIGHT='nan' is not a number from 0 to 1"),
        ("KIND", "c", "KIND='c' is not one of: a, b"),
        ("DEBUG", "maybe", "DEBUG='maybe' is not one of: 1, true, yes, on, 0, false, no, off"),
    ],
)
def test_a_bad_value_is_refused_by_name(name, value, words):
    with pytest.raises(SettingInvalid) as refused:
        read_all(KNOBS, {name: value})
    assert words in refused.value.what
