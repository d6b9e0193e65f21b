"""The page: what samples and services say is text on it, whatever they say."""

import math
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest
from nb_builder.comparison import page, plots
from nb_builder.comparison.client import Outcome

from unit.nb_builder.comparison.stand_ins import REFUSED, reported, tallied, trial_of

HOSTILE = "</td></table><script>alert(1)</script><img src='http://example.invalid/x' onerror=alert(1)>\"'&\ud800"


class Elements(HTMLParser):
    """Notes elements, attributes and text."""

    def __init__(self, text):
        super().__init__()
        self.names, self.attributes, self.texts = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture(scope="module")
def hostile():
    rejection = Outcome(f"422 {HOSTILE}", None, HOSTILE, 0.001)
    trial = trial_of(
        tallied((HOSTILE, HOSTILE[:40]), ({HOSTILE: 1}, rejection), (rejection, rejection)),
        (1, 2),
        [(0.001, 0.002)] * 20,
    )
    made = reported(trial, "MAX_DIFFERENT=1%", names=(HOSTILE, HOSTILE), source=HOSTILE)
    return page.render(made, trial)


def test_nothing_of_a_sample_a_name_or_an_answer_becomes_an_element(hostile):
    seen = Elements(hostile)
    assert not {"script", "img", "iframe", "object", "form", "a"} & set(seen.names)
    assert not [name for name, _ in seen.attributes if name.startswith("on")]
    assert any("<script>alert(1)</script>" in text for text in seen.texts)


def test_no_address_of_another_host_is_asked(hostile):
    values = [value or "" for _, value in Elements(hostile).attributes]
    assert not [value for value in values if "//" in value]
    assert "default-src 'none'" in hostile and "url(" not in hostile and "@import" not in hostile


def test_the_page_is_a_file_that_can_be_written(hostile):
    assert hostile.encode("utf-8").decode("utf-8") == hostile


def test_it_says_what_the_terminal_says():
    pairs = [("low", "low")] * 6 + [("low", "high")] * 2 + [("low", REFUSED)]
    trial = trial_of(tallied(*pairs), (2_000_000, 3_000_000), [(0.001, 0.002)] * 20)
    text = page.render(reported(trial, "MAX_DIFFERENT=1%", "MAX_MEMORY_RATIO=2"), trial)
    words = " ".join(Elements(text).texts)
    assert "9 rows in = 8 compared + 1 only OLD answered + 0 only NEW answered + 0 neither answered." in words
    assert "exceeded" in words and "3 of 9 rows differ, 33.33 %" in words and "holds" in words
    assert "NEW takes 2.000 times as long" in words and "NEW needs 1.500 times as much" in words
    assert 'class="exceeded"' in text and text.count("<svg ") == 2


def test_numbers_are_drawn_next_to_each_other():
    trial = trial_of(tallied(*[(number / 7, number / 7 + (number == 9)) for number in range(30)]))
    text = page.render(reported(trial), trial)
    assert "Predictions of OLD and NEW" in text and "Differences between predictions" in text
    assert text.count("<circle ") == 30


DRAWN = {
    "shares": lambda: plots.shares([0.001] * 9, [0.001] * 9),
    "shares of one": lambda: plots.shares([0.001], [0.1]),
    "bars": lambda: plots.bars(0.0, 0.0, "MB"),
    "points at one place": lambda: plots.points([1.0] * 5, [1.0] * 5),
    "points of the largest doubles": lambda: plots.points([-1.7e308, 0.0], [1.7e308, 1.0]),
    "many points": lambda: plots.points(range(50_000), range(50_000)),
    "sizes": lambda: plots.magnitudes([0.0, 1e-300, 5e-324, 0.5, 1e300]),
    "sizes of nothing": lambda: plots.magnitudes([0.0, 2.0]),
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_plot_is_well_formed_and_has_only_numbers_that_there_are(name):
    drawn = DRAWN[name]()
    assert "nan" not in drawn and "inf" not in drawn and len(drawn) < 200_000
    for element in ET.fromstring(drawn).iter():
        for key in ("x", "y", "cx", "cy", "width", "height", "x1", "x2", "y1", "y2"):
            if key in element.attrib:
                value = float(element.attrib[key])
                assert math.isfinite(value) and -1 <= value <= plots.WIDTH + 1


def test_bars_of_differences_have_each_answer_once():
    drawn = plots.magnitudes([0.0, 0.0, 1e-300, 1e-299, 0.5, 2.0, 3.0])
    heights = [float(each.attrib["height"]) for each in ET.fromstring(drawn).iter() if each.tag.endswith("rect")]
    largest = max(heights)
    # 0, what is smaller than the smallest power shown, and 1e-1 and 1.
    assert sorted(round(2 * height / largest) for height in heights if height) == [1, 2, 2, 2]


def test_an_answer_is_shown_cut_where_it_is_long():
    trial = trial_of(tallied((["x" * 10_000], ["y"])))
    assert len(page.render(reported(trial), trial)) < 20_000
