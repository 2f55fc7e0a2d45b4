"""How layers, pictures and pages name and colour the same things.

The event colours keep apart on sand, soil and vegetation, and for readers with red-green blindness; none of them
carries a meaning alone: a word, a shape or a dash always says the same.
"""

from collections.abc import Iterable, Mapping

import pandas as pd

from aoi.facilities import FacilityKind
from detection.schema import Event, Outcome, Phase, Relation, Status, Verdict

EVENT_WORDS: Mapping[str, str] = {
    Event.CONSTRUCTION: "Construction",
    Event.EXPANSION: "Expansion",
    Event.DEMOLITION: "Demolition",
    Event.DESECURITISATION: "De-securitisation",
    Event.SURFACE_CHANGE: "Surface change",
}
EVENT_COLOURS: Mapping[str, str] = {
    Event.CONSTRUCTION: "#d6006c",
    Event.EXPANSION: "#6a2fd8",
    Event.DEMOLITION: "#0071b2",
    Event.DESECURITISATION: "#00857a",
    Event.SURFACE_CHANGE: "#8a6d00",
}
ARC_WORDS: Mapping[str, str] = {
    "present": "A line stands out",
    "weakened": "Weakened",
    "gone": "Gone",
    "cannot_tell": "Cannot tell",
}
ARC_COLOURS: Mapping[str, str] = {
    "present": "#1f5fbf",
    "weakened": "#c25e00",
    "gone": "#c00000",
    "cannot_tell": "#5c5c5c",
}
ANSWER_WORDS: Mapping[str, str] = {
    "indicated": "De-securitisation indicated",
    "cannot_tell": "Cannot tell",
}
"""There is no answer that says that nothing changed."""
STATUS_WORDS: Mapping[str, str] = {
    Status.CANDIDATE: "Candidate",
    Status.CONFIRMED: "Confirmed",
    Status.NOT_OBSERVABLE: "Not observable",
    Status.DROPPED: "Dropped",
    Status.REJECTED: "Rejected",
    Status.CLOSED: "Closed",
}
STATUS_MEANINGS: Mapping[str, str] = {
    Status.CANDIDATE: "seen, but in too few clear looks to be sure",
    Status.CONFIRMED: "seen again and again in clear looks",
    Status.NOT_OBSERVABLE: "not seen clearly for long: it may go on or be gone",
    Status.DROPPED: "later clear looks do not show it",
    Status.REJECTED: "held to be false",
    Status.CLOSED: "no longer followed",
}
OUTCOME_WORDS: Mapping[str, str] = {
    Outcome.FOUND: "Change found",
    Outcome.NOTHING_FOUND: "Nothing found",
    Outcome.NOT_OBSERVED: "Not observed",
    Outcome.NO_IMAGERY: "No imagery",
}
OUTCOME_MEANINGS: Mapping[str, str] = {
    Outcome.FOUND: "seen clearly often enough, and something changed",
    Outcome.NOTHING_FOUND: "seen clearly often enough, and nothing large enough changed",
    Outcome.NOT_OBSERVED: "clouds or gaps hid too much: nothing can be said",
    Outcome.NO_IMAGERY: "there was no imagery: nothing can be said",
}
UNSEEN_OUTCOMES = frozenset({Outcome.NOT_OBSERVED.value, Outcome.NO_IMAGERY.value})
FACILITY_WORDS: Mapping[str, str] = {
    FacilityKind.CAMP: "Camp",
    FacilityKind.PRISON: "Prison",
    FacilityKind.FACTORY: "Factory",
    FacilityKind.INDUSTRIAL_PARK: "Industrial park",
    FacilityKind.OTHER: "Other known place",
}
RELATION_WORDS: Mapping[str, str] = {
    Relation.INSIDE: "inside",
    Relation.NEAR: "near",
    Relation.NONE: "none known nearby",
}
PHASE_WORDS: Mapping[str, str] = {
    Phase.SITE_PREPARATION: "Site preparation",
    Phase.ACTIVE: "Active construction",
    Phase.COMPLETE: "Complete",
}
NOT_REVIEWED = "Found by computer. Not reviewed by a person."
REVIEWED: Mapping[str, str] = {
    Verdict.CONFIRMED: "Found by computer. Confirmed by a person who looked at it.",
    Verdict.REJECTED: "Found by computer. Rejected by a person who looked at it.",
    Verdict.UNSURE: "Found by computer. A person who looked at it could not decide.",
}


def review_words(verdict: object) -> str:
    """Say whether a person looked at a detection, and what they held it to be."""
    return NOT_REVIEWED if verdict is None or pd.isna(verdict) else REVIEWED[str(verdict)]  # type: ignore[call-overload]  # one value, no array


def review_summary(verdicts: Iterable[object]) -> str:
    """Say of many detections how many a person looked at."""
    seen = [verdict is not None and not pd.isna(verdict) for verdict in verdicts]  # type: ignore[call-overload]  # one value each
    return f"Found by computer. {sum(seen)} of {len(seen)} reviewed by a person." if any(seen) else NOT_REVIEWED


def words(table: Mapping[str, str], value: object) -> str:
    """Return the words for `value`; a value that the table does not know is shown as it is, made readable."""
    text = "" if value is None or pd.isna(value) else str(value)  # type: ignore[call-overload]  # one value, no array
    return table.get(text, text.replace("_", " ").capitalize())


def is_simulated(credit: str) -> bool:
    """Say whether a credit line speaks of imagery that no satellite took."""
    return "simulated" in credit.casefold()
