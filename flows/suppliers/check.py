"""From a supplier list to its assessment: read, place, compare, weigh, write. Needs no imagery."""

import logging
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from aoi.entities import CorporateLink, ListedEntity
from aoi.facilities import Facility
from aoi.gazetteer import Gazetteer
from aoi.gazetteer.batch import geocode_suppliers
from aoi.gazetteer.place import Geocode
from aoi.read.entities import read_entities
from aoi.read.imported import Import, RejectedRow, mapping_lines
from aoi.read.links import read_links
from aoi.read.parties import Parties
from aoi.read.suppliers import read_suppliers
from aoi.read.vector import import_facilities
from aoi.suppliers import Supplier
from flows.settings.version import code_version
from flows.settings.workspace import Workspace
from flows.show import Bar, Show, plural
from flows.store import keep_assessment
from flows.suppliers.tell import LIMITS, interval_text, tell
from geo.atomic import atomic_folder
from geo.errors import AoiError, OutputError
from outputs.evidence.manifest import MANIFEST_NAME, write_manifest
from outputs.evidence.record import RunRecord
from outputs.matching.match import NameMatch, match
from outputs.risk import disclosure, portfolio, weights
from outputs.risk.assess import Assessment, assess
from outputs.risk.layer import layers_of, write_risk_geojson, write_risk_geopackage
from outputs.risk.places import Located, join_places
from outputs.risk.relations import Known
from outputs.risk.sheets import write_csv, write_workbook
from outputs.risk.tables import COLUMNS, Row, Tables, tables_of
from outputs.store.assessments import Assessed

logger = logging.getLogger(__name__)

STEPS = ("reading", "placing", "comparing names", "comparing sites", "weighing", "writing")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFiles:
    """What a check reads."""

    suppliers: Path
    entities: tuple[Path, ...] = ()
    sites: Path | None = None
    plots: Path | None = None
    links: Path | None = None
    mapping: Path | None = None
    weights: Path | None = None
    previous: Path | None = None
    quarter: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What was read."""

    files: CheckFiles
    suppliers: Import[Supplier]
    entities: tuple[ListedEntity, ...] = ()
    sites: tuple[Facility, ...] = ()
    plots: tuple[Facility, ...] = ()
    links: tuple[CorporateLink, ...] = ()
    has_sites: bool = False
    site_kind: str = "site"
    rejected: Mapping[str, Sequence[RejectedRow]] = field(default_factory=lambda: MappingProxyType({}))
    notes: tuple[str, ...] = ()
    inputs: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What came of a check."""

    gathered: Gathered
    known: Known
    found: Assessment
    tables: Tables
    created_at: datetime


def check_suppliers(files: CheckFiles, out: Path, show: Show, *, workspace: Workspace | None = None) -> int:
    """Assess a supplier list and write everything to `out`; return 0, or 1 if rows had to be kept aside.

    With a `workspace` the assessment is recorded in its store, too.

    Raises:
        AoiError: A file cannot be read or understood.
        ConfigError: The weights are wrong.
        OutputError: `out` exists already, or cannot be written.

    """
    refuse_existing(out)
    with show.progress(STEPS[0]) as bar:
        bar.start(len(STEPS))
        checked = check(gather(files), bar)
        write_check(checked, out)
        if workspace is not None:
            keep_assessment(workspace, assessed_of(checked, out))
        bar.step(STEPS[-1])
    return tell(checked.found, checked.known, checked.gathered.rejected, out, show)


def refuse_existing(out: Path) -> None:
    """Refuse a folder that is there before anything is computed.

    Raises:
        OutputError: It exists.

    """
    if out.exists():
        raise OutputError(f"cannot write {out}: it exists already; name a new folder with --out")


def gather(files: CheckFiles) -> Gathered:
    """Read all files.

    Raises:
        AoiError: A file cannot be read or understood, or the list has no supplier.

    """
    suppliers = read_suppliers(files.suppliers, files.mapping)
    if not suppliers.items:
        raise AoiError(f"{files.suppliers}: no row is a supplier; {plural(len(suppliers.rejected), 'row')} kept aside")
    entities = [read_entities(path) for path in files.entities]
    listed = _apart([one for found in entities for one in found.items])
    parties = Parties(suppliers=suppliers.items, entities=listed)
    links = read_links(files.links, parties=parties) if files.links else None
    sites = import_facilities(files.sites) if files.sites else None
    plots = import_facilities(files.plots) if files.plots else None
    imports = [one for one in (suppliers, *entities, links, sites, plots) if one is not None]
    named = (files.suppliers, *files.entities, files.links, files.sites, files.plots, files.mapping, files.weights)
    return Gathered(
        files=files,
        suppliers=suppliers,
        entities=listed,
        sites=sites.items if sites else (),
        plots=plots.items if plots else (),
        links=links.items if links else (),
        has_sites=sites is not None,
        rejected={one.path: one.rejected for one in imports if one.rejected},
        notes=tuple(f"{Path(one.path).name}: {note}" for one in imports for note in one.notes),
        inputs=tuple(path for path in named if path is not None),
    )


