"""Which fonts there are, and which characters they can draw."""

import logging
from functools import lru_cache

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

# It reports on the console that a font has no "normal" weight. The reader of a picture cannot do anything about it.
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)

LATIN_FAMILY = "DejaVu Sans"
"""Comes with matplotlib, so it is always there."""
_WIDE_FAMILIES = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "Microsoft YaHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "SimHei",
    "Arial Unicode MS",
)
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


@lru_cache(maxsize=1)
def font_families() -> tuple[str, ...]:
    """Return the families to draw with, the Latin one first, then one with Chinese characters if there is any."""
    known = {font.name for font in font_manager.fontManager.ttflist}
    wide = next((family for family in _WIDE_FAMILIES if family in known), None)
    return (LATIN_FAMILY, wide) if wide else (LATIN_FAMILY,)


def drawable(text: str) -> str:
    """Return `text` on one line, with every character that no font here has replaced by a visible mark.

    Names come in any script; a missing glyph must neither warn nor vanish silently.
    """
    on_one_line = " ".join(text.split())
    return "".join(char if _has_glyph(char) else _REPLACEMENT for char in on_one_line)


def family_of(text: str) -> str:
    """Return the first family that can draw all of `text`; the last one where none can."""
    families = font_families()
    return next((one for one in families if all(ord(char) in _codes(one) for char in text)), families[-1])


def _has_glyph(char: str) -> bool:
    return any(ord(char) in _codes(family) for family in font_families())


@lru_cache(maxsize=4)
def _codes(family: str) -> frozenset[int]:
    """Return the code points for which `family` has a glyph."""
    path = font_manager.findfont(font_manager.FontProperties(family=[family]))
    return frozenset(FT2Font(path).get_charmap())
