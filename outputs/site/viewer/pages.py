"""The pages of a site as HTML, whole without a script; nothing here touches the disk."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from detection.schema import Status
from outputs.pictures.furniture import length_words
from outputs.site.amounts import share_words, size_words
from outputs.site.viewer.content import SiteContent
from outputs.site.viewer.records import Record
from outputs.site.viewer.words import Words, words_of
from outputs.vocabulary import EVENT_COLOURS, UNSEEN_OUTCOMES, is_simulated

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; worker-src blob:; child-src blob:; base-uri 'none'; form-action 'none'"
)
"""What a page may load: its own folder. The map draws in a worker that the browser gets as a blob."""
_BRIEF = ("status", "confidence", "began", "place", "position")
_FACTS = (
    "status", "confidence", "began", "last_seen", "size", "place", "position", "area", "looks", "review", "run",
)  # fmt: skip
TABLE_KEYS = ("event", "status", "confidence", "began", "last_seen", "size", "place", "position")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Row:
    """One detection in the words of one language."""

    record: Record
    css: str
    cells: Mapping[str, Markup]

    @property
    def brief(self) -> list[tuple[str, Markup]]:
        """What the list tells, as key and text; what is not told of it is left to its page."""
        return [(key, self.cells[key]) for key in _BRIEF if self.record_tells(key)]

    @property
    def facts(self) -> list[tuple[str, Markup]]:
        """What its page tells, as key and text; also that something is not told."""
        return [(key, self.cells[key]) for key in _FACTS]

    def record_tells(self, key: str) -> bool:
        """Say whether the record has something for `key`."""
        return key == "position" or _SOURCES[key](self.record) is not None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Address:
    """Where a page lies."""

    name: str
    """Relative to the folder of its language: ``sites/camp-1.html``."""
    language: str
    languages: Sequence[str]

    @property
    def path(self) -> str:
        """Relative to the folder of the site."""
        return self.folder + self.name

    @property
    def folder(self) -> str:
        """Of the pages of its language, relative to the folder of the site; empty or with a slash at its end."""
        return "" if self.language == self.languages[0] else f"{self.language}/"

    @property
    def root(self) -> str:
        """The way from the page to the folder of the site."""
        return "../" * self.path.count("/")

    def others(self) -> list[dict[str, str]]:
        """Return the same page in all languages."""
        return [
            {
                "language": one,
                "direction": words_of(one).direction,
                "name": words_of(one).plain("language"),
                "target": self.root + Address(name=self.name, language=one, languages=self.languages).path,
            }
            for one in self.languages
        ]


def css_of(event: object) -> str:
    """Return the class that colours an event; one for all that are unknown."""
    return f"ev-{event}" if event in EVENT_COLOURS else "ev-other"


def rows_of(records: Sequence[Record], words: Words, run_ids: Sequence[str]) -> list[Row]:
    """Return all detections in the words of one language."""
    return [Row(record=one, css=css_of(one.text("event")), cells=_cells(one, words, run_ids)) for one in records]


def _day(record: Record, name: str) -> str | None:
    text = record.text(name)
    return text[:10] if text else None


_SOURCES: Mapping[str, Any] = {
    "event": lambda one: one.text("event"),
    "status": lambda one: one.text("status"),
    "confidence": lambda one: one.number_of("confidence"),
    "began": lambda one: _day(one, "onset_by") or _day(one, "onset_after"),
    "last_seen": lambda one: _day(one, "last_seen_on"),
    "size": lambda one: one.number_of("area_m2"),
    "place": lambda one: one.text("place"),
    "area": lambda one: one.text("area_id"),
    "looks": lambda one: one.number_of("looks_before"),
    "run": lambda one: one.text("run_id"),
}
"""Key of a cell to what it is made from; None where the record does not tell."""


def _cells(record: Record, words: Words, run_ids: Sequence[str]) -> dict[str, Markup]:
    said = {
        "event": lambda: words.marked_of("event", record.text("event")),
        "status": lambda: words.marked_of("status", record.text("status")),
        "confidence": lambda: _figure(share_words(record.number_of("confidence") or 0.0)),
        "began": lambda: _began(record, words),
        "last_seen": lambda: _date(_day(record, "last_seen_on")),
        "size": lambda: _size(record, words),
        "place": lambda: _given(record.text("place")),
        "area": lambda: _given(record.text("area_id")),
        "looks": lambda: words.marked(
            "looks_of", before=_whole(record, "looks_before", words), after=_whole(record, "looks_after", words)
        ),
        "run": lambda: _given(record.text("run_id")),
    }
    cells = {
        key: said[key]() if source(record) is not None else words.marked("not_told") for key, source in _SOURCES.items()
    }
    if record.text("run_id") is None and run_ids:
        cells["run"] = _given(", ".join(run_ids))
    return {
        **cells,
        "review": words.marked_of("verdict", record.text("verdict") or "none"),
        "position": _position(record, words),
    }


def _given(text: str | None) -> Markup:
    """Return text of a record, set apart: a name in another script must not turn the words around it."""
    return Markup("<bdi>{}</bdi>").format(text)


def _figure(text: str) -> Markup:
    return Markup('<bdi dir="ltr">{}</bdi>').format(text)


def _date(day: str | None) -> Markup:
    return Markup('<time dir="ltr">{}</time>').format(day)


def _whole(record: Record, name: str, words: Words) -> Markup:
    number = record.number_of(name)
    return words.marked("not_told") if number is None else _figure(f"{number:.0f}")


def _began(record: Record, words: Words) -> Markup:
    first, last = _day(record, "onset_after"), _day(record, "onset_by")
    if first and last:
        return words.marked("began_between", first=_date(first), last=_date(last))
    return _date(first or last)


def _size(record: Record, words: Words) -> Markup:
    low, high = record.number_of("area_low_m2"), record.number_of("area_high_m2")
    size = _figure(size_words(record.number_of("area_m2") or 0.0))
    if low is None or high is None:
        return size
    return words.marked("size_between", size=size, low=_figure(size_words(low)), high=_figure(size_words(high)))


def _position(record: Record, words: Words) -> Markup:
    if record.within_m is None:
        return words.marked("position_found")
    return words.marked("position_within", distance=_figure(length_words(_rounded_up(record.within_m))))


def _rounded_up(length_m: float) -> float:
    """Return two figures of a length, never less than it is: more would pretend."""
    step = 10 ** max(math.floor(math.log10(max(length_m, 1.0))) - 1, 0)
    return float(math.ceil(length_m / step) * step)


def page(template: str, content: SiteContent, address: Address, **values: object) -> str:
    """Return one page as HTML.

    Every value is escaped by the template; the only markup is that of the templates themselves.
    """
    words = words_of(address.language)
    return (
        _environment()
        .get_template(template)
        .render(
            content=content,
            words=words,
            t=words.marked,
            p=words.plain,
            of=words.marked_of,
            plain_of=words.of,
            named=words.marked_name,
            title=_title(content, words),
            policy=POLICY,
            root=address.root,
            pages=address.root + address.folder,
            page=address.name,
            others=address.others(),
            is_simulated=is_simulated(content.credit),
            **{"embed": False, **values},
        )
    )


def _title(content: SiteContent, words: Words) -> str:
    """Return the title in the language of the page, where the catalogue can say it, else as it was given in English."""
    if content.counts is None or words.language == "en" or "title_counts" not in words.own:
        return content.title
    changes, areas = content.counts
    return words.plain("title_counts", changes=changes, areas=areas)


def coverage_rows(content: SiteContent) -> Iterator[dict[str, Any]]:
    """Give each area that was watched as the page about the method shows it."""
    for row in content.coverage:
        period = [str(row[name])[:10] for name in ("period_start", "period_end") if row.get(name) is not None]
        share = row.get("observed_share")
        yield {
            "area": str(row.get("area_id", "")),
            "outcome": row.get("outcome"),
            "is_unseen": row.get("outcome") in UNSEEN_OUTCOMES,
            "period": " / ".join(period),
            "looks": " / ".join(str(row[name]) for name in ("clear_looks", "looks") if row.get(name) is not None),
            "seen": "" if share is None else share_words(float(share)),
        }


def choices(records: Sequence[Record]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return what can be filtered by: the events and states that occur, in the order of the vocabulary."""
    found = []
    for name, known in (("event", [str(one) for one in EVENT_COLOURS]), ("status", [str(one) for one in Status])):
        there = {text for one in records if (text := one.text(name))}
        values = [one for one in known if one in there] + sorted(there - set(known))
        found.append((name, [(one, css_of(one)) for one in values]))
    return found


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


site_page = partial(page, "site.html")
method_page = partial(page, "method.html")
index_page = partial(page, "index.html")
