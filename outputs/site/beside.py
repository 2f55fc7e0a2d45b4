"""What lies beside the page of a run of each detection: bands, course in time, moving pictures."""

from collections.abc import Iterable
from pathlib import Path

_KINDS = (
    ("False colours", "pictures/{}-false-colour.png"),
    ("Short-wave infrared", "pictures/{}-swir.png"),
    ("Course in time", "series/{}.png"),
    ("Time-lapse", "timelapse/{}.webp"),
    ("Time-lapse (GIF)", "timelapse/{}.gif"),
    ("Time-lapse (MP4)", "timelapse/{}.mp4"),
)


def pictures_beside(folder: Path, detection_ids: Iterable[str]) -> dict[str, tuple[tuple[str, str], ...]]:
    """Return name and path, relative to `folder`, of each picture of each detection that is there."""
    return {
        one: tuple((name, path.format(one)) for name, path in _KINDS if (folder / path.format(one)).is_file())
        for one in detection_ids
    }
