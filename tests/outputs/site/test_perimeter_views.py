"""The run's page shows each facility's answer by the length of its arcs, and what is no proof apart from it."""

import json
from datetime import UTC, datetime
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
from shapely.geometry import LineString

from detection.desecuritisation.verdict import UNSEEN
from detection.schema import PERIMETER_COLUMNS, perimeters_frame
from outputs.site.perimeters import arc_shares, perimeter_views, proxy_words, smallest_words
from outputs.site.summary import RunSummary, page_of
from outputs.vocabulary import ANSWER_WORDS, ARC_WORDS

EMPTY: dict[str, Any] = {name: None for name, kind in PERIMETER_COLUMNS.items() if kind.endswith("?")}
PROXIES = {"strip_greened": {"p": 0.004}, "road_through": {"p": 0.4}, "night_light": {"p": 0.0002}, "yard": {"p": None}}


def row(facility: str, arc: int, state: str, **others: object) -> dict[str, Any]:
    line = LineString([(88.28, 43.38 + arc / 1e3), (88.3, 43.39)])
    common = {"area_id": "home", "reason": "because", "looks_before": 3, "looks_after": 4, "null_arcs": 900}
    told = {"settings_hash": "h", "facility_id": facility, "arc": arc, "state": state, "geometry": line}
    return {**EMPTY, **common, **told, **others}


@pytest.fixture
def told() -> gpd.GeoDataFrame:
    rows = [
        row("fence", 0, "cannot_tell", reason="no line ever stood out", evidence="{}"),
        row("fence", 1, "cannot_tell", length_m=100.0),
        row(
            "camp-1", 0, "indicated", probability=0.83, loss_p=0.0004, evidence=json.dumps({"proxies": PROXIES}),
            changed_after=np.datetime64("2022-03-01"), changed_by=np.datetime64("2022-04-02"), ring="traced",
            ring_error_m=14.0, length_m=400.0, reason="half of it is gone",
        ),
        row("camp-1", 1, "gone", length_m=100.0, smallest_m=0.2),
        row("camp-1", 2, "weakened", length_m=100.0, smallest_m=0.6),
        row("camp-1", 3, "present", length_m=150.0, smallest_m=0.4),
        row("camp-1", 4, "cannot_tell", length_m=50.0),
        row("point", 0, "cannot_tell", reason="only a point is known", geometry=None),
    ]  # fmt: skip
    return perimeters_frame(rows, epsg=4326)


def test_shares_are_of_the_length_and_an_indication_comes_first(told: gpd.GeoDataFrame) -> None:
    first, *others = perimeter_views(told, {"camp-1": "Camp"}, {"home": "Home"})
    assert (first.facility, first.area_name, first.answer) == (
        "Camp",
        "Home",
        "De-securitisation indicated, probability 0.83",
    )
    assert [(share.state, share.length) for share in first.shares] == [
        ("present", "38 %"),
        ("weakened", "25 %"),
        ("gone", "25 %"),
        ("cannot_tell", "13 %"),
    ]
    assert sum(share.percent for share in first.shares) == pytest.approx(100)
    assert first.p == "0.0004"
    assert first.smallest == (
        "0.40 m, as width times contrast (4 m wide: contrast 0.10), along 3 of 4 arcs; along the others none"
    )
    assert first.changed == "after 2022-03-01, by 2022-04-02"
    assert "traced by the program, 400 m long, 14 m off" in first.ring
    assert {one.facility_id: one.p for one in others} == {"fence": "not tested", "point": "not tested"}


def test_what_proves_nothing_is_named_apart_and_only_beyond_chance(told: gpd.GeoDataFrame) -> None:
    first, *others = perimeter_views(told, {}, {})
    assert first.proxies == (
        "the strip outside greened (p = 0.004)",
        "darker at night than its surroundings (p = 0.0002)",
    )
    assert "night" not in f"{first.answer}{first.why}"
    assert all(one.proxies == () for one in others)
    rare = json.dumps({"proxies": {"night_light": {"p": 3e-12}}})
    assert proxy_words(rare) == ("darker at night than its surroundings (p < 0.0001)",)
    assert proxy_words("{") == proxy_words(None) == ()


def test_without_arcs_there_is_no_share_and_no_wall_could_have_been_seen() -> None:
    assert arc_shares([]) == ()
    assert smallest_words([]) == "none could have been seen"
    assert perimeter_views(perimeters_frame([], epsg=4326), {}, {}) == ()


def page(told: gpd.GeoDataFrame, areas: gpd.GeoDataFrame, facilities: gpd.GeoDataFrame) -> str:
    nothing = gpd.GeoDataFrame()
    return page_of(
        RunSummary(
            run_id="r",
            title="Seen",
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
            detections=nothing,
            coverage=nothing,
            areas=areas,
            facilities=facilities,
            failures=(),
            pictures={},
            credit="c",
            version="1",
            settings_hash="h",
            perimeters=told,
        )
    )


def test_the_page_tells_the_answers_and_never_that_nothing_changed(
    told: gpd.GeoDataFrame, areas: gpd.GeoDataFrame, facilities: gpd.GeoDataFrame
) -> None:
    text = page(told, areas, facilities)
    section = text[text.index('id="perimeters"') : text.index('id="seen"')]
    for said in ("Gone: 25 % of the length", "Half of it is gone.", "Apart from that, and no proof", UNSEEN):
        assert said in section
    assert section.count("That is not the same as no change.") == 2
    rest = section.replace("That is not the same as no change.", "").replace("never means that nothing changed", "")
    for word in ("no change", "unchanged", "nothing changed", "still closed"):
        assert word not in rest.casefold()
    assert 'href="#perimeters"' in text


def test_without_facilities_asked_about_the_page_has_no_such_section(
    areas: gpd.GeoDataFrame, facilities: gpd.GeoDataFrame
) -> None:
    assert 'id="perimeters"' not in page(gpd.GeoDataFrame(), areas, facilities)


@pytest.mark.parametrize("words", [ANSWER_WORDS, ARC_WORDS])
def test_no_word_for_an_answer_or_an_arc_says_that_nothing_changed(words: dict[str, str]) -> None:
    assert "cannot_tell" in words
    assert not any(term in text.casefold() for text in words.values() for term in ("no change", "unchanged", "intact"))
