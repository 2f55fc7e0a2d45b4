"""Put a release together: what the audience may know of it, every product, and the check that nothing else got in.

The only place that calls the redaction and the site.
"""

import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from geo.atomic import atomic_file
from geo.errors import OutputError
from outputs.layers.geojson import feature_collection, write_geojson
from outputs.layers.handover import write_handover
from outputs.layers.kml import LIMITS, write_kml, write_kmz
from outputs.redaction.forbidden import Known, forbidden_of
from outputs.redaction.leaks import find_leaks
from outputs.redaction.policy import Policy, Snap
from outputs.redaction.redact import Redacted, withheld_json
from outputs.release.captions import NOT_SEEN, Caption, captions, captions_json, captions_markdown
from outputs.release.contents import Release, published_table
from outputs.release.drawing import drawn
from outputs.release.maps import maps_of
from outputs.release.pairs import Pair, write_pairs
from outputs.release.readme import METHOD, figure_lines, readme_text
from outputs.release.tables import write_coverage_csv, write_detections_csv
from outputs.release.tiles import write_tiles
from outputs.site.viewer.base import ground_points
from outputs.site.viewer.content import Download, Passage, SiteCaption, SiteContent, SitePictures
from outputs.site.viewer.write import shipped, write_site

logger = logging.getLogger(__name__)

ATTRIBUTION_NAME = "ATTRIBUTION.txt"
MAPS_NAME = "maps"
WITHHELD_NAME = "withheld.json"
PICTURES, SERIES, TIMELAPSES = "pictures", "series", "timelapse"
_TYPES: Mapping[str, tuple[str, str]] = {
    "detections.csv": ("All detections, as a table (CSV)", "text/csv"),
    "detections.geojson": ("All detections, with outlines (GeoJSON)", "application/geo+json"),
    "detections.kmz": ("For Google Earth (KMZ)", "application/vnd.google-earth.kmz"),
    "detections.parquet": ("All detections (GeoParquet)", "application/vnd.apache.parquet"),
    "coverage.csv": ("What was watched (CSV)", "text/csv"),
    "captions.md": ("Captions", "text/markdown"),
    "README.md": ("Method, limits, attribution", "text/markdown"),
}

