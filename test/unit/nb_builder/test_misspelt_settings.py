"""Variables that look like settings are named at the start of a build."""

from nb_builder import assemble
from nb_builder.common.log import Log


def test_a_variable_that_is_no_setting_is_named_with_the_one_that_is_near(monkeypatch, capsys):
    for name in ("S2I_CEL_TIMEOUT", "S2I_NOT_ONE", "WEB_CONCURENCY", "S2I_MAX_BATCH", "S2I_CELL_TIMEOUT"):
        monkeypatch.setenv(name, "1")
    assemble.note_misspelt_settings(Log())
    assert capsys.readouterr().out == (
        "     note: S2I_CEL_TIMEOUT is not a setting. Did you mean S2I_CELL_TIMEOUT?\n"
        "     note: S2I_NOT_ONE is not a setting. 'nb-builder settings' lists all settings.\n"
        "     note: WEB_CONCURENCY is not a setting. Did you mean WEB_CONCURRENCY?\n"
    )
