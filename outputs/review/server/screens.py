"""What each page shows to one reader: never what another reader said before this one has decided."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from detection.life.history import Review
from geo.errors import StateError
from outputs.review.agreement import Agreement, agreements
from outputs.review.queue import Item
from outputs.review.server import tiles
from outputs.review.server.desk import Desk, Found
from outputs.review.server.words import (
    EVENT_CHOICES,
    VERDICT_WORDS,
    Card,
    Names,
    card_of,
    moment_words,
    page_of,
)
from outputs.review.standing import State, standings_of
from outputs.vocabulary import is_simulated

PICTURES = ("pictures", "series")
"""Folders of a run from which pictures are shown."""
_DAY_TAG = "ACQUISITION_DATE"
"""Of which day a raster shows most (`outputs.rasters.maps`)."""

Values = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRow:
    """One line of the queue."""

    card: Card
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A verdict, in words."""

    reviewer: str
    detection_id: str
    key: str
    words: str
    at: str
    note: str
    event: str
    link: str

    @classmethod
    def of(cls, review: Review) -> "Said":
        """Return what a page says of a verdict."""
        return cls(
            reviewer=review.reviewer,
            detection_id=review.detection_id,
            key=review.verdict.value,
            words=VERDICT_WORDS[review.verdict.value],
            at=moment_words(review.at),
            note=review.note,
            event="" if review.event is None else review.event.value,
            link=link_to(review.detection_id),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """How two readers agree, in words."""

    first: str
    second: str
    both: int
    agreed: int
    kappa: str

    @classmethod
    def of(cls, found: Agreement) -> "Pair":
        """Return what the page says of two readers."""
        words = "not defined: too few, or all the same"
        if found.kappa is not None and found.low is not None and found.high is not None:
            words = f"{found.kappa:.2f} ({found.low:.2f} to {found.high:.2f})".replace("-", "\N{MINUS SIGN}")
        return cls(first=found.readers[0], second=found.readers[1], both=found.both, agreed=found.agreed, kappa=words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Screens:
    """Fills the templates."""

    desk: Desk
    credit: Callable[[], str]

    def queue(self, reader: str) -> Values:
        """Return what the queue shows: what waits for this reader, and what this reader has decided."""
        names, total = self._names(), self.desk.count(reader)
        rows = [_row(one, names) for one in self.desk.queue(reader)]
        return self._common("queue", reader) | {
            "rows": rows,
            "first": rows[0].link if rows else "",
            "counts": f"{total.decided} of {total.all} decided by you.",
            "caption": f"The {len(rows)} most worth a look",
            "nothing": "no detection waits for your verdict" if total.all else "`sitewatch run` has found none yet",
            "decided": [Said.of(one) for one in self.desk.decided(reader)],
        }

    def detection(self, name: str, reader: str, *, after: str | None) -> Values | None:
        """Return what the page of a detection shows; None where there is none of this id.

        Args:
            name: Its id.
            reader: Who looks.
            after: The detection on which this reader has just decided, which the page tells.

        """
        found = self.desk.find(name, reader)
        if found is None:
            return None
        around = self._around(name, reader)
        own = None if found.own is None else Said.of(found.own)
        card = card_of(
            found.row,
            self._names(),
            verdict="" if own is None else own.key,
            is_blind=found.is_blind,
            why=around["why"],
        )
        just = own if after in {None, name} else self._just(str(after), reader)
        return (
            self._common("detection", reader)
            | self._pictures(found)
            | around
            | {
                "page": page_of(found.row, card, coverage=found.coverage, moves=found.moves),
                "mark": found.mark,
                "events": EVENT_CHOICES,
                "own": own,
                "others": [Said.of(one) for one in found.others],
                "stored": just,
            }
        )

    def agreement(self, reader: str) -> Values:
        """Return how far readers agree, and where they differ as far as this reader may know."""
        reviews = self.desk.all_reviews()
        differ = [one for one in standings_of(reviews).values() if one.state is State.CONFLICT]
        known = [one for one in differ if reader in {review.reviewer for review in one.counted}]
        return self._common("agreement", reader) | {
            "pairs": [Pair.of(one) for one in agreements(reviews)],
            "differ": [[Said.of(review) for review in one.counted] for one in known],
            "hidden": len(differ) - len(known),
        }

    def next_link(self, name: str, before: Sequence[str], reader: str) -> str:
        """Return where to go after a verdict: what stood behind this one in the queue, its first one, or the queue.

        Args:
            name: What was decided.
            before: The queue as it was before.
            reader: Who decided.

        """
        now = [one.row["detection_id"] for one in self.desk.queue(reader)]
        behind = before[before.index(name) + 1 :] if name in before else []
        following = next((one for one in [*(one for one in behind if one in now), *now] if one != name), None)
        return "/" if following is None else f"{link_to(following)}?after={quote(name, safe='')}"

    def picture(self, folder: str, name: str) -> Path | None:
        """Return a picture of the run; None where there is none, or it lies elsewhere."""
        if folder not in PICTURES:
            return None
        home = (self.desk.run_dir() / folder).resolve()
        path = (home / f"{name}.png").resolve()
        return path if path.parent == home and path.is_file() else None

    def _just(self, name: str, reader: str) -> Said | None:
        found = self.desk.find(name, reader)
        return None if found is None or found.own is None else Said.of(found.own)

    def _around(self, name: str, reader: str) -> Values:
        """Return the neighbours: those in the queue, before it what this reader has decided; and why it is there."""
        waiting = self.desk.queue(reader)
        names = [one.row["detection_id"] for one in waiting]
        decided = [one.detection_id for one in reversed(self.desk.decided(reader)) if one.detection_id not in names]
        line = [*decided, *names]
        at = line.index(name) if name in line else len(decided)
        following = line[at + 1 : at + 2] if name in line else names[:1]
        place = names.index(name) if name in names else None
        return {
            "previous": link_to(line[at - 1]) if at else "",
            "following": link_to(following[0]) if following else "",
            "place": "" if place is None else f"{place + 1} of {len(names)} that wait for you",
            "why": "" if place is None else why_words(waiting[place]),
        }

    def _pictures(self, found: Found) -> Values:
        name, area_id = found.row["detection_id"], found.row["area_id"]
        pair = tiles.RasterPair.find(self.desk.run_dir(), area_id)
        values: Values = {
            "area_id": area_id,
            "zooms": (tiles.LEAST_ZOOM, tiles.MOST_ZOOM),
            "looks": (),
            "days": ("", ""),
            "picture": self._picture_link("pictures", name),
            "series": self._picture_link("series", name),
        }
        if pair is not None:
            values["looks"] = tiles.looks_of(pair)
            values["days"] = tuple(tiles.about(pair, side).get(_DAY_TAG, "") for side in tiles.SIDES)
        return values

    def _picture_link(self, folder: str, name: str) -> str:
        return "" if self.picture(folder, name) is None else f"/{folder}/{quote(name, safe='')}.png"

    def _names(self) -> Names:
        areas, facilities = self.desk.names()
        return Names(areas=areas, facilities=facilities)

    def _common(self, here: str, reader: str) -> Values:
        try:
            run_id = self.desk.run_dir().name
        except StateError:
            run_id = "not there yet"
        credit = self.credit()
        return {
            "here": here,
            "reader": reader,
            "run_id": run_id,
            "credit": credit,
            "is_simulated": is_simulated(credit),
        }


def why_words(item: Item) -> str:
    """Say why a detection is worth a look: its two strongest reasons, without their points."""
    return ", ".join(reason.rpartition(" (")[0] or reason for reason in item.why[:2])


def _row(item: Item, names: Names) -> QueueRow:
    own = item.reviews[-1].verdict.value if item.reviews else ""
    card = card_of(item.row, names, verdict=own, is_blind=item.row["status"] is None, why=why_words(item))
    return QueueRow(card=card, link=link_to(card.detection_id))


def link_to(name: str) -> str:
    """Return the address of a detection's page."""
    return f"/detections/{quote(name, safe='')}"