def _apart(entities: Sequence[ListedEntity]) -> tuple[ListedEntity, ...]:
    """Return the entities of several lists with ids of their own."""
    seen: Counter[str] = Counter()
    apart = []
    for one in entities:
        seen[one.entity_id] += 1
        again = seen[one.entity_id]
        apart.append(one if again == 1 else replace(one, entity_id=f"{one.entity_id[:58]}.{again}"))
    return tuple(apart)


def check(gathered: Gathered, bar: Bar) -> Checked:
    """Place, compare and weigh what was read."""
    settings = weights.load_weights(gathered.files.weights)
    created_at = datetime.now(UTC)
    bar.step(STEPS[0])
    gazetteer = Gazetteer.load()
    suppliers = gathered.suppliers.items
    geocodes = geocode_suppliers(suppliers, gazetteer)
    linked = {end for link in gathered.links for end in (link.from_id, link.to_id)}
    wanted = [one for one in gathered.entities if one.entity_id in linked]
    codes: dict[str, Sequence[Geocode]] = {**geocodes, **{one.entity_id: _placed(one, gazetteer) for one in wanted}}
    bar.step(STEPS[1])
    known = Known(
        suppliers=suppliers,
        geocodes=codes,
        entities={one.entity_id: one for one in gathered.entities},
        list_name=f"supplier list {Path(gathered.suppliers.path).name}",
        list_version=f"sha256 {gathered.suppliers.version[:12]}",
        site_kind=gathered.site_kind,
        notes={name: found[0].evidence for name, found in geocodes.items() if found},
    )
    known = _compared(known, gathered, gazetteer)
    bar.step(STEPS[2])
    known = _joined(known, gathered)
    bar.step(STEPS[3])
    found = assess(known, gathered.links, settings, today=created_at.date())
    bar.step(STEPS[4])
    rejected = {Path(name).name: rows for name, rows in gathered.rejected.items()}
    tables = tables_of(found, known, rejected)
    return Checked(gathered=gathered, known=known, found=found, tables=tables, created_at=created_at)


def _placed(entity: ListedEntity, gazetteer: Gazetteer) -> tuple[Geocode, ...]:
    readings = (gazetteer.geocode(address) for address in entity.addresses)
    return next((found for found in readings if found), ())


def _compared(known: Known, gathered: Gathered, gazetteer: Gazetteer) -> Known:
    """Add which listed entities the suppliers, and their stated parents, may be."""
    if not gathered.entities:
        return known
    words = gazetteer.place_words
    parents = [
        Supplier(supplier_id=one.supplier_id, names=(one.parent,), source=one.source)
        for one in known.suppliers
        if one.parent.strip()
    ]
    matches = match(known.suppliers, gathered.entities, place_words=words, geocodes=known.geocodes)
    of_parents: tuple[NameMatch, ...] = ()
    if parents:
        of_parents = match(parents, gathered.entities, place_words=words)
    return replace(known, matches=matches, parent_matches=of_parents)


def _joined(known: Known, gathered: Gathered) -> Known:
    """Add how probably the suppliers lie in or near the flagged sites."""
    if not gathered.has_sites:
        return known
    located = [
        Located(supplier_id=one.supplier_id, geocodes=tuple(known.geocodes.get(one.supplier_id, ())))
        for one in known.suppliers
    ]
    flagged = {one.facility_id for one in gathered.sites}
    # A place of both lists would compete with itself.
    plots = [one for one in gathered.plots if one.facility_id not in flagged]
    places = join_places(located, gathered.sites, plots)
    return replace(known, places=places, sites={one.facility_id: one for one in gathered.sites})


