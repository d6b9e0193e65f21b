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
def test_a_bad_value_is_rejected_by_name(name, value):
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
def test_a_route_or_a_name_that_no_path_can_have_is_rejected(name, value):
    with pytest.raises(SettingInvalid, match=name):
        settings.Settings({name: value})


def test_without_a_setting_no_one_s_signature_is_asked_for():
    assert settings.Settings({}).trust is None


def test_whom_to_trust_is_said_by_keys_or_by_certificates():
    assert settings.Settings({"S2I_VERIFY_KEY_FILE": "key"}).trust == ("key", "", "")
    environ = {"S2I_VERIFY_CA_FILE": "ca", "S2I_VERIFY_IDENTITY": "name"}
    assert settings.Settings(environ).trust == ("", "ca", "name")


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        (
            {"S2I_VERIFY_KEY_FILE": "key", "S2I_VERIFY_CA_FILE": "ca", "S2I_VERIFY_IDENTITY": "name"},
            "S2I_VERIFY_CA_FILE='ca' is not empty, as S2I_VERIFY_KEY_FILE is set",
        ),
        (
            {"S2I_VERIFY_CA_FILE": "ca"},
            "S2I_VERIFY_IDENTITY='' is not a name, which S2I_VERIFY_CA_FILE requires",
        ),
        ({"S2I_VERIFY_IDENTITY": "name"}, "S2I_VERIFY_CA_FILE='' is not a file, which S2I_VERIFY_IDENTITY requires"),
        ({"S2I_EXPORT": "1"}, "S2I_API_KEY_FILE='' is not a file, which S2I_EXPORT requires"),
    ],
)
def test_settings_that_leave_open_whom_to_trust_are_rejected(environ, words):
    with pytest.raises(SettingInvalid, match=words):
        settings.Settings(environ)
