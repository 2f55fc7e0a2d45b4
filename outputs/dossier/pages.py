"""Printed pages: text broken to the width of the paper, letter by letter, with headings kept beside their text."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font

from outputs.pictures.fonts import drawable, font_families
from outputs.vocabulary import is_simulated

INK, SOFT = "#1a1d21", "#565c64"
PAGE_IN = (8.27, 11.69)
"""A4."""
LEFT, TOP, BOTTOM = 0.09, 0.92, 0.065
_WIDTH_PT = (1 - 2 * LEFT) * PAGE_IN[0] * 72
_LEAD = 1.42
"""Distance of lines in letter heights."""
_EM_UNITS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """Text that is broken into lines."""

    text: str
    size_pt: float = 9.0
    is_bold: bool = False
    indent_pt: float = 0.0
    gap_pt: float = 3.0
    """Left free above it."""
    colour: str = INK
    is_heading: bool = False
    """It never stands last on a page."""


def heading(text: str) -> Paragraph:
    """Return a heading of a section."""
    return Paragraph(text=text, size_pt=11.0, is_bold=True, gap_pt=12.0, is_heading=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What stands on each page."""

    title: str
    foot: str
    """The credit; where it speaks of simulated imagery, a banner says so, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    text: str
    style: Paragraph
    gap_pt: float


def text_sheets(head: Head, paragraphs: Sequence[Paragraph]) -> Iterator[Figure]:
    """Give the pages of some text, numbered if there are several."""
    pages = _pages([line for paragraph in paragraphs for line in _lines(paragraph)])
    for number, lines in enumerate(pages, start=1):
        of = f" ({number} of {len(pages)})" if len(pages) > 1 else ""
        figure = sheet(head, of=of)
        y = TOP - 0.022
        for line in lines:
            y -= (line.gap_pt + line.style.size_pt * _LEAD) / 72 / PAGE_IN[1]
            _write(figure, line, y)
        yield figure


def sheet(head: Head, *, of: str = "") -> Figure:
    """Return an empty page with its title and its foot, and what says that it is no observation."""
    figure = Figure(figsize=PAGE_IN)
    fitted = broken(drawable(head.title), size_pt=15 * 1.06, width_pt=_WIDTH_PT - (60 if of else 0))
    title = fitted[0] if len(fitted) < 2 else f"{fitted[0]}…"  # noqa: PLR2004 - one line is whole
    figure.text(LEFT, TOP, title + of, fontsize=15, weight="bold", family=font_families(), parse_math=False, color=INK)
    foot = broken(drawable(head.foot), size_pt=7.5, width_pt=_WIDTH_PT)[:2]
    figure.text(
        LEFT, 0.03, "\n".join(foot), fontsize=7.5, color=SOFT, family=font_families(), parse_math=False, va="center"
    )
    if is_simulated(head.foot):
        box = {"facecolor": "#8f0000", "pad": 5, "lw": 0}
        banner = "SIMULATED IMAGERY, NOT AN OBSERVATION"
        figure.text(0.5, 0.965, banner, ha="center", color="white", weight="bold", fontsize=9, bbox=box)
    return figure


def _write(figure: Figure, line: _Line, y: float) -> None:
    style = line.style
    figure.text(
        LEFT + style.indent_pt / 72 / PAGE_IN[0],
        y,
        line.text,
        fontsize=style.size_pt,
        weight="bold" if style.is_bold else "normal",
        color=style.colour,
        family=font_families(),
        parse_math=False,
    )


def _lines(paragraph: Paragraph) -> list[_Line]:
    size = paragraph.size_pt * (1.08 if paragraph.is_bold else 1.0)  # bold letters are that much wider
    parts = broken(drawable(paragraph.text), size_pt=size, width_pt=_WIDTH_PT - paragraph.indent_pt)
    return [
        _Line(text=part, style=paragraph, gap_pt=paragraph.gap_pt if index == 0 else 0.0)
        for index, part in enumerate(parts)
    ]


def _pages(lines: Sequence[_Line]) -> list[list[_Line]]:
    """Return the lines page by page; a heading goes where its text goes."""
    room_pt = (TOP - 0.022 - BOTTOM) * PAGE_IN[1] * 72
    pages: list[list[_Line]] = [[]]
    left_pt = room_pt
    for line in lines:
        needed = line.gap_pt + line.style.size_pt * _LEAD
        if needed > left_pt and pages[-1]:
            moved: list[_Line] = []
            while pages[-1] and pages[-1][-1].style.is_heading:
                moved.insert(0, pages[-1].pop())
            pages.append(moved)
            left_pt = room_pt - sum(one.gap_pt + one.style.size_pt * _LEAD for one in moved)
        pages[-1].append(line)
        left_pt -= needed
    return [page for page in pages if page] or [[]]


def broken(text: str, *, size_pt: float, width_pt: float) -> list[str]:
    """Return text in lines no wider than `width_pt`, broken at blanks, beside wide letters, and in what is too long."""
    lines, line, used = [], "", 0.0
    for unit in _units(text):
        width = _width(unit) * size_pt
        if line and used + _width(unit.rstrip()) * size_pt > width_pt:
            lines.append(line.rstrip())
            line, used = "", 0.0
        if not line and width > width_pt:
            for char in unit:
                step = _width(char) * size_pt
                if line and used + step > width_pt:
                    lines.append(line)
                    line, used = "", 0.0
                line, used = line + char, used + step
            continue
        line, used = line + unit, used + width
    return [*lines, line.rstrip()] if line.strip() or not lines else lines


def _units(text: str) -> Iterator[str]:
    """Give what is not broken: words with the blank behind them, and each wide letter by itself."""
    word = ""
    for char in text:
        if _is_wide(char):
            if word:
                yield word
            word = ""
            yield char
            continue
        word += char
        if char == " ":
            yield word
            word = ""
    if word:
        yield word


def _is_wide(char: str) -> bool:
    return "\u2e80" <= char <= "\u9fff" or "\uf900" <= char <= "\uffef"


def _width(text: str) -> float:
    """Return the width of text in letter heights (em)."""
    return sum(_advance(char) for char in text)


@lru_cache(maxsize=4096)
def _advance(char: str) -> float:
    for font in _fonts():
        if font.get_char_index(ord(char)):
            font.set_size(_EM_UNITS, 72)
            return font.load_char(ord(char)).linearHoriAdvance / 65536 / _EM_UNITS
    return 1.0


@lru_cache(maxsize=1)
def _fonts() -> tuple[FT2Font, ...]:
    names = [font_manager.FontProperties(family=[family]) for family in font_families()]
    return tuple(FT2Font(font_manager.findfont(name)) for name in names)
