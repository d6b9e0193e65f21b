from nb_scorer.common.problem import Problem, SettingInvalid


def test_a_problem_shows_what_why_fix_and_its_code_last():
    assert str(Problem("It broke.", "It was old.", "Buy one.")).splitlines() == [
        "ERROR: It broke.",
        "  Why: It was old.",
        "  Fix: Buy one.",
        "  (problem problem)",
    ]


def test_an_invalid_setting_names_itself_its_value_and_what_is_right():
    shown = str(SettingInvalid("PORT", "many", "a whole number from 0 to 65535"))
    assert "PORT='many' is not a whole number from 0 to 65535." in shown
    assert "(problem setting-invalid)" in shown
