"""The matcher's peer splink 5, given the same parsed columns: a general engine on structured names."""

import logging
from collections.abc import Iterable
from importlib import import_module
from typing import Any

import pandas as pd

from benchmarks.matching_register import Register
from outputs.matching import NameParts, PlaceWords, parse_name
from outputs.matching.match import gazetteer_words


def _columns(row_id: str, firm_id: str, name: NameParts) -> dict[str, str | None]:
    path = min(name.paths, key=len, default="")
    steps = path.split("/")
    return {
        "unique_id": row_id,
        "firm_id": firm_id,
        "brand": name.sounds[0] if name.sounds else None,
        "province": steps[1] if len(steps) > 1 else None,
        "place": path or None,
        "industry": "|".join(sorted(name.industries)) or None,
        "form": name.form or None,
    }


def _table(firms: Iterable[tuple[str, tuple[str, ...]]], words: PlaceWords) -> pd.DataFrame:
    return pd.DataFrame(
        [
            _columns(f"{firm_id}-{number}", firm_id, parse_name(name, words))
            for firm_id, names in firms
            for number, name in enumerate(names)
        ]
    )


def splink_pairs(register: Register) -> dict[str, set[tuple[str, str]]]:
    """Link the parsed names with splink 5 (expectation maximisation, term frequencies on the brand).

    Raises:
        ModuleNotFoundError: splink is not installed.
    """
    splink: Any = import_module("splink")  # a peer of the extra `bench`, and untyped
    cl: Any = import_module("splink.comparison_library")
    block_on = splink.block_on
    logging.getLogger("splink").setLevel(logging.ERROR)
    words = gazetteer_words()
    tables = [
        _table(((supplier.supplier_id, supplier.names) for supplier in register.suppliers), words),
        _table(((entity.entity_id, entity.names) for entity in register.entities), words),
    ]
    api = splink.DuckDBAPI()
    frames = [api.register(table, dataset_display_name=name) for table, name in zip(tables, "ab", strict=True)]
    settings = splink.SettingsCreator(
        link_type="link_only",
        comparisons=[
            cl.JaroWinklerAtThresholds("brand", [0.92, 0.85]).configure(term_frequency_adjustments=True),
            cl.ExactMatch("place"),
            cl.ExactMatch("province"),
            cl.ExactMatch("industry").configure(term_frequency_adjustments=True),
            cl.ExactMatch("form"),
        ],
        blocking_rules_to_generate_predictions=[
            block_on("brand"),
            block_on("substr(brand, 1, 4)", "province", "industry"),
        ],
        additional_columns_to_retain=["firm_id"],
        probability_two_random_records_match=1 / (2 * len(register.entities)),
    )
    linker = splink.Linker(frames, settings, log_level=logging.ERROR)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6)
    linker.training.estimate_parameters_using_expectation_maximisation(block_on("brand"))
    linker.training.estimate_parameters_using_expectation_maximisation(block_on("place", "industry"))
    found = linker.inference.predict(threshold_match_probability=0.5).as_pandas_dataframe()
    return {
        f"splink 5, parsed names, p >= {threshold}": {
            (left, right) if left.startswith("s") else (right, left)
            for left, right in zip(
                found.loc[found.match_probability >= threshold, "firm_id_l"],
                found.loc[found.match_probability >= threshold, "firm_id_r"],
                strict=True,
            )
        }
        for threshold in (0.5, 0.9)
    }
