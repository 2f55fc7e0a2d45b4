"""A statement as one HTML file and as a PDF: the same words, each figure with the number of its record."""

from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC
from io import BytesIO
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from PIL import Image

from geo.atomic import atomic_file
from outputs.dossier.pages import BOTTOM, LEFT, PAGE_IN, SOFT, TOP, Head, Paragraph, heading, sheet, text_sheets
from outputs.dossier.statement import Record, Statement
from outputs.vocabulary import is_simulated


def write_statement_page(path: Path, statement: Statement) -> None:
    """Write the page.

    Raises:
        OutputError: It cannot be written.

    """
    page = statement_page(statement)
    with atomic_file(path) as part:
        part.write_text(page, encoding="utf-8")


def statement_page(statement: Statement) -> str:
    """Return the page as HTML; whatever comes from outside is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    picture = statement.picture
    return environment.get_template("statement.html").render(
        statement=statement,
        created=_created(statement),
        records=list(enumerate(statement.records, start=1)),
        is_simulated=is_simulated(statement.credit),
        picture=None if picture is None else f"data:image/png;base64,{b64encode(picture).decode()}",
    )


def write_statement_document(path: Path, statement: Statement) -> None:
    """Write the PDF.

    Raises:
        OutputError: It cannot be written.

    """
    metadata = {
        "Title": f"{statement.kind}: {statement.names[0]}",
        "Subject": statement.subject_id,
        "Creator": statement.made_by,
        "CreationDate": statement.created_at,
    }
    with atomic_file(path) as part, PdfPages(part, metadata=metadata) as pages:
        for figure in _figures(statement):
            pages.savefig(figure)


def _created(statement: Statement) -> str:
    return f"{statement.created_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _figures(statement: Statement) -> Iterator[Figure]:
    foot = statement.credit or f"{statement.made_by}. A reason to look closer, no finding of guilt."
    head = Head(title=f"{statement.kind}: {statement.names[0]}", foot=foot)
    yield from text_sheets(head, [*_opening(statement), *_body(statement), *_records(statement)])
    if statement.picture is not None:
        yield _picture_sheet(head, statement)


def _opening(statement: Statement) -> Iterator[Paragraph]:
    for name in statement.names[1:]:
        yield Paragraph(text=name, size_pt=11.0)
    yield Paragraph(text=f"Id {statement.subject_id}. {_created(statement)}, by {statement.made_by}.", colour=SOFT)
    yield Paragraph(text=statement.headline, size_pt=13.0, is_bold=True, gap_pt=10.0)


def _body(statement: Statement) -> Iterator[Paragraph]:
    for part in statement.parts:
        yield heading(part.title)
        for said in part.said:
            yield Paragraph(text=f"• {said.text}{statement.marks(said)}", indent_pt=8.0)
        if part.note:
            yield Paragraph(text=part.note, is_bold=True, gap_pt=6.0)


def _records(statement: Statement) -> Iterator[Paragraph]:
    yield heading("Records")
    yield Paragraph(text="A number in brackets says where the figures of its sentence are written down.", colour=SOFT)
    for number, record in enumerate(statement.records, start=1):
        yield Paragraph(text=f"[{number}] {record_words(record)}", size_pt=7.5, indent_pt=8.0, gap_pt=1.5)
    for name in (one for one in statement.files if one in statement.checksums):
        text = f"{name}: SHA-256 {statement.checksums[name]}"
        yield Paragraph(text=text, size_pt=7.0, indent_pt=8.0, gap_pt=1.5, colour=SOFT)


def record_words(record: Record) -> str:
    """Return where something is written down, in words."""
    named = f", id {record.record_id}" if record.record_id else ""
    columns = f": {', '.join(record.columns)}" if record.columns else ""
    return f"{record.where}{named}{columns}"


def _picture_sheet(head: Head, statement: Statement) -> Figure:
    figure = sheet(Head(title="Before and after", foot=head.foot))
    image = np.asarray(Image.open(BytesIO(statement.picture or b"")).convert("RGB"))
    width = 1 - 2 * LEFT
    height = min(width * PAGE_IN[0] * image.shape[0] / image.shape[1] / PAGE_IN[1], TOP - BOTTOM - 0.05)
    axes = figure.add_axes((LEFT, TOP - 0.03 - height, width, height))
    axes.imshow(image, interpolation="none")
    axes.set_axis_off()
    return figure
