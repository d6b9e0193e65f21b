"""Forms, compared with what werkzeug's parser reads."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nb_scorer.model import multipart
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder

BOUNDARY = "edge"


def read(body, boundary=BOUNDARY, begin=0):
    """Return [(name, file name, media type, content)] as we read a form; None for one that can't be read."""
    try:
        found = list(multipart.parts(body, boundary, begin))
    except multipart.UnreadableForm:
        return None
    return [(part.name, part.file_name, part.media_type, body[part.start : part.end]) for part in found]


def read_by_werkzeug(body):
    """Return the same as werkzeug reads it."""
    decoder = MultipartDecoder(BOUNDARY.encode(), max_parts=multipart.MAX_PARTS)
    decoder.receive_data(body)
    decoder.receive_data(None)
    found = []
    try:
        while not isinstance(event := decoder.next_event(), Epilogue):
            if isinstance(event, Data):
                found[-1][3] += event.data
            elif isinstance(event, (Field, File)):
                if event.name is None:
                    return None
                media_type = event.headers.get("Content-Type", "").partition(";")[0].strip().lower() or None
                found.append([event.name, getattr(event, "filename", None), media_type, b""])
    except (ValueError, RequestEntityTooLarge):
        return None
    return [tuple(part) for part in found]


def quoted(text):
    """Return a parameter's value in quotes, as HTTP escapes them."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


# No line breaks: clients escape them.
NAMES = st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), max_size=12)
# What looks like a delimiter, or nearly, is what a parser gets wrong.
NEAR = st.lists(
    st.sampled_from(
        [b"--edge", b"--edge--", b"\r\n", b"\n", b"\r", b"-", b" ", b"--edg", b"x", b"\x00\xff", b"\r\n--edge "]
    )
    | st.binary(max_size=8),
    max_size=6,
).map(b"".join)
BREAKS = st.sampled_from([b"\r\n"] * 6 + [b"\n", b"\r"])


@st.composite
def forms(draw):
    """Return the body of a form."""
    lines, end = [], draw(BREAKS)
    for _ in range(draw(st.integers(0, 3))):
        head = f"Content-Disposition: form-data; name={quoted(draw(NAMES))}"
        if draw(st.booleans()):
            name = draw(NAMES)
            forms_of_name = [f"; filename={quoted(name)}", "; filename=a.png", "; filename*=UTF-8''gr%C3%BC.png"]
            head += draw(st.sampled_from([*forms_of_name, "; filename", '; filename="open', "; filename*=x''%ff"]))
        fields = [
            head.encode(),
            *draw(st.lists(st.sampled_from([b"Content-Type: image/PNG; a=b", b"X:y", b" folded"]))),
        ]
        lines.append(b"--edge" + draw(st.sampled_from([b"", b"", b" ", b"\t"])) + end + end.join(fields) + end + end)
        lines.append(draw(NEAR) + end)
    return draw(st.sampled_from([b"", b"", b"preamble", b"\r\n"])) + b"".join(lines) + b"--edge--" + draw(NEAR)


EXAMPLES = [pytest.param(80, id="few"), pytest.param(8000, id="many", marks=pytest.mark.long)]


@pytest.mark.parametrize("examples", EXAMPLES)
def test_a_form_is_read_as_werkzeug_reads_it(examples):
    @settings(max_examples=examples)
    @given(forms())
    @example(b"--edge--")
    @example(b'--edge\r\nContent-Disposition: form-data; name="a"\r\n\r\n--edge--')
    def check(body):
        expected = read_by_werkzeug(body)
        assert read(body) == expected
        if expected is not None:
            # Behind a head of ours, nothing before the form counts.
            assert read(b"\r\n--edge" + body, begin=8) == expected

    check()


@pytest.mark.parametrize("examples", EXAMPLES)
def test_a_broken_form_is_read_as_werkzeug_reads_it_or_not_at_all(examples):
    @settings(max_examples=examples)
    @given(forms(), NEAR, st.floats(0, 1), st.integers(0, 4))
    def check(body, inserted, place, removed):
        at = int(place * len(body))
        broken = body[:at] + inserted + body[at + removed :]
        assert read(broken) == read_by_werkzeug(broken)

    check()


@pytest.mark.parametrize("examples", EXAMPLES)
def test_parameters_are_read_as_werkzeug_reads_them(examples):
    pieces = ["form-data", ";", " ", "name", "=", '"', "\\", "*", "utf-8''", "%41", "a", "%22"]

    @settings(max_examples=examples)
    @given(st.lists(st.sampled_from(pieces)).map("".join))
    @example("form-data;name*=utf-8''utf-8''")
    def check(value):
        assert multipart.options(value) == parse_options_header(value)

    check()


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=edge", "edge"),
        ('Multipart/Form-Data; charset=utf-8; boundary="a b"', "a b"),
        ("multipart/form-data", None),
        ("multipart/form-data; boundary=", None),
        ("multipart/form-data; boundary=\xe4", None),
        ("multipart/form-data; boundary=" + "a" * 300, None),
        ("multipart/mixed; boundary=edge", None),
    ],
)
def test_the_boundary_of_a_form(content_type, boundary):
    assert multipart.boundary_of(content_type) == boundary


@pytest.mark.parametrize(
    ("body", "words", "status"),
    [
        (b"nothing", "its last boundary is missing", 400),
        (b"--edge\r\nX: " + b"y" * 20_000 + b"\r\n\r\n\r\n--edge--", "a head above 16 kB", 400),
        (b"--edge\r\nX: y\r\n\r\n\r\n--edge--", "without Content-Disposition", 400),
        (b"--edge\r\nContent-Disposition: form-data\r\n\r\n\r\n--edge--", "without a name", 400),
        (b"--edge\r\nContent-Disposition: \xff\r\n\r\n\r\n--edge--", "not text in UTF-8", 400),
        (b"--edge\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n" * 1001 + b"--edge--", "more than 1000", 413),
    ],
)
def test_what_is_no_form(body, words, status):
    with pytest.raises(multipart.UnreadableForm, match=words) as raised:
        list(multipart.parts(body, BOUNDARY))
    assert raised.value.status == status


class CountedSearches(bytes):
    """A body that counts the searches for a boundary."""

    searches = 0

    def find(self, *arguments):
        """Search as bytes do."""
        self.searches += 1
        return super().find(*arguments)


@pytest.mark.parametrize(("boundary", "near"), [("-", b"-"), ("edge", b"\r\n--edge.")])
def test_content_that_resembles_the_boundary_a_thousand_times_is_searched_once(boundary, near):
    head = b'Content-Disposition: form-data; name="a"'
    delimiter, content = b"--" + boundary.encode(), b"." + near * 1000 + b"."
    body = CountedSearches(delimiter + b"\r\n" + head + b"\r\n\r\n" + content + b"\r\n" + delimiter + b"--")
    assert read(body, boundary) == [("a", None, None, content)]
    # One search for each delimiter.
    assert body.searches == 2