def write_check(checked: Checked, out: Path) -> None:
    """Write all tables, layers and records, and a manifest over them.

    Raises:
        OutputError: The disk does not take it; nothing is left.

    """
    files, known, found = checked.gathered.files, checked.known, checked.found
    before = portfolio.previous_levels(files.previous) if files.previous else None
    quarter = files.quarter or f"{checked.created_at:%Y}Q{(checked.created_at.month + 2) // 3}"
    indicators = portfolio.indicators(found, known, quarter=quarter, previous=before)
    about = about_rows(checked, quarter=quarter)
    with atomic_folder(out) as folder:
        _write_tables(folder, checked.tables, indicators, about)
        layers = layers_of(checked.tables, known)
        write_risk_geopackage(folder / "risk.gpkg", layers)
        write_risk_geojson(folder, layers)
        disclosure.write_json(folder / "disclosure.json", _disclosed(checked, quarter))
        disclosure.write_json(folder / "portfolio.json", {"quarter": quarter, "indicators": indicators})
        shutil.copyfile(disclosure.SCHEMA_PATH, folder / "disclosure.schema.json")
        shutil.copyfile(files.weights or weights.WEIGHTS_PATH, folder / "weights.toml")
        write_manifest(folder, _record(checked, about))


def assessed_of(checked: Checked, out: Path) -> Assessed:
    """Return what the store keeps of a check that was written to `out`."""
    return Assessed(
        assessment_id=f"suppliers-{checked.created_at:%Y%m%dT%H%M%SZ}",
        created_at=checked.created_at,
        code_version=code_version(),
        manifest=(out / MANIFEST_NAME).read_bytes(),
        site_kind=checked.gathered.site_kind,
        about={"folder": str(out), "list": Path(checked.gathered.suppliers.path).name},
        tables=checked.tables,
        sites={name: site.location_4326 for name, site in checked.known.sites.items()},
        corporate=checked.gathered.links,
        buyer=checked.found.buyer,
    )


def _write_tables(folder: Path, tables: Tables, indicators: Sequence[Row], about: Sequence[Row]) -> None:
    sheets = {name: (COLUMNS[name], rows) for name, rows in tables.named().items()}
    sheets["portfolio"] = (portfolio.COLUMNS, indicators)
    for name, (columns, rows) in sheets.items():
        write_csv(folder / f"{name}.csv", columns, rows)
    sheets["about"] = (("what", "value"), about)
    write_workbook(folder / "suppliers.xlsx", sheets)


def about_rows(checked: Checked, *, quarter: str) -> list[Row]:
    """Return what a reader of the workbook should know."""
    gathered, found = checked.gathered, checked.found
    places = checked.known.places
    rows: list[tuple[str, Any]] = [
        ("statement", disclosure.STATEMENT),
        ("created at", checked.created_at.isoformat(timespec="seconds")),
        ("quarter", quarter),
        ("sitewatch", code_version()),
        ("supplier list", f"{Path(gathered.suppliers.path).name}, sha256 {gathered.suppliers.version}"),
        ("suppliers", len(found.accounts)),
        ("rows kept aside, all files", sum(map(len, gathered.rejected.values()))),
        ("listed entities compared", len(gathered.entities)),
        ("flagged sites compared", len(gathered.sites) if gathered.has_sites else "none were given"),
        ("other known places that compete", len(gathered.plots)),
        ("weights", f"{found.weights.version}, sha256 {found.weights.sha256}"),
        ("products table", f"{found.weights.products_version}, sha256 {found.weights.products_sha256}"),
        ("likelihood at the buyer", interval_text(found.buyer)),
        ("score at the buyer", round(found.buyer.score, 2)),
    ]  # fmt: skip
    if places:
        rates = places.rates
        shares = f"{rates.flagged_share:.3f} / {rates.known_share:.3f} / {rates.unknown_share:.3f}"
        rows.append(("base rates learnt: on flagged, known, unregistered ground", f"{shares} of {rates.suppliers:.0f}"))
    rows += [("limit", text) for text in LIMITS]
    rows += [("remark", note) for note in gathered.notes]
    rows += [("column", line) for line in mapping_lines(gathered.suppliers.mapping)]
    return [{"what": what, "value": value} for what, value in rows]


def _disclosed(checked: Checked, quarter: str) -> dict[str, Any]:
    listed = disclosure.ListInfo(
        name=Path(checked.gathered.suppliers.path).name,
        sha256=checked.gathered.suppliers.version,
        rejected=len(checked.gathered.suppliers.rejected),
        created_at=checked.created_at,
        quarter=quarter,
    )
    return disclosure.disclosure_of(checked.found, checked.known, listed)


def _record(checked: Checked, about: Sequence[Row]) -> RunRecord:
    used = checked.found.weights
    return RunRecord(
        run_id=f"suppliers-{checked.created_at:%Y%m%dT%H%M%SZ}",
        created_at=checked.created_at,
        code_version=code_version(),
        settings={
            "weights": {"version": used.version, "sha256": used.sha256},
            "products": {"version": used.products_version, "sha256": used.products_sha256},
            "about": {str(row["what"]): str(row["value"]) for row in about if row["what"] not in {"column", "limit"}},
        },
        watch_lists=checked.gathered.inputs,
    )
