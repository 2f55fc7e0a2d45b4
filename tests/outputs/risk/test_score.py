"""Weights, factors and scores: hand-worked sums and the properties that they promise."""

from collections.abc import Sequence
from dataclasses import replace
from math import log10
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.errors import ConfigError
from outputs.risk.relations import MISSING_WORDS
from outputs.risk.score import Factor, Level, Missing, factor_of, interval, likelihood_of, points_of, score
from outputs.risk.weights import WEIGHTS_PATH, load_weights

WEIGHTS = load_weights()
KEYS = sorted(WEIGHTS.weights)


def factor(key: str, value: float, source: str) -> Factor:
    """Return one factor."""
    return factor_of(WEIGHTS.weights[key], value, subject_id="s", source=source, what=f"{key} of {source}")


def missing(*keys: str) -> tuple[Missing, ...]:
    """Return what is missing."""
    return tuple(Missing(key=key, what=MISSING_WORDS[key]) for key in keys)


FACTORS = st.lists(
    st.builds(factor, st.sampled_from(KEYS), st.floats(0, 1), st.sampled_from(["list A", "list B", "own", "table"])),
    max_size=7,
)
LACKS = st.sets(st.sampled_from(sorted(MISSING_WORDS))).map(lambda keys: missing(*sorted(keys)))


def test_independent_sources_combine_and_one_source_counts_once() -> None:
    factors = [
        factor("region_facility", 0.95, "list"),  # 0.8 · 0.95 = 0.76
        factor("region_input_stated", 0.5, "list"),  # 0.8 · 0.5 = 0.40: weaker, same source
        factor("listed_import_ban", 0.6, "ban"),  # 0.95 · 0.6 = 0.57
    ]
    found = score(factors, (), WEIGHTS)
    assert found.likelihood == pytest.approx(1 - (1 - 0.76) * (1 - 0.57))
    assert found.score == pytest.approx(-10 * log10(0.24) - 10 * log10(0.43), abs=1e-3)
    assert [line.counts for line in found.lines] == [True, True, False]
    without = {line.factor.key: line.score_without for line in found.lines}
    assert without["region_facility"] == pytest.approx(-10 * log10(0.6) - 10 * log10(0.43), abs=1e-3)
    assert without["region_input_stated"] == pytest.approx(found.score)


def test_points_and_likelihoods_say_the_same() -> None:
    assert points_of(0.9) == pytest.approx(10)
    assert points_of(0.0) == 0
    assert likelihood_of(points_of(0.3) + points_of(0.5)) == pytest.approx(1 - 0.7 * 0.5)


@given(factors=FACTORS, more=st.builds(factor, st.sampled_from(KEYS), st.floats(0, 1), st.just("new")), lacks=LACKS)
def test_more_evidence_never_lowers(factors: Sequence[Factor], more: Factor, lacks: tuple[Missing, ...]) -> None:
    before, after = score(factors, lacks, WEIGHTS), score([*factors, more], lacks, WEIGHTS)
    assert after.score >= before.score - 1e-9
    assert after.likelihood_low >= before.likelihood_low - 1e-9
    assert after.likelihood_high >= before.likelihood_high - 1e-9
    assert after.severity >= before.severity


@given(factors=FACTORS, lacks=LACKS, data=st.data())
def test_a_stronger_factor_never_lowers(factors: list[Factor], lacks: tuple[Missing, ...], data: st.DataObject) -> None:
    if not factors:
        return
    number = data.draw(st.integers(0, len(factors) - 1))
    stronger = data.draw(st.floats(factors[number].value, 1))
    raised = [*factors]
    raised[number] = factor(factors[number].key, stronger, factors[number].source)
    assert score(raised, lacks, WEIGHTS).score >= score(factors, lacks, WEIGHTS).score - 1e-9


@given(factors=FACTORS, lacks=LACKS)
def test_removing_a_factor_gives_the_score_without_it(factors: list[Factor], lacks: tuple[Missing, ...]) -> None:
    distinct = [replace(one, object_id=str(number)) for number, one in enumerate(factors)]
    found = score(distinct, lacks, WEIGHTS)
    for line in found.lines:
        rest = score([one for one in distinct if one is not line.factor], lacks, WEIGHTS)
        assert line.score_without == pytest.approx(rest.score, abs=1e-3)
        assert line.level_without == rest.level


