"""The dossier as a PDF of pages of one size, for whoever prints or files it."""

from collections.abc import Iterator, Sequence
from io import BytesIO
from math import ceil
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from PIL import Image

from geo.atomic import atomic_file
from outputs.dossier import words as said
from outputs.dossier.contents import Dossier, built_curve
from outputs.dossier.figures import built_figure, looks_figure, perimeter_figures, png
from outputs.dossier.pages import BOTTOM, INK, LEFT, PAGE_IN, TOP, Head, Paragraph, heading, sheet, text_sheets
from outputs.dossier.timelapse import screens
from outputs.pictures.frames import enlarged, steps_for
from outputs.pictures.furniture import lon_lat_words
from outputs.vocabulary import FACILITY_WORDS, words

_FRAMES_A_PAGE = 20
_ACROSS = 4
_THUMB_PX = 480
_GAP = 0.015

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
    credit = dossier.made.credit
    head = Head(title=f"Dossier: {dossier.name}", foot=credit)
    yield from text_sheets(head, [_paragraph(line) for line in _lines(dossier)])
    places = perimeter_figures(dossier, width_in=6.6)
    yield from _plates(Head(title="The place, and its perimeter arc by arc", foot=credit), places)
    drawn = (
        built_figure(built_curve(dossier.detections), credit, width_in=7.0),
        looks_figure(dossier.looks, credit, width_in=7.0),
    )
    curves = [figure for figure in drawn if figure is not None]
    yield from _plates(Head(title="Built area, and the looks that counted", foot=credit), curves)
    yield from _film_pages(dossier)


def _paragraph(line: Line) -> Paragraph:
    text, is_heading = line
    return heading(text) if is_heading else Paragraph(text=text, gap_pt=3.5)


def _plates(head: Head, figures: Sequence[Figure]) -> Iterator[Figure]:
    """Give pages with pictures one below the other, each as wide as it was drawn, or as the page allows."""
    page, y = None, 0.0
    for figure in figures:
        image = np.asarray(Image.open(BytesIO(png(figure))).convert("RGB"))
        width = min(figure.get_figwidth() / PAGE_IN[0], 1 - 2 * LEFT)
        height = width * PAGE_IN[0] * image.shape[0] / image.shape[1] / PAGE_IN[1]
        if page is not None and y - height < BOTTOM:
            yield page
            page = None
        if page is None:
            page, y = sheet(head), TOP - 0.02
        shrunk = min(1.0, (y - BOTTOM) / height)
        axes = page.add_axes(((1 - width * shrunk) / 2, y - height * shrunk, width * shrunk, height * shrunk))
        axes.imshow(image, interpolation="none")
        axes.set_axis_off()
        y -= height * shrunk + _GAP
    if page is not None:
        yield page


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
    lines.append(("Alternatives considered", True))
    lines += [(line, False) for line in said.alternative_words(dossier)]
    lines.append(("Sources", True))
    sources = [known.source, made.credit, *([made.night_credit] if made.night_credit else [])]
    lines += [(source, False) for source in sources]
    lines.append((said.RECORDS, False))
    made_by = f"sitewatch {made.version}, settings {made.settings_hash}"
    lines.append((f"{made.area_name}; run {made.run_id}; {made_by}", False))
    return lines


def _arc(arc: said.ArcWords) -> str:
    measured = f"changed: {arc.dates}; p {arc.p}; smallest wall {arc.smallest}"
    return f"{arc.number}. {arc.state}; {measured}. {arc.reason}"


def _detection(one: said.DetectionWords) -> str:
    what = f"{one.event}, {one.status.lower()}, confidence {one.confidence}, began {one.onset}, {one.size}"
    return f"{what} ({one.detection_id}, {one.review})"


def _film_pages(dossier: Dossier) -> Iterator[Figure]:
    shown = list(zip(dossier.frames, screens(dossier.frames), strict=True))
    shrink, _ = steps_for(max(dossier.grid.shape), _THUMB_PX)
    for start in range(0, len(shown), _FRAMES_A_PAGE):
        part = shown[start : start + _FRAMES_A_PAGE]
        figure = sheet(Head(title="Time-lapse", foot=dossier.made.credit))
        rows = ceil(_FRAMES_A_PAGE / _ACROSS)
        for index, (frame, screen) in enumerate(part):
            row, column = divmod(index, _ACROSS)
            width, height = (1 - 2 * LEFT) / _ACROSS, (TOP - BOTTOM - 0.02) / rows
            axes = figure.add_axes(
                (LEFT + column * width, TOP - 0.02 - (row + 1) * height, width * 0.95, height * 0.88)
            )
            axes.imshow(enlarged(screen, shrink=shrink, zoom=2), interpolation="nearest")
            axes.set_axis_off()
            axes.set_title(str(frame.day), fontsize=7.5, color=INK, pad=2)
        yield figure
