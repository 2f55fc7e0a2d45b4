"""Positions that stand in bytes as machines keep numbers: doubles, floats, whole numbers of 1e-7 degrees."""

from collections.abc import Iterator

import numpy as np

from outputs.redaction.judge import Judge, Positions

_KINDS = (("<f8", 1.0), (">f8", 1.0), ("<f4", 1.0), ("<i4", 1e-7), (">i4", 1e-7))
_FLOAT_RESOLUTION_M = 1.0


def raw_positions(data: bytes, judge: Judge) -> Iterator[Positions]:
    """Yield the neighbouring numbers in `data` that can be longitude and latitude, either first."""
    left, bottom, right, top = judge.box_4326
    for code, scale in _KINDS:
        size = np.dtype(code).itemsize
        for offset in range(size):
            count = (len(data) - offset) // size
            if count < 2:  # noqa: PLR2004 - a position takes two
                continue
            with np.errstate(all="ignore"):  # most of it are no numbers
                values = np.frombuffer(data, dtype=code, count=count, offset=offset).astype(np.float64) * scale
                is_lon = (values >= left) & (values <= right)
                is_lat = (values >= bottom) & (values <= top)
            for x_step, y_step in ((0, 1), (1, 0)):
                at = np.flatnonzero(is_lon[x_step : count - 1 + x_step] & is_lat[y_step : count - 1 + y_step])
                if len(at):
                    yield Positions(
                        lon=values[at + x_step],
                        lat=values[at + y_step],
                        resolution_m=np.full(len(at), _FLOAT_RESOLUTION_M),
                        offset=at * size + offset,
                        is_loose=True,
                    )
