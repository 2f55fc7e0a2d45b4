"""Printed documents: what their pages say, their properties, links, attached files."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

from outputs.redaction.pieces import Piece, Text, Unread

_LARGEST_STREAM = 20_000_000


def pdf_pieces(where: str, data: bytes) -> Iterator[Piece]:
    """Yield the text of each page, the properties, XMP, links and attached texts of a PDF."""
    try:
        from pypdf import PdfReader  # noqa: PLC0415 - nothing but releases with a PDF needs it
        from pypdf.errors import PyPdfError  # noqa: PLC0415
    except ImportError:
        yield Unread(where=where, reason="reading PDF needs `pip install pypdf`")
        return
    try:
        reader = PdfReader(BytesIO(data))
        for number, page in enumerate(reader.pages, 1):
            yield Text(where=f"{where}, page {number}", text=page.extract_text())
        yield Text(where=f"{where}, objects", text="\n".join(_objects(reader)), is_row=True)
        for name, contents in reader.attachments.items():
            for content in contents:
                text = content.decode("utf-8", "replace")
                yield Text(where=f"{where}, attached file {name}", text=f"{name}\n{text}")
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError) as error:
        yield Unread(where=where, reason=f"damaged or locked: {error}")


def _objects(reader: Any) -> Iterator[str]:  # noqa: ANN401 - of a library that is loaded where it is needed
    """Yield the words of every object: properties, links, outlines, and streams that are text (XMP)."""
    yield str(dict(reader.metadata or {}))
    for number in sorted(reader.xref[0]) if 0 in reader.xref else []:
        found = reader.get_object(number)
        yield str(found)
        if hasattr(found, "get_data") and found.get("/Subtype") == "/XML":
            yield found.get_data()[:_LARGEST_STREAM].decode("utf-8", "replace")
    root = reader.trailer.get("/Root", {})
    metadata = root.get("/Metadata")
    if metadata is not None:
        yield metadata.get_object().get_data()[:_LARGEST_STREAM].decode("utf-8", "replace")
