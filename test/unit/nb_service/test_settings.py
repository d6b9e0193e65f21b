import pytest
from nb_service import settings
from nb_service.problems import SettingInvalid


def test_a_service_needs_no_setting_at_all():
    read = settings.Settings({})
    assert (read.port, read.app_root, read.backend) == (8080, "/opt/app-root", "http")
    assert read.web_concurrency >= 1


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
        settings.Settings({name: value})


@pytest.mark.parametrize(
    ("environ", "port"),
    [
        ({"AIP_HTTP_PORT": "9000"}, 9000),
        ({"SAGEMAKER_BIND_TO_PORT": "9001"}, 9001),
        ({"PORT": "9002", "AIP_HTTP_PORT": "9000"}, 9002),
    ],
)
def test_a_cloud_s_own_port_is_taken_where_port_is_not_set(environ, port):
    assert settings.Settings(environ).port == port


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AIP_PREDICT_ROUTE", "predict"),
        ("AIP_HEALTH_ROUTE", "/<x>"),
        ("S2I_MODEL_NAME", "a/b"),
        ("S2I_MODEL_NAME", "-a"),
    ],
)
def test_a_route_or_a_name_that_no_path_can_have_is_refused(name, value):
    with pytest.raises(SettingInvalid, match=name):
        settings.Settings({name: value})
