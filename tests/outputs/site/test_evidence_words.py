import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outputs.site.evidence import Evidence, evidence_of, not_seen_of

JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def test_features_stand_in_the_order_of_their_weight_in_the_matter() -> None:
    text = json.dumps(
        {
            "features": {
                "weak_one": {"value": 3, "contribution": 0.1},
                "strong_one": {"value": -0.12345, "contribution": -2.0},
                "told_nothing": {},
            }
        }
    )
    strong, weak, nothing = evidence_of(text).features
    assert (strong.name, strong.value, strong.speaks, strong.bar_percent) == (
        "strong one",
        "\N{MINUS SIGN}0.123",
        "against",
        100,
    )
    assert strong.contribution_words == "\N{MINUS SIGN}2.00"
    assert (weak.value, weak.speaks, weak.contribution_words) == ("3", "for", "+0.10")
    assert (nothing.value, nothing.speaks, nothing.contribution_words) == ("not known", "neither", "")


def test_the_note_says_how_often_nothing_at_all_looks_like_this() -> None:
    told = {"p": 0.0148, "placebos_in_space": 130, "placebos_in_time": 139, "false_alerts_per_site_year": 0.0329}
    assert evidence_of(json.dumps({"note": "Grown twice.", "placebo": told})).note == (
        "Grown twice. A quiet square kilometre raises evidence as strong about 0.033 times a year. "
        "Of 269 other places and times here, 3 score as high."
    )
    alone = {"p": None, "placebos_in_space": 0, "placebos_in_time": 0, "false_alerts_per_site_year": 0.2}
    assert evidence_of(json.dumps({"placebo": alone})).note.endswith("about 0.2 times a year.")


def test_growth_goes_from_the_foot_to_the_top() -> None:
    growth = evidence_of('{"growth": [["2017-06-10", 0], ["2017-08-04", 50], ["2018-10-11", 100]]}').growth
    assert growth is not None
    heights = [float(point.split(",")[1]) for point in growth.line.split()]
    assert heights == [growth.height - 4, growth.height / 2, 4]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"features": 3, "growth": "x"}', '{"growth": [["d", 1]]}'])
def test_evidence_that_is_not_understood_is_left_out(text: str) -> None:
    assert evidence_of(text) == Evidence()


@given(JSON, JSON, JSON)
def test_no_evidence_breaks_the_page(features: object, growth: object, note: object) -> None:
    evidence_of(json.dumps({"features": features, "growth": growth, "note": note}))
    evidence_of(json.dumps({"features": {"x": features, "y": {"value": growth, "contribution": note}}}))
    not_seen_of(json.dumps(features))


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param('[{"date": "2017-06-10", "reason": "cloud"}]', ("2017-06-10: cloud",), id="records"),
        pytest.param('[["2017-06-10", "cloud"]]', ("2017-06-10: cloud",), id="pairs"),
        pytest.param('["2017-06-10"]', ("2017-06-10",), id="dates"),
        pytest.param('{"2017-06-10": "cloud"}', ("2017-06-10: cloud",), id="mapping"),
        pytest.param("", (), id="nothing"),
    ],
)
def test_dates_that_did_not_count(text: str, lines: tuple[str, ...]) -> None:
    assert not_seen_of(text) == lines
