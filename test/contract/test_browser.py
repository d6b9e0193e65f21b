"""The pages in a real browser, without a screen."""

import json
import os

import pytest
from nb_builder.report import notebook_html
from nbformat import v4

from contract import clients
from contract.services import Service

NOTEBOOK = '''
    def validator(x):
        return len(x) == 2

    def predictor(x, *, times: int = 1):
        """Add two numbers.

        A sample is a list of both.
        """
        return (float(x[0]) + x[1]) * times

    examples = [[1, 2], [3.5, 4]]
'''
HOSTILE = "<script>document.title = 'owned'</script><img src='http://example.invalid/x.png' onerror='alert(1)'>"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.fixture(scope="module")
def seen(chromium, model_cache, tmp_path_factory):
    """Return the browser's observations of a service's pages, pictures included."""
    app_root = model_cache(NOTEBOOK)
    picture = v4.new_output("display_data", {"image/png": PNG})
    cells = [
        v4.new_markdown_cell("# Adding\n\nSee [numpy](https://numpy.org). " + HOSTILE),
        v4.new_code_cell(
            "table", outputs=[v4.new_output("execute_result", {"text/html": HOSTILE + "<b>bold</b>"}), picture]
        ),
        v4.new_code_cell("x = '" + "long " * 60 + "'"),
    ]
    (app_root / "build").mkdir(exist_ok=True)
    page = notebook_html.page(v4.new_notebook(cells=cells), "model.ipynb")
    (app_root / "build" / "notebook.html").write_text(page)
    pictures = os.environ.get("S2I_TEST_PICTURES") or tmp_path_factory.mktemp("pictures")
    key = tmp_path_factory.mktemp("secrets") / "key"
    key.write_text("a-secret-of-ours")
    service = Service(app_root, S2I_MODEL_NAME="adder").ready()
    guarded = Service(app_root, S2I_API_KEY_FILE=str(key)).ready()
    addresses = [f"http://127.0.0.1:{one.port}" for one in (service, guarded)]
    try:
        return clients.ask("browser", "browse.py", addresses[0], pictures, chromium, addresses[1], key.read_text())
    finally:
        service.close()
        guarded.close()


@pytest.mark.parametrize("how", ["with_javascript", "without_javascript"])
def test_a_person_can_try_predictions(seen, how):
    filled, asked, answer, problem, taken = seen[how]
    assert (filled, asked, answer, taken) == ("[1, 2]", "[5, 2]", "7.0", "[3.5, 4]")
    assert "422 Unprocessable Content" in problem and "validator rejects this sample" in problem


def test_form_editor_and_programs_stay_in_step(seen):
    script = seen["script"]
    # The script writes the service's own output.
    assert script["programs"][0] == script["programs"][1]
    assert script["fields"] == ["7.50", "12345678901234567890"]
    assert script["editor"] == "[1.0, 12345678901234567890]"
    assert script["mistake"] == ["Enter a number.", "true"]
    assert script["other_fields"] == ['"<b>"', "null", '{"a": 1}']
    assert script["removed"] == '["<b>", {"a": 1}]'


def test_parameters_are_fields_of_both_forms(seen):
    assert seen["script"]["parameters"] == ["3", "21.0", "must be a whole number, not a number", "true"]


def test_requests_of_a_visit_are_kept_in_the_page(seen):
    rejected, answered = seen["script"]["history"][::-1]
    assert answered == ["[3, 4]", "7.0", "200 OK"]
    assert rejected[0] == '["<b>", {"a": 1}]' and rejected[2].startswith("422")
    assert seen["script"]["taken"] == '["<b>", {"a": 1}]'
    assert seen["script"]["copied"] is True
    assert seen["script"]["address"].endswith("/docs")


def test_the_page_is_titled_by_the_model(seen):
    assert seen["title"] == "adder"


def test_a_phone_shows_the_page_without_scrolling_sideways(seen):
    assert seen["phone_overflow"] == [0, 0]
    assert seen["button_height"] >= 44


def test_no_rule_of_accessibility_is_broken(seen):
    assert seen["barriers"] == []


def test_nothing_is_asked_of_other_hosts_and_the_browser_has_no_complaint(seen):
    assert seen["elsewhere"] == []
    # A refusal is a page with its status, which a browser's console mentions.
    assert [said for said in seen["complaints"] if "422" not in said] == []


def test_the_notebook_is_shown_without_what_was_hostile_in_it(seen):
    assert "Adding" in seen["notebook"] and "bold" in seen["notebook"]
    assert seen["pictures"] == 1


def test_a_person_with_the_key_gets_past_the_browser_s_question(seen):
    rejected, answer, notebook = seen["guarded"]
    # Without a screen, the browser has no person to ask.
    assert (rejected, answer) == ("ERR_INVALID_AUTH_CREDENTIALS", "3.0")
    assert "Adding" in notebook


STREAM = """
    import time

    def predictor(x):
        if x == 3:
            yield from range(3)
            return
        for word in ("one ", "two ", "three"):
            yield word
            time.sleep(0.2)
            if x == "fails":
                raise ValueError("no more")

    examples = ["words", 3]
"""


def test_the_page_shows_the_items_of_a_stream_as_they_come(chromium, model_cache):
    service = Service(model_cache(STREAM)).ready()
    try:
        seen = clients.ask("browser", "watch_stream.py", f"http://127.0.0.1:{service.port}", chromium)
    finally:
        service.close()
    texts, last = seen["words"]
    assert texts[-3:] == ["one ", "one two ", "one two three"]
    assert "200 OK, 3 items" in last
    assert seen["numbers"][0][-1] == "[0, 1, 2]"
    assert "500 Internal Server Error" in seen["fails"][1]
    assert seen["fails"][0][0] == "one "
    assert json.loads(seen["without_javascript"]) == ["one ", "two ", "three"]
