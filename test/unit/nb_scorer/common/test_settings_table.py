import pytest
from nb_scorer.common.problem import SettingInvalid
from nb_scorer.common.settings_table import Knob, grouped, misspelt, number, one_of, read_all, switch, text

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
def test_a_bad_value_is_rejected_by_name(name, value, words):
    with pytest.raises(SettingInvalid) as rejected:
        read_all(KNOBS, {name: value})
    assert words in rejected.value.what


def test_values_and_defaults_are_shown_as_they_are_set():
    assert [knob.values for knob in KNOBS] == ["", "1 to 10", "0 to 1", "a, b", "0, 1"]
    assert [knob.default_text for knob in KNOBS] == ["nobody", "3", "0.5", "a", "0"]
    assert Knob("BYTES", number(1, 1 << 30, int), None, "How many.").values == "1 to 1073741824"
    assert Knob("BYTES", text, None, "How many.").default_text == ""


def test_a_group_goes_from_its_first_row_to_the_next_group():
    rows = [Knob(name, text, None, "", group) for name, group in (("A", ""), ("B", "One"), ("C", ""), ("D", "Two"))]
    assert [(title, [knob.env for knob in group]) for title, group in grouped(rows)] == [
        ("", ["A"]),
        ("One", ["B", "C"]),
        ("Two", ["D"]),
    ]
    assert grouped([]) == []


SETTINGS = {"S2I_CELL_TIMEOUT", "S2I_MAX_BATCH", "WEB_CONCURRENCY", "PORT", "OTEL_EXPORTER_OTLP_ENDPOINT"}


@pytest.mark.parametrize(
    ("variable", "pairs"),
    [
        ("S2I_CEL_TIMEOUT", [("S2I_CEL_TIMEOUT", "S2I_CELL_TIMEOUT")]),
        ("WEB_CONCURENCY", [("WEB_CONCURENCY", "WEB_CONCURRENCY")]),
        ("S2I_OF_ANOTHER_VERSION", [("S2I_OF_ANOTHER_VERSION", "")]),
        ("S2I_MAX_BATCH", []),
        # Somebody else's, however near.
        ("OTEL_EXPORTER_OTLP_ENDPOINTS", []),
        ("PORTS", []),
        ("HOME", []),
    ],
)
def test_a_variable_that_is_near_a_setting_or_named_as_one_is_misspelt(variable, pairs):
    assert misspelt({variable: "1"}, SETTINGS) == pairs
