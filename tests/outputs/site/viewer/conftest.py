"""A small release with everything that makes pages go wrong: hostile names, withheld fields, inexact positions."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from shapely.geometry import Point, box, mapping
from shapely.geometry.base import BaseGeometry

from outputs.site.viewer.content import Download, Passage, SiteCaption, SiteContent, SitePictures

HOSTILE = '</script><img src=x onerror="window.hit=1">\u2028{{ 7 * 7 }}'
CREDIT = "Contains modified Copernicus Sentinel data 2017-2018"


def _feature(identity: str, shape: BaseGeometry, **properties: object) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": mapping(shape),
        "properties": {"detection_id": identity, "verdict": "confirmed", "area_id": "dabancheng", **properties},
    }


def features() -> list[dict[str, Any]]:
    """Return six detections in three events and three states, of three years."""
    return [
        _feature(
            "dab-1",
            box(88.290, 43.360, 88.300, 43.366),
            event="construction",
            status="confirmed",
            confidence=0.97,
            onset_after="2017-03-02",
            onset_by="2017-05-01",
            last_seen_on="2018-09-30",
            area_m2=541_000.0,
            area_low_m2=480_000.0,
            area_high_m2=600_000.0,
            looks_before=6,
            looks_after=31,
            place="69 km south-east of Ürümqi (China)",
        ),
        _feature(
            "dab-2",
            box(88.330, 43.372, 88.334, 43.375),
            event="expansion",
            status="confirmed",
            confidence=0.81,
            onset_after="2017-08-10",
            onset_by="2017-09-14",
            area_m2=8_400.0,
        ),
        _feature(
            "dab-3",
            box(88.262, 43.340, 88.266, 43.343),
            event="demolition",
            status="candidate",
            confidence=0.55,
            onset_after="2018-01-10",
            onset_by="2018-03-20",
        ),
        _feature(
            "near", Point(88.9, 43.0), event="construction", status="confirmed", position_within_m=5000, confidence=0.9
        ),
        _feature("dab-5", Point(88.31, 43.33), event="surface_change", status="not_observable", onset_by="2018-06-02"),
        _feature(
            HOSTILE, Point(88.35, 43.35), event="construction", status="confirmed", place=HOSTILE, area_id=HOSTILE
        ),
    ]


def _pictures(folder: Path) -> SitePictures:
    folder.mkdir(parents=True, exist_ok=True)
    ramp = np.linspace(0, 60, 400, dtype=np.uint8)[None, :].repeat(300, axis=0)
    for name, channel in (("before", 0), ("after", 2)):
        pixels = np.stack([ramp] * 3, axis=-1)
        pixels[..., channel] = 200
        Image.fromarray(pixels).save(folder / f"{name}.png")
    frames = [Image.new("RGB", (200, 150), colour) for colour in ("#205020", "#807050", "#c0c0b0")]
    frames[0].save(folder / "lapse.webp", save_all=True, append_images=frames[1:], duration=700)
    return SitePictures(
        before=folder / "before.png",
        after=folder / "after.png",
        before_on=date(2017, 3, 2),
        after_on=date(2018, 9, 30),
        timelapse=folder / "lapse.webp",
        series=folder / "before.png",
    )


@pytest.fixture
def sample(tmp_path: Path) -> Callable[..., SiteContent]:
    """Return what makes the content of a site; keywords replace its fields."""

    def made(**fields: Any) -> SiteContent:  # noqa: ANN401  # any field of SiteContent
        table = tmp_path / "given" / "detections.csv"
        pictures = _pictures(tmp_path / "given")
        table.write_text("detection_id,latitude,longitude\ndab-1,43.363,88.295\n", encoding="utf-8")
        caption = SiteCaption(
            title="Construction, detection dab-1",
            text="Construction: something was built where nothing of the kind stood, 69 km south-east of Ürümqi.",
            not_seen="92 % of the area was seen clearly often enough that a change could have been found.",
            limits="Ten-metre pixels show no walls and no people.",
        )
        content: dict[str, Any] = {
            "title": "New walls in the steppe, spring",
            "audience": "public",
            "credit": CREDIT,
            "created_on": date(2026, 11, 22),
            "features": {"type": "FeatureCollection", "features": features()},
            "run_ids": ("20261122T051544Z-073238",),
            "version": "0.2.0",
            "is_preliminary": True,
            "summary": "Six changes at two places, found in ten-metre satellite imagery.",
            "pictures": {"dab-1": pictures, HOSTILE: pictures},
            "captions": {"dab-1": caption, HOSTILE: SiteCaption(title=HOSTILE, text=HOSTILE)},
            "coverage": [
                {"area_id": "dabancheng", "outcome": "found", "looks": 44, "clear_looks": 37, "observed_share": 0.92},
                {"area_id": HOSTILE, "outcome": "not_observed", "looks": 3, "clear_looks": 0, "observed_share": 0.0},
            ],
            "downloads": [Download(name="All detections, as a table", path=table, media_type="text/csv")],
            "method": [Passage(heading="Time series", paragraphs=["Each pixel is followed over all clear looks."])],
            "limits": ["Who built it, and why, imagery does not tell."],
            "withheld": ["Names of places are not published."],
            "languages": ("en", "zh", "ug"),
        }
        return SiteContent(**{**content, **fields})

    return made
