"""How QGIS shall draw each layer, as the text of a QML style.

The templates beside this module (``styles/*.qml``) hold the structure, `outputs.vocabulary` the words and colours.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from aoi.facilities import FacilityKind
from detection.schema import Event, Outcome, Status, Verdict
from outputs.layers.forms import FORMS
from outputs.vocabulary import (
    ARC_COLOURS,
    ARC_WORDS,
    EVENT_COLOURS,
    EVENT_WORDS,
    FACILITY_WORDS,
    OUTCOME_WORDS,
    STATUS_WORDS,
)

ALIASES: Mapping[str, str] = {
    "detection_id": "Detection",
    "area_id": "Area",
    "facility_id": "Facility",
    "facility_relation": "Lies … the facility",
    "facility_distance_m": "Distance to the facility (m)",
    "event": "Event",
    "status": "Status",
    "confidence": "Confidence (0-1)",
    "onset_after": "Last clear look without it",
    "onset_by": "First clear look with it",
    "confirmed_on": "Confirmed on",
    "last_seen_on": "Last seen on",
    "looks_before": "Clear looks before",
    "looks_after": "Clear looks after",
    "area_m2": "Area changed (m²)",
    "area_low_m2": "… at least (m²)",
    "area_high_m2": "… at most (m²)",
    "roofs": "Clumps of new roofs",
    "phase": "Phase",
    "active_after": "Work not yet begun on",
    "active_by": "Work begun by",
    "complete_after": "Not yet complete on",
    "complete_by": "Complete by",
    "camp_likeness": "Likeness to a walled compound (0-1)",
    "false_alerts_per_site_year": "False alerts as strong, a site and year",
    "not_observable_since": "Not observable since",
    "verdict": "Verdict",
    "evidence": "Evidence (JSON)",
    "verdict_so_far": "Verdict before this sheet",
    "event_corrected": "What happened instead",
    "note": "Why",
    "reviewer": "Reviewer",
    "reviewed_at": "Decided at (UTC)",
    "base_version": "State of the detection that is judged",
    "picture": "Before and after",
    "outcome": "Outcome",
    "period_start": "First look",
    "period_end": "Last look",
    "looks": "Looks",
    "clear_looks": "Clear looks",
    "last_clear_look": "Last clear look",
    "screened_until": "Later dates screened until",
    "screened_looks": "Clear dates screened",
    "screened_contrast": "Smallest change of brightness the screen would have raised",
    "unscreened_share": "Share of the area that could not be screened",
    "observed_share": "Share seen clearly often enough (0-1)",
    "median_clear_looks": "Clear looks of the middle pixel",
    "detectable_area_m2": "Smallest new building found four times in five (m²)",
    "detectable_contrast": "Smallest contrast that would have been found",
    "position_error_m": "Position error (m)",
    "arc": "Arc (0: the whole perimeter)",
    "state": "What can be told",
    "reason": "Why",
    "probability": "Probability of an indication (0-1)",
    "changed_after": "Last look before the change",
    "changed_by": "First look after the change",
    "change_p": "As clear by chance (p)",
    "smallest_m": "Smallest wall whose loss would be seen (width x contrast, m)",
}
"""Column to the name that a reader sees in QGIS."""

_GREY = "#5c5c5c"
_MARKERS: Mapping[str, tuple[str, str]] = {
    FacilityKind.CAMP: ("square", "#1a1a1a"),
    FacilityKind.PRISON: ("diamond", "#1a1a1a"),
    FacilityKind.FACTORY: ("triangle", "#00543d"),
    FacilityKind.INDUSTRIAL_PARK: ("pentagon", "#00543d"),
    FacilityKind.OTHER: ("circle", "#5c5c5c"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """One entry of a legend. The fields that a template does not read keep their defaults."""

    value: str
    label: str
    rgb: str
    """``r,g,b``, as QML wants it."""
    line: str = "solid"
    """Qt's name of the outline's dashes."""
    fill_alpha: int = 0
    """0 to 255."""
    hatch_angles: tuple[int, ...] = ()
    """Degrees; none: no hatching."""
    marker: str = "circle"


_BAND = """
with_variable('zone', ZONE, with_variable('g', transform($geometry, 'EPSG:4326', @zone),
with_variable('inside', buffer(@g, MOVED("area_low_m2")),
with_variable('core', buffer(@inside, if(area(@inside) > 0, ("area_low_m2" - area(@inside)) / perimeter(@inside), 0)),
with_variable('reach', buffer(@g, MOVED("area_high_m2")),
if("area_low_m2" < "area_high_m2",
   transform(if(area(@core) > 0, difference(@reach, @core), @reach), @zone, 'EPSG:4326'), NULL))))))
"""
"""A band along the outline, everywhere equally wide: the core that it leaves is as large as the change is at least, its
outer edge surrounds what it is at most. How much ground is open is known; where along the outline is not."""
_CIRCLE = """
with_variable('zone', ZONE, if("position_error_m" > 0,
transform(buffer(transform($geometry, 'EPSG:4326', @zone), "position_error_m", 16), @zone, 'EPSG:4326'), NULL))
"""
_ZONE = (
    "'EPSG:' || to_string(if(y(centroid($geometry)) < 0, 32701, 32601)"
    " + to_int(floor((x(centroid($geometry)) + 180) / 6)) % 60)"
)
"""The zone of UTM, in which a metre is a metre."""
_MOVED = r"(sqrt(max(0, perimeter(@g)^2 + 4 * pi() * (\1 - area(@g)))) - perimeter(@g)) / (2 * pi())"
"""How far a convex outline moves until its area is another one: Steiner's formula."""


