import re

import nbformat
import pytest
from nb_builder.report import notebook_html
from nbformat import v4


def page_of(*cells):
    """Return the page of a notebook with these cells."""
    return notebook_html.page(v4.new_notebook(cells=list(cells)), "a <b>.ipynb").partition("<body>")[2]


def output(**data):
    """Return a cell that showed `data`, by MIME type."""
    output = {kind.replace("__", "+").replace("_", "/", 1): value for kind, value in data.items()}
    return v4.new_code_cell("x", outputs=[v4.new_output("execute_result", output)])


def test_cells_and_outputs_are_on_the_page():
    cell = v4.new_code_cell("print(1)", outputs=[v4.new_output("stream", name="stdout", text="said <1>\n")])
    page = page_of(v4.new_markdown_cell("# Title\n\n*soft*"), cell)
    for words in ("<h1>Title</h1>", "<em>soft</em>", '<span class="nb">print</span>', "said &lt;1&gt;"):
        assert words in page


def test_cells_have_the_numbers_that_messages_call_them_by():
    cells = [v4.new_markdown_cell("# Title"), v4.new_code_cell("1", execution_count=1), v4.new_code_cell("skipped")]
    page = page_of(*cells, v4.new_code_cell("2", execution_count=2))
    numbers = re.findall(r'<p class="number"><a href="#(.*?)" id="(.*?)">\s*(.*?)</a> (.*?)</p>', page)
    assert numbers == [
        ("cell-1", "cell-1", "[1]", "cell 2 of the file"),
        ("cell-2", "cell-2", "[2]", "cell 4 of the file"),
    ]
    assert '<a href="docs">' in page and '<a href="drift">' in page


def test_tables_and_pictures_of_outputs_are_kept():
    assert "<td>1</td>" in page_of(output(text_html="<table><tr><td>1</td></tr></table>"))
    assert 'src="data:image/png;base64,' in page_of(output(image_png="iVBORw0KGgo="))
    svg = page_of(output(image_svg__xml="<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"))
    assert 'src="data:image/svg+xml;base64,' in svg and "alert" not in svg


@pytest.mark.parametrize(
    "html",
    [
        "<script>alert(1)</script>",
        "<style>body { background: url(http://x/) }</style>",
        "<img src=http://x/y.png onerror=alert(1)>",
        "<img src='data:text/html,alert(1)'>",
        "<a href='javascript:alert(1)'>a</a>",
        "<a href='data:text/html,alert(1)'>a</a>",
        "<iframe src=http://x/></iframe>",
        "<svg onload=alert(1)></svg>",
        "<form action=http://x/><input></form>",
        "<div style='background: url(http://x/)' onclick=alert(1)>d</div>",
        "<scr<script></script>ipt>alert(1)</script>",
        "<object data=http://x/></object><embed src=http://x/><base href=http://x/><link rel=stylesheet href=http://x/>",
        "<meta http-equiv=refresh content='0;url=http://x/'>",
    ],
)
@pytest.mark.parametrize("cell", [v4.new_markdown_cell, lambda html: output(text_html=html)])
def test_nothing_that_runs_loads_or_is_sent_is_left(cell, html):
    page = page_of(cell(html))
    for bad in ("<script", "<style", "javascript:", "http://x/", "onerror", "onload", "onclick", "<iframe", "<form"):
        assert bad not in page.replace("&lt;", "")
    for bad in ("<object", "<embed", "<base", "<link", "<meta", "<svg", "data:text"):
        assert bad not in page


def test_scripts_and_widgets_have_their_text_or_a_word():
    assert "alert" not in page_of(output(application_javascript="alert(1)"))
    widget = v4.new_output(
        "display_data", {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "IntSlider()"}
    )
    assert "IntSlider()" in page_of(v4.new_code_cell("w", outputs=[widget]))


def test_a_page_that_can_t_be_made_is_left_out_with_a_note(tmp_path, monkeypatch):
    notes = []
    monkeypatch.setattr(notebook_html, "page", lambda node, title: 1 / 0)
    log = type("Log", (), {"note": lambda self, text: notes.append(text)})()
    notebook_html.write(nbformat.from_dict({}), "m.ipynb", tmp_path / "notebook.html", log)
    assert notes == ["m.ipynb can't be shown as a page: ZeroDivisionError: division by zero"]
    assert not (tmp_path / "notebook.html").exists()
