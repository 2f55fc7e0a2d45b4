"""XML that comes from others, read without entities, document types or addresses to fetch."""

from collections.abc import Iterator
from pathlib import Path
from typing import IO
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from geo.errors import AoiError

BROKEN_XML = (ParseError, DefusedXmlException, ValueError, LookupError)


def xml_events(file: IO[bytes], *, what: str) -> Iterator[tuple[str, Element]]:
    """Yield ("start" or "end", element) in the document's order.

    Raises:
        AoiError: It is no well-formed XML, or defines entities; `what` names it.

    """
    try:
        yield from iterparse(file, events=("start", "end"), forbid_dtd=True)
    except DefusedXmlException as error:
        raise AoiError(f"{what}: its XML defines a document type or entities, which is refused") from error
    except (ParseError, ValueError, LookupError) as error:
        raise AoiError(f"{what}: is no well-formed XML ({error})") from error


def check_xml(path: Path) -> None:
    """Refuse an XML file that is not well formed or defines entities, before another library reads it.

    Raises:
        AoiError: It is such a file, or cannot be read.

    """
    try:
        with path.open("rb") as file:
            check_xml_stream(file, what=str(path))
    except OSError as error:
        raise AoiError(f"{path}: cannot be read ({error})") from error


def check_xml_stream(file: IO[bytes], *, what: str) -> None:
    """Refuse XML that is not well formed or defines entities.

    Raises:
        AoiError: It is such; `what` names it.

    """
    for kind, element in xml_events(file, what=what):
        if kind == "end":
            element.clear()


def local_name(element: Element) -> str:
    """Return the name of `element` without its namespace."""
    return str(element.tag).rpartition("}")[2]
