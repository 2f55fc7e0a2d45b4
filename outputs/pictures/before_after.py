"""One picture a detection: the same ground before and after, and everything needed to judge it."""

from pathlib import Path

from geo.atomic import atomic_file
from outputs.pictures.contents import BeforeAfter


def draw_before_after(path: Path, picture: BeforeAfter) -> None:
    """Draw `picture` as a PNG. The same picture gives the same bytes, with the same fonts installed.

    Raises:
        OutputError: The file cannot be written.

    """
    from outputs.pictures.sheet import sheet_as_png  # noqa: PLC0415  # matplotlib takes a second: only who draws waits

    png = sheet_as_png(picture)
    with atomic_file(path) as part:
        part.write_bytes(png)
