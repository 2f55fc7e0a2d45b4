"""As what is each column of a table read? A proposal from headings and cells, which the user may override."""

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from aoi.read.content import looks_like, share_passing
from aoi.read.fields import Field, fields_of
from aoi.read.imported import ColumnChoice
from geo.errors import AoiError

Said = Mapping[str, str | Sequence[str]] | Path | None
"""What the user says of the columns: field to heading, or headings; or a TOML file of such lines."""
Override = Mapping[str, tuple[str, ...]]
"""Field to headings; no heading: the field is not in the list."""

_MIN_CONFIDENCE = 0.4
_NEAR_BEST = 0.9
_OF_WHOLE, _OF_PART, _OF_REMARK = 1.0, 0.95, 0.8
_LEAST_INSIDE, _MOST_INSIDE = 0.5, 0.85
_UNHEADED_CONFIDENCE = 0.6
_UNHEADED_SHARE: Mapping[str, float] = {"name": 0.5, "address": 0.6}
_USUAL_SHARE = 0.8
_HANZI = re.compile(r"[\u3400-\u9fff]")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_BETWEEN = re.compile(r"[/\n|;:,，（(\[【）)\]】]+")  # noqa: RUF001 - signs of Chinese
_VARIANTS: Mapping[str, str] = {
    "english": "en", "en": "en", "英文": "en", "英语": "en", "machine translated english": "en", "romanised": "en",
    "pinyin": "en", "latin": "en", "chinese": "zh", "zh": "zh",
    "中文": "zh", "汉字": "zh", "hanzi": "zh", "mandarin": "zh",
    "uyghur": "ug", "ug": "ug", "维吾尔文": "ug", "local": "local", "local language": "local",
}  # fmt: skip
"""Words in a heading that say in which language its cells are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table."""

    index: int
    heading: str
    """As it stands; `column 3` where there is none."""
    field: str
    """Empty: not read."""
    confidence: float
    reason: str
    variant: str
    """`en`, `zh`, `ug`, `local`, or empty where the heading names no language."""

    def choice(self, sheet: str) -> ColumnChoice:
        """Return the entry of `Import.mapping`."""
        return ColumnChoice(
            sheet=sheet, column=self.heading, field=self.field, confidence=self.confidence, reason=self.reason
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    score: float
    index: int
    field: Field
    reason: str


def plain_heading(text: str) -> str:
    """Return `text` in lower case, without accents and signs, words apart by one blank; FactoryName is two words."""
    spread = unicodedata.normalize("NFKD", _CAMEL.sub(" ", text)).casefold()
    letters = "".join(sign for sign in spread if not unicodedata.combining(sign))
    return " ".join(re.sub(r"[^\w\s]|_", " ", unicodedata.normalize("NFC", letters.replace("'", ""))).split())


def variant_of(heading: str) -> str:
    """Return the language that `heading` names: `en`, `zh`, `ug`, `local`, or an empty text."""
    parts = [plain_heading(part) for part in _BETWEEN.split(heading)]
    words = [word for part in parts for word in (part, *part.split())]
    words += [sign for sign in ("英文", "中文", "汉字") if sign in heading]
    return next((_VARIANTS[word] for word in words if word in _VARIANTS), "")


def heading_score(heading: str, field: Field) -> float:
    """Return how surely `heading` means `field`, 0 to 1."""
    best = 0.0
    for words, weight in _readings(heading):
        best = max(best, weight * _score_of_words(words, field))
    return best


@lru_cache(maxsize=4096)
def _readings(heading: str) -> tuple[tuple[str, float], ...]:
    """Return the whole heading, what is outside its brackets, and each of its parts, in plain form, with weights."""
    outside = re.sub(r"[（(\[【].*?[）)\]】]", " ", heading)  # noqa: RUF001 - brackets of Chinese
    parts = [plain_heading(part) for part in _BETWEEN.split(heading)]
    readings = [(plain_heading(heading), _OF_WHOLE), (plain_heading(outside), _OF_PART)]
    readings += [(part, _OF_PART if place == 0 else _OF_REMARK) for place, part in enumerate(parts)]
    return tuple((words, weight) for words, weight in readings if words)


def _score_of_words(words: str, field: Field) -> float:
    if words in field.headings:
        return 1.0
    inside = max((len(known) for known in field.headings if _holds(words, known)), default=0)
    if not inside:
        return 0.0
    return _LEAST_INSIDE + (_MOST_INSIDE - _LEAST_INSIDE) * inside / len(words)


def _holds(words: str, known: str) -> bool:
    """Return whether `known` stands in `words`: as whole words, or in Chinese as signs."""
    if _HANZI.search(known):
        return len(known) > 1 and known in words
    return f" {known} " in f" {words} " and len(known) > 2  # noqa: PLR2004 - "no", "x" and "y" are words of much else


def propose(headings: Sequence[str], columns: Sequence[Sequence[str]], *, kind: str) -> tuple[Column, ...]:
    """Return as what each column is read.

    Args:
        headings: One a column; empty where there is none.
        columns: The cells of each column, or a sample of them.
        kind: `suppliers`, `entities`, `facilities` or `links`.

    """
    fields = fields_of(kind)
    claims = [
        claim for index, heading in enumerate(headings) for claim in _claims(index, heading, columns[index], fields)
    ]
    taken: dict[int, _Claim] = {}
    held: dict[str, int] = {}
    lost: dict[int, str] = {}
    for claim in sorted(claims, key=lambda claim: (-claim.score, not claim.field.name, claim.index)):
        if claim.index in taken:
            continue
        if claim.field.name in held and not claim.field.is_many:
            holder = headings[held[claim.field.name]]
            lost.setdefault(claim.index, f"{claim.field.name} is read from {holder!r}")
            continue
        taken[claim.index] = claim
        held.setdefault(claim.field.name, claim.index)
    open_columns = [index for index in range(len(headings)) if index not in taken and index not in lost]
    taken |= _unheaded(open_columns, columns, [field for field in fields if field.name and field.name not in held])
    return tuple(
        _column(index, heading, taken.get(index), lost.get(index, "its heading is not known"))
        for index, heading in enumerate(headings)
    )


def _claims(index: int, heading: str, cells: Sequence[str], fields: Iterable[Field]) -> list[_Claim]:
    claims = []
    for field in fields:
        score = heading_score(heading, field) if heading else 0.0
        if score == 0:
            continue
        passing = share_passing(cells, field.content) if field.content else 1.0
        reason = "" if not field.content else f", {passing:.0%} of its cells fit"
        worth = score * min(1.0, 0.2 + passing)  # a few odd cells cost nothing; none that fits, four fifths
        claims.append(_Claim(score=worth, index=index, field=field, reason=f"heading{reason}"))
    best = max((claim.score for claim in claims), default=0.0)  # what it hardly means it is not to be taken for
    return [claim for claim in claims if claim.score >= max(_MIN_CONFIDENCE, _NEAR_BEST * best)]


def _unheaded(
    open_columns: Sequence[int], columns: Sequence[Sequence[str]], fields: Sequence[Field]
) -> dict[int, _Claim]:
    """Claim columns whose headings say nothing for fields that no heading claims, by their cells alone."""
    seen = {index: looks_like(columns[index]) for index in open_columns}
    taken: dict[int, _Claim] = {}
    for field in fields:
        least = _UNHEADED_SHARE.get(field.name, _USUAL_SHARE)
        shares = {index: found.get(field.name, 0.0) for index, found in seen.items() if index not in taken}
        fitting = [index for index, part in shares.items() if part >= least and _tells(field.name, columns[index])]
        if fitting:
            index = max(fitting, key=lambda one: (shares[one], -one))
            reason = f"no heading says so, {shares[index]:.0%} of its cells look like it"
            score = _UNHEADED_CONFIDENCE * shares[index]
            taken[index] = _Claim(score=score, index=index, field=field, reason=reason)
    return taken


def _tells(name: str, cells: Sequence[str]) -> bool:
    """Return whether `cells` can be told from others: a column of longitudes must leave the range of latitudes."""
    return name != "longitude" or any(re.match(r"[-+]?1\d\d[.,]|[-+]?9\d[.,]", cell.strip()) for cell in cells)


def _column(index: int, heading: str, claim: _Claim | None, otherwise: str) -> Column:
    name = claim.field.name if claim else ""
    reason = (
        claim.reason if claim and name else f"not read: {'it is known to hold other things' if claim else otherwise}"
    )
    return Column(
        index=index,
        heading=heading.strip() or f"column {index + 1}",
        field=name,
        confidence=claim.score if claim and name else 0.0,
        reason=reason,
        variant=variant_of(heading),
    )


def overridden(columns: Sequence[Column], override: Override, *, kind: str, where: str) -> tuple[Column, ...]:
    """Return `columns` with what the user says instead of what was proposed.

    Every field that `override` names is read from the headings it gives, and from no other; an empty text says that
    the field is not in the list. Headings are compared in their plain form; `column 3` means the third.

    Raises:
        AoiError: A field or heading is not known, or two fields claim one column; names `where`.

    """
    known = {field.name for field in fields_of(kind)} - {""}
    if unknown := sorted(set(override) - known):
        raise AoiError(
            f"{where}: no field of {kind} is called {', '.join(unknown)}; there are {', '.join(sorted(known))}"
        )
    by_index: dict[int, str] = {}
    for name, headings in override.items():
        for heading in headings:
            for index in _indices(columns, heading, where=where):
                if by_index.setdefault(index, name) != name:
                    raise AoiError(f"{where}: the mapping reads column {heading!r} as {by_index[index]} and as {name}")
    return tuple(_override(column, by_index, override) for column in columns)


def _override(column: Column, by_index: Mapping[int, str], override: Override) -> Column:
    name = by_index.get(column.index)
    if name is None and column.field not in override:
        return column
    reason = "the mapping says so" if name else "the mapping reads this field elsewhere"
    return Column(
        index=column.index,
        heading=column.heading,
        field=name or "",
        confidence=1.0 if name else 0.0,
        reason=reason,
        variant=column.variant,
    )


def _indices(columns: Sequence[Column], heading: str, *, where: str) -> list[int]:
    exact = [column.index for column in columns if column.heading == heading]
    found = exact or [column.index for column in columns if plain_heading(column.heading) == plain_heading(heading)]
    if not found:
        raise AoiError(
            f"{where}: the mapping names the column {heading!r}, which is not there; "
            f"there are {', '.join(repr(column.heading) for column in columns)}"
        )
    return found


def load_override(mapping: Said) -> Override:
    """Return what the user says of the columns, read from its file where it is one.

    Raises:
        AoiError: The file is missing, is no TOML, or holds other than headings.

    """
    if mapping is None:
        return {}
    table = _from_toml(mapping) if isinstance(mapping, Path) else mapping
    said = {}
    for name, headings in table.items():
        several = (headings,) if isinstance(headings, str) else tuple(headings)
        said[str(name)] = tuple(heading for heading in several if heading)
    return said


def _from_toml(path: Path) -> Mapping[str, str | Sequence[str]]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise AoiError(f"{path}: there is no such file") from error
    except (OSError, ValueError) as error:
        raise AoiError(f"{path}: cannot be read as TOML ({error})") from error
    table = table.get("mapping", table)
    for name, value in table.items() if isinstance(table, dict) else ():
        is_list = isinstance(value, list) and all(isinstance(item, str) for item in value)
        if not (isinstance(value, str) or is_list):
            raise AoiError(f"{path}: {name} must be a heading, or a list of headings; got {value!r}")
    return dict(table)
