"""What the evidence weighs, and which goods come from the region: two readable files, checked when they are read."""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from geo.errors import ConfigError

WEIGHTS_PATH = Path(__file__).with_name("weights.toml")
PRODUCTS_PATH = Path(__file__).with_name("products.toml")
MOST_SEVERE = 4


class Category(StrEnum):
    """How a supplier has to do with the region, in the categories of due diligence."""

    REGION_FACILITY = "region_facility"
    REGION_AFFILIATE = "region_affiliate"
    LISTED_ENTITY = "listed_entity"
    REGION_INPUT = "region_input"
    ADJACENT_SITE = "adjacent_site"
    NONE_FOUND = "none_found"
    """Looked for and not found; it never means that there is nothing."""


CATEGORY_WORDS: Mapping[str, str] = {
    Category.REGION_FACILITY: "Facility in the region",
    Category.REGION_AFFILIATE: "Subsidiary or parent in the region",
    Category.LISTED_ENTITY: "Listed entity or labour-transfer participant",
    Category.REGION_INPUT: "Inputs sourced from the region",
    Category.ADJACENT_SITE: "In or near a flagged site",
    Category.NONE_FOUND: "None found (which does not mean that there is none)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """What one kind of evidence weighs."""

    key: str
    category: Category
    what: str
    weight: float
    """0 to 1: how probable exposure is if the evidence holds."""
    severity: int
    """1 to 4."""
    half_width: float
    """Of the interval of a probability of this kind, in natural log-odds."""
    confidence: str
    clears: tuple[str, ...]
    """Documents that would settle it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """Goods whose raw material comes from the region."""

    key: str
    name: str
    pattern: re.Pattern[str]
    hs: tuple[str, ...]
    share: float | None
    """Of `of`, 0 to 1; None where the table knows no source for one."""
    of: str
    year: int | None
    source: str
    sector: str
    """Which authority inspects it first, and since when."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """All that a team may change."""

    version: str
    sha256: str
    """Of the file, hexadecimal."""
    weights: Mapping[str, Weight]
    levels: Mapping[str, float]
    links: Mapping[str, float]
    delisted: float
    completeness: Mapping[str, float]
    missing: Mapping[str, float]
    """How probable at most, 0 to 1, that what is missing would speak for exposure."""
    most_exposed: float
    """Diversification target, 0 to 1."""
    region_name: str
    region_country: str
    region_codes: tuple[str, ...]
    region_words: re.Pattern[str]
    products: Mapping[str, Product]
    products_version: str
    products_sha256: str

    @property
    def label(self) -> str:
        """The version as outputs carry it."""
        return f"{self.version} ({self.sha256[:12]})"


def load_weights(path: Path | None = None) -> Weights:
    """Return the weights of the file at `path`, by default those that come with the package.

    A file of a team may leave out whole tables: what it does not name keeps the package's value.

    Raises:
        ConfigError: The file is missing, no TOML, or has a name or value that is not understood.

    """
    own = _read(path or WEIGHTS_PATH)
    base = _read(WEIGHTS_PATH)
    where = str(path or WEIGHTS_PATH.name)
    _check_names(own, base, where)
    merged = _merged(base, own)
    products = _read(PRODUCTS_PATH)
    confidence = {name: _number(merged, ("confidence", name), where, most=20) for name in base["confidence"]}
    return Weights(
        version=str(merged["version"]),
        sha256=_sha256(path or WEIGHTS_PATH),
        weights={key: _weight(key, table, confidence, where) for key, table in merged["weights"].items()},
        levels={name: _number(merged, ("levels", name), where) for name in base["levels"]},
        links={name: _number(merged, ("links", name), where, most=100) for name in base["links"]},
        delisted=_number(merged, ("dates", "delisted"), where),
        completeness={name: _number(merged, ("completeness", name), where, most=1e6) for name in base["completeness"]},
        missing={name: _number(merged, ("missing", name), where) for name in base["missing"]},
        most_exposed=_number(merged, ("portfolio", "most_exposed"), where),
        region_name=str(merged["region"]["name"]),
        region_country=str(merged["region"]["country"]),
        region_codes=tuple(map(str, merged["region"]["codes"])),
        region_words=words_pattern(merged["region"]["words"]),
        products={key: _product(key, table) for key, table in products["product"].items()},
        products_version=str(products["version"]),
        products_sha256=_sha256(PRODUCTS_PATH),
    )


def words_pattern(words: "list[str]") -> re.Pattern[str]:
    """Return a pattern that finds any of the words: Latin ones alone, those of other scripts anywhere."""
    parts = [rf"(?<![a-z0-9]){re.escape(word)}(?![a-z0-9])" if word.isascii() else re.escape(word) for word in words]
    return re.compile("|".join(sorted(parts, key=len, reverse=True)), re.IGNORECASE)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # of decoding and of TOML
        raise ConfigError(f"{path}: is not TOML: {error}") from error


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _check_names(own: Mapping[str, Any], base: Mapping[str, Any], where: str) -> None:
    if "version" not in own:
        raise ConfigError(f"{where}: expected a version, so that outputs can say which weights were used")
    for name, value in own.items():
        if name not in base:
            raise ConfigError(f"{where}: {name} is not known; expected {', '.join(base)}")
        if isinstance(base[name], dict) != isinstance(value, dict):
            raise ConfigError(f"{where}: {name} must be a {'table' if isinstance(base[name], dict) else 'text'}")
        strange = sorted(set(value) - set(base[name])) if isinstance(value, dict) else []
        if strange:
            raise ConfigError(f"{where}: [{name}] has {', '.join(strange)}; expected {', '.join(base[name])}")


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _merged(value, own[name]) if isinstance(value, dict) and name in own else own.get(name, value)
        for name, value in base.items()
    }


def _number(tree: Mapping[str, Any], names: tuple[str, ...], where: str, *, most: float = 1.0) -> float:
    value: Any = tree
    for name in names:
        value = value[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise ConfigError(f"{where}: {'.'.join(names)} must be a number of 0 to {most:g}; got {value!r}")
    return float(value)


def _weight(key: str, table: Mapping[str, Any], confidence: Mapping[str, float], where: str) -> Weight:
    name = f"weights.{key}"
    severity = _number({name: table}, (name, "severity"), where, most=MOST_SEVERE)
    if severity != int(severity) or severity < 1:
        raise ConfigError(f"{where}: {name}.severity must be 1, 2, 3 or 4; got {severity:g}")
    if table["category"] not in set(Category):
        raise ConfigError(f"{where}: {name}.category must be among {', '.join(Category)}; got {table['category']!r}")
    if table["confidence"] not in confidence:
        expected = ", ".join(confidence)
        raise ConfigError(f"{where}: {name}.confidence must be among {expected}; got {table['confidence']!r}")
    return Weight(
        key=key,
        category=Category(table["category"]),
        what=str(table["what"]),
        weight=_number({name: table}, (name, "weight"), where),
        severity=int(severity),
        half_width=confidence[table["confidence"]],
        confidence=str(table["confidence"]),
        clears=tuple(map(str, table["clears"])),
    )


def _product(key: str, table: Mapping[str, Any]) -> Product:
    return Product(
        key=key,
        name=table["name"],
        pattern=words_pattern(table["words"]),
        hs=tuple(table["hs"]),
        share=table.get("share"),
        of=table.get("of", ""),
        year=table.get("year"),
        source=table.get("source", ""),
        sector=table["sector"],
    )
