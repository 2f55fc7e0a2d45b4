"""Areas and shares in words, the same on every page."""

import math

_HECTARE_M2 = 10_000.0


def size_words(area_m2: float) -> str:
    """Return an area in square metres, and in hectares from one hectare on."""
    if area_m2 >= _HECTARE_M2:
        return f"{area_m2 / _HECTARE_M2:,.1f} ha"
    return f"{area_m2:,.0f} m²"


def share_words(share: float) -> str:
    """Return a share in whole per cent, never rounded up to all or down to nothing."""
    if 0 < share < 1:
        return f"{min(max(math.floor(100 * share + 0.5), 1), 99)} %"
    return f"{100 * share:.0f} %"
