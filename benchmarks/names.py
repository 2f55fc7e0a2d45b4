"""How well the name matcher tells constructed pairs of company names apart.

`python -m benchmarks.names [--held-out] [--json FILE] [--pairs FILE] [--show]`

The pairs (`name_pairs.csv`, `name_pairs_held_out.csv`) were written before the matcher. A pair in the match zone is
right if the pair is one firm and the matcher says so, or the pair is related (a branch, subsidiary or group) and the
matcher says it is not the same firm. Beside it: whole-name likeness by rapidfuzz at the thresholds that are usual.
"""

import argparse
import csv
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rapidfuzz import fuzz

from aoi.suppliers import Address
from outputs.matching import Comparison, Relation, Zone, compare

HERE = Path(__file__).parent
MAIN, HELD_OUT = HERE / "name_pairs.csv", HERE / "name_pairs_held_out.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two names and what they are to each other."""

    kind: str
    label: str
    """same, related or different."""
    relation: str
    name_a: str
    name_b: str
    address_a: str
    address_b: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """How a method did. Precision is NaN where it matched nothing."""

    method: str
    precision: float
    """Of the pairs in the match zone: right ones."""
    recall_match: float
    """Of the pairs of one firm: in the match zone."""
    recall: float
    """Of the pairs of one firm: in the zones match or review."""
    related_recall: float
    """Of the branches, subsidiaries and groups: in the zones match or review."""
    different_in_review: float
    """Of the pairs of different firms: left to a person."""
    false_matches: int
    """Different firms in the match zone, and related ones called the same."""


def read_pairs(path: Path) -> list[Pair]:
    """Read pairs; lines that begin with # are left out."""
    lines = (line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return [Pair(**row) for row in csv.DictReader(lines)]


def judged(pair: Pair) -> Comparison:
    """Return what the matcher says of a pair."""
    addresses = tuple((Address(lines=text),) if text else () for text in (pair.address_a, pair.address_b))
    return compare(pair.name_a, pair.name_b, addresses=(addresses[0], addresses[1]))


def is_right(pair: Pair, found: Comparison) -> bool:
    """Whether a pair in the match zone is there rightly, in the right relation."""
    same = found.relation is Relation.SAME
    return (pair.label == "same" and same) or (pair.label == "related" and not same)


def share(true: int, total: int) -> float:
    """Return a share, NaN of nothing."""
    return true / total if total else float("nan")


def score(method: str, pairs: Sequence[Pair], found: Sequence[tuple[Zone, bool]]) -> Scores:
    """Score zones and whether a match would be right."""
    counted: Counter[tuple[str, Zone]] = Counter(
        (pair.label, zone) for pair, (zone, _) in zip(pairs, found, strict=True)
    )
    total = Counter(pair.label for pair in pairs)
    matched = [right for zone, right in found if zone is Zone.MATCH]

    def reached(label: str, *zones: Zone) -> float:
        return share(sum(counted[label, zone] for zone in zones), total[label])

    return Scores(
        method=method,
        precision=share(sum(matched), len(matched)),
        recall_match=reached("same", Zone.MATCH),
        recall=reached("same", Zone.MATCH, Zone.REVIEW),
        related_recall=reached("related", Zone.MATCH, Zone.REVIEW),
        different_in_review=reached("different", Zone.REVIEW),
        false_matches=len(matched) - sum(matched),
    )


def by_likeness(likeness: Callable[[str, str], float], threshold: float) -> Callable[[Pair], tuple[Zone, bool]]:
    """Return a method that takes whole names for one firm from a threshold on."""

    def decide(pair: Pair) -> tuple[Zone, bool]:
        is_match = likeness(pair.name_a.casefold(), pair.name_b.casefold()) >= threshold
        return (Zone.MATCH if is_match else Zone.NO), pair.label == "same"

    return decide


PEERS = (
    ("rapidfuzz ratio >= 85", by_likeness(fuzz.ratio, 85)),
    ("rapidfuzz token_sort >= 85", by_likeness(fuzz.token_sort_ratio, 85)),
    ("rapidfuzz token_set >= 85", by_likeness(fuzz.token_set_ratio, 85)),
    ("rapidfuzz WRatio >= 90", by_likeness(fuzz.WRatio, 90)),
)


def measure(pairs: Sequence[Pair]) -> tuple[list[Scores], list[Comparison]]:
    """Score the matcher and its peers."""
    comparisons = [judged(pair) for pair in pairs]
    own = [(found.zone, is_right(pair, found)) for pair, found in zip(pairs, comparisons, strict=True)]
    rows = [score("sitewatch", pairs, own)]
    rows += [score(name, pairs, [decide(pair) for pair in pairs]) for name, decide in PEERS]
    return rows, comparisons


def by_kind(pairs: Sequence[Pair], comparisons: Sequence[Comparison]) -> dict[str, dict[str, int]]:
    """Count the zones of each kind of pair."""
    kinds: dict[str, Counter[str]] = {}
    for pair, found in zip(pairs, comparisons, strict=True):
        counts = kinds.setdefault(f"{pair.label} {pair.kind}", Counter())
        counts[found.zone.value] += 1
    return {kind: dict(counts) for kind, counts in sorted(kinds.items())}


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--held-out", action="store_true", help="measure the second set")
    parser.add_argument("--pairs", type=Path, help="another file of pairs, same columns")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--show", action="store_true", help="print every pair that went wrong")
    options = parser.parse_args(argv)
    path = options.pairs or (HELD_OUT if options.held_out else MAIN)
    pairs = read_pairs(path)
    rows, comparisons = measure(pairs)
    kinds = by_kind(pairs, comparisons)
    print(f"{path.name}: {len(pairs)} pairs, {dict(Counter(pair.label for pair in pairs))}")
    print(f"{'method':28} precision  recall(match)  recall(match+review)  related  different in review  false matches")
    for row in rows:
        recalls = f"{row.recall_match:14.3f} {row.recall:21.3f} {row.related_recall:8.3f}"
        failed = f"{row.different_in_review:20.3f} {row.false_matches:14d}"
        print(f"{row.method:28} {row.precision:9.3f} {recalls} {failed}")
    for kind, counts in kinds.items():
        print(f"  {kind:30} " + "  ".join(f"{zone} {counts.get(zone, 0):3d}" for zone in ("match", "review", "no")))
    if options.show:
        for pair, found in zip(pairs, comparisons, strict=True):
            wrong = (found.zone is Zone.MATCH) != (pair.label != "different") or (
                found.zone is Zone.MATCH and not is_right(pair, found)
            )
            if wrong:
                print(f"{pair.label} {pair.kind}: {pair.name_a} | {pair.name_b}\n    {found.zone}: {found.explanation}")
    if options.json:
        result = {"pairs": path.name, "rows": [asdict(row) for row in rows], "kinds": kinds}
        options.json.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
