"""What each finding is worth: the table beside this module, or a team's own."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from math import log2
from pathlib import Path
from typing import Any

from geo.errors import ConfigError

_FLOOR = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """How often a finding is made in one firm's names (`m`), and in two firms' (`u`; 0: counted in the register)."""

    m: float
    u: float
    times: float = 1.0

    def bits(self, counted: float = 0.0) -> float:
        """Return the weight log2(m / u); `counted` stands in for a `u` of 0."""
        return log2(self.m / max(self.u or min(1.0, counted * self.times), _FLOOR))


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """All chances, the prior, the calibration and the zones."""

    version: str
    findings: Mapping[str, Mapping[str, Chance]]
    listed_share: float
    largest_pair: float
    offset: float
    slope: float
    match_from: float
    """Probability from which a pair is a match."""
    review_from: float
    """Probability from which a person should look."""
    sisters: Mapping[tuple[bool, bool], tuple[float, float]]
    """By whether place and industry agree: how often so in a sister firm (times sisters per match) and in the firm."""

    def sister_ratio(self, *, place: bool | None, industry: bool | None) -> float:
        """Return how much likelier a sister firm than the firm itself agrees so; None: not known whether it agrees."""
        fits = [
            chances
            for (of_place, of_industry), chances in self.sisters.items()
            if place in {None, of_place} and industry in {None, of_industry}
        ]
        return sum(sister for sister, _ in fits) / sum(own for _, own in fits)

    def bits(self, term: str, finding: str, counted: float = 0.0) -> float:
        """Return the weight of a finding in bits."""
        return self.findings[term][finding].bits(counted)

    def prior_bits(self, entities: int) -> float:
        """Return the log2 odds that a supplier and one of so many entities are one, before anything is compared."""
        chance = min(self.largest_pair, self.listed_share / max(entities, 1))
        return log2(chance / (1 - chance))

    def calibrated(self, *, offset: float, slope: float) -> "Weights":
        """Return the weights with another calibration."""
        return replace(self, offset=offset, slope=slope)


_TERMS = ("brand", "corps", "place", "industry", "tail", "form", "number", "registration", "relation")


@cache
def default_weights() -> Weights:
    """Return the weights that come with the package."""
    return _weights(tomllib.loads(files(__package__).joinpath("weights.toml").read_text(encoding="utf-8")))


def read_weights(path: Path) -> Weights:
    """Return a team's own weights.

    Raises:
        ConfigError: The file is no TOML, lacks a table, or holds a chance outside 0 to 1.
    """
    try:
        return _weights(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as a table of weights: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            f"{path}: expected the tables and keys of the weights that come with it; wrong: {error}"
        ) from error


def _weights(raw: Mapping[str, Any]) -> Weights:
    findings = {term: {name: _chance(term, name, spec) for name, spec in raw[term].items()} for term in _TERMS}
    zones = raw["zones"]
    if not 0 < zones["review_from"] <= zones["match_from"] <= 1:
        raise ValueError(f"zones: review_from must be above 0 and not above match_from; got {zones}")
    return Weights(
        version=str(raw["version"]),
        findings=findings,
        listed_share=float(raw["prior"]["listed_share"]),
        largest_pair=float(raw["prior"]["largest_pair"]),
        offset=float(raw["calibration"]["offset"]),
        slope=float(raw["calibration"]["slope"]),
        match_from=float(zones["match_from"]),
        review_from=float(zones["review_from"]),
        sisters=_sisters(raw["sister"]),
    )


def _sisters(raw: Mapping[str, Any]) -> dict[tuple[bool, bool], tuple[float, float]]:
    keys = ((first, second) for first in ("same", "other") for second in ("same", "other"))
    return {
        (first == "same", second == "same"): (
            float(raw["per_match"]) * float(raw[f"{first}_{second}"]["s"]),
            float(raw[f"{first}_{second}"]["m"]),
        )
        for first, second in keys
    }


def _chance(term: str, name: str, spec: Mapping[str, float]) -> Chance:
    chance = Chance(m=float(spec["m"]), u=float(spec["u"]), times=float(spec.get("times", 1.0)))
    if not (0 < chance.m <= 1 and 0 <= chance.u <= 1 and chance.times > 0):
        raise ValueError(f"{term}.{name}: m and u must lie in 0 to 1; got {dict(spec)}")
    return chance
