"""A dossier says what is known, what is not, and never lets made-up imagery pass for an observation."""

import importlib.util
import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image
from shapely.geometry import LineString, Point, box

from detection.schema import PERIMETER_COLUMNS, Event, perimeters_frame
from geo.errors import GridMismatchError
from geo.grid import Grid
from outputs.dossier.contents import Dossier, Frame, Known, Look, Made, built_curve
from outputs.dossier.document import write_document
from outputs.dossier.figures import perimeter_figures
from outputs.dossier.page import page_of, write_page
from outputs.dossier.table import PERIMETERS_TABLE, write_perimeters
from outputs.dossier.timelapse import animation, film

GRID = Grid(epsg=32645, left_m=600_000, top_m=4_805_000, pixel_m=10, width_px=60, height_px=50)
DAYS = tuple(date(2022, 1, 10) + timedelta(days=30 * index) for index in range(5))
CREDIT = "Contains modified Copernicus Sentinel data 2022"
SIMULATED = "Simulated imagery, not an observation"
STRANGE = '<script>alert("x")</script> & Co'
PROXIES = {"strip_greened": {"p": 0.002}, "road_through": {"p": 0.4}}
NOT_SEEN = '[{"date": "2022-02-01", "reason": "cloud"}]'
CHROMIUM = Path("/usr/bin/chromium")
CHECK = Path(__file__).parents[1] / "site" / "chromium_check.py"


def perimeter_row(arc: int, state: str, **others: object) -> dict[str, object]:
    row: dict[str, object] = {name: None if kind.endswith("?") else "" for name, kind in PERIMETER_COLUMNS.items()}
    row |= {"area_id": "a", "facility_id": "f", "arc": arc, "state": state, "reason": f"because {STRANGE}"}
    row |= {"looks_before": 3, "looks_after": 3, "null_arcs": 900, "settings_hash": "h"}
    line = LineString([(600_100 + 60 * arc, 4_804_700), (600_160 + 60 * arc, 4_804_700)])
    return row | {"geometry": line} | others


@pytest.fixture
def dossier(detections: gpd.GeoDataFrame) -> Dossier:
    rng = np.random.default_rng(1)
    frames = [Frame(day=day, rgb=rng.uniform(0.1, 0.4, (50, 60, 3)).astype(np.float32)) for day in DAYS]
    frames[2].rgb[:25] = np.nan
    head = perimeter_row(
        0, "indicated", probability=0.83, changed_after=DAYS[1], changed_by=DAYS[2], ring="traced", ring_error_m=17.0,
        text="The wall is gone.", evidence=json.dumps({"proxies": PROXIES}),
    )  # fmt: skip
    gone = perimeter_row(1, "gone", changed_after=DAYS[1], changed_by=DAYS[2], change_p=0.0002, smallest_m=0.4)
    return Dossier(
        known=Known(
            facility_id="f", names=(STRANGE, "虚拟教育培训中心"), kind="camp", status="unknown", source=STRANGE,
            position_error_m=0.0, lon_lat=(88.29, 43.38),
        ),
        made=Made(
            created_at=datetime(2026, 1, 1, tzinfo=UTC), run_id="run-1", area_id="a", area_name=STRANGE, credit=CREDIT,
            version="0.1", settings_hash="abc",
        ),
        grid=GRID,
        outline_m=Point(600_300, 4_804_700),
        frames=tuple(frames),
        frames_left_out=("The time-lapse shows 5 of 9 looks, evenly chosen.",),
        looks=tuple(Look(day=day, is_used=index != 2, clear_share=1.0) for index, day in enumerate(DAYS)),
        detections=detections.to_crs(32645),
        perimeters=perimeters_frame([head, gone, perimeter_row(2, "cannot_tell")], epsg=32645),
        coverage={"observed_share": 0.9, "detectable_area_m2": 1450.0, "not_seen": NOT_SEEN},
    )  # fmt: skip


