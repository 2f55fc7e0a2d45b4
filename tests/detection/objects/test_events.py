"""An event has the name its features speak for, and its confidence is the sum of what is handed on."""

import json
from dataclasses import fields, replace
from datetime import date
from math import exp, isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detection.objects.events import (
    NAMING,
    WEIGHTS,
    EventParams,
    Evidence,
    Term,
    confidence,
    log_odds,
    name_event,
    speaks_for,
    weigh,
)
from detection.objects.features import Features
from detection.objects.shape import Shape, Trait, traits
from detection.schema import Event

BUILT = Features(
    peak_z=12.0,
    outline_before=1.0,
    outline_after=4.0,
    structure_before=1.0,
    structure_after=4.0,
    brightness_change=0.2,
    greenness_after=0.1,
    greenness_change=0.0,
    greenness_most=0.15,
    has_near_infrared=True,
    persistence=0.95,
    season_persistence=0.9,
    looks_before=6,
    looks_after=8,
    backed_share=0.9,
    edge_share=0.0,
    rectangularity=0.7,
    elongation=1.5,
    isolation=0.8,
    area_m2=90_000.0,
)
PARAMS = EventParams()
FALLEN = {"outline_before": 6.0, "outline_after": 2.0, "structure_before": 5.0, "structure_after": 1.5}
OTHER_ROOFS = {"outline_before": 4.0, "outline_after": 4.2, "structure_before": 4.0, "structure_after": 4.4}
PAIR = {"backed_share": 0.0, "looks_before": 1, "looks_after": 1}
ONCE_GREEN = {"greenness_change": -0.5, "outline_after": 1.6, "structure_after": 1.2}
NO_INFRARED = {"has_near_infrared": False, "greenness_most": None}


def sureness(features: Features, event: Event = Event.CONSTRUCTION) -> float:
    return confidence(weigh(features, event))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, Event.CONSTRUCTION, id="a-sharp-outline-where-there-was-none"),
        pytest.param(FALLEN, Event.DEMOLITION, id="a-sharp-outline-is-gone"),
        pytest.param(FALLEN | {"backed_share": 0.0}, Event.SURFACE_CHANGE, id="seen-standing-on-an-odd-look-only"),
        pytest.param(FALLEN | PAIR, Event.DEMOLITION, id="a-pair-can-be-asked-less"),
        pytest.param(OTHER_ROOFS, Event.SURFACE_CHANGE, id="other-roofs"),
        pytest.param(
            {"outline_after": 3.0, "structure_after": 0.7}, Event.CONSTRUCTION, id="a-large-even-roof-is-smooth-inside"
        ),
        pytest.param({"elongation": 20.0, "area_m2": 20_000.0}, Event.SURFACE_CHANGE, id="a-road"),
        pytest.param({"elongation": 20.0, "area_m2": 200_000.0}, Event.CONSTRUCTION, id="long-but-wide"),
        pytest.param({"outline_after": 1.2, "structure_after": 1.2}, Event.SURFACE_CHANGE, id="no-edges"),
        pytest.param(
            {"outline_before": 1.3, "outline_after": 0.5, "structure_before": 1.2, "structure_after": 0.4},
            Event.SURFACE_CHANGE,
            id="nothing-stood-there",
        ),
        pytest.param({"outline_before": 0.0, "structure_before": 0.0}, Event.CONSTRUCTION, id="from-even-ground"),
        pytest.param(ONCE_GREEN, Event.CONSTRUCTION, id="vegetation-gave-way-for-good"),
        pytest.param(ONCE_GREEN | {"greenness_most": 0.7}, Event.SURFACE_CHANGE, id="a-field-is-green-again"),
        pytest.param(
            {"outline_after": 2.5, "greenness_most": 0.8}, Event.SURFACE_CHANGE, id="felled-woods-green-in-summer"
        ),
        pytest.param(NO_INFRARED | {"greenness_after": 0.45}, Event.CONSTRUCTION, id="visible-greenness-has-no-level"),
        pytest.param(
            NO_INFRARED | {"greenness_change": 0.06, "outline_after": 2.5}, Event.SURFACE_CHANGE, id="visibly-greener"
        ),
        pytest.param(
            {"greenness_after": None, "greenness_change": None, "greenness_most": None},
            Event.CONSTRUCTION,
            id="greenness-unknown",
        ),
        pytest.param(
            {"outline_after": 2.0, "structure_after": 2.0, "edge_share": 0.3},
            Event.SURFACE_CHANGE,
            id="half-of-it-at-the-edge-of-what-was-seen",
        ),
    ],
)
def test_the_event_is_named_by_its_features(changes: dict[str, object], expected: Event) -> None:
    assert name_event(replace(BUILT, **changes), PARAMS) is expected  # type: ignore[arg-type]  # fields by name


@given(before=st.floats(0.01, 50), after=st.floats(0.01, 50), green=st.floats(-1, 1), lasting=st.floats(0, 1))
def test_what_speaks_for_a_name_is_a_sum_of_bounded_terms(
    before: float, after: float, green: float, lasting: float
) -> None:
    features = replace(BUILT, outline_before=before, outline_after=after, greenness_most=green, persistence=lasting)
    for event in (Event.CONSTRUCTION, Event.DEMOLITION):
        terms = speaks_for(features, event)
        assert [term.name for term in terms] == list(NAMING[event])
        assert all(0 <= term.value <= 1 for term in terms)
        assert log_odds(terms) == pytest.approx(sum(term.value * term.weight for term in terms), abs=1e-2)


