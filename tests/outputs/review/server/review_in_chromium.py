"""Review in a headless Chromium as a reader would, and print as JSON what happened.

``python review_in_chromium.py CHROMIUM LOGIN_URL FOLDER_FOR_SCREENSHOTS``
"""

import io
import json
import sys
from pathlib import Path
from typing import Any

from axe_core_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has no types
from PIL import Image
from playwright.sync_api import Dialog, Page, sync_playwright

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
VERDICTS = ("c", "r", "u", "c")
COUNT = 20
BLOCK = """([x, y]) => {
    const stage = document.querySelector('#stage').getBoundingClientRect();
    return [stage.left + stage.width * x, stage.top + stage.height * y];
}"""


def main(chromium: str, login_url: str, folder: str) -> None:
    """Review, and tell."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        context = browser.new_context(viewport={"width": 1400, "height": 900}, has_touch=True)
        page = context.new_page()
        heard: dict[str, list[str]] = {"complaints": [], "requests": [], "dialogs": []}
        page.on("console", lambda message: heard["complaints"].append(message.text))
        page.on("pageerror", lambda error: heard["complaints"].append(str(error)))
        page.on("request", lambda request: heard["requests"].append(request.url))

        def on_dialog(dialog: Dialog) -> None:
            heard["dialogs"].append(dialog.message)
            dialog.dismiss()

        page.on("dialog", on_dialog)
        page.goto(login_url)
        told = {
            "cookie": context.cookies()[0],
            "cookie_in_scripts": page.evaluate("document.cookie"),
            **_looks(page, Path(folder)),
            **_swipe(page),
            **_outline(page),
            "reviewed": _review(page),
            **_after(page),
            **heard,
        }
        browser.close()
    sys.stdout.write(json.dumps(told))


def _looks(page: Page, folder: Path) -> dict[str, Any]:
    """Take pictures of each page at both widths, and let axe judge each."""
    widths, judged = {}, {}
    first = page.locator(".start").get_attribute("href")
    for name, path in (("queue", "/"), ("detection", str(first)), ("agreement", "/agreement")):
        _open(page, path)
        found = Axe().run(page)["violations"]
        judged[name] = [f"{one['impact']}: {one['id']}" for one in found]
        for width, height in ((1400, 900), (390, 844)):
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_timeout(150)
            widths[f"{name} {width}"] = page.evaluate("document.documentElement.scrollWidth")
            page.screenshot(path=folder / f"{name}-{width}.png", full_page=True)
        page.set_viewport_size({"width": 1400, "height": 900})
    _open(page, str(first))
    return {"widths": widths, "axe": judged}


def _swipe(page: Page) -> dict[str, Any]:
    """Move the divider by keyboard, range, mouse and finger, and say what the middle of the picture shows."""
    shown = {"start": page.locator("#swipe").input_value()}
    page.keyboard.press("o")
    colours = {}
    for name, value in (("before", 100), ("after", 0)):
        page.locator("#swipe").evaluate(f"(e) => {{ e.value = {value}; e.dispatchEvent(new Event('input')); }}")
        colours[name] = _middle(page)
    page.keyboard.press("o")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    shown["keyboard"] = page.locator("#swipe").input_value()
    page.mouse.move(*_on_stage(page, 0.2, 0.5))
    page.mouse.down()
    page.mouse.move(*_on_stage(page, 0.7, 0.5), steps=5)
    page.mouse.up()
    shown["mouse"] = page.locator("#swipe").input_value()
    page.touchscreen.tap(*_on_stage(page, 0.3, 0.4))
    shown["finger"] = page.locator("#swipe").input_value()
    return {"swipe": shown, "colours": colours}


def _on_stage(page: Page, x: float, y: float) -> tuple[float, float]:
    left, top = page.evaluate(BLOCK, [x, y])
    return left, top


def _middle(page: Page) -> list[int]:
    """Return the colour beside the middle of the picture, where a detection is centred, as it is on the screen."""
    page.wait_for_timeout(100)
    x, y = _on_stage(page, 0.5, 0.5)
    cut = page.screenshot(clip={"x": x - 40, "y": y + 25, "width": 4, "height": 4})
    return list(Image.open(io.BytesIO(cut)).convert("RGB").getpixel((2, 2)))  # type: ignore[arg-type]  # three numbers


def _outline(page: Page) -> dict[str, Any]:
    """Correct the outline by keyboard and by mouse, and confirm with it."""
    name = page.locator("#review").get_attribute("data-detection")
    page.keyboard.press("e")
    corner = page.locator("#overlay .corner").first
    corner.focus()
    for _ in range(6):
        page.keyboard.press("Shift+ArrowUp")
    box = page.locator("#overlay .middle").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + 9, box["y"] + 9, steps=4)
    page.mouse.up()
    page.keyboard.press("n")
    page.keyboard.type("corrected: c r u j")
    page.keyboard.press("Escape")
    _decide(page, "c")
    return {"corrected": name}


def _review(page: Page) -> list[list[str]]:
    """Decide on so many by keyboard that the corrected one and these are twenty."""
    done = []
    for number in range(COUNT - 1):
        key = VERDICTS[number % len(VERDICTS)]
        done.append([str(page.locator("#review").get_attribute("data-detection")), key])
        _decide(page, key)
    return done


def _decide(page: Page, key: str) -> None:
    before = page.url
    page.keyboard.press(key)
    page.wait_for_url(lambda url: url != before)
    page.wait_for_selector("html[data-ready]")


def _after(page: Page) -> dict[str, Any]:
    """Reload, and say what the pages tell of what was stored; then take the last verdict back, and leave by j and k."""
    page.reload()
    stored = page.locator("#stored").inner_text()
    page.keyboard.press("z")
    page.wait_for_url(lambda url: "after=" not in url)
    page.wait_for_selector("html[data-ready]")
    back = page.locator("#stored").inner_text()
    page.keyboard.press("k")
    page.wait_for_load_state("load")
    _open(page, "/")
    rows = page.locator("table").nth(1).locator("tbody tr").all_inner_texts()
    return {"stored": stored, "taken_back": back, "decided": rows}


def _open(page: Page, path: str) -> None:
    page.goto(f"{page.url.split('/', 3)[0]}//{page.url.split('/', 3)[2]}{path}")
    page.wait_for_load_state("networkidle")


if __name__ == "__main__":
    main(*sys.argv[1:])
