import json

import pytest
from nb_service import __main__ as door


def test_a_problem_becomes_text_on_stdout_and_exit_code_1(tmp_path, capsys):
    assert door.main([], {"APP_ROOT": str(tmp_path)}) == 1
    assert "(problem model-missing)" in capsys.readouterr().out


@pytest.mark.parametrize("log_format", ["text", "json", "no format"])
def test_a_problem_of_prove_is_an_object_for_the_build(log_format, tmp_path, capsys):
    assert door.main(["prove"], {"APP_ROOT": str(tmp_path), "S2I_LOG_FORMAT": log_format}) == 1
    assert json.loads(capsys.readouterr().out)["problem"]["code"] in ("model-missing", "setting-invalid")


def test_a_problem_is_an_object_where_the_log_is_json(tmp_path, capsys):
    assert door.main([], {"APP_ROOT": str(tmp_path), "S2I_LOG_FORMAT": "json"}) == 1
    reported = json.loads(capsys.readouterr().out)
    assert (reported["problem"], reported["message"][:7]) == ("model-missing", "ERROR: ")


def test_other_words_show_the_usage(capsys):
    assert door.main(["help"], {}) == 2
    backends = "alerts … | batch … | bus … | dashboard … | http … | model … | spark-model … | verify … | zipapp …"
    words = f"serve | prove | ready | selftest [--verdict FILE] | {backends}"
    assert capsys.readouterr().err == f"Usage: python -m nb_service [{words}]\n"


def test_a_back_end_s_name_is_a_word_and_one_without_words_of_its_own_rejects_those_behind(capsys):
    assert door.main(["http", "--port", "1"], {}) == 2
    assert "Back end http takes no arguments; got: --port 1." in capsys.readouterr().out


def test_a_back_end_that_keeps_stdout_has_its_problems_on_stderr(tmp_path, capsys):
    assert door.main(["batch", "--to", "xml"], {}) == 2
    assert door.main([], {"S2I_BACKEND": "batch", "APP_ROOT": str(tmp_path)}) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "(problem batch-words)" in err and "(problem model-missing)" in err


def test_a_wrong_setting_is_no_part_of_what_a_back_end_writes(capsys):
    assert door.main(["alerts"], {"S2I_APP_METRICS_PREFIX": "9"}) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "S2I_APP_METRICS_PREFIX='9' is not" in err and "(problem setting-invalid)" in err
