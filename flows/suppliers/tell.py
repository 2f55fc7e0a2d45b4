"""What is said of a supplier check: the summary, the columns of a list, and an example to try."""

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from aoi.read.imported import RejectedRow, mapping_lines
from aoi.read.suppliers import read_suppliers
from flows.show import Show, plural, show_table
from geo.atomic import atomic_folder
from outputs.risk import weights
from outputs.risk.assess import Assessment
from outputs.risk.relations import Known
from outputs.risk.score import LEVEL_WORDS, Level, Score

EXAMPLE_DIR = Path(weights.__file__).with_name("example")
LIMITS = (
    "Nobody is called guilty, and nothing found is never clear.",
    "A supplier known only to its town or county is put on no site.",
    "Weights are judgements of the file named in each row; change them with --weights.",
)


def interval_text(score: Score) -> str:
    """Return a likelihood with its interval."""
    return f"{score.likelihood:.3f} ({score.likelihood_low:.3f} to {score.likelihood_high:.3f})"


def tell(
    found: Assessment, known: Known, rejected_rows: Mapping[str, Sequence[RejectedRow]], out: Path, show: Show
) -> int:
    """Say what came of a check; return 0, or 1 if rows were kept aside."""
    levels = Counter(one.result.level for one in found.accounts)
    rejected = sum(map(len, rejected_rows.values()))
    show.document(
        {
            "folder": str(out),
            "suppliers": len(found.accounts),
            "levels": {level.value: levels[level] for level in Level},
            "rejected_rows": {Path(name).name: len(rows) for name, rows in rejected_rows.items()},
            "buyer": {"score": round(found.buyer.score, 2), "likelihood": round(found.buyer.likelihood, 4)},
            "weights": found.weights.label,
        }
    )
    if not (show.is_quiet or show.is_json):
        show_table(("level", "suppliers"), [(LEVEL_WORDS[level], str(levels[level])) for level in Level])
    for line in _summary(found, known):
        show.say(line)
    for name, rows in rejected_rows.items():
        show.trouble(f"{Path(name).name}: {plural(len(rows), 'row')} kept aside, see rejected.csv; {_first(rows)}")
    show.say(f"{out}: suppliers.xlsx, risk.gpkg, disclosure.json and the tables as CSV")
    return int(rejected > 0)


def _first(rows: Sequence[RejectedRow]) -> str:
    return f"the first: {rows[0].where}: {rows[0].reason}"


def _summary(found: Assessment, known: Known) -> list[str]:
    count = len(found.accounts)
    placed = sum(bool(known.geocodes.get(one.supplier.supplier_id)) for one in found.accounts)
    lines = [f"{plural(count, 'supplier')}; the address of {placed} is understood"]
    if known.entities:
        sure = sum(one.zone == "match" for one in known.matches)
        lines.append(f"{len(known.entities)} listed entities: {sure} matches, {len(known.matches) - sure} to review")
    else:
        lines.append("no list of entities was given (--entities): nobody was looked up")
    if known.places:
        wide = len({one.supplier_id for one in known.places.contexts} - set(known.places.flagged))
        lines.append(
            f"{len(known.sites)} flagged {known.site_kind}s: {len(known.places.links)} possible links; "
            f"{plural(wide, 'supplier')} known too coarsely to be put on one"
        )
    else:
        lines.append("no flagged sites were given (--sites): no place was compared")
    buyer = found.buyer
    lines.append(
        f"at the buyer: score {buyer.score:.1f}, likelihood {interval_text(buyer)}, {LEVEL_WORDS[buyer.level].lower()}"
    )
    return [*lines, *LIMITS]


def show_columns(path: Path, mapping: Path | None, show: Show) -> int:
    """Say as what each column of a supplier list is read.

    Raises:
        AoiError: It cannot be read.

    """
    found = read_suppliers(path, mapping)
    choices = [
        {
            "sheet": one.sheet,
            "column": one.column,
            "field": one.field,
            "confidence": one.confidence,
            "reason": one.reason,
        }
        for one in found.mapping
    ]
    show.document({"file": str(path), "columns": choices, "rows": found.rows_read, "suppliers": len(found.items)})
    for line in mapping_lines(found.mapping):
        show.say(line)
    show.say(
        f"{plural(found.rows_read, 'row')}: {plural(len(found.items), 'supplier')}, {len(found.rejected)} kept aside"
    )
    for note in found.notes:
        show.say(f"remark: {note}")
    return 0


def write_example(folder: Path, show: Show) -> int:
    """Write the invented example list, with all files that a check can read.

    Raises:
        OutputError: The folder exists already, or cannot be written.

    """
    with atomic_folder(folder) as part:
        for path in sorted(EXAMPLE_DIR.iterdir()):
            if path.suffix in {".csv", ".geojson"}:
                shutil.copyfile(path, part / path.name)
    names = sorted(path.name for path in folder.iterdir())
    show.document({"folder": str(folder), "files": names})
    show.say(f"{folder}: {', '.join(names)}; all firms and sites are invented")
    show.say(
        f"try: sitewatch suppliers check {folder}/suppliers.csv --entities {folder}/entities.csv "
        f"--sites {folder}/sites.geojson --links {folder}/links.csv --out {folder}/result"
    )
    return 0
