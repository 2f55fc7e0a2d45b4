"""What a dossier says in words, for the page and for the document alike."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from detection.desecuritisation.verdict import UNSEEN
from detection.schema import Event
from outputs.dossier.contents import Dossier
from outputs.dossier.detection import OTHERWISE
from outputs.site.amounts import share_words, size_words
from outputs.site.evidence import not_seen_of
from outputs.site.perimeters import proxy_words as proxies_of
from outputs.vocabulary import ANSWER_WORDS, ARC_WORDS, EVENT_WORDS, STATUS_WORDS, words


@dataclass(frozen=True, slots=True, kw_only=True)
class ArcWords:
    """One arc in words."""

    number: int
    state: str
    dates: str
    p: str
    smallest: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionWords:
    """One detection in words."""

    detection_id: str
    event: str
    status: str
    confidence: str
    onset: str
    size: str
    review: str


def headline(dossier: Dossier) -> str:
    """Return the answer in few words."""
    answer = dossier.answer
    if answer is None:
        return "Perimeter not watched"
    said = words(ANSWER_WORDS, answer["state"])
    return said if answer["probability"] is None else f"{said}, probability {answer['probability']:.2f} (0 to 1)"


def explanation(dossier: Dossier) -> str:
    """Return what the answer rests on, what cannot be seen, and that it must be confirmed."""
    answer = dossier.answer
    if answer is None:
        return (
            "The perimeters of camps and prisons are watched, and of facilities that the settings name "
            f"(detection.desecuritisation). {UNSEEN}"
        )
    text = str(answer["text"] or answer["reason"]).removeprefix("Cannot tell: ")
    text = text[:1].upper() + text[1:]
    between = _between(answer)
    return f"{text} The change lies {between}." if between else text


def _between(row: Mapping[str, Any]) -> str:
    if row["changed_after"] is None or row["changed_by"] is None:
        return ""
    return f"after {_day(row['changed_after'])} and by {_day(row['changed_by'])}"


def arc_words(dossier: Dossier) -> tuple[ArcWords, ...]:
    """Return each arc of the perimeter in words."""
    return tuple(
        ArcWords(
            number=int(arc["arc"]),
            state=ARC_WORDS.get(str(arc["state"]), str(arc["state"])),
            dates=_between(arc) or "none",
            p=_p(arc["change_p"]),
            smallest=_smallest(arc["smallest_m"]),
            reason=str(arc["reason"]),
        )
        for arc in dossier.arcs
    )


def _p(value: float | None) -> str:
    return "not tested" if value is None else f"{value:.2g}"


def _smallest(metres: float | None) -> str:
    """Say which wall would have been missed: width times contrast, and the contrast of a wall of four metres."""
    if metres is None:
        return "none could have been seen"
    return f"{metres:.2f} m (4 m wide: contrast {metres / 4:.2f})"


def detection_words(dossier: Dossier) -> tuple[DetectionWords, ...]:
    """Return each detection of this place in words, de-securitisation first, then the most confident."""
    frame = dossier.detections
    first = frame["event"] != "desecuritisation"
    ordered = frame.assign(is_later=first).sort_values(["is_later", "confidence"], ascending=[True, False])
    return tuple(
        DetectionWords(
            detection_id=str(row["detection_id"]),
            event=words(EVENT_WORDS, row["event"]),
            status=words(STATUS_WORDS, row["status"]),
            confidence=f"{row['confidence']:.2f}",
            onset=f"after {_day(row['onset_after'])}, by {_day(row['onset_by'])}",
            size=size_words(float(row["area_m2"])),
            review="not reviewed" if pd.isna(row["verdict"]) else f"held to be {row['verdict']}",
        )
        for row in ordered.to_dict("records")
    )


def proxy_words(dossier: Dossier) -> tuple[str, ...]:
    """Return what else changed beyond chance beside the line: named apart, for none of it proves anything."""
    answer = dossier.answer
    return proxies_of(answer["evidence"]) if answer else ()


def unseen_words(dossier: Dossier) -> tuple[str, ...]:
    """Return what could not be seen, and how well the rest was."""
    row = dossier.coverage
    lines = [UNSEEN]
    lines += [f"The picture shows pixels of {dossier.grid.pixel_m:g} m: what is smaller cannot be told apart."]
    lines.append(
        f"{share_words(float(row['observed_share']))} of the area was seen clearly often enough, before and after."
    )
    area_m2 = row.get("detectable_area_m2")
    if area_m2 is None or pd.isna(area_m2):
        lines.append("A new building of any size might have been missed.")
    else:
        lines.append(f"A new building of {size_words(float(area_m2))} would have been found four times in five.")
    untold = [arc for arc in dossier.arcs if arc["state"] == "cannot_tell"]
    if untold:
        numbers = ", ".join(str(arc["arc"]) for arc in untold)
        lines.append(f"Along {len(untold)} of {len(dossier.arcs)} arcs ({numbers}) nothing can be told of the wall.")
    used = sum(look.is_used for look in dossier.looks)
    lines.append(f"{used} of {len(dossier.looks)} acquisitions were used.")
    return (*lines, *dossier.frames_left_out)


RECORDS = (
    "Where each figure is written down: of an arc in perimeters.csv of the run, by facility and arc (0: the answer); "
    "of a detection in detections.geojson, by its id; of a look in scenes.csv, by its day."
)


def alternative_words(dossier: Dossier) -> tuple[str, ...]:
    """Return what else may be true, whatever the answer is."""
    answer = dossier.answer
    lines = []
    if answer is not None and answer["state"] == "indicated":
        lines += [
            f"Possible, and not excluded: {one[:1].lower()}{one[1:]}" for one in OTHERWISE[Event.DESECURITISATION]
        ]
    elif answer is not None:
        lines.append("That the wall stands, and that it was taken away: neither is excluded where nothing can be told.")
    events = dict.fromkeys(str(event) for event in dossier.detections["event"] if event != Event.DESECURITISATION)
    for event in events:
        lines += [f"{words(EVENT_WORDS, event)} may also be: {one[:1].lower()}{one[1:]}" for one in OTHERWISE[event]]
    return (*lines, "What a place is for, and whether people are held there, cannot be seen from above.")


def not_used(dossier: Dossier) -> tuple[str, ...]:
    """Return the looks that did not count, each with its reason."""
    return not_seen_of(str(dossier.coverage.get("not_seen") or "[]"))


def ring_words(dossier: Dossier) -> str:
    """Say where the perimeter comes from and how far it may lie off."""
    answer = dossier.answer
    if answer is None or answer["ring"] is None:
        return "No perimeter is known."
    error = f"{answer['ring_error_m']:.0f} m" if answer["ring_error_m"] else ""
    if answer["ring"] == "traced":
        rival = json.loads(str(answer["evidence"] or "{}")).get("ring", {}).get("rival_m")
        another = f" Another line, some {rival} m off, stands out hardly less." if rival else ""
        return (
            f"The line was traced by the program around the known point; half of it may lie off by up to {error}. "
            "Whether it is the perimeter is for a person to judge: an outline in the list of facilities wins."
        ) + another
    stated = f"with a stated error of {error}" if error else "whose error is not stated"
    return f"The line is the outline in the list of facilities, {stated}."


def _day(stamp: Any) -> str:  # noqa: ANN401  # a day as pandas keeps it
    return f"{pd.Timestamp(stamp):%Y-%m-%d}"
