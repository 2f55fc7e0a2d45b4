"""What a Chinese postcode tells: its first digits stand for a province, three or four for a prefecture."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from aoi.gazetteer import weights
from aoi.gazetteer.catalogue import Catalogue
from aoi.gazetteer.reading import Evidence
from aoi.gazetteer.tables import read_table

_CODE = re.compile(r"(?<![\d-])\d{6}(?![\d-])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Postcodes:
    """Places by the first digits of their postcodes."""

    provinces: Mapping[str, tuple[int, ...]]
    prefectures: Mapping[str, tuple[int, ...]]

    def evidence(self, text: str) -> list[Evidence]:
        """Return what the postcodes in a text say; nothing for numbers that are none of China's."""
        found: list[Evidence] = []
        for code in dict.fromkeys(_CODE.findall(text)):
            wide = self.provinces.get(code[:2])
            if wide:
                found.append(_says(code, wide, weights.POSTCODE_PROVINCE))
                near = self.prefectures.get(code[:4]) or self.prefectures.get(code[:3])
                if near:
                    found.append(_says(code, near, weights.POSTCODE_PREFECTURE))
        return found


def read_postcodes(catalogue: Catalogue) -> Postcodes:
    """Read the tables of first digits."""
    provinces: dict[str, tuple[int, ...]] = {}
    for row in read_table("provinces.csv"):
        for digits in row["postcodes"].split():
            provinces[digits] = (catalogue.by_id[row["code"]],)
    prefectures = {
        row["prefix"]: tuple(catalogue.by_id[code] for code in row["codes"].split())
        for row in read_table("postcodes.csv")
    }
    return Postcodes(provinces=provinces, prefectures=prefectures)


def _says(code: str, places: tuple[int, ...], worth: tuple[float, float]) -> Evidence:
    same, other = worth
    return Evidence(
        words=code, what=f"postcode {code}", by_place=dict.fromkeys(places, same), elsewhere=other, is_hint=True
    )  # fmt: skip
