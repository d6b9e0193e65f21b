"""Predict with a service's page in Chromium; print what it shows during a stream, at its end, and without script.

Arguments: the address, the browser's program.
"""

import json
import sys

from playwright.sync_api import sync_playwright

url, chromium = sys.argv[1:]
# Notes each text that the page shows.
NOTE = """() => {
  window.texts = [];
  new MutationObserver(() => {
    const text = document.getElementById("answer-text")?.textContent;
    if (text !== undefined && text !== window.texts.at(-1)) window.texts.push(text);
  }).observe(document.getElementById("outcome"), { childList: true, subtree: true });
}"""


def predict(page, sample):
    """Return the texts that the page shows for a sample, and its last text."""
    page.goto(url + "/docs")
    page.evaluate(NOTE)
    page.fill("#sample", json.dumps(sample))
    page.click("#predict-json")
    page.wait_for_selector("#requests tr")
    return page.evaluate("window.texts"), page.inner_text("#outcome")


with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
    page = browser.new_page()
    seen = {"words": predict(page, "words"), "numbers": predict(page, 3), "fails": predict(page, "fails")}
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(url + "/docs")
    page.fill("#sample", '"words"')
    page.click("#predict-json")
    seen["without_javascript"] = page.inner_text("#answer-text")
    browser.close()
print(json.dumps(seen))
