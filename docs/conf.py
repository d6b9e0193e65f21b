"""The site of these pages: `make docs` writes it by Sphinx, MyST and furo.

A README is the map of its folder, for a git host and for the site alike: from its links comes which pages the site's
sidebar has, and under which headings.
"""

import re
from pathlib import Path

from pygments.lexers.special import TextLexer

HERE = Path(__file__).parent
# A link to something of the repository, other than a picture.
LINK = re.compile(r"(?<!!)\[(?P<words>[^\]]*)\]\((?![a-z]+:)(?P<path>[^)#\s]+)(?:#[^)\s]*)?\)")
# Markup for screen readers that furo and Sphinx leave out: names of columns, levels of headings, and that keys
# can scroll elements wider than the page.
MARKUP = {
    '<aside class="sidebar-drawer">': '<aside class="sidebar-drawer" aria-label="All pages">',
    '<aside class="toc-drawer">': '<aside class="toc-drawer" aria-label="On this page">',
    '<p class="caption" role="heading">': '<p class="caption" role="heading" aria-level="2">',
    "<pre>": '<pre tabindex="0">',
    '<div class="table-wrapper': '<div tabindex="0" role="group" aria-label="Table" class="table-wrapper',
}
HEADING = re.compile(r"^## (.+)$", re.MULTILINE)

project = "nb-builder"
author = "the nb-builder project"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = "README"
# A reference without a target is a warning, and `make docs` turns warnings into errors.
nitpicky = True
# As on a git host: headings have the anchors that pages link to, and quotes stay as they are written.
myst_heading_anchors = 6
smartquotes = False

html_theme = "furo"
html_title = "nb-builder"
html_copy_source = False
html_use_index = False
html_show_sphinx = False
html_show_copyright = False
# Their colours have enough contrast by day and by night.
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"


def sections(text):
    """Return (heading, links to pages) of a map's parts, in their order; what precedes the first heading has ""."""
    parts = HEADING.split(text)
    titles = ["", *parts[1::2]]
    links = [[link["path"] for link in LINK.finditer(part)] for part in parts[::2]]
    return list(zip(titles, links, strict=True))


def add_sidebar(app, docname, source):
    """Put the pages that a map links to into the sidebar, each once; pages of other folders have maps of their own."""
    if Path(docname).name != "README":
        return
    folder = (HERE / docname).parent
    seen = {HERE / f"{docname}.md"}
    for title, links in sections(source[0]):
        if docname == root_doc and not title:
            # The first lines repeat the most important links of the sections below.
            continue
        pages = [page for page in dict.fromkeys((folder / link).resolve() for link in links) if page not in seen]
        pages = [page for page in pages if page.suffix == ".md" and page.is_relative_to(folder)]
        seen.update(pages)
        if pages:
            caption = [f":caption: {title}"] if docname == root_doc and title else []
            names = [str(page.relative_to(folder)) for page in pages]
            source[0] += "\n".join(["\n\n```{toctree}", ":hidden:", *caption, "", *names, "```\n"])


def drop_links(app, docname, source):
    """Replace a link to a folder, or out of docs, with its text: the site has no such page."""
    folder = (HERE / docname).parent

    def kept(link):
        target = (folder / link["path"]).resolve()
        has_page = target.is_relative_to(HERE) and not target.is_dir()
        return link[0] if has_page or not target.exists() else link["words"]

    source[0] = LINK.sub(kept, source[0])


def finish(app, error):
    """Let keys reach all of each page, and give each folder with a map an index.html, which a server shows for it."""
    if error is not None:
        return
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        for said, better in MARKUP.items():
            text = text.replace(said, better)
        page.write_text(text, encoding="utf-8")
        if page.name == "README.html":
            page.with_name("index.html").write_text(text, encoding="utf-8")


def setup(app):
    """Connect the functions above with Sphinx."""
    app.add_lexer("answer", TextLexer)
    app.connect("source-read", add_sidebar)
    app.connect("source-read", drop_links)
    app.connect("build-finished", finish)
