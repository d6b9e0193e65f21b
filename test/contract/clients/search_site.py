"""Search the documentation's site in Chromium as its readers do; print the first pages that each query finds.

Arguments: the site's folder, the browser's program, and the queries, one in each line of a file.
"""

import functools
import json
import sys
import threading
import urllib.parse
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import sync_playwright

site, chromium, queries = sys.argv[1], sys.argv[2], Path(sys.argv[3]).read_text(encoding="utf-8").splitlines()
# Sphinx adds the results one after another, best first, and then prints how many there are.
SHOWN = """first => {
    const results = document.querySelectorAll("#search-results ul.search > li").length
    const summary = document.querySelector("#search-results .search-summary")?.textContent
    return results >= first || /found|match any/.test(summary)
}"""
FIRST = 5


class QuietHandler(SimpleHTTPRequestHandler):
    """Serve the site without a log."""

    def log_message(self, *_):
        """Print nothing."""


server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(QuietHandler, directory=site))
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/"
found = {}

with sync_playwright() as play:
    browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
    page = browser.new_page()
    for query in queries:
        page.goto(url + "search.html?q=" + urllib.parse.quote_plus(query))
        page.wait_for_function(SHOWN, arg=FIRST)
        links = page.eval_on_selector_all("#search-results ul.search > li > a", "all => all.map(one => one.href)")
        pages = [urllib.parse.urlsplit(link).path.lstrip("/").removesuffix(".html") for link in links]
        found[query] = list(dict.fromkeys(pages))[:FIRST]
    browser.close()
print(json.dumps(found))
