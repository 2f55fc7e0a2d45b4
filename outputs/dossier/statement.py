"""A statement: what is claimed of one supplier or one place, on what evidence, how surely, and what else it may be.

Whatever is measured points to the record that it comes from: a file of the results, a row of it, an id, columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

NO_GUILT = (
    "This is a reason to look closer, or an indication, with its uncertainty. It is no finding of guilt, and it says "
    "nothing about what any person knew or did."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Where something is written down."""

    file: str
    """Its name in the folder of results."""
    row: int | None
    """As a spreadsheet counts, the heading being 1; in GeoJSON the place among the features, from 1; None: the file."""
    record_id: str
    columns: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """File and row, in words."""
        kind = "feature" if self.file.endswith("json") else "row"
        return self.file if self.row is None else f"{self.file}, {kind} {self.row}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One sentence, and the records that its figures come from."""

    text: str
    records: tuple[Record, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a statement."""

    title: str
    said: tuple[Said, ...]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Statement:
    """All that one statement tells."""

    kind: str
    """Supplier, detection or site, in words."""
    subject_id: str
    names: tuple[str, ...]
    headline: str
    claim: tuple[Said, ...]
    evidence: tuple[Said, ...]
    uncertainty: tuple[Said, ...]
    alternatives: tuple[Said, ...]
    next_steps: tuple[Said, ...]
    sources: tuple[Said, ...]
    created_at: datetime
    """Aware."""
    made_by: str
    credit: str = ""
    checksums: dict[str, str] = field(default_factory=dict)
    """SHA-256 of the files of the results, by name."""
    picture: bytes | None = None
    """PNG."""
    picture_words: str = ""

    @property
    def parts(self) -> tuple[Part, ...]:
        """All parts in their order; none is left out for being empty."""
        return (
            Part(title="Claim", said=self.claim, note=NO_GUILT),
            Part(title="Evidence", said=self.evidence),
            Part(title="Uncertainty", said=self.uncertainty),
            Part(title="Alternatives considered", said=self.alternatives),
            Part(title="What would settle it", said=self.next_steps),
            Part(title="Sources", said=self.sources),
        )

    @property
    def records(self) -> tuple[Record, ...]:
        """All records, each file and row once with all columns that are spoken of, in the order of the text."""
        columns: dict[tuple[str, int | None, str], list[str]] = {}
        for part in self.parts:
            for said in part.said:
                for one in said.records:
                    known = columns.setdefault(_key(one), [])
                    known += [name for name in one.columns if name not in known]
        return tuple(
            Record(file=file, row=row, record_id=record_id, columns=tuple(names))
            for (file, row, record_id), names in columns.items()
        )

    @property
    def files(self) -> tuple[str, ...]:
        """The files that records stand in."""
        return tuple(sorted({record.file for record in self.records}))

    def numbers_of(self, said: Said) -> tuple[int, ...]:
        """Return the numbers, from 1, that the records of a sentence have among `records`."""
        places = {_key(one): number for number, one in enumerate(self.records, start=1)}
        return tuple(dict.fromkeys(places[_key(one)] for one in said.records))

    def marks(self, said: Said) -> str:
        """Return the numbers of the records of a sentence as they stand behind it; nothing where it has none."""
        numbers = self.numbers_of(said)
        return f" [{', '.join(map(str, numbers))}]" if numbers else ""


def _key(record: Record) -> tuple[str, int | None, str]:
    return record.file, record.row, record.record_id


def listed(said: Sequence[Said], otherwise: str) -> tuple[Said, ...]:
    """Return some sentences, or one that says that there is nothing."""
    return tuple(said) or (Said(text=otherwise),)
