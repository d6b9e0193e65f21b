import pytest
from nb_service.jobs.preferences import MAX_LENGTH, NONE, Preferences, read


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, NONE),
        ("", NONE),
        ("respond-async", Preferences(True)),
        ("Respond-Async", Preferences(True)),
        ("return=minimal, respond-async; foo=1, wait=10", Preferences(True, 10.0)),
        ("wait=5", Preferences(False, 5.0)),
        ('wait="5"', Preferences(False, 5.0)),
        ("wait", Preferences(False, 60.0)),
        ("wait=", Preferences(False, 60.0)),
        ("wait=0", Preferences(False, 0.0)),
        ("wait=99999", Preferences(False, 60.0)),
        ("wait=5, wait=7", Preferences(False, 5.0)),
        ("wait=-1", NONE),
        ("wait=1.5", NONE),
        ("wait=nan", NONE),
        ("wait=²", NONE),
        ("wait=٣", NONE),
        ("wait=9999999999999", NONE),
        (",,;=;,=,", NONE),
        ("respond-async" + " " * MAX_LENGTH, NONE),
        ("wait=" * 200_000, NONE),
        ("," * 1_000_000, NONE),
    ],
)
def test_preferences_are_read_and_unknown_ones_ignored(header, expected):
    assert read(header) == expected


def test_applied_preferences_are_named():
    assert read("respond-async, wait=3").applied == "respond-async, wait=3"
    assert read("wait").applied == "wait=60"
    assert not NONE.wants_job
