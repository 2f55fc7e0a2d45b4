"""Open a page in a headless Chromium at two widths and print as JSON what a visitor would run into.

``python chromium_check.py CHROMIUM PAGE.html FOLDER_FOR_SCREENSHOTS``
"""

import json
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDTHS_PX = (1200, 390)
MEASURE = """() => ({
    page_width: document.documentElement.scrollWidth,
    images: [...document.images].map(image => image.complete ? image.naturalWidth : 0),
    headings: document.querySelectorAll('h1, h2, h3').length,
    smallest_text_px: Math.min(...[...document.querySelectorAll('p, td, th, dd, dt, li, figcaption')]
        .map(element => parseFloat(getComputedStyle(element).fontSize))),
})"""


def visit(browser: Browser, page_path: Path, *, width_px: int, folder: Path) -> dict[str, Any]:
    """Return what happens when the page is opened at one width."""
    page = browser.new_page(viewport={"width": width_px, "height": 900})
    complaints: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(page_path.as_uri())
    page.screenshot(path=folder / f"page-{width_px}.png", full_page=True)
    report = {"complaints": complaints, "requests": requests, **page.evaluate(MEASURE)}
    page.close()
    return report


def main(chromium: str, page: str, folder: str) -> None:
    """Check one page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        reports = {width: visit(browser, Path(page), width_px=width, folder=Path(folder)) for width in WIDTHS_PX}
        browser.close()
    sys.stdout.write(json.dumps(reports))


if __name__ == "__main__":
    main(*sys.argv[1:])
