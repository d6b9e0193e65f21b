"""Look at the site of the documentation in Chromium as a person does; print the observations, and save pictures.

Words: the site's folder, a folder for pictures, the browser's program.
"""

import functools
import json
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

site, pictures, chromium = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
# One of each kind: the map, text with commands, a wide table, a drawing.
PAGES = ("", "tutorial/first-service.html", "reference/settings.html", "explanation/how-a-build-works.html")
HOW = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 900}},
    "phone": {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True},
}
found = {"elsewhere": [], "complaints": [], "barriers": [], "overflow": []}


class Quiet(SimpleHTTPRequestHandler):
    """The site's server, without its log."""

    def log_message(self, *_):
        """Say nothing."""


server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=site))
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/"

with sync_playwright() as play:
    browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
    for name, how in HOW.items():
        page = browser.new_context(**how).new_page()
        page.on("request", lambda asked: asked.url.startswith((url, "data:")) or found["elsewhere"].append(asked.url))
        # Every browser asks for a favicon, which the site has none of.
        page.on("console", lambda said: "favicon" in said.location["url"] or found["complaints"].append(said.text))
        page.on("pageerror", lambda said: found["complaints"].append(str(said)))
        for path in PAGES:
            page.goto(url + path)
            page.screenshot(path=pictures / f"site-{Path(path).stem}-{name}.png")
            found["overflow"].append(page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))
            rules = Axe().run(page).response["violations"]
            found["barriers"] += [(name, path, rule["id"], node["html"]) for rule in rules for node in rule["nodes"]]
    desk = browser.new_page()
    desk.goto(url)
    desk.fill("input[name=q]", "S2I_LINGER")
    desk.press("input[name=q]", "Enter")
    # Sphinx shows the pages that it finds one after another, and then how many there are.
    desk.wait_for_selector("#search-results .search-summary >> text=/found \\d+ page/")
    found["hits"] = desk.locator("#search-results li a").all_inner_texts()
    browser.close()
print(json.dumps(found))
