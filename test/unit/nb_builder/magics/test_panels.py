"""What panels show comes from notebooks of others: none of it is HTML."""

from nb_builder.magics.panels import Code, Link, Panel

HOSTILE = "<script>alert(\"1\")</script> & 'x'"
ESCAPED = "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#x27;x&#x27;"


def test_words_of_every_part_of_a_panel_are_escaped_in_html_and_as_they_are_in_text():
    panel = Panel(HOSTILE, "fault").say(HOSTILE).say(Code(HOSTILE)).say(Link(HOSTILE, HOSTILE)).say(Link(HOSTILE, None))
    panel.points([HOSTILE], [Code(HOSTILE)]).table(("head",), (HOSTILE,)).block(HOSTILE)
    shown = panel.fold(HOSTILE, HOSTILE, opened=True).bundle()
    assert "<script" not in shown["text/html"] and '"1"' not in shown["text/html"]
    assert shown["text/html"].count(ESCAPED) == shown["text/plain"].count(HOSTILE) + 1 == 12
    assert f'<a href="{ESCAPED}">{ESCAPED}</a>' in shown["text/html"]


def test_a_link_that_leads_nowhere_is_words():
    assert "<a" not in Panel("Title", "fine").say(Link("cell [1]", None)).bundle()["text/html"]


def test_what_is_folded_away_is_not_in_the_text_and_nothing_is_not_folded():
    shown = Panel("Title", "fine").fold("Log", "words", opened=False).fold("Empty", "\n", opened=True).bundle()
    assert shown["text/plain"] == "Title"
    assert shown["text/html"].count("<details") == 1
