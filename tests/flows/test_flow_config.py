"""Settings are refused with a reason, and the default file explains itself."""

import re
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.settings.config import Config, FolderSettings, GridSettings, LimitSettings, load_config, parse_config
from flows.settings.template import default_toml
from geo.errors import ConfigError


def reading(text: str, tmp_path: Path) -> Config:
    path = tmp_path / "sitewatch.toml"
    path.write_text(text, encoding="utf-8")
    return load_config(path)


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    assert reading("", tmp_path) == Config()


def test_the_printed_default_reads_back_as_the_default(tmp_path: Path) -> None:
    assert reading(default_toml(), tmp_path) == Config()


@given(
    pixel_m=st.floats(0.1, 100),
    workers=st.integers(1, 64),
    path=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1),
)
def test_any_settings_printed_read_back_as_they_were(pixel_m: float, workers: int, path: str) -> None:
    config = Config(
        source=FolderSettings(path=path), grid=GridSettings(pixel_m=pixel_m), limits=LimitSettings(workers=workers)
    )
    assert parse_config(tomllib.loads(default_toml(config)), name="x") == config


def test_every_key_of_the_default_file_is_explained() -> None:
    lines = default_toml().splitlines()
    for above, line in pairwise(lines):
        if re.match(r"#?\w+ = ", line):
            assert above.startswith("# "), line


def test_a_default_is_not_pinned_by_the_file_and_what_was_chosen_is(tmp_path: Path) -> None:
    text = default_toml(Config(grid=GridSettings(pixel_m=20.0)))
    assert "\npixel_m = 20.0\n" in text
    assert "\n#margin_m = " in text
    assert set(tomllib.loads(text)["grid"]) == {"pixel_m"}
    blocks = [block for block in default_toml().split("\n\n") if "#[" not in block]
    opened = re.sub(r"(?m)^#(?=\w+ = )", "", "\n\n".join(blocks))
    assert reading(opened, tmp_path) == Config(), "with every # taken away the same settings stand there"


def test_the_default_file_keeps_lines_short() -> None:
    assert max(map(len, default_toml().splitlines())) <= 120


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("[grid]\npixl_m = 10", "unknown key 'pixl_m' in [grid]; did you mean 'pixel_m'?", id="typo"),
        pytest.param("[gird]\npixel_m = 10", "unknown key 'gird'; did you mean 'grid'?", id="typo-in-section"),
        pytest.param(
            "[detection.looks]\nmin_clear_shar = 0.1",
            "unknown key 'min_clear_shar' in [detection.looks]; did you mean 'min_clear_share'?",
            id="typo-deep-inside",
        ),
        pytest.param("[grid]\nzzz = 10", "expected one of: pixel_m, margin_m", id="nothing-near"),
        pytest.param(
            "[grid]\npixel_m = -1", "grid.pixel_m: should be greater than or equal to 0.1; got -1", id="range"
        ),
        pytest.param("[grid]\npixel_m = 'ten'", "grid.pixel_m: should be a valid number", id="kind"),
        pytest.param("[source]\nkind = 'foldr'", "source.kind: expected one of: folder", id="source-kind"),
        pytest.param("[source]\npath = 'x'", "source.kind: expected one of: folder", id="no-source-kind"),
        pytest.param("[source]\nkind = 'folder'", "source.path: a value is needed", id="missing"),
        pytest.param(
            "[source]\nkind = 'folder'\npath = 'x'\ncredti = 'y'",
            "unknown key 'credti' in [source]; did you mean 'credit'?",
            id="typo-in-source",
        ),
        pytest.param("[period]\nfirst = '2017-13-01'", "period.first: should be a valid date", id="date"),
        pytest.param(
            "[period]\nfirst = 2018-01-01\nlast = 2017-01-01", "must not be later than last", id="period-backwards"
        ),
        pytest.param("[detection]\ngrow_z = 9.0", "grow_z must lie above 0", id="detection-refuses"),
        pytest.param("[join]\nnear_m = 1.0", "expansion_m <= near_m is needed", id="join-refuses"),
        pytest.param("[grid\n", "expected TOML", id="no-toml"),
        pytest.param("[grid]\npixel_m = -1\nmargin_m = -1", "(and 1 more)", id="several"),
    ],
)
def test_a_wrong_setting_is_refused_with_file_key_and_what_was_expected(
    text: str, expected: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        reading(text, tmp_path)
    assert expected in str(caught.value)
    assert "sitewatch.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_config(tmp_path / "sitewatch.toml")
