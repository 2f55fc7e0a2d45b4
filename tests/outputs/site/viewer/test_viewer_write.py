import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag

import pytest

from geo.errors import OutputError
from outputs.site.viewer.content import Download, SiteContent, SitePictures
from outputs.site.viewer.pages import POLICY
from outputs.site.viewer.scripts import assignment
from outputs.site.viewer.write import bytes_words, write_site

Sample = Callable[..., SiteContent]
CREDIT = "Contains modified Copernicus Sentinel data 2017-2018"


class Parsed(HTMLParser):
    """Collects what a page refers to, and its elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        self.ids += [str(found["id"])] if "id" in found else []
        self.links += [str(found[name]) for name in ("href", "src") if name in found]


@pytest.fixture
def site(tmp_path: Path, sample: Sample) -> Path:
    write_site(tmp_path / "site", sample())
    return tmp_path / "site"


def pages(site: Path) -> dict[str, Parsed]:
    return {
        one.relative_to(site).as_posix(): Parsed(one.read_text(encoding="utf-8"))
        for one in sorted(site.rglob("*.html"))
    }


def test_every_language_has_its_pages_and_every_detection_one_of_its_own(site: Path) -> None:
    found = pages(site)
    assert len(found) == 3 * (3 + 6)
    for folder in ("", "zh/", "ug/"):
        assert {f"{folder}index.html", f"{folder}embed.html", f"{folder}method.html"} <= set(found)


def test_every_link_and_every_file_of_a_page_is_in_the_folder(site: Path) -> None:
    for name, page in pages(site).items():
        assert page.links, name
        for link in page.links:
            path, mark = urldefrag(link)
            target = (site / name).parent / unquote(path) if path else site / name
            assert ":" not in path, link
            assert target.is_file(), f"{name}: {link}"
            assert target.resolve().is_relative_to(site.resolve())
            if mark and not mark.startswith("id="):
                assert mark in Parsed(target.read_text(encoding="utf-8")).ids, link


def test_no_text_of_a_record_becomes_markup(site: Path) -> None:
    for name, page in pages(site).items():
        for tag, attributes in page.tags:
            assert not any(one.startswith("on") for one in attributes), name
            assert attributes.get("src") != "x", name
            assert tag != "script" or "src" in attributes, name
            assert "style" not in attributes, name
    text = (site / "index.html").read_text(encoding="utf-8")
    assert "{{ 7 * 7 }}" in text, "a template ran on what it was given"


def test_data_scripts_are_ascii_without_angle_brackets_and_say_what_was_given(site: Path) -> None:
    for name in ("data.js", "outlines.js", "ground.js", "words-ug.js"):
        text = (site / "assets" / name).read_text(encoding="utf-8")
        assert text.isascii(), name
        assert "<" not in text, name
        json.loads(re.sub(r"^.*?\] = |;\n$", "", text))


def test_line_separators_and_closing_tags_are_escaped_in_scripts() -> None:
    text = assignment("x", "</script>\u2028&")
    assert text.count("\n") == 1
    assert "\\u003c/script\\u003e\\u2028\\u0026" in text
    with pytest.raises(ValueError, match="JSON"):
        assignment("x", float("nan"))


def test_every_page_names_the_credit_the_policy_its_language_and_that_it_is_preliminary(site: Path) -> None:
    for name, page in pages(site).items():
        metas = [attributes for tag, attributes in page.tags if tag == "meta"]
        assert any(one.get("content") == POLICY for one in metas), name
        html = page.tags[0][1] if page.tags[0][0] == "html" else page.tags[1][1]
        assert html["dir"] == ("rtl" if name.startswith("ug/") else "ltr")
        text = (site / name).read_text(encoding="utf-8")
        assert CREDIT in text, name
        assert 'class="banner"' in text, name


def test_the_policy_lets_nothing_in_from_elsewhere() -> None:
    assert POLICY.startswith("default-src 'none'")
    assert not re.search(r"unsafe|https?:|\*", POLICY)


def test_simulated_imagery_is_said_on_every_page(tmp_path: Path, sample: Sample) -> None:
    write_site(tmp_path / "s", sample(credit="Simulated imagery, not an observation", is_preliminary=False))
    for page in (tmp_path / "s").rglob("*.html"):
        assert page.read_text(encoding="utf-8").count('class="banner"') == 1


def test_a_title_that_only_counts_and_the_names_of_files_are_said_in_each_language(
    tmp_path: Path, sample: Sample
) -> None:
    tables = tmp_path / "detections.csv", tmp_path / "other.csv"
    for table in tables:
        table.write_text("x\n", encoding="utf-8")
    files = [Download(name="A table", path=table, media_type="text/csv") for table in tables]
    write_site(tmp_path, sample(title="1 change seen in 2 areas", counts=(1, 2), downloads=files))
    chinese = (tmp_path / "zh" / "index.html").read_text(encoding="utf-8")
    assert "<h1><bdi>2 个区域中发现 1 处变化</bdi></h1>" in chinese
    assert "全部变化，表格 (CSV)" in chinese  # noqa: RUF001 - as Chinese writes it
    assert '<span lang="en" dir="ltr">A table</span>' in chinese
    assert "<h1><bdi>1 change seen in 2 areas</bdi></h1>" in (tmp_path / "index.html").read_text(encoding="utf-8")
    write_site(tmp_path, sample(title="Three compounds"))
    assert "<h1><bdi>Three compounds</bdi></h1>" in (tmp_path / "zh" / "index.html").read_text(encoding="utf-8")


def test_a_withheld_value_is_said_to_be_not_told(site: Path) -> None:
    text = (site / "sites" / "near.html").read_text(encoding="utf-8")
    assert "<dt>Began</dt><dd>not told</dd>" in text
    assert 'shown to within <bdi dir="ltr">5 km</bdi>' in text


def test_files_in_the_folder_are_linked_and_others_copied_under_names_of_their_ids(
    tmp_path: Path, sample: Sample
) -> None:
    folder = tmp_path / "release"
    (folder / "pictures").mkdir(parents=True)
    secret = tmp_path / "Secret camp 43.36N.png"
    for path in (secret, folder / "pictures" / "after 1.png"):
        path.write_bytes(b"png")
    content = sample(
        pictures={"dab-1": SitePictures(before=secret, after=folder / "pictures" / "after 1.png")},
        downloads=[Download(name="All", path=secret, media_type="image/png")],
    )
    written = write_site(folder, content)
    text = (folder / "sites" / "dab-1.html").read_text(encoding="utf-8")
    assert 'src="../pictures/after%201.png"' in text
    assert 'src="../assets/pictures/dab-1-before.png"' in text
    assert folder / "assets" / "pictures" / "dab-1-before.png" in written
    assert not [one for one in written if "43.36" in one.name]
    assert set(written) == {one for one in folder.rglob("*") if one.is_file()} - {folder / "pictures" / "after 1.png"}


def test_a_picture_that_is_not_there_is_named(tmp_path: Path, sample: Sample) -> None:
    with pytest.raises(OutputError, match=r"gone\.png"):
        write_site(tmp_path / "s", sample(pictures={"dab-1": SitePictures(pair=tmp_path / "gone.png")}))


def test_a_release_without_detections_is_a_whole_site(tmp_path: Path, sample: Sample) -> None:
    write_site(tmp_path / "s", sample(features={"type": "FeatureCollection", "features": []}, pictures={}, captions={}))
    assert "This release tells of no detection." in (tmp_path / "s" / "index.html").read_text(encoding="utf-8")


def test_the_same_content_gives_the_same_bytes(tmp_path: Path, sample: Sample) -> None:
    content: Any = sample()
    for name in ("a", "b"):
        write_site(tmp_path / name, content)
    for one in (tmp_path / "a").rglob("*"):
        if one.is_file():
            assert one.read_bytes() == (tmp_path / "b" / one.relative_to(tmp_path / "a")).read_bytes()


@pytest.mark.parametrize(("size", "said"), [(52, "52 B"), (12_400, "12 kB"), (3_440_000, "3.4 MB")])
def test_sizes_of_files_are_said_in_the_unit_that_suits_them(size: int, said: str) -> None:
    assert bytes_words(size) == said
