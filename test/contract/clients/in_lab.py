"""Run the cells of a notebook in JupyterLab as a person does, and follow their panels' links; print the observations.

Words: JupyterLab's address of the notebook, the browser's program, how many cells are to be run.
"""

import json
import sys

from playwright.sync_api import expect, sync_playwright

link, chromium, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
# Builds and the first start of nb-builder are waited for.
SECONDS = 120

with sync_playwright() as play:
    browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(SECONDS * 1000)
    page.goto(link)
    # The notebook names no kernel.
    page.click("dialog button:has-text('Select')")
    # What is run before that is lost.
    page.wait_for_selector("text=/Python 3.*Idle/")
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    cells.first.locator(".cm-content").click()
    for number in range(count):
        page.keyboard.press("Shift+Enter")
        prompt = cells.nth(number).locator(".jp-InputPrompt")
        expect(prompt).to_have_text(f"[{number + 1}]:", timeout=SECONDS * 1000)
    panels = page.locator(".jp-OutputArea-output:has(strong)").all()
    found = {"panels": [panel.inner_text() for panel in panels]}
    found["cells"] = [" ".join(cell.inner_text().split()) for cell in cells.locator(".cm-content").all()]
    with page.context.expect_page() as opened:
        page.click(".jp-OutputArea-output a:has-text('/docs')")
    opened.value.wait_for_selector("#sample")
    found["served"] = opened.value.title()
    page.bring_to_front()
    there = page.locator(".jp-CodeCell .cm-content", has_text="import somewhere")
    way = page.locator(".jp-OutputArea-output a:has-text('cell [')")
    way.scroll_into_view_if_needed()
    expect(there).not_to_be_in_viewport()
    way.click()
    expect(there).to_be_in_viewport()
    found["windows"] = len(page.context.pages)
    browser.close()
print(json.dumps(found))
