"""Writes the executed notebook as one HTML page for the service, without scripts or external resources."""

import base64
import re
from html import escape
from pathlib import Path

import nbformat

from nb_builder.common.log import Log
from nb_builder.rewrite.number_cells import positions

_IMAGES = ("data:image/png;", "data:image/jpeg;", "data:image/gif;", "data:image/webp;", "data:image/svg+xml;")
_TAGS = frozenset(
    """a abbr b blockquote br caption code col colgroup dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i img kbd li
    mark ol p pre q s samp small span strong sub summary sup table tbody td tfoot th thead tr u ul""".split()  # noqa: SIM905
)
_ATTRIBUTES = {"class", "id", "alt", "title", "colspan", "rowspan", "align", "width", "height"}
# The output formats that may be shown, best first; scripts and widgets are left out.
_MIME_TYPES = ("image/svg+xml", "image/png", "image/jpeg", "text/html", "text/markdown", "text/latex", "text/plain")
# The name of each executed cell in messages, shown above it, such as "Cell [3] of model.ipynb (cell 5 of the file)".
_TEMPLATE = """{%- extends "basic/index.html.j2" -%}
{%- block in_prompt -%}
{%- if cell.execution_count -%}
<p class="number"><a id="cell-{{ cell.execution_count }}" href="#cell-{{ cell.execution_count }}">
[{{ cell.execution_count }}]</a> cell {{ cell.metadata.nb_builder.position }} of the file</p>
{%- endif -%}
{%- endblock in_prompt -%}
{%- block empty_in_prompt -%}{%- endblock empty_in_prompt -%}
"""
_PAGES = '<nav><a href="docs">Try it</a> <a href="drift">Drift</a></nav>'
_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8888880a; --quiet: #59636e; --link: #0860ca; }
@media (prefers-color-scheme: dark) { :root { --quiet: #9aa4b2; --link: #6cb6ff; } }
a { color: var(--link); }
nav { display: flex; gap: 1.2rem; }
.number { margin: 0 0 .2rem; color: var(--quiet); font-size: .82rem; }
.number:has(:target) { font-weight: 700; }
body { margin: 0; background: Canvas; color: CanvasText; }
main { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 60rem; font: 16px/1.55 system-ui, sans-serif; }
pre { margin: 0; font: .88rem/1.45 ui-monospace, "DejaVu Sans Mono", monospace; white-space: pre-wrap; }
pre, td, p { overflow-wrap: anywhere; }
.input_area { border: 1px solid var(--line); border-radius: .4rem; background: var(--soft); }
.highlight { padding: .6rem .8rem; }
.cell { margin: .9rem 0; }
.output_area { padding: .4rem .8rem; overflow-x: auto; }
.prompt, .anchor-link { display: none; }
table { border-collapse: collapse; font-size: .9rem; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--line); text-align: right; }
img { max-width: 100%; background: #fff; }
"""


def write(node: nbformat.NotebookNode, title: str, target: Path, log: Log) -> None:
    """Write the page of an executed notebook; if that fails, log a note and write none."""
    try:
        target.write_text(page(node, title), encoding="utf-8")
    # Other libraries parse any library's output here, and an error in them must not cost the model.
    except Exception as error:  # noqa: BLE001
        log.note(f"{title} can't be shown as a page: {type(error).__name__}: {error}")


def page(node: nbformat.NotebookNode, title: str) -> str:
    """Return the page's HTML."""
    # Imported here, because they are slow to import, and `check` creates no page.
    from nbconvert.exporters import HTMLExporter
    from pygments.formatters import HtmlFormatter

    exporter = HTMLExporter(template_name="basic", raw_template=_TEMPLATE, exclude_anchor_links=True)
    exporter.exclude_output_prompt = True
    body, _ = exporter.from_notebook_node(presentable(node))
    light, dark = (HtmlFormatter(style=style).get_style_defs(".highlight") for style in ("default", "monokai"))
    colours = f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n.highlight {{ background: none; }}"
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{escape(title)}</title>\n'
        f"<style>{_STYLE}\n{colours}\n</style>\n</head>\n<body>\n<main>\n{_PAGES}\n{clean(body)}\n</main>\n</body>\n</html>\n"
    )


def presentable(node: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return a copy of the notebook with the position of each cell, and each output in the best format for a page."""
    copy = nbformat.from_dict(node)
    for position, cell in positions(copy):
        cell.metadata["nb_builder"] = {"position": position}
        for output in cell.get("outputs", ()):
            if "data" in output:
                output["data"] = _best_form(output["data"])
    return copy


def _best_form(data: dict) -> dict:
    for mime_type in _MIME_TYPES:
        if mime_type == "image/svg+xml" and mime_type in data:
            # In an <img>, scripts of an SVG never run.
            content = data[mime_type] if isinstance(data[mime_type], str) else "".join(data[mime_type])
            encoded = base64.b64encode(content.encode("utf-8")).decode("ascii")
            return {"text/html": f'<img alt="" src="data:image/svg+xml;base64,{encoded}">'}
        if mime_type in data:
            return {mime_type: data[mime_type]}
    return {"text/plain": "(an output that a page can't show)"}


def clean(html: str) -> str:
    """Return `html` without scripts, requests to other hosts and forms; text stays."""
    import nh3

    cleaned = nh3.clean(
        html,
        tags=_TAGS,
        # The content of these is removed, too, because it is not text for readers.
        clean_content_tags={"script", "style"},
        attributes={"*": _ATTRIBUTES, "img": {"src"}, "a": {"href"}},
        attribute_filter=_allowed_value,
        url_schemes={"http", "https", "mailto", "data"},
        link_rel=None,
    )
    # An image from another host has lost its src, so it would be shown as broken.
    return re.sub(r"<img(?![^>]* src=)[^>]*>", "", cleaned)


def _allowed_value(tag: str, name: str, value: str) -> str | None:
    """Return `value` if the attribute may stay, else None: images must be data URLs, links http, mailto or anchors."""
    if name not in ("src", "href"):
        return value
    return value if value.startswith(_IMAGES if name == "src" else ("http://", "https://", "mailto:", "#")) else None
