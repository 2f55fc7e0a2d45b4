"""The dossier as one HTML file: no network, no script, readable on a phone and by a screen reader."""

from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib.figure import Figure

from geo.atomic import atomic_file
from outputs.dossier import words as said
from outputs.dossier.contents import Dossier, built_curve
from outputs.dossier.figures import built_figure, looks_figure, perimeter_figures, png
from outputs.dossier.timelapse import animation, film
from outputs.pictures.furniture import lon_lat_words
from outputs.site.amounts import size_words
from outputs.vocabulary import FACILITY_WORDS, is_simulated, words


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture inside the page."""

    source: str
    """A ``data:`` address."""
    words: str
    """What it shows, for those who do not see it."""


def write_page(path: Path, dossier: Dossier) -> None:
    """Write the page.

    Raises:
        OutputError: It cannot be written.

    """
    page = page_of(dossier)
    with atomic_file(path) as part:
        part.write_text(page, encoding="utf-8")


def page_of(dossier: Dossier) -> str:
    """Return the page as HTML. Names from outside are escaped wherever they stand."""
    curve = built_curve(dossier.detections)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("dossier.html").render(
        dossier=dossier,
        known=dossier.known,
        made=dossier.made,
        kind=words(FACILITY_WORDS, dossier.known.kind),
        place=lon_lat_words(*dossier.known.lon_lat),
        created=f"{dossier.made.created_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
        is_simulated=is_simulated(dossier.made.credit),
        headline=said.headline(dossier),
        explanation=said.explanation(dossier),
        moving=_moving(dossier),
        frames=_film(dossier),
        perimeter=_perimeter(dossier),
        ring=said.ring_words(dossier),
        arcs=said.arc_words(dossier),
        proxies=said.proxy_words(dossier),
        built=_drawn(built_figure(curve, dossier.made.credit), "Curve of built area; its values stand below."),
        curve=[(step.day, size_words(abs(step.area_m2)), step) for step in curve],
        looks=_drawn(looks_figure(dossier.looks, dossier.made.credit), _looks_words(dossier)),
        not_used=said.not_used(dossier),
        detections=said.detection_words(dossier),
        unseen=said.unseen_words(dossier),
        alternatives=said.alternative_words(dossier),
        where=said.RECORDS,
    )


def _drawn(figure: Figure | None, text: str) -> Picture | None:
    return None if figure is None else Picture(source=_data("image/png", png(figure)), words=text)


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{b64encode(content).decode()}"


def _moving(dossier: Dossier) -> Picture | None:
    content = animation(dossier)
    if content is None:
        return None
    first, last = dossier.frames[0].day, dossier.frames[-1].day
    text = f"Moving picture of {len(dossier.frames)} dated looks from {first} to {last}; each stands below by itself."
    return Picture(source=_data("image/webp", content), words=text)


def _film(dossier: Dossier) -> list[tuple[str, Picture]]:
    return [
        (str(frame.day), Picture(source=_data("image/webp", content), words=f"The place on {frame.day}"))
        for frame, content in zip(dossier.frames, film(dossier), strict=True)
    ]


def _perimeter(dossier: Dossier) -> list[Picture]:
    """Return the pictures of the perimeter: the first look as it is, the last with the arcs."""
    arcs = "; ".join(f"arc {arc.number}: {arc.state.lower()}" for arc in said.arc_words(dossier)) or "no arcs are drawn"
    told = [f"The place on {frame.day}" for frame in (*dossier.frames[:1], *dossier.frames[1:][-1:])]
    told[-1:] = [f"{last}, with its perimeter: {arcs}." for last in told[-1:]]
    figures = perimeter_figures(dossier)
    return [
        Picture(source=_data("image/png", png(figure)), words=text) for figure, text in zip(figures, told, strict=True)
    ]


def _looks_words(dossier: Dossier) -> str:
    used = [look for look in dossier.looks if look.is_used]
    span = f", from {used[0].day} to {used[-1].day}" if used else ""
    return f"Strip of {len(dossier.looks)} acquisitions, {len(used)} of them clear and used{span}."
