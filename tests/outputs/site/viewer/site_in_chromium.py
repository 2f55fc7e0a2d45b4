"""Use a site in a headless Chromium as a reader would, and print as JSON what happened.

``python site_in_chromium.py CHROMIUM ADDRESS_OF_THE_FOLDER FOLDER_FOR_SCREENSHOTS``
"""

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from axe_core_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has no types
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

ARGUMENTS = (
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
PAGES = ("index.html", "zh/index.html", "ug/index.html", "method.html", "sites/dab-1.html", "ug/sites/dab-1.html")
DRAWN = "#map[data-drawn='1']"
WIDE, PHONE = ViewportSize(width=1400, height=900), ViewportSize(width=390, height=844)
SHOWN = "[...document.querySelectorAll('.cards > li')].filter(one => one.offsetParent).map(one => one.dataset.id)"


class Visit:
    """One page, and all that it complained of or asked for."""

    def __init__(self, browser: Browser, base: str, folder: Path) -> None:
        self.context = browser.new_context(viewport=WIDE, has_touch=True)
        self.base, self.folder = base, folder
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def open(self, path: str, size: ViewportSize | None = None) -> Page:
        """Open a page afresh, and wait for its map if it has one."""
        self.page.set_viewport_size(size or WIDE)
        self.page.goto("about:blank")
        self.page.goto(self.base + path)
        if self.page.locator("#map").count():
            self.page.locator(DRAWN).wait_for(timeout=60_000)
            self.page.wait_for_timeout(300)
        return self.page

    def shot(self, name: str, *, full: bool = True) -> None:
        """Keep a picture of the page."""
        self.page.screenshot(path=self.folder / f"{name}.png", full_page=full)


def pixels(page: Page, selector: str) -> NDArray[np.int16]:
    """Return what an element looks like, as rows, columns, red green blue."""
    taken = page.locator(selector).first.screenshot()
    return np.asarray(Image.open(io.BytesIO(taken)).convert("RGB")).astype(np.int16)


def _map(visit: Visit) -> dict[str, Any]:
    page = visit.open("index.html")
    page.wait_for_timeout(300)
    drawn = pixels(page, "#map canvas")
    page.locator("input[name=event]").first.uncheck()
    page.wait_for_timeout(800)
    fewer = pixels(page, "#map canvas")
    told = {
        "source": page.locator("#map").get_attribute("data-source"),
        "colours": len(np.unique(drawn.reshape(-1, 3), axis=0)),
        "changed_by_filter": int((np.abs(drawn - fewer).max(axis=2) > 40).sum()),
        "shown_after_filter": page.evaluate(SHOWN),
        "count_after_filter": page.locator("#count").inner_text(),
        "hash_after_filter": page.evaluate("location.hash"),
        "numbers_on_map": page.locator("#labels .number").all_inner_texts(),
        "hit": page.evaluate("window.hit === undefined"),
    }
    page.locator("#reset").click()
    return {**told, "shown_at_first": page.evaluate(SHOWN)}


def _filters(visit: Visit) -> dict[str, Any]:
    page = visit.open("index.html#c=90&st=confirmed")
    least = page.evaluate(SHOWN)
    page = visit.open("index.html#from=2017-06-01&to=2017-12-31")
    dated = page.evaluate(SHOWN)
    page = visit.open("index.html#ev=%3Cimg%3E&c=wrong&at=2017-99&v=1,2")
    return {"least": least, "dated": dated, "nonsense": page.locator("#count").inner_text()}


def _slider(visit: Visit) -> dict[str, Any]:
    page = visit.open("index.html")
    page.locator("#time").focus()
    page.keyboard.press("Home")
    first = {"shown": page.evaluate(SHOWN), "said": page.locator("#time-said").inner_text()}
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    later = {"shown": page.evaluate(SHOWN), "said": page.locator("#time-said").inner_text()}
    page.keyboard.press("End")
    last = page.evaluate(SHOWN)
    page.keyboard.press("Home")
    page.locator("#play").press("Enter")
    page.wait_for_timeout(1700)
    page.locator("#play").press("Enter")
    return {"first": first, "later": later, "last": last, "after_play": page.evaluate(SHOWN)}


def _keyboard(visit: Visit) -> dict[str, Any]:
    """Find, choose and leave a detection without a pointer; move the map by its keys."""
    page = visit.open("index.html")
    page.keyboard.press("Tab")
    skip = page.evaluate("document.activeElement.className")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    before = page.evaluate("document.activeElement.dataset.show")
    page.keyboard.press("Enter")
    page.wait_for_timeout(1500)
    chosen = {
        "title": page.locator("#chosen-title").inner_text(),
        "focus": page.evaluate("document.activeElement.id"),
        "hash": page.evaluate("location.hash"),
        "on_map": page.locator("#labels .number.chosen").inner_text(),
    }
    visit.shot(f"chosen-{visit.base[:4]}", full=False)
    page.keyboard.press("Escape")
    left = page.evaluate("document.activeElement.dataset.show")
    page.locator("#map canvas").focus()
    start = page.evaluate("location.hash")
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(900)
    return {
        "skip": skip, "button": before, **chosen, "back_on": left, "moved": page.evaluate("location.hash") != start,
    }  # fmt: skip


def _swipe(visit: Visit) -> dict[str, Any]:
    """Measure how red (before) the picture is, at the start, by key, by pointer and by touch."""
    page = visit.open("sites/dab-1.html")

    def red_share() -> float:
        seen = pixels(page, ".swipe-stage")
        return float((seen[..., 0] > seen[..., 2] + 60).mean())

    page.locator(".swipe").scroll_into_view_if_needed()
    told = {"start": red_share()}
    page.locator(".swipe input").focus()
    page.keyboard.press("Home")
    told["home"] = red_share()
    page.keyboard.press("End")
    told["end"] = red_share()
    box = page.locator(".swipe-stage").bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.98, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.25, middle, steps=6)
    page.mouse.up()
    told["dragged"] = red_share()
    page.touchscreen.tap(box["x"] + box["width"] * 0.75, middle)
    told["touched"] = red_share()
    told["moving_images"] = page.locator(".timelapse img:visible").count()
    page.locator(".timelapse button").click()
    page.wait_for_timeout(300)
    told["moving_images_asked_for"] = page.evaluate("document.querySelector('.timelapse img').naturalWidth")
    return told


