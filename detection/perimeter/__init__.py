"""Does the wall around a place still stand, arc by arc, and what could not be told?

At 10 m a wall is narrower than a pixel. What is measured is the contrast of a thin line along the known perimeter
(`detection.perimeter.lines`), date by date, in arcs of about a hundred metres. Whether it changed is judged against
the same measurement on hundreds of displaced and turned copies of the same perimeter in the same images, where no
wall was removed: they carry the sun, the registration errors, the haze and the fields of this very place. An arc
where no line stood out before can lose nothing that would be seen: then the answer is that it cannot be told, never
that nothing changed.
"""

from detection.perimeter.result import Arc, ArcState, Perimeter, PerimeterParams
from detection.perimeter.watch import watch_perimeter

__all__ = ["Arc", "ArcState", "Perimeter", "PerimeterParams", "watch_perimeter"]
