import pytest
from nb_service import settings
from nb_service.problems import SettingInvalid


def test_a_service_needs_no_setting_at_all():
    got = settings.read({})
    assert (got["PORT"], got["APP_ROOT"], got["S2I_BACKEND"]) == (8080, "/opt/app-root", "http")
    assert got["WEB_CONCURRENCY"] >= 1


def test_every_row_has_a_help_text_that_ends_as_a_sentence():
    assert [knob.env for knob in settings.KNOBS if not knob.help.endswith(".")] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "70000"),
        ("WEB_CONCURRENCY", "0"),
        ("S2I_SCORER_START", "thread"),
        ("S2I_GRACE", "-1"),
        ("S2I_MAX_BODY", "16M"),
    ],
)
def test_a_bad_value_is_refused_by_name(name, value):
    with pytest.raises(SettingInvalid, match=name):
        settings.read({name: value})