Media = Mapping[str, Mapping[str, Path]]
"""Folder of the release to what lies in it: name there, and the file to copy."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """Where a run keeps what was drawn of its detections."""

    run_dir: Path


def media_of(found: Found, redacted: Redacted) -> dict[str, dict[str, Path]]:
    """Return the pictures, series and time-lapses that the audience may see, under the published ids."""
    shown: dict[str, dict[str, Path]] = {PICTURES: {}, SERIES: {}, TIMELAPSES: {}}
    for own in sorted(redacted.pictures):
        public = redacted.ids[own]
        for folder, files in shown.items():
            for path in _of_detection(found.run_dir / folder, own):
                files[public + path.name.removeprefix(own)] = path
    return {folder: files for folder, files in shown.items() if files}


def _of_detection(folder: Path, own: str) -> list[Path]:
    names = (f"{own}{ending}" for ending in (".png", "-false-colour.png", "-swir.png", ".webp", ".gif", ".mp4"))
    return [folder / name for name in names if (folder / name).is_file()]


def with_places(redacted: Redacted) -> gpd.GeoDataFrame:
    """Return the published table with what each geometry is: within how many metres, and in words."""
    if redacted.policy.is_exact:
        return redacted.table
    return redacted.table.assign(
        position_within_m=pd.Series(redacted.shown_to_m, dtype="float64", index=redacted.table.index),
        place=pd.Series(redacted.places, dtype=object, index=redacted.table.index),
    )


def positions_words(policy: Policy) -> str:
    """Say how exact the places are that a policy shows."""
    if policy.is_exact:
        return "Outlines and positions are as they were found; pixels are ten metres wide."
    return (
        "Places are shown as wider cells or units on purpose, the same in every release: a point in the middle of one "
        f"is not where anything stands.{_shared_words(policy)}"
    )


def _shared_words(policy: Policy) -> str:
    """Say why a release of few places shows wide cells."""
    if policy.k <= 1 or policy.snap is not Snap.GRID:
        return ""
    finest_km, widest_km = (policy.cell_m * 2**step / 1000 for step in (0, policy.widenings))
    return (
        f" A cell of {finest_km:g} km a side is shown where at least {policy.k} places of this release lie in it, a "
        f"wider one, of up to {widest_km:g} km, where fewer do: a release of few places shows wide cells."
    )


def fill(folder: Path, release: Release, media: Media) -> None:
    """Write every product of `release` into `folder`, the README and the site last.

    Raises:
        OutputError: The disk does not take it.

    """
    table, said = published_table(release), captions(release)
    _copy(folder, media)
    shown = frozenset(Path(name).stem for name in media.get(PICTURES, {}))
    pairs = write_pairs(folder / PICTURES, release, shown)
    _write_layers(folder, release, table, media)
    _write_maps(folder / MAPS_NAME, release)
    _write_text(folder / "captions.json", captions_json(release, said))
    _write_text(folder / "captions.md", captions_markdown(release, said))
    _write_text(folder / ATTRIBUTION_NAME, "\n".join(filter(None, (release.credit, release.mark))) + "\n")
    names = [path.name for path in folder.iterdir()]
    _write_text(folder / "README.md", readme_text(release, [*names, "index.html"]))
    write_site(folder, site_content(folder, release, (table, said, pairs)))


def write_withheld(folder: Path, redacted: Redacted, *, credit: str) -> None:
    """Write what the release may say of what was withheld: how much of which field under which rule, never what."""
    text = withheld_json(redacted, more={"attribution": credit})
    _write_text(folder / WITHHELD_NAME, text)


def check_leaks(folder: Path, known: Known, redacted: Redacted) -> Mapping[str, str]:
    """Refuse a folder that tells what its audience must not know; an exact release hides protected places alone.

    Returns the names that were not searched for because they are too short or too common, each with the reason.

    Raises:
        OutputError: Something was found; the files are named, not what they tell.

    """
    if redacted.policy.is_exact and (redacted.policy.shows_protected or not known.more.protected):
        return {}
    forbidden = forbidden_of(known.detections, known.facilities, known.suppliers, redacted, known.more)
    ground = ground_points(list(redacted.table.geometry))
    leaks = find_leaks(folder, replace(forbidden, same_everywhere=shipped(), common=ground))
    if leaks:
        files = sorted({leak.file for leak in leaks})
        for leak in leaks:
            logger.warning("leak: %s", leak.words())
        shown = ", ".join(files[:5]) + (f" and {len(files) - 5} more" if len(files) > 5 else "")  # noqa: PLR2004 - as many as a line takes
        raise OutputError(
            f"{folder.name}: nothing was released: {len(leaks)} places tell what {redacted.policy.name} readers must "
            f"not know, in {shown}"
        )
    return dict(forbidden.not_searched or {})


def site_content(
    folder: Path, release: Release, made: tuple[gpd.GeoDataFrame, tuple[Caption, ...], Mapping[str, Pair]]
) -> SiteContent:
    """Return what the site tells: the products that lie in `folder`, in the words of the release.

    Args:
        folder: Of the release.
        release: What it tells.
        made: The published table, the captions, and the pairs of pictures by detection id.

    """
    table, said, pairs = made
    ids = [str(one) for one in table["detection_id"]]
    coverage = pd.DataFrame(release.coverage.drop(columns="geometry", errors="ignore"))
    return SiteContent(
        title=release.title,
        counts=release.counts,
        audience=release.audience,
        credit=release.credit,
        created_on=release.created_at.date(),
        features=feature_collection(table, credit=release.credit),
        run_ids=(release.run_id,),
        version=release.version,
        is_preliminary=release.is_preliminary,
        tiles=folder / "detections.pmtiles",
        pictures={one: _site_pictures(folder, one, pairs.get(one)) for one in ids},
        captions={
            one.detection_id: SiteCaption(
                title=one.title, text=one.text, not_seen=one.not_seen, limits=one.limits, review_state=one.review_state
            )
            for one in said
        },
        coverage=tuple(_plain_rows(coverage)),
        downloads=[
            Download(name=name, path=folder / file, media_type=kind)
            for file, (name, kind) in _TYPES.items()
            if (folder / file).is_file()
        ],
        method=(
            Passage(heading="How it was found", paragraphs=(METHOD,)),
            Passage(heading="How often it is wrong", paragraphs=figure_lines()),
        ),
        limits=(LIMITS, NOT_SEEN, release.positions),
        withheld=(*release.left_out, *release.withheld),
    )


def _plain_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    document = feature_collection(gpd.GeoDataFrame(table, geometry=gpd.GeoSeries([None] * len(table), crs=4326)))
    return [dict(feature["properties"]) for feature in document["features"]]


def _site_pictures(folder: Path, name: str, pair: Pair | None) -> SitePictures:
    def there(path: Path) -> Path | None:
        return path if path.is_file() else None

    return SitePictures(
        before=pair.before if pair else None,
        after=pair.after if pair else None,
        before_on=pair.before_on if pair else None,
        after_on=pair.after_on if pair else None,
        pair=there(folder / PICTURES / f"{name}.png"),
        series=there(folder / SERIES / f"{name}.png"),
        timelapse=there(folder / TIMELAPSES / f"{name}.webp"),
    )


def _copy(folder: Path, media: Media) -> None:
    for place, files in media.items():
        try:
            (folder / place).mkdir()
            for name, path in files.items():
                shutil.copyfile(path, folder / place / name)
        except OSError as error:
            raise OutputError(f"cannot copy {error.filename or place}: {error.strerror or error}") from error


def _write_layers(folder: Path, release: Release, table: gpd.GeoDataFrame, media: Media) -> None:
    members = {
        "title": release.title,
        "release": release.name,
        "run_id": release.run_id,
        "audience": release.audience,
        "review_state": release.review_state,
    }
    credit, remark = release.credit, release.mark
    write_geojson(folder / "detections.geojson", table, credit=credit, members=members)
    write_detections_csv(folder / "detections.csv", table, credit=credit)
    write_kml(folder / "detections.kml", table, credit=credit, remark=remark)
    pictures = {Path(name).stem: path for name, path in media.get(PICTURES, {}).items()}
    write_kmz(folder / "detections.kmz", table, credit=credit, pictures=pictures, remark=remark)
    tiles = {**members, "attribution": credit, "description": " ".join(filter(None, (remark, release.title)))}
    write_tiles(folder / "detections.pmtiles", table, name=release.name, members=tiles)
    if find_spec("pyarrow") is not None:
        write_handover(folder / "detections.parquet", table, credit=credit)
        _say_in_parquet(folder / "detections.parquet", {**members, "attribution": credit})
    write_coverage_csv(folder / "coverage.csv", release.coverage, credit=credit, mark=remark)
    if release.coverage.geometry.notna().any():
        write_geojson(folder / "coverage.geojson", release.coverage, credit=credit, members=members)


def _say_in_parquet(path: Path, members: Mapping[str, str]) -> None:
    """Put `members` into the metadata of a GeoParquet file, beside its own."""
    parquet: Any = import_module("pyarrow.parquet")  # an extra, without annotations
    table = parquet.read_table(path)
    known = dict((table.schema.metadata or {}).items())
    with atomic_file(path) as part:
        parquet.write_table(
            table.replace_schema_metadata(
                {**known, **{name.encode(): said.encode() for name, said in members.items()}}
            ),
            part,
            compression="zstd",
        )


def _write_maps(folder: Path, release: Release) -> None:
    for content in maps_of(release):
        for ending, data in drawn(content, release).items():
            with atomic_file(folder / f"{content.key}{ending}") as part:
                part.write_bytes(data)


def _write_text(path: Path, text: str) -> None:
    with atomic_file(path) as part:
        part.write_text(text, encoding="utf-8")
