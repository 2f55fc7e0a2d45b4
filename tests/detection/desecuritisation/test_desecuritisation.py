"""Parts add up to an indication with its evidence; what 10 m cannot show is never said to be unchanged."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
from shapely.geometry import LineString, Polygon, box

from detection.desecuritisation.demolition import LostRoof, lost_roofs, total_area_m2
from detection.desecuritisation.proxies import Proxy, ProxyKind, new_openings
from detection.desecuritisation.verdict import CONFIRM, UNSEEN, Answer, weigh_desecuritisation
from detection.perimeter import Arc, ArcState, Perimeter
from detection.schema import detections_frame

P, G, C = ArcState.PRESENT, ArcState.GONE, ArcState.CANNOT_TELL
INSIDE = box(600_000, 4_804_000, 600_400, 4_804_300)
LAST = date(2022, 12, 1)


def perimeter(*states: ArcState, loss_p: float = 0.5, note: str = "") -> Perimeter:
    angles = np.linspace(0, 2 * np.pi, len(states) + 1)
    at = 200 * np.column_stack([np.cos(angles), np.sin(angles)])
    arcs = tuple(
        Arc(
            line_m=LineString(at[index : index + 2]),
            state=state,
            reason=f"it is {state.value}: a fence",
            change_p=0.0002 if state is G else 0.4,
            present_before_p=0.001,
            present_after_p=0.3,
            contrast_before=-0.12,
            contrast_after=-0.01 if state is G else -0.12,
            changed_after=date(2022, 3, 1) if state is G else None,
            changed_by=date(2022, 4, 1) if state is G else None,
            smallest_m=float("inf") if state is C else 0.3,
            looks_before=6,
            looks_after=6,
            offset_m=0.0,
        )
        for index, state in enumerate(states)
    )
    return Perimeter(arcs=arcs, loss_p=loss_p, gain_p=0.5, null_arcs=900, looks=(date(2022, 1, 1), LAST), note=note)


ROOF = LostRoof(
    detection_id="a-1",
    area_m2=3000,
    area_low_m2=2500,
    area_high_m2=3500,
    gone_after=date(2022, 2, 1),
    gone_by=date(2022, 3, 1),
    confidence=0.9,
    radar_agrees=None,
    replaced_by=(),
    is_open=False,
)
GREENED = Proxy(kind=ProxyKind.STRIP_GREENED, p=0.001, change=0.2, changed=None, note="")


def test_a_wall_that_is_gone_is_an_indication_with_its_evidence_and_its_caveats() -> None:
    found = weigh_desecuritisation(perimeter(*[G] * 6, *[P] * 4, loss_p=0.0001), [], [])
    assert found.answer is Answer.INDICATED
    assert found.probability is not None
    assert found.probability > 0.8
    assert found.changed == (date(2022, 3, 1), date(2022, 4, 1))
    assert CONFIRM in found.text
    assert UNSEEN in found.text
    told = json.loads(found.as_json())
    log_odds = sum(term["contribution"] for term in told["features"].values())
    assert told["probability"] == pytest.approx(1 / (1 + np.exp(-log_odds)), abs=1e-3)


@pytest.mark.parametrize("note", ["", "no room for copies of the perimeter around it"])
def test_a_fence_or_a_tower_that_goes_cannot_be_told_and_is_never_no_change(note: str) -> None:
    found = weigh_desecuritisation(perimeter(*[C] * 8, loss_p=float("nan"), note=note), [], [GREENED])
    assert found.answer is Answer.CANNOT_TELL
    assert found.probability is None
    assert found.changed is None
    assert UNSEEN in found.text
    assert note in found.text
    json.loads(found.as_json())
    assert {answer.value for answer in Answer} == {"indicated", "cannot_tell"}


def test_a_line_that_stands_out_is_no_answer_for_a_road_beside_a_fence_does_so_too() -> None:
    found = weigh_desecuritisation(perimeter(*[P] * 8), [], [])
    assert (found.answer, found.probability) == (Answer.CANNOT_TELL, None)
    assert "road beside it" in found.reason
    assert UNSEEN in found.text


def test_what_went_is_dated_together_where_that_is_possible() -> None:
    both = replace(perimeter(*[G] * 6, *[P] * 4, loss_p=0.0001), changed=(date(2022, 3, 9), date(2022, 3, 20)))
    assert weigh_desecuritisation(both, [], []).changed == (date(2022, 3, 9), date(2022, 3, 20))


@pytest.mark.parametrize("loss_p", [0.002, float("nan")])
def test_a_loss_that_chance_may_make_is_no_indication_and_says_so(loss_p: float) -> None:
    found = weigh_desecuritisation(perimeter(*[G] * 6, *[P] * 4, loss_p=loss_p), [], [])
    assert (found.answer, found.probability, found.changed) == (Answer.CANNOT_TELL, None, None)
    assert "stands out less, which chance makes" in found.reason


def test_what_is_no_indication_by_itself_stands_behind_what_is_and_says_so() -> None:
    found = weigh_desecuritisation(perimeter(*[G] * 2, *[P] * 8, loss_p=0.0048), [ROOF], [])
    assert found.answer is Answer.INDICATED
    roof, wall = found.reason.split("; ")
    assert roof.startswith("roofs of 3,000 m2")
    assert "p = 0.0048" in wall
    assert wall.endswith("which is no indication by itself")
    both = weigh_desecuritisation(perimeter(*[G] * 2, *[P] * 8, loss_p=0.0001), [ROOF], [])
    assert "by itself" not in both.reason


def test_proxies_alone_are_no_indication_but_add_to_one_and_are_reported_apart() -> None:
    wall = perimeter(*[G] * 3, *[P] * 7, loss_p=0.0005)
    without, with_proxy = (weigh_desecuritisation(wall, [], proxies) for proxies in ([], [GREENED]))
    assert without.probability is not None
    assert with_proxy.probability is not None
    assert with_proxy.probability > without.probability
    assert weigh_desecuritisation(perimeter(*[P] * 8), [], [GREENED] * 3).answer is Answer.CANNOT_TELL


def test_lost_roofs_are_an_indication_unless_replaced_or_too_recent() -> None:
    fence = perimeter(*[C] * 8, loss_p=float("nan"))
    assert weigh_desecuritisation(fence, [ROOF], []).answer is Answer.INDICATED
    for roof in (replace(ROOF, replaced_by=("b",)), replace(ROOF, is_open=True), replace(ROOF, area_low_m2=100)):
        assert weigh_desecuritisation(fence, [roof], []).answer is Answer.CANNOT_TELL


def test_radar_that_agrees_raises_and_that_contradicts_lowers_the_probability() -> None:
    fence = perimeter(*[C] * 8, loss_p=float("nan"))
    p = [
        weigh_desecuritisation(fence, [replace(ROOF, radar_agrees=agrees)], []).probability or 0
        for agrees in (False, None, True)
    ]
    assert p == sorted(p)
    assert len(set(p)) == 3


def square(left: float, side: float = 60) -> Polygon:
    return box(600_000 + left, 4_804_100, 600_000 + left + side, 4_804_100 + side)


@pytest.mark.parametrize(
    ("built", "replaced", "is_open"),
    [
        ({}, False, False),
        ({"geometry": square(50)}, True, False),
        ({"geometry": square(200)}, False, False),
        ({"geometry": square(50), "onset_after": date(2022, 9, 1), "onset_by": date(2022, 10, 1)}, False, False),
        ({"geometry": square(50), "status": "rejected"}, False, False),
    ],
    ids=["nothing", "on the same ground", "elsewhere", "after the time", "not true"],
)
def test_a_roof_that_was_replaced_is_a_renewal(
    make_row: Callable[..., dict[str, Any]], built: dict[str, Any], *, replaced: bool, is_open: bool
) -> None:
    rows = [make_row("gone", event="demolition", geometry=square(50), area_m2=3600.0, area_low_m2=3000.0)]
    if built:
        rows.append(make_row("new", **({"onset_after": date(2022, 5, 1), "onset_by": date(2022, 6, 1)} | built)))
    (roof,) = lost_roofs(detections_frame(rows, epsg=32645), INSIDE, LAST)
    assert bool(roof.replaced_by) is replaced
    assert roof.is_open is is_open
    assert (roof.area_m2, roof.area_low_m2, roof.area_high_m2) == (3600, 3000, 3600)


def test_only_what_lies_inside_counts_and_what_is_recent_is_open(make_row: Callable[..., dict[str, Any]]) -> None:
    rows = [
        make_row("half", event="demolition", geometry=square(-25), area_m2=3600.0),
        make_row("outside", event="demolition", geometry=square(-50), area_m2=3600.0),
        make_row("built", event="construction", geometry=square(200), area_m2=3600.0),
    ]
    (roof,) = lost_roofs(detections_frame(rows, epsg=32645), INSIDE, date(2022, 5, 1))
    assert roof.detection_id == "half"
    assert roof.area_m2 == pytest.approx(3600 * 35 / 60)
    assert roof.is_open
    assert total_area_m2([roof]) == (0, 0, 0)


def test_radar_is_taken_from_the_evidence_where_it_tells_something(make_row: Callable[..., dict[str, Any]]) -> None:
    told = {"told": {"agrees": True}, "silent": {"why_not": "no looks"}}
    rows = [
        make_row(name, event="demolition", geometry=square(50), evidence=json.dumps({"radar": radar}))
        for name, radar in told.items()
    ]
    found = lost_roofs(detections_frame(rows, epsg=32645), INSIDE, LAST)
    assert {roof.detection_id: roof.radar_agrees for roof in found} == {"told": True, "silent": None}


def test_an_opening_is_a_short_gap_between_parts_that_stand() -> None:
    (opening,) = new_openings(perimeter(G, P, P, P, P, P, P, G))
    assert opening.kind is ProxyKind.NEW_OPENING
    assert opening.changed == (date(2022, 3, 1), date(2022, 4, 1))
    assert new_openings(perimeter(G, G, G, G, G, P, P, P)) == ()
    assert new_openings(perimeter(G, C, P, P, P, P, P, P)) == ()
    assert new_openings(perimeter(*[G] * 8)) == new_openings(perimeter(*[P] * 8)) == ()
    assert len(new_openings(perimeter(P, G, P, P, G, G, P, P))) == 2