def _pages(visit: Visit, name: str) -> dict[str, Any]:
    """Look at every kind of page at two widths, and let axe judge each."""
    axe, widths, judged, directions, fonts = Axe(), {}, {}, {}, {}
    for path in (*PAGES, "embed.html"):
        for size in (WIDE, PHONE):
            page = visit.open(path, size)
            widths[f"{path} {size['width']}"] = page.evaluate("document.documentElement.scrollWidth")
            found = [one for one in axe.run(page)["violations"] if one["impact"] in ("serious", "critical")]
            judged[f"{path} {size['width']}"] = [
                f"{one['id']}: {node['html'][:160]}" for one in found for node in one["nodes"]
            ]
            visit.shot(f"{name}-{path.replace('/', '-')}-{size['width']}")
        directions[path] = page.evaluate("[document.documentElement.lang, document.documentElement.dir].join()")
        fonts[path] = page.evaluate("[...document.fonts].filter(one => one.status === 'loaded').length")
    return {"widths": widths, "axe": judged, "directions": directions, "fonts": fonts}


def _without_scripts(browser: Browser, base: str, folder: Path) -> dict[str, Any]:
    context = browser.new_context(viewport=WIDE, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{base}index.html")
    page.screenshot(path=folder / "noscript.png", full_page=True)
    told = {
        "rows": page.locator("noscript table tbody tr").count(),
        "table_is_shown": page.locator("noscript table").is_visible(),
        "cards_are_shown": page.locator(".cards").is_visible(),
    }
    page.goto(f"{base}sites/dab-1.html")
    page.screenshot(path=folder / "noscript-site.png", full_page=True)
    told["pictures"] = page.locator(".swipe img:visible").count()
    context.close()
    return told


HOST = """src => document.body.append(
    Object.assign(document.createElement('iframe'), {id: 'f', width: 900, height: 560, src}))"""


def _embedded(visit: Visit) -> dict[str, Any]:
    if visit.base.startswith("file:"):
        return {"frame": "drawn"}
    page = visit.context.new_page()
    page.goto(f"{visit.base}assets/licences.txt")  # a host page without a policy
    page.evaluate(HOST, f"{visit.base}embed.html")
    page.frame_locator("#f").locator(DRAWN).wait_for(timeout=60_000)
    page.close()
    return {"frame": "drawn"}


def main(chromium: str, base: str, folder: str) -> None:
    """Use the site, and tell."""
    target = Path(folder)
    name = base.split(":", 1)[0]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        visit = Visit(browser, base, target)
        told: dict[str, Any] = {
            "map": _map(visit),
            "filters": _filters(visit),
            "slider": _slider(visit),
            "keyboard": _keyboard(visit),
            "swipe": _swipe(visit),
            "embedded": _embedded(visit),
        }
        if name == "file":
            told["pages"] = _pages(visit, name)
            told["without_scripts"] = _without_scripts(browser, base, target)
        told["complaints"], told["requests"] = visit.complaints, sorted(set(visit.requests))
        browser.close()
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
