"""Is it safe to unpack this ZIP (XLSX, KMZ)?"""

import zipfile
import zlib
from pathlib import Path, PurePosixPath

from aoi.read.limits import DEFAULT_LIMITS, ReadLimits
from geo.errors import AoiError

BROKEN_ARCHIVE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError)
"""What `zipfile` raises for damaged, encrypted and unknown archives."""
_LARGEST_COUNT = 10_000


def check_archive(path: Path, limits: ReadLimits = DEFAULT_LIMITS) -> tuple[str, ...]:
    """Return the names in the ZIP at `path`, once nothing in it can fill the memory or leave its folder.

    `zipfile` never unpacks more of a member than the archive's directory states, so what is stated can be relied on.

    Raises:
        AoiError: It is no ZIP, is damaged, unpacks to too much, or holds a path that leads out of it.

    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except BROKEN_ARCHIVE as error:
        raise AoiError(f"{path}: is a damaged archive, or none ({error})") from error
    _check_sizes(path, members, limits)
    for member in members:
        if _leads_out(member.filename):
            raise AoiError(f"{path}: holds the path {member.filename!r}, which leads out of the archive")
    return tuple(member.filename for member in members)


def _check_sizes(path: Path, members: list[zipfile.ZipInfo], limits: ReadLimits) -> None:
    unpacked = sum(member.file_size for member in members)
    packed = max(path.stat().st_size, 1)
    if len(members) > _LARGEST_COUNT:
        raise AoiError(f"{path}: holds {len(members)} files; at most {_LARGEST_COUNT} are read")
    if unpacked > limits.document_bytes:
        raise AoiError(f"{path}: unpacks to {unpacked:,} bytes; at most {limits.document_bytes:,} are read")
    if unpacked > limits.small_bytes and unpacked > limits.expansion * packed:
        raise AoiError(
            f"{path}: unpacks to {unpacked / packed:,.0f} times its size, as no honest file does; "
            f"at most {limits.expansion:,.0f} times are read"
        )


def _leads_out(name: str) -> bool:
    plain = name.replace("\\", "/")
    return plain.startswith("/") or ".." in PurePosixPath(plain).parts or plain[1:2] == ":"