@given(factors=FACTORS, lacks=LACKS, key=st.sampled_from(sorted(MISSING_WORDS)))
def test_what_is_missing_lowers_completeness_and_never_the_risk(
    factors: list[Factor], lacks: tuple[Missing, ...], key: str
) -> None:
    fewer = tuple(one for one in lacks if one.key != key)
    known, unknown = score(factors, fewer, WEIGHTS), score(factors, (*fewer, *missing(key)), WEIGHTS)
    assert unknown.completeness < known.completeness
    assert unknown.score == known.score
    assert unknown.likelihood_low == known.likelihood_low
    assert unknown.likelihood_high >= known.likelihood_high


@given(factors=FACTORS, lacks=LACKS)
def test_intervals_hold_the_likelihood(factors: list[Factor], lacks: tuple[Missing, ...]) -> None:
    found = score(factors, lacks, WEIGHTS)
    assert 0 <= found.likelihood_low <= found.likelihood <= found.likelihood_high <= 1


def test_nothing_found_is_never_clear_and_little_known_is_not_assessable() -> None:
    assert score([], (), WEIGHTS).level is Level.NONE_FOUND
    assert score([], missing("place", "materials", "upstream", "lists"), WEIGHTS).level is Level.NOT_ASSESSABLE
    assert score([], missing("place", "materials", "upstream", "lists"), WEIGHTS).likelihood_high > 0.5
    assert "clear" not in {level.value for level in Level}


def test_a_probability_of_nothing_has_no_interval_and_a_sure_one_leaves_room_below() -> None:
    assert interval(0.0, 1.0) == (0.0, 0.0)
    low, high = interval(0.5, 1.0)
    assert low == pytest.approx(1 / (1 + 2.718281828))
    assert high == pytest.approx(2.718281828 / 3.718281828)
    assert interval(1.0, 1.0)[1] == 1.0


def own_file(tmp_path: Path, text: str) -> Path:
    """Write a file of weights."""
    path = tmp_path / "own.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_team_can_change_one_weight_and_keeps_the_rest(tmp_path: Path) -> None:
    own = load_weights(own_file(tmp_path, 'version = "team-1"\n[weights.region_facility]\nweight = 0.5\n'))
    assert own.version == "team-1"
    assert own.sha256 != WEIGHTS.sha256
    assert own.weights["region_facility"].weight == 0.5
    assert own.weights["region_facility"].severity == WEIGHTS.weights["region_facility"].severity
    assert own.weights["near_site"] == WEIGHTS.weights["near_site"]
    assert "team-1" in own.label


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[levels]\nhigh = 0.5\n", "expected a version"),
        ('version = "1"\n[leves]\nhigh = 0.5\n', "leves is not known"),
        ('version = "1"\n[levels]\nhi = 0.5\n', "[levels] has hi"),
        ('version = "1"\n[levels]\nhigh = 1.5\n', "levels.high must be a number of 0 to 1; got 1.5"),
        ('version = "1"\n[weights.near_site]\nseverity = 9\n', "severity must be"),
        ('version = "1"\n[weights.near_site]\nconfidence = "sure"\n', "confidence must be among high, medium, low"),
        ('version = "1"\nlevels = 3\n', "levels must be a table"),
        ("version = ", "is not TOML"),
    ],
    ids=["no version", "unknown table", "unknown name", "too much", "severity", "confidence", "no table", "no TOML"],
)
def test_wrong_weights_are_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_weights(own_file(tmp_path, text))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "own.toml" in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read"):
        load_weights(tmp_path / "none.toml")


def test_the_file_of_the_package_stands_by_itself() -> None:
    assert load_weights(WEIGHTS_PATH).weights == WEIGHTS.weights
    assert all(0 <= one.weight <= 1 and one.clears for one in WEIGHTS.weights.values())


@pytest.mark.parametrize(
    ("text", "products"),
    [
        ("Cotton yarn 32s", {"cotton"}),
        ("棉纱", {"cotton"}),
        ("Aluminum frames", {"aluminium"}),
        ("photovoltaic modules", {"polysilicon"}),
        ("Scottonish tartan", set()),
        ("plastic toys", set()),
        ("PVC flooring", {"pvc"}),
    ],
)
def test_products_are_found_as_words(text: str, products: set[str]) -> None:
    assert {key for key, one in WEIGHTS.products.items() if one.pattern.search(text)} == products


def test_each_share_of_the_products_table_has_its_source_and_year() -> None:
    for product in WEIGHTS.products.values():
        assert product.sector
        assert product.hs
        if product.share is not None:
            assert product.source
            assert product.of
            assert product.year
            assert 0 < product.share <= 1