def _expression(text: str) -> str:
    """Return a QGIS expression in one line, its abbreviations written out."""
    return re.sub(r"MOVED\(([^)]*)\)", _MOVED, text.replace("ZONE", _ZONE)).replace("\n", " ").strip()


@lru_cache(maxsize=32)
def style_of(layer: str, event: str | None = None) -> str:
    """Return the QML text for one layer of the GeoPackage; with `event`, for a layer with detections of that alone."""
    template = _environment().get_template(f"{layer}.qml")
    categories = [
        one for one in _categories(layer) if event is None or one.value.partition("/")[0] not in _others(event)
    ]
    return template.render(
        categories=categories,
        aliases=ALIASES,
        tabs=FORMS.get(layer, ()),
        band=_expression(_BAND),
        circle=_expression(_CIRCLE),
    )


def _others(event: str) -> set[str]:
    return {one.value for one in Event} - {event}


def _environment() -> Environment:
    folder = Path(__file__).with_name("styles")
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _categories(layer: str) -> Sequence[Category]:
    match layer:
        case "detections":
            return _detection_categories()
        case "coverage":
            return _coverage_categories()
        case "perimeters":
            return _perimeter_categories()
        case "verdicts":
            return _verdict_categories()
        case "facilities" | "facility_outlines":
            return _facility_categories()
        case _:
            return ()


def _detection_categories() -> list[Category]:
    """Event by colour, status by outline: what is sure is solid, what is not is dashed, what is over is grey."""
    shown = [
        Category(
            value=f"{event}/{status}",
            label=f"{EVENT_WORDS[event]}, {STATUS_WORDS[status].lower()}",
            rgb=_rgb(EVENT_COLOURS[event]),
            line=line,
            fill_alpha=fill_alpha,
        )
        for event in Event
        for status, line, fill_alpha in ((Status.CONFIRMED, "solid", 38), (Status.CANDIDATE, "dash", 18))
    ]
    past = [
        Category(value=status, label=f"{STATUS_WORDS[status]} (any event)", rgb=_rgb(_GREY), line=line)
        for status, line in (
            (Status.CLOSED, "solid"),
            (Status.NOT_OBSERVABLE, "dash dot"),
            (Status.DROPPED, "dot"),
            (Status.REJECTED, "dot"),
        )
    ]
    return [*shown, *past]


def _coverage_categories() -> list[Category]:
    """What was not seen is hatched in a warning colour: it must never look like ground without change."""
    looks: Mapping[str, tuple[str, int, tuple[int, ...]]] = {
        Outcome.FOUND: ("#1b7f79", 40, ()),
        Outcome.NOTHING_FOUND: ("#4a7ba6", 26, ()),
        Outcome.NOT_OBSERVED: ("#b34700", 0, (45,)),
        Outcome.NO_IMAGERY: ("#b34700", 0, (45, 135)),
    }
    return [
        Category(
            value=outcome, label=OUTCOME_WORDS[outcome], rgb=_rgb(colour), fill_alpha=fill_alpha, hatch_angles=angles
        )
        for outcome, (colour, fill_alpha, angles) in looks.items()
    ]


def _perimeter_categories() -> list[Category]:
    """What is gone is dashed, what cannot be told dotted: neither must look like a line that stands."""
    lines = {"gone": "dash", "weakened": "dash dot", "cannot_tell": "dot"}
    return [
        Category(value=state, label=label, rgb=_rgb(ARC_COLOURS[state]), line=lines.get(state, "solid"))
        for state, label in ARC_WORDS.items()
    ] + [Category(value="whole", label="Whole perimeter", rgb=_rgb(_GREY), line="dot")]


def _verdict_categories() -> list[Category]:
    """What nobody decided yet stands out; what is decided is quiet."""
    looks = {"open": ("#ffb000", "dash", 40), Verdict.CONFIRMED: ("#1b7f79", "solid", 24)}
    looks |= {Verdict.REJECTED: (_GREY, "dot", 0), Verdict.UNSURE: ("#6a2fd8", "dash dot", 14)}
    words = {"open": "No verdict yet", **{one.value: one.value.capitalize() for one in Verdict}}
    return [
        Category(value=value, label=words[value], rgb=_rgb(colour), line=line, fill_alpha=alpha)
        for value, (colour, line, alpha) in looks.items()
    ]


def _facility_categories() -> list[Category]:
    return [
        Category(value=kind, label=FACILITY_WORDS[kind], rgb=_rgb(colour), marker=marker)
        for kind, (marker, colour) in _MARKERS.items()
    ]


def _rgb(colour: str) -> str:
    """Return ``#rrggbb`` as ``r,g,b``."""
    return ",".join(str(int(colour[start : start + 2], 16)) for start in (1, 3, 5))