class Seen(HTMLParser):
    """What a page holds, tag by tag."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def seen(page: str) -> Seen:
    parser = Seen()
    parser.feed(page)
    return parser


def test_the_page_needs_nothing_from_elsewhere_and_runs_no_script(dossier: Dossier) -> None:
    parsed = seen(page_of(dossier))
    assert "script" not in {tag for tag, _ in parsed.tags}
    sources = [attrs["src"] or "" for tag, attrs in parsed.tags if tag == "img"]
    assert len(sources) == 1 + 5 + 2 + 1 + 1  # moving, frames, perimeter twice, curve, looks
    assert all(source.startswith("data:image/") for source in sources)
    assert not re.search(r'(?:src|href)="(?!data:|#)', page_of(dossier))


def test_the_page_can_be_read_without_seeing_the_pictures(dossier: Dossier) -> None:
    parsed = seen(page_of(dossier))
    assert dict(parsed.tags)["html"] == {"lang": "en"}
    assert all((attrs.get("alt") or "").strip() for tag, attrs in parsed.tags if tag == "img")
    assert "arc 1: gone; arc 2: cannot tell" in page_of(dossier)
    assert [tag for tag, _ in parsed.tags if tag in {"h1", "h2"}].count("h1") == 1


def test_names_from_outside_stand_on_the_page_as_text(dossier: Dossier) -> None:
    page = page_of(dossier)
    assert STRANGE not in page
    assert "<script" not in page
    assert seen(page).text.count(STRANGE) >= 4


def test_the_page_tells_the_answer_its_dates_what_is_apart_and_what_could_not_be_seen(dossier: Dossier) -> None:
    text = " ".join(seen(page_of(dossier)).text.split())
    for said in (
        "De-securitisation indicated, probability 0.83",
        f"after {DAYS[1]} and by {DAYS[2]}",
        "the strip outside greened (p = 0.002)",
        "Mesh fences, wire, gates and watchtowers cannot be seen",
        "Along 1 of 2 arcs (2) nothing can be told",
        "4 of 5 acquisitions were used",
        "The time-lapse shows 5 of 9 looks",
        "0.40 m (4 m wide: contrast 0.10)",
        "may lie off by up to 17 m",
        CREDIT,
        "2022-02-01: cloud",
    ):
        assert said in text, said
    assert "a new line leads through" not in text


@pytest.mark.parametrize("word", ["guilty", "no change.", "clear of"])
def test_the_page_never_acquits_and_never_accuses(dossier: Dossier, word: str) -> None:
    nothing = replace(dossier, perimeters=dossier.perimeters.iloc[:0], detections=dossier.detections.iloc[:0])
    for one in (dossier, nothing):
        text = seen(page_of(one)).text.replace("That is not the same as no change.", "")
        assert word not in text


def test_simulated_imagery_says_so_on_the_page_in_each_frame_and_in_the_document(
    dossier: Dossier, tmp_path: Path
) -> None:
    simulated = replace(dossier, made=replace(dossier.made, credit=SIMULATED))
    assert seen(page_of(simulated)).text.count(SIMULATED) >= 4
    assert 'class="banner"' not in page_of(dossier)
    for content, plain in zip(film(simulated), film(dossier), strict=True):
        made_up, real = (np.asarray(Image.open(BytesIO(one)).convert("RGB"), dtype=int) for one in (content, plain))
        banner = made_up[3, 3]
        assert banner[0] > 100 > banner[1] + banner[2]
        assert made_up.shape[0] > real.shape[0]
    write_document(tmp_path / "a.pdf", simulated)
    write_document(tmp_path / "b.pdf", dossier)
    assert SIMULATED.encode() in (tmp_path / "a.pdf").read_bytes()
    assert SIMULATED.encode() not in (tmp_path / "b.pdf").read_bytes()


def test_the_moving_picture_holds_each_frame_and_a_single_frame_does_not_move(dossier: Dossier) -> None:
    content = animation(dossier)
    assert content is not None
    moving = Image.open(BytesIO(content))
    assert getattr(moving, "n_frames", 1) >= len(DAYS)
    assert animation(replace(dossier, frames=dossier.frames[:1])) is None


def test_the_perimeter_is_drawn_on_the_first_and_the_last_look_that_were_seen(dossier: Dossier) -> None:
    dossier.frames[0].rgb[:25] = np.nan
    dossier.frames[-1].rgb[:, :30] = np.nan
    words = [{text.get_text() for text in figure.findobj(Text)} for figure in perimeter_figures(dossier)]
    assert [{str(day) for day in DAYS} & found for found in words] == [{str(DAYS[1])}, {str(DAYS[3])}]
    cloudy = replace(dossier, frames=dossier.frames[:1])
    assert len(perimeter_figures(cloudy)) == 1


def test_a_facility_without_pictures_perimeter_or_detections_still_has_a_page(dossier: Dossier, tmp_path: Path) -> None:
    bare = replace(
        dossier, frames=(), looks=(), perimeters=dossier.perimeters.iloc[:0], detections=dossier.detections.iloc[:0]
    )
    text = seen(page_of(bare)).text
    assert "There is no picture of this place" in text
    assert "Perimeter not watched" in text
    assert "None. That is not the same as no change." in text
    write_document(tmp_path / "bare.pdf", bare)
    assert (tmp_path / "bare.pdf").read_bytes().startswith(b"%PDF")


def test_a_frame_of_another_shape_is_refused(dossier: Dossier) -> None:
    with pytest.raises(GridMismatchError, match="2022-01-10"):
        replace(dossier, frames=(Frame(day=DAYS[0], rgb=np.zeros((5, 5, 3), dtype=np.float32)),))


def test_the_curve_adds_what_is_built_takes_off_what_is_gone_and_keeps_the_intervals() -> None:
    def row(event: Event, growth: list[tuple[str, float]], *, status: str = "confirmed") -> dict[str, object]:
        evidence = json.dumps({"growth": growth})
        area = growth[-1][1]
        return {
            "event": event.value, "status": status, "evidence": evidence, "area_m2": area,
            "area_low_m2": 0.5 * area, "area_high_m2": 1.5 * area, "geometry": box(0, 0, 1, 1),
        }  # fmt: skip

    rows = [
        row(Event.CONSTRUCTION, [("2022-01-01", 0.0), ("2022-03-01", 1000.0), ("2022-05-01", 2000.0)]),
        row(Event.DEMOLITION, [("2022-04-01", 400.0)]),
        row(Event.SURFACE_CHANGE, [("2022-02-01", 9e9)]),
        row(Event.CONSTRUCTION, [("2022-02-01", 9e9)], status="rejected"),
    ]
    curve = built_curve(gpd.GeoDataFrame(rows, geometry="geometry", crs=32645))
    assert [(str(step.day), step.area_m2) for step in curve] == [
        ("2022-01-01", 0.0),
        ("2022-03-01", 1000.0),
        ("2022-04-01", 600.0),
        ("2022-05-01", 1600.0),
    ]
    assert (curve[2].low_m2, curve[2].high_m2) == (500 - 600, 1500 - 200)
    assert all(step.low_m2 <= step.area_m2 <= step.high_m2 for step in curve)
    assert built_curve(gpd.GeoDataFrame(rows[2:], geometry="geometry", crs=32645)) == ()


def test_the_table_for_spreadsheets_holds_no_formula_and_says_where(tmp_path: Path, dossier: Dossier) -> None:
    frame = dossier.perimeters.assign(reason="=cmd|' /C calc'!A0")
    write_perimeters(tmp_path / PERIMETERS_TABLE, frame)
    lines = (tmp_path / PERIMETERS_TABLE).read_text(encoding="utf-8").splitlines()
    assert len(lines) == 4
    assert lines[0].split(",")[:4] == ["area_id", "facility_id", "arc", "state"]
    assert all("'=cmd" in line for line in lines[1:])
    assert lines[1].endswith("43.388195") or re.search(r"88\.\d+,43\.\d+$", lines[1])


@pytest.mark.chromium
def test_the_page_is_whole_on_a_desk_and_on_a_phone(dossier: Dossier, tmp_path: Path) -> None:
    if not CHROMIUM.exists() or importlib.util.find_spec("playwright") is None:
        pytest.skip(f"no Chromium ({CHROMIUM}) or no playwright (extra 'browser')")
    write_page(tmp_path / "dossier.html", dossier)
    found = subprocess.run(
        [sys.executable, str(CHECK), str(CHROMIUM), str(tmp_path / "dossier.html"), str(tmp_path)],
        check=True,
        capture_output=True,
        text=True,
    )
    for width, report in json.loads(found.stdout).items():
        assert report["complaints"] == []
        assert [url for url in report["requests"] if not url.startswith("data:")] == [
            (tmp_path / "dossier.html").as_uri()
        ]
        assert report["page_width"] <= int(width)
        assert report["smallest_text_px"] >= 13
