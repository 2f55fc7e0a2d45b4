"""The dossier as a PDF of a few pages, for whoever prints or files it."""

from collections.abc import Iterator, Sequence
from math import ceil
from pathlib import Path
from textwrap import wrap

from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

from geo.atomic import atomic_file
from outputs.dossier import words as said
from outputs.dossier.contents import Dossier, built_curve
from outputs.dossier.figures import INK, SOFT, built_figure, looks_figure, perimeter_figures
from outputs.dossier.timelapse import enlarged, screens
from outputs.pictures.fonts import drawable, font_families
from outputs.pictures.furniture import lon_lat_words
from outputs.vocabulary import FACILITY_WORDS, is_simulated, words

_PAGE_IN = (8.27, 11.69)
_LEFT, _TOP, _BOTTOM = 0.09, 0.92, 0.07
_LINE_PT = 13.0
_COLUMNS_CHARS = 92
_FRAMES_A_PAGE = 20
_ACROSS = 4

Line = tuple[str, bool]
"""Text, and whether it is a heading."""


def write_document(path: Path, dossier: Dossier) -> None:
    """Write the document.

    Raises:
        OutputError: It cannot be written.

    """
    title = f"Dossier: {dossier.name}"
    metadata = {"Title": title, "Creator": f"sitewatch {dossier.made.version}", "Subject": dossier.made.credit}
    with (
        atomic_file(path) as part,
        PdfPages(part, metadata={**metadata, "CreationDate": dossier.made.created_at}) as pages,
    ):
        for figure in _figures(dossier):
            pages.savefig(figure)


def _figures(dossier: Dossier) -> Iterator[Figure]:
    texts = _text_pages(_lines(dossier))
    for number, lines in enumerate(texts, start=1):
        yield _text_page(dossier, lines, of=(number, len(texts)))
    figures = (
        *perimeter_figures(dossier, width_in=7.0),
        built_figure(built_curve(dossier.detections), dossier.made.credit, width_in=8.0),
        looks_figure(dossier.looks, dossier.made.credit, width_in=8.0),
    )
    for figure in figures:
        if figure is not None:
            figure.text(0.01, 0.002, drawable(dossier.made.credit), fontsize=6.5, color=SOFT, parse_math=False)
            yield figure
    yield from _film_pages(dossier)


def _lines(dossier: Dossier) -> list[Line]:
    """Return all that is said in words, in the order of the page."""
    known, made = dossier.known, dossier.made
    kind = words(FACILITY_WORDS, known.kind)
    lines: list[Line] = [(name, False) for name in known.names[1:]]
    lines += [
        (f"{known.facility_id}: {kind}, status {known.status}. {lon_lat_words(*known.lon_lat)}", False),
        (said.headline(dossier), True),
        (said.explanation(dossier), False),
        ("Perimeter, arc by arc", True),
        (said.ring_words(dossier), False),
    ]
    lines += [(_arc(arc), False) for arc in said.arc_words(dossier)]
    if proxies := said.proxy_words(dossier):
        lines.append((f"Beside the line, and no proof that a wall is gone: {'; '.join(proxies)}.", False))
    lines.append(("Detections at this place", True))
    lines += [(_detection(one), False) for one in said.detection_words(dossier)] or [
        ("None. That is not the same as no change.", False)
    ]
    lines.append(("What could not be seen", True))
    lines += [(line, False) for line in said.unseen_words(dossier)]
    lines.append(("Sources", True))
    sources = [known.source, made.credit, *([made.night_credit] if made.night_credit else [])]
    lines += [(source, False) for source in sources]
    made_by = f"sitewatch {made.version}, settings {made.settings_hash}"
    lines.append((f"{made.area_name}; run {made.run_id}; {made_by}", False))
    return lines


def _arc(arc: said.ArcWords) -> str:
    measured = f"changed: {arc.dates}; p {arc.p}; smallest wall {arc.smallest}"
    return f"{arc.number}. {arc.state}; {measured}. {arc.reason}"


def _detection(one: said.DetectionWords) -> str:
    what = f"{one.event}, {one.status.lower()}, confidence {one.confidence}, began {one.onset}, {one.size}"
    return f"{what} ({one.detection_id}, {one.review})"


def _text_pages(lines: Sequence[Line]) -> list[list[Line]]:
    """Return the lines, broken to the width of the page, page by page."""
    broken: list[Line] = []
    for text, is_heading in lines:
        parts = wrap(drawable(text), _COLUMNS_CHARS if not is_heading else 70) or [""]
        broken += [("", False)] if is_heading else []
        broken += [(part if index == 0 or is_heading else f"   {part}", is_heading) for index, part in enumerate(parts)]
    room = int((_TOP - _BOTTOM - 0.05) * _PAGE_IN[1] * 72 / _LINE_PT)
    return [broken[start : start + room] for start in range(0, len(broken), room)]


def _text_page(dossier: Dossier, lines: Sequence[Line], *, of: tuple[int, int]) -> Figure:
    figure = _page(dossier, f"Dossier: {dossier.name}" if of[0] == 1 else f"{dossier.name} ({of[0]} of {of[1]})")
    y = _TOP - 0.05
    for text, is_heading in lines:
        weight = "bold" if is_heading else "normal"
        figure.text(
            _LEFT,
            y,
            text,
            fontsize=9.5 if is_heading else 8.5,
            weight=weight,
            color=INK,
            family=font_families(),
            parse_math=False,
        )
        y -= _LINE_PT / 72 / _PAGE_IN[1]
    return figure


def _page(dossier: Dossier, title: str) -> Figure:
    """Return an empty page with its title and its foot, and what says that it is no observation."""
    figure = Figure(figsize=_PAGE_IN)
    figure.text(_LEFT, _TOP, drawable(title)[:70], fontsize=15, weight="bold", family=font_families(), parse_math=False)
    figure.text(_LEFT, 0.03, drawable(dossier.made.credit), fontsize=7.5, color=SOFT, parse_math=False)
    if is_simulated(dossier.made.credit):
        box = {"facecolor": "#8f0000", "pad": 5, "lw": 0}
        text = drawable(dossier.made.credit).upper()
        figure.text(0.5, 0.965, text, ha="center", color="white", weight="bold", fontsize=9, bbox=box)
    return figure


def _film_pages(dossier: Dossier) -> Iterator[Figure]:
    shown = list(zip(dossier.frames, screens(dossier.frames), strict=True))
    for start in range(0, len(shown), _FRAMES_A_PAGE):
        part = shown[start : start + _FRAMES_A_PAGE]
        figure = _page(dossier, "Time-lapse")
        rows = ceil(_FRAMES_A_PAGE / _ACROSS)
        for index, (frame, screen) in enumerate(part):
            row, column = divmod(index, _ACROSS)
            width, height = (1 - 2 * _LEFT) / _ACROSS, (_TOP - _BOTTOM - 0.02) / rows
            axes = figure.add_axes(
                (_LEFT + column * width, _TOP - 0.02 - (row + 1) * height, width * 0.95, height * 0.88)
            )
            axes.imshow(enlarged(screen, 2), interpolation="nearest")
            axes.set_axis_off()
            axes.set_title(str(frame.day), fontsize=7.5, color=INK, pad=2)
        yield figure
