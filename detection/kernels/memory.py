"""Keep the memory of large arrays that are dropped for those that are made next.

The C library gives each large array back to the system as soon as it is dropped, and asks anew for the next one; the
system clears every page each time, which took a fifth of the time of a usual site. A process that looks at one area
after the other needs the same again and again.
"""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""As <malloc.h> numbers them."""
_KEPT_BYTES = 1 << 30
"""Arrays of less than this are kept, and so much that is free at the end of the memory."""
_USUAL_BYTES = 1 << 25
"""What the library comes to by itself where large arrays are dropped."""


@lru_cache(maxsize=1)
def keep_memory() -> bool:
    """Keep the memory of arrays that are dropped from now on, in this process; say whether that can be done.

    What is kept is no more than was needed at once; but arrays of many sizes fill it badly, so that nothing is kept
    where memory is limited. Does nothing without the GNU C library.
    """
    return _keep(_KEPT_BYTES)


@contextmanager
def memory_kept() -> Iterator[None]:
    """Keep it for a while only: for blocks that are worked on in arrays of the same few sizes, one after the other."""
    is_kept_for_good = keep_memory.cache_info().currsize > 0
    if is_kept_for_good or not _keep(_KEPT_BYTES):
        yield
        return
    try:
        yield
    finally:
        _keep(_USUAL_BYTES)
        _trim()


def _keep(count: int) -> bool:
    """Keep arrays of less than `count` bytes, and so much at the end of the memory; say whether that can be done."""
    library = _library()
    if library is None:
        return False
    return all(library.mallopt(name, count) == 1 for name in (_MMAP_THRESHOLD, _TRIM_THRESHOLD))


def _trim() -> None:
    library = _library()
    if library is not None:
        library.malloc_trim(0)


def _library() -> ctypes.CDLL | None:
    """Return the C library of this process, if it can be told so."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None