def test_a_sharper_outline_speaks_for_building_and_against_demolition() -> None:
    outlines = [replace(BUILT, outline_after=after) for after in (0.5, 1.0, 2.0, 4.0)]
    built = [log_odds(speaks_for(features, Event.CONSTRUCTION)) for features in outlines]
    gone = [log_odds(speaks_for(features, Event.DEMOLITION)) for features in outlines]
    assert built == sorted(built)
    assert built[0] < built[-1]
    assert gone == sorted(gone, reverse=True)
    assert gone[0] > gone[-1]


@given(peak=st.floats(0, 100), area=st.floats(1, 1e7), before=st.integers(0, 50), after=st.integers(0, 50))
def test_the_sum_of_the_contributions_is_the_log_odds(peak: float, area: float, before: int, after: int) -> None:
    features = replace(BUILT, peak_z=peak, area_m2=area, looks_before=before, looks_after=after)
    terms = weigh(features, Event.CONSTRUCTION)
    odds = exp(sum(term.contribution for term in terms))
    assert isclose(confidence(terms), odds / (1 + odds), rel_tol=1e-9)
    assert 0 < confidence(terms) < 1
    for term in terms:
        assert term.contribution == pytest.approx(term.weight * term.value, abs=1e-3)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("peak_z", 5.0, 20.0),
        ("persistence", 0.6, 0.9),
        ("looks_after", 1, 6),
        ("looks_before", 1, 6),
        ("area_m2", 2_000.0, 50_000.0),
        ("outline_after", 1.5, 4.0),
    ],
)
def test_more_of_the_evidence_makes_surer(name: str, low: float, high: float) -> None:
    values = [low, (low + high) / 2, high] if isinstance(low, float) else list(range(int(low), int(high) + 1))
    sure = [sureness(replace(BUILT, **{name: value})) for value in values]  # type: ignore[arg-type]  # fields by name
    assert sure == sorted(sure)
    assert sure[0] < sure[-1]


def test_an_object_at_the_edge_is_less_sure() -> None:
    assert sureness(replace(BUILT, edge_share=0.5)) < sureness(BUILT)


def test_the_name_says_nothing_about_a_change_of_the_surface() -> None:
    by_name = {term.name: term for term in weigh(BUILT, Event.SURFACE_CHANGE)}
    assert by_name["name"].contribution == 0


def test_half_and_half_is_a_half() -> None:
    terms = [Term(name="a", value=1, weight=2, contribution=2), Term(name="b", value=1, weight=-2, contribution=-2)]
    assert confidence(terms) == 0.5


def test_every_term_is_bounded_and_has_its_weight() -> None:
    extreme = replace(BUILT, peak_z=1e6, looks_before=10_000, looks_after=10_000, area_m2=1e9, structure_after=1e9)
    for features in (BUILT, extreme, replace(BUILT, peak_z=0.0, looks_before=0, looks_after=0, area_m2=0.0)):
        terms = weigh(features, Event.CONSTRUCTION)
        assert [term.name for term in terms] == list(WEIGHTS)
        assert all(0 <= term.value <= 1 for term in terms)


def test_what_is_small_and_alone_needs_more_evidence() -> None:
    small = replace(BUILT, area_m2=2_000.0)
    assert sureness(replace(small, isolation=1.0)) < sureness(replace(small, isolation=0.0))
    assert sureness(replace(BUILT, isolation=1.0)) == sureness(replace(BUILT, isolation=0.0))


SHAPE = Shape(
    rectangularity=0.9,
    solidity=0.95,
    coherence=0.4,
    rows=None,
    ring=0.75,
    roofs=12,
    blue_share=0.2,
    white_share=None,
    red_share=0.0,
)


def evidence(features: Features, *, camp: tuple[Trait, ...] = ()) -> Evidence:
    return Evidence(
        features=features,
        terms=weigh(features, Event.CONSTRUCTION),
        growth=[(date(2017, 3, 2), 0.0), (date(2017, 6, 10), 12_300.4)],
        growth_interval=[(date(2017, 3, 2), 0.0, 900.0), (date(2017, 6, 10), 7_000.0, 12_300.4)],
        shape=SHAPE,
        camp=camp,
        note="Nine looks \u2013 四",
    )


def test_evidence_survives_writing_and_reading() -> None:
    camp = traits(SHAPE, isolated=0.8, area_m2=90_000)
    made = evidence(BUILT, camp=camp)
    read = json.loads(made.as_json())
    assert read["note"] == "Nine looks \u2013 四"
    assert read["growth"] == [["2017-03-02", 0], ["2017-06-10", 12_300]]
    assert read["growth_interval"] == [["2017-03-02", 0, 900], ["2017-06-10", 7_000, 12_300]]
    assert "buildings" not in read
    assert json.loads(replace(made, buildings=(5, 30)).as_json())["buildings"] == [5, 30]
    assert {name: term["contribution"] for name, term in read["features"].items()} == {
        term.name: term.contribution for term in made.terms
    }
    odds = exp(sum(term["contribution"] for term in read["features"].values()))
    assert confidence(made.terms) == pytest.approx(odds / (1 + odds))
    assert set(read["measured"]) == {field.name for field in fields(Features)}
    assert read["measured"]["looks_after"] == 8
    assert read["shape"]["roofs"] == 12
    assert read["camp_likeness"]["isolated"] == {"value": 0.8, "weight": 0.2, "contribution": 0.16}


def test_what_could_not_be_measured_is_null_in_the_evidence() -> None:
    read = json.loads(evidence(replace(BUILT, greenness_after=None, greenness_change=None)).as_json())
    assert read["measured"]["greenness_after"] is None
    assert read["shape"]["rows"] is None
    assert read["camp_likeness"] == {}
