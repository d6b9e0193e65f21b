"""Text from elsewhere, printed: nothing in it is obeyed, and JSON keeps its values."""

import json

import pytest
from nb_builder.common import visible

TEXTS = (
    "plain",
    "Größe 模型",
    "##[error]no",
    "##vso[task]",
    "# #[",
    "\u202etxt",
    "\x9b31m",
    "\x7f",
    "\u2028",
    "a\udcffb",
    "tab\tnew\n",
)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("indent", [None, 1])
def test_json_keeps_its_values_and_shows_nothing_that_is_obeyed(text, indent):
    shown = visible.json_text({text: [text]}, indent)
    assert json.loads(shown) == {text: [text]}
    assert shown.replace("\n", "").isprintable() and shown == visible.no_commands(shown)


def test_json_leaves_letters_as_they_are():
    assert visible.json_text("Größe 模型") == '"Größe 模型"'
