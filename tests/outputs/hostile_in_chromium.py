"""Open pages in a headless Chromium and print as JSON, for each, what ran or was asked for.

``python hostile_in_chromium.py CHROMIUM PAGE.html ...``
"""

import json
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")


def visit(browser: Browser, path: Path) -> dict[str, Any]:
    """Return what happens on one page."""
    page = browser.new_page()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_timeout(300)
    return {
        "hit": page.evaluate("window.hit ?? null"),
        "title": page.title(),
        "strange": page.locator("img[src='x'], script, svg[onload]").count(),
        "shown": "onerror" in page.locator("body").inner_text(),
        "requests": requests[1:],
    }


def main(chromium: str, *pages: str) -> None:
    """Open each page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        told = {Path(path).name: visit(browser, Path(path)) for path in pages}
        browser.close()
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
