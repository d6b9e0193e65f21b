"""Use a service's pages in Chromium as a person does; print the observations, and save pictures.

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
PHONE = {"viewport": {"width": 320, "height": 640}, "is_mobile": True, "has_touch": True, "device_scale_factor": 2}
LANGUAGES = ("curl", "python", "javascript")
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
    """Send the first golden row in the form, and a rejected sample as JSON."""
    page.goto(url + "/")
    filled = page.input_value("#sample").strip()
    page.fill("[name='#/0']", "5")
    page.click("#predict")
    answer = page.inner_text("#answer pre")
    asked = page.input_value("#sample").strip()
    page.fill("#sample", "[1]")
    page.click("#predict-json")
    problem = page.inner_text("#problem")
    page.click("text=Take this >> nth=-1")
    return [filled, asked, answer, problem, page.input_value("#sample").strip()]


def with_the_script(page):
    """Return what form, editor, programs and history show while somebody types, and where it is the service's turn."""
    page.goto(url + "/docs")
    at_first = [page.text_content(f"#{language}") for language in LANGUAGES]
    page.fill("#sample", "[1, 2.0]")
    page.fill("#sample", "[1,2]")
    page.fill("#sample", "[1, 2]")
    seen = {"programs": [at_first, [page.text_content(f"#{language}") for language in LANGUAGES]]}
    page.fill("#sample", "[7.50, 12345678901234567890]")
    seen["fields"] = [page.input_value(f"[name='#/{place}']") for place in (0, 1)]
    page.fill("[name='#/0']", "1.0")
    seen["editor"] = page.input_value("#sample")
    page.fill("[name='#/0']", "")
    seen["mistake"] = [page.inner_text("[data-at='#/0']"), page.get_attribute("[name='#/0']", "aria-invalid")]
    page.fill("#sample", '["<b>", null, {"a": 1}]')
    page.wait_for_selector("[name='#/2']")
    seen["other_fields"] = [page.input_value(f"[name='#/{place}']") for place in (0, 1, 2)]
    page.click("[value='remove #/1']")
    page.wait_for_selector("[name='#/2']", state="detached")
    seen["removed"] = page.input_value("#sample")
    page.click("#predict-json")
    page.wait_for_selector("#problem")
    page.fill("#sample", "[3, 4]")
    page.wait_for_selector("[name='#/1']:not(textarea)")
    page.press("[name='#/1']", "Enter")
    page.wait_for_selector("#answer")
    seen["history"] = [row.inner_text().split("\t")[2:5] for row in page.locator("#requests tr").all()]
    page.click("#requests button >> nth=1")
    seen["taken"] = page.input_value("#sample")
    page.fill("#sample", "[3, 4]")
    page.fill("#by-field [name='parameter:times']", "3")
    seen["parameters"] = [page.input_value("#by-json [name='parameter:times']")]
    page.click("#predict-json")
    page.wait_for_selector("text=21.0 >> visible=true")
    seen["parameters"].append(page.inner_text("#answer-text"))
    page.fill("#by-field [name='parameter:times']", "1.5")
    page.click("#predict-json")
    page.wait_for_selector("#problem")
    seen["parameters"].append(page.inner_text("#by-field [data-at='#/parameters/times']"))
    seen["parameters"].append(page.get_attribute("#by-field [name='parameter:times']", "aria-invalid"))
    page.fill("#by-field [name='parameter:times']", "")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click("[data-copies=curl]")
    seen["copied"] = page.evaluate("navigator.clipboard.readText()") == page.text_content("#curl")
    seen["address"] = page.url
    page.click("#refresh")
    page.wait_for_function("!document.querySelector('#figures dd').textContent.startsWith('0')")
    return seen


def barriers(browser):
    """Return what keeps people out of the pages, by axe: (rule, element) each, by day, by night and on a phone."""
    kept_out = []
    for how in ({"color_scheme": "light"}, {"color_scheme": "dark"}, PHONE):
        # axe is a script, which the pages allow none.
        page = browser.new_context(bypass_csp=True, **how).new_page()
        for path in ("/docs", "/notebook", "/drift"):
            page.goto(url + path)
            if path == "/docs":
                page.click("#predict")
                page.wait_for_selector("#requests tr")
                page.click("summary")
            rules = Axe().run(page).response["violations"]
            kept_out += [(rule["id"], node["html"]) for rule in rules for node in rule["nodes"]]
    return kept_out


def unlock(browser):
    """Return the pages of a service with a key: without it, and with it as a password."""
    try:
        rejected = browser.new_page().goto(guarded + "/docs").status
    except Error as asked_in_vain:
        rejected = re.search("ERR_[A-Z_]+", str(asked_in_vain))[0]
    asked = {"username": "anybody", "password": key}
    guest = watch(browser.new_context(http_credentials=asked).new_page())
    guest.goto(guarded + "/docs")
    guest.click("#predict")
    answer = guest.inner_text("#answer pre")
    guest.goto(guarded + "/notebook")
    return [rejected, answer, guest.inner_text("body")]


with sync_playwright() as play:
    browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
    desk = watch(browser.new_page(viewport={"width": 1280, "height": 900}))
    found["with_javascript"] = try_it(desk)
    found["title"] = desk.title()
    desk.goto(url + "/docs")
    desk.click("#predict")
    desk.wait_for_selector("#answer pre")
    desk.screenshot(path=pictures / "docs.png", full_page=True)
    desk.emulate_media(color_scheme="dark")
    desk.screenshot(path=pictures / "docs-dark.png", full_page=True)
    desk.emulate_media(color_scheme="light")

    found["script"] = with_the_script(desk)

    bare = watch(browser.new_context(java_script_enabled=False).new_page())
    found["without_javascript"] = try_it(bare)

    phone = watch(browser.new_context(**PHONE).new_page())
    phone.goto(url + "/docs")
    phone.tap("#predict")
    phone.wait_for_selector("#answer pre")
    found["phone_overflow"] = [overflow(phone)]
    found["button_height"] = round(phone.locator("#predict").bounding_box()["height"])
    phone.tap("summary")
    found["phone_overflow"].append(overflow(phone))
    phone.screenshot(path=pictures / "docs-phone.png", full_page=True)
    if phone.locator("nav a[href='./notebook']").count():
        phone.tap("nav a[href='./notebook']")
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
