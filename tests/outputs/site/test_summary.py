import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import geopandas as gpd
import pytest

from geo.errors import OutputError
from outputs.site.amounts import share_words, size_words
from outputs.site.summary import RunSummary, page_of, write_summary

EMPTY = gpd.GeoDataFrame()


class _Page(HTMLParser):
    """Every tag with its attributes, all ids, and the visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)
        if tag in {"div", "dt", "dd", "td", "th", "tr", "li", "p", "h3"}:
            self.text += " "

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data

    def values(self, attribute: str) -> list[str]:
        return [value for _, attributes in self.tags if (value := attributes.get(attribute)) is not None]


@pytest.fixture
def summary(
    detections: gpd.GeoDataFrame, coverage: gpd.GeoDataFrame, areas: gpd.GeoDataFrame, facilities: gpd.GeoDataFrame
) -> RunSummary:
    return RunSummary(
        run_id="20261121T190000Z-ab12",
        title="Dabancheng <b>and</b> around",
        created_at=datetime(2026, 11, 21, 19, tzinfo=UTC),
        detections=detections,
        coverage=coverage,
        areas=areas,
        facilities=facilities,
        failures=(("east", "imagery: <img src=x onerror=alert(1)> cannot be read"),),
        pictures={"camp": "pictures/camp #1.png"},
        credit="Contains modified Copernicus Sentinel data 2017-2018",
        version="0.1.0",
        settings_hash="9f2c1e",
    )


def test_names_from_outside_cannot_become_markup(summary: RunSummary) -> None:
    html = page_of(summary)
    page = _Page(html)
    assert "<script" not in html
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "iframe", "object", "link", "form", "i"})
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert [attributes["src"] for tag, attributes in page.tags if tag == "img"] == ["pictures/camp%20%231.png"]
    assert "East <script>alert(1)</script>" in page.text


def test_nothing_is_fetched_from_elsewhere(summary: RunSummary) -> None:
    page = _Page(page_of(summary))
    targets = [*page.values("src"), *page.values("href")]
    assert targets
    assert not [target for target in targets if re.match(r"[a-z]+:|//", target)]
    assert "url(http" not in page_of(summary)


def test_every_link_within_the_page_has_its_target_and_no_id_stands_twice(summary: RunSummary) -> None:
    page = _Page(page_of(summary))
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    wanted = {target[1:] for target in page.values("href") if target.startswith("#")}
    wanted |= {part for labels in page.values("aria-labelledby") for part in labels.split()}
    assert wanted <= set(ids)


def test_the_page_is_built_for_readers_who_do_not_see_it(summary: RunSummary) -> None:
    page = _Page(page_of(summary))
    assert ("html", {"lang": "en"}) in page.tags
    assert {"header", "main", "nav", "footer"} <= {tag for tag, _ in page.tags}
    assert all(attributes.get("alt") for tag, attributes in page.tags if tag == "img")
    assert sum(tag == "h1" for tag, _ in page.tags) == 1
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_the_confirmed_come_first_and_everything_is_told(summary: RunSummary) -> None:
    text = " ".join(_Page(page_of(summary)).text.split())
    places = [text.index(f"Id {detection_id}") for detection_id in ("camp", "gone", "park", "field", "closed")]
    assert places == sorted(places)
    for said in (
        "2 confirmed changes",
        "2 candidates",
        "4 areas watched",
        "2 areas not seen well enough",
        "1 area failed: this page is not complete",
        "after 2017-03-02, by 2017-06-10",
        "inside Facility 1 达坂城区",
        "430 m from Salt Lake <i>park</i>",
        "brightness step 0.142 for +1.35",
        "season difference days 100 against \N{MINUS SIGN}0.40",
        "Not observed: clouds or gaps hid too much: nothing can be said",
        "2017-06-10: cloud",
        "900 m², four times in five; brightness must change by 0.06",
        "a new building of 900 m² would have been found four times in five",
        "No picture was made of this change.",
        "Watchtowers, wire, gates and people cannot be seen at all.",
        "not proof",
        "Not reviewed by a person",
        "20261121T190000Z-ab12",
        "9f2c1e",
    ):
        assert said in text, said


def test_what_a_person_decided_stands_with_the_change_and_is_counted(summary: RunSummary) -> None:
    verdicts = {"camp": "confirmed", "rejected": "rejected", "field": "unsure"}
    reviewed = summary.detections.assign(verdict=summary.detections["detection_id"].map(verdicts))
    text = " ".join(_Page(page_of(replace(summary, detections=reviewed))).text.split())
    assert "Found by computer. 3 of 6 reviewed by a person. Each change is an indication" in text
    for said, count in (
        ("Confirmed by a person who looked at it.", 1),
        ("Rejected by a person who looked at it.", 1),
        ("A person who looked at it could not decide.", 1),
        ("Not reviewed by a person.", 3),
    ):
        assert text.count(said) == count, said


def test_an_area_of_which_nothing_is_known_is_not_passed_over(summary: RunSummary, coverage: gpd.GeoDataFrame) -> None:
    text = " ".join(_Page(page_of(replace(summary, coverage=coverage.iloc[:2]))).text.split())
    assert "North slope Not looked at: nothing can be said" in text
    assert "Failed: an error stopped the work on it" in text
    assert "3 areas not seen well enough" in text


def test_a_run_without_anything_says_so(summary: RunSummary) -> None:
    bare = replace(summary, detections=EMPTY, coverage=EMPTY, areas=EMPTY, facilities=EMPTY, failures=(), pictures={})
    page = _Page(page_of(bare))
    text = " ".join(page.text.split())
    assert "No change was found. That says something only about the areas that were seen well enough." in text
    assert "svg" not in {tag for tag, _ in page.tags}


def test_only_simulated_imagery_is_announced_as_simulated(summary: RunSummary) -> None:
    simulated = page_of(replace(summary, credit="Simulated imagery, not an observation"))
    assert simulated.index("Nothing on this page shows a real place") < simulated.index("<h1>")
    assert "Simulated imagery" not in page_of(summary)


def test_tables_in_metres_give_the_same_page(summary: RunSummary) -> None:
    projected = replace(summary, detections=summary.detections.to_crs(32645), areas=summary.areas.to_crs(32645))
    numbers = re.compile(r"[\d.]+")
    first, second = page_of(summary), page_of(projected)
    assert numbers.sub("#", first) == numbers.sub("#", second)


def test_the_same_run_gives_the_same_page(summary: RunSummary) -> None:
    assert page_of(summary) == page_of(replace(summary, detections=summary.detections.iloc[::-1]))


@pytest.mark.parametrize("path", ["/etc/a.png", "../a.png", "https://a/b.png", "javascript:alert(1)", "a\\b.png"])
def test_a_picture_from_elsewhere_is_refused(summary: RunSummary, path: str) -> None:
    with pytest.raises(ValueError, match="beside or below"):
        replace(summary, pictures={"camp": path})


def test_a_time_without_zone_is_refused(summary: RunSummary) -> None:
    with pytest.raises(ValueError, match="aware"):
        replace(summary, created_at=datetime(2026, 1, 1))  # noqa: DTZ001  # that is the point


def test_the_page_is_written_as_a_whole_or_not(tmp_path: Path, summary: RunSummary) -> None:
    write_summary(tmp_path / "index.html", summary)
    assert (tmp_path / "index.html").read_text(encoding="utf-8") == page_of(summary)
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(OutputError, match=r"folder\.html"):
        write_summary(tmp_path / "folder.html", summary)


@pytest.mark.parametrize(("share", "words"), [(0, "0 %"), (1, "100 %"), (0.999, "99 %"), (0.001, "1 %"), (0.5, "50 %")])
def test_shares_are_not_rounded_to_all_or_nothing(share: float, words: str) -> None:
    assert share_words(share) == words


@pytest.mark.parametrize(("area", "words"), [(900, "900 m²"), (10_000, "1.0 ha"), (12_345_678, "1,234.6 ha")])
def test_sizes_in_words(area: float, words: str) -> None:
    assert size_words(area) == words


def test_the_record_of_all_scenes_is_linked(summary: RunSummary) -> None:
    more = replace(summary, scenes="scenes.csv", looks_pictures={"home": "pictures/home-looks.png"})
    targets = [attributes.get("href") for tag, attributes in _Page(page_of(more)).tags if tag == "a"]
    assert targets.count("scenes.csv") == targets.count("pictures/home-looks.png") == 1
    assert "scenes.csv" not in page_of(summary)


@pytest.mark.parametrize("path", ["/scenes.csv", "../scenes.csv", "https://x/scenes.csv"])
def test_the_record_of_all_scenes_lies_beside_the_page(summary: RunSummary, path: str) -> None:
    with pytest.raises(ValueError, match="must lie beside or below the page"):
        replace(summary, scenes=path)
