"""The table of settings."""

from pathlib import Path

import pytest
from nb_builder.common.settings import KNOBS, Settings
from nb_scorer.common.problem import SettingInvalid


def test_defaults_are_those_of_the_image():
    settings = Settings({})
    assert (settings.src, settings.app_root) == (Path("/tmp/src"), Path("/opt/app-root"))
    assert (settings.installer, settings.cell_timeout, settings.tolerance) == ("auto", 600, 1e-6)


def test_every_row_is_an_attribute():
    names = set(vars(Settings({})))
    special = {"NB_BUILDER_HOME": "home", "STI_SCRIPTS_PATH": "in_image"}
    assert {special.get(knob.env, knob.env.removeprefix("S2I_").lower()) for knob in KNOBS} == names


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("S2I_CELL_TIMEOUT", "ten", "S2I_CELL_TIMEOUT='ten' is not a number from 0.1 to 1e+06."),
        ("S2I_INSTALLER", "conda", "S2I_INSTALLER='conda' is not one of: auto, uv, pip."),
        ("S2I_TOLERANCE", "-1", "S2I_TOLERANCE='-1' is not a number from 0 to 1."),
    ],
)
def test_a_bad_value_is_rejected_by_name(name, value, words):
    with pytest.raises(SettingInvalid) as rejected:
        Settings({name: value})
    assert rejected.value.what == words


def test_an_empty_variable_is_not_set():
    assert Settings({"S2I_PYTHON": ""}).python is None
