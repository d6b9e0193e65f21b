"""Look at the page of a comparison in Chromium as a person does; print the observations, and save pictures.

Words: the page's file, a folder for pictures, the browser's program.
"""

import json
import sys
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

page_file, pictures, chromium = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
url = page_file.as_uri()
HOW = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 900}},
    "phone": {
        "viewport": {"width": 360, "height": 740},
        "is_mobile": True,
        "has_touch": True,
        "device_scale_factor": 2,
    },
}
found = {"elsewhere": [], "complaints": [], "barriers": [], "overflow": []}

with sync_playwright() as play:
    browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
    for name, how in HOW.items():
        page = browser.new_context(**how).new_page()
        page.on("request", lambda asked: asked.url.startswith((url, "data:")) or found["elsewhere"].append(asked.url))
        page.on("console", lambda said: found["complaints"].append(said.text))
        page.on("pageerror", lambda said: found["complaints"].append(str(said)))
        page.goto(url)
        page.screenshot(path=pictures / f"comparison-{name}.png", full_page=True)
        found["overflow"].append(page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))
        found["title"] = page.title()
        found["text"] = page.inner_text("main")
        found["plots"] = [round(box["height"]) for box in (each.bounding_box() for each in page.locator("svg").all())]
        found["classes"] = page.inner_text("#classes").split()
        # axe is a script, which the page allows none.
        judged = browser.new_context(bypass_csp=True, **how).new_page()
        judged.goto(url)
        rules = Axe().run(judged).response["violations"]
        found["barriers"] += [(rule["id"], node["html"]) for rule in rules for node in rule["nodes"]]
    browser.close()
print(json.dumps(found))
