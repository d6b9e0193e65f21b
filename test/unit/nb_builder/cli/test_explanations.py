import re

import pytest
from nb_builder.cli import explanations
from nb_builder.cli.__main__ import main
from nb_builder.cli.problems import CodeUnknown
from nb_builder.problems.cells import CellFailed


def test_a_code_is_explained_with_the_texts_of_its_problem():
    found = explanations.find("cell-failed")
    assert found.meaning == CellFailed.__doc__
    assert found.what == "WHERE failed: ERROR"
    assert found.why == CellFailed.why_text
    assert found.fix.startswith("Fix the error in the traceback above")


def test_paragraphs_of_the_page_follow_without_links():
    found = explanations.find("file-refused")
    assert "special" in found.more or "FIFO" in found.more
    assert all("](" not in str(part) for each in explanations.read().values() for part in each)


def test_each_explanation_has_all_three_texts():
    assert [each.code for each in explanations.read().values() if not (each.what and each.why and each.fix)] == []


def test_facts_are_words_of_their_own():
    glued = re.compile(r"[a-z.)](?<!python)(?<!g)[A-Z]{4,}")
    texts = {each.code: (each.what, each.why, each.fix) for each in explanations.read().values()}
    assert {code: found for code, parts in texts.items() if (found := glued.findall(" ".join(parts)))} == {}


def test_an_unknown_code_gets_similar_ones():
    with pytest.raises(CodeUnknown, match="'cell-fail' is not the code of a problem") as caught:
        explanations.find("cell-fail")
    assert "cell-failed" in caught.value.why
    assert "Similar" not in CodeUnknown(code="x", similar="").why


def test_the_command_prints_one_explanation_or_lists_all_codes(capsys):
    assert main(["explain", "model-missing"]) == 0
    assert capsys.readouterr().out.startswith(
        "model-missing\n\nThere is no model, or one of its files is missing.\n\n  What: "
    )
    assert main(["explain"]) == 0
    assert {line.split()[0] for line in capsys.readouterr().out.splitlines()} == set(explanations.read())
    assert main(["explain", "nonsense"]) == 2
