"""Use a service's pages in Chromium as a person does; print what was seen, and leave pictures.

Words: the address, a folder for pictures, the browser's program; the address of a service with a key, and the key.
"""

import json
import re
import sys
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Error, sync_playwright

url, pictures, chromium, guarded, key = sys.argv[1], Path(sys.argv[2]), *sys.argv[3:]
ours = (url, guarded, "data:")
PHONE = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True, "device_scale_factor": 2}
found = {"elsewhere": [], "complaints": []}


def watch(page):
    """Note what a page asks of other hosts, and what the browser has to say against it."""
    page.on("request", lambda asked: asked.url.startswith(ours) or found["elsewhere"].append(asked.url))
    page.on("console", lambda said: found["complaints"].append(said.text))
    page.on("pageerror", lambda said: found["complaints"].append(str(said)))
    return page


def overflow(page):
    """Return by how many pixels a page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


def try_it(page):
    """Ask the first golden row and a sample that is refused, by the form alone."""
    page.goto(url + "/")
    filled = page.input_value("#sample").strip()
    page.click("button")
    answer = page.inner_text("#answer pre")
    page.fill("#sample", "[1]")
    page.click("button")
    problem = page.inner_text("#problem")
    page.click("text=Take this >> nth=1")
    return [filled, answer, problem, page.input_value("#sample").strip()]


def barriers(browser):
    """Return what keeps people out of the pages, by axe: (rule, element) each, by day, by night and on a phone."""
    kept_out = []
    for how in ({"color_scheme": "light"}, {"color_scheme": "dark"}, PHONE):
        # axe is a script, which the pages allow none.
        page = browser.new_context(bypass_csp=True, **how).new_page()
        for path in ("/docs", "/notebook"):
            page.goto(url + path)
            if path == "/docs":
                page.click("button")
                page.click("summary")
            rules = Axe().run(page).response["violations"]
            kept_out += [(rule["id"], node["html"]) for rule in rules for node in rule["nodes"]]
    return kept_out


def unlock(browser):
    """Return what is shown of a service that wants a key: without one, and with it as a password."""
    try:
        refused = browser.new_page().goto(guarded + "/docs").status
    except Error as asked_in_vain:
        refused = re.search("ERR_[A-Z_]+", str(asked_in_vain))[0]
    asked = {"username": "anybody", "password": key}
    guest = watch(browser.new_context(http_credentials=asked).new_page())
    guest.goto(guarded + "/docs")
    guest.click("button")
    answer = guest.inner_text("#answer pre")
    guest.goto(guarded + "/notebook")
    return [refused, answer, guest.inner_text("body")]


with sync_playwright() as play:
    browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
    desk = watch(browser.new_page(viewport={"width": 1280, "height": 900}))
    found["with_javascript"] = try_it(desk)
    found["title"] = desk.title()
    desk.goto(url + "/docs")
    desk.click("button")
    desk.wait_for_selector("#answer pre")
    desk.screenshot(path=pictures / "docs.png", full_page=True)
    desk.emulate_media(color_scheme="dark")
    desk.screenshot(path=pictures / "docs-dark.png", full_page=True)
    desk.emulate_media(color_scheme="light")

    bare = watch(browser.new_context(java_script_enabled=False).new_page())
    found["without_javascript"] = try_it(bare)

    phone = watch(browser.new_context(**PHONE).new_page())
    phone.goto(url + "/docs")
    phone.tap("button")
    phone.wait_for_selector("#answer pre")
    found["phone_overflow"] = [overflow(phone)]
    found["button_height"] = round(phone.locator("button").bounding_box()["height"])
    phone.tap("summary")
    found["phone_overflow"].append(overflow(phone))
    phone.screenshot(path=pictures / "docs-phone.png", full_page=True)
    if phone.locator("a[href='/notebook']").count():
        phone.tap("a[href='/notebook']")
        found["notebook"] = phone.inner_text("body")
        phone.screenshot(path=pictures / "notebook-phone.png", full_page=True)
        desk.goto(url + "/notebook")
        desk.screenshot(path=pictures / "notebook.png", full_page=True)
        # In a sandbox nothing can be asked of the page itself; its width is that of its parts.
        found["pictures"] = desk.locator("img").count()
    found["barriers"] = barriers(browser)
    found["guarded"] = unlock(browser)
    browser.close()
print(json.dumps(found))
