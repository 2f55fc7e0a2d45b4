"""An area is run again if, and only if, something changed that its product is made from."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.area.plan import Action, Existing, Inputs, Screening, decide, run_id

INPUTS = Inputs(area="a", settings="s", facilities="f", code="c", scenes={"one": "1", "two": "2"})

prints = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(["1", "2"]))


def existing(inputs: Inputs, *, is_intact: bool = True) -> Existing:
    return Existing(inputs=inputs, is_intact=is_intact)


def test_the_same_inputs_are_up_to_date() -> None:
    step = decide("x", INPUTS, existing(INPUTS))
    assert (step.action, step.reason) == (Action.UP_TO_DATE, "nothing changed")


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        pytest.param(replace(INPUTS, area="b"), "area changed", id="area"),
        pytest.param(replace(INPUTS, settings="b"), "settings changed", id="settings"),
        pytest.param(replace(INPUTS, facilities="b"), "facilities changed", id="facilities"),
        pytest.param(replace(INPUTS, code="b"), "another version of sitewatch", id="code"),
        pytest.param(replace(INPUTS, scenes={**INPUTS.scenes, "three": "3"}), "1 new scene", id="new"),
        pytest.param(replace(INPUTS, scenes={"one": "9", "two": "9"}), "2 changed scenes", id="changed"),
        pytest.param(replace(INPUTS, scenes={"one": "1"}), "1 gone scene", id="gone"),
        pytest.param(
            replace(INPUTS, settings="b", scenes={"one": "1", "three": "3"}),
            "settings changed, 1 new scene, 1 gone scene",
            id="several",
        ),
    ],
)
def test_what_changed_is_the_reason(now: Inputs, reason: str) -> None:
    step = decide("x", now, existing(INPUTS))
    assert (step.action, step.reason) == (Action.RUN, reason)


def test_an_area_without_product_is_run() -> None:
    assert decide("x", INPUTS, None).reason == "first run"


def test_a_damaged_product_is_made_again() -> None:
    assert decide("x", INPUTS, existing(INPUTS, is_intact=False)).reason == "product damaged"


def test_force_runs_what_is_up_to_date() -> None:
    assert decide("x", INPUTS, existing(INPUTS), force=True).action is Action.RUN


@given(before=prints, now=prints)
def test_an_area_is_run_exactly_if_its_scenes_differ(before: Mapping[str, str], now: Mapping[str, str]) -> None:
    old, new = replace(INPUTS, scenes=before), replace(INPUTS, scenes=now)
    assert (decide("x", new, existing(old)).action is Action.RUN) == (before != now)
    assert (old.key == new.key) == (before == now)


def test_the_order_of_scenes_does_not_matter() -> None:
    turned = replace(INPUTS, scenes={"two": "2", "one": "1"})
    assert turned.key == INPUTS.key


def test_a_run_is_named_after_its_time_and_content() -> None:
    name = run_id({"a": "1"}, "20261121T190512Z")
    assert name.startswith("20261121T190512Z-")
    assert len(name) == len("20261121T190512Z-123456")
    assert name != run_id({"a": "2"}, "20261121T190512Z")


QUIET = Screening(
    scenes={},
    waits=frozenset(),
    open_detections=0,
    days_since_pass=20,
    every_days=90,
    alarm="",
    late=0,
    words="",
)
ONE_MORE = replace(INPUTS, scenes={**INPUTS.scenes, "three": "3"})


@pytest.mark.parametrize(
    ("known", "action", "reason"),
    [
        pytest.param(QUIET, Action.MONITOR, "1 new scene, to be screened", id="quiet"),
        pytest.param(replace(QUIET, open_detections=2), Action.RUN, "2 detections followed", id="followed"),
        pytest.param(replace(QUIET, days_since_pass=90), Action.RUN, "90 days since all dates", id="time"),
        pytest.param(replace(QUIET, alarm="possible change"), Action.RUN, "possible change", id="alarm"),
        pytest.param(replace(QUIET, late=1), Action.RUN, "older than those known", id="late"),
        pytest.param(replace(QUIET, scenes={"gone": "1"}), Action.RUN, "a screened scene changed", id="gone"),
        pytest.param(replace(QUIET, scenes={"three": "9"}), Action.RUN, "a screened scene changed", id="changed"),
        pytest.param(
            replace(QUIET, scenes={"three": "3"}, words="screened until then"),
            Action.UP_TO_DATE,
            "screened until then",
            id="screened",
        ),
        pytest.param(replace(QUIET, waits=frozenset({"three"})), Action.UP_TO_DATE, "radar, which waits", id="radar"),
    ],
)
def test_a_new_date_of_a_quiet_area_is_screened(known: Screening, action: Action, reason: str) -> None:
    step = decide("x", ONE_MORE, existing(INPUTS), screening=known)
    assert step.action is action
    assert reason in step.reason


@pytest.mark.parametrize("field", ["area", "settings", "facilities", "code", "reviews"])
def test_whatever_else_changed_is_never_screened(field: str) -> None:
    other = replace(ONE_MORE, **{field: "other"})  # type: ignore[arg-type]  # a field by its name
    step = decide("x", other, existing(INPUTS), screening=QUIET)
    assert step.action is Action.RUN


def test_nothing_is_screened_that_is_damaged_gone_or_asked_for() -> None:
    gone = replace(INPUTS, scenes={"one": "1", "three": "3", "four": "4"})
    assert decide("x", gone, existing(INPUTS), screening=QUIET).action is Action.RUN
    assert decide("x", ONE_MORE, existing(INPUTS, is_intact=False), screening=QUIET).action is Action.RUN
    assert decide("x", ONE_MORE, existing(INPUTS), screening=QUIET, force=True).action is Action.RUN
