"""A STAC catalogue as the source of a workspace."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import rasterio
from rasterio.warp import transform_bounds
from shapely.geometry import box, mapping

from flows.doctor import Level, examine
from flows.reading.sources import is_kept, make_source, stac_source
from flows.runs.run import run_workspace
from flows.settings.config import StacSettings, parse_config
from flows.settings.template import default_toml
from flows.settings.workspace import Workspace
from geo.cache import CachedSource
from geo.errors import ConfigError
from geo.sources.stac import PRESETS, StacSource

if TYPE_CHECKING:
    from tests.flows.conftest import Site

SOURCE = "[source]\nkind = 'stac'\n"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        pytest.param({}, "expected one of preset, url and path; got none", id="nowhere"),
        pytest.param({"url": "https://a.org", "path": "x"}, "got url and path", id="two-places"),
        pytest.param({"preset": "nasa"}, "source.preset: should be", id="unknown-preset"),
        pytest.param(
            {"path": "x", "max_cloud_share": 0.2},
            r"'max_cloud_share' in \[source\]; it belongs in \[scenes\]",
            id="moved",
        ),
        pytest.param({"path": "x", "retrys": 2}, "did you mean 'retries'", id="typo"),
    ],
)
def test_settings_that_cannot_be_are_refused(source: dict[str, object], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        parse_config({"source": {"kind": "stac", **source}}, name="sitewatch.toml")


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_can_be_named(name: str, tmp_path: Path) -> None:
    settings = StacSettings.model_validate({"preset": name, "collection": "other", "timeout_s": 7})
    options = stac_source(tmp_path, settings)._options
    assert (options.url, options.collection, options.timeout_s) == (PRESETS[name].url, "other", 7)
    assert options.token_url == PRESETS[name].token_url
    assert stac_source(tmp_path, StacSettings.model_validate({"preset": name}))._options.collection != ""


def test_the_printed_settings_show_how_to_use_a_catalogue() -> None:
    text = default_toml()
    assert '#kind = "stac"' in text
    assert '#preset = "earth-search"' in text


def catalogue(site: "Site") -> Path:
    """Turn the images of the site into single-band files with a STAC item beside each scene's."""
    root = site.root / "catalogue"
    for image in sorted(site.imagery.glob("*.tif")):
        folder = root / image.stem
        folder.mkdir(parents=True)
        with rasterio.open(image) as file:
            bounds = transform_bounds(file.crs, 4326, *file.bounds)
            bands = dict(zip(file.descriptions, file.read(), strict=True))
            profile = {**file.profile, "count": 1}
        for band, values in bands.items():
            with rasterio.open(folder / f"{band}.tif", "w", **profile) as file:
                file.write(values, 1)
        stamp = image.stem.split("_")[1]
        item = {
            "type": "Feature",
            "stac_version": "1.0.0",
            "id": image.stem,
            "geometry": mapping(box(*bounds)),
            "properties": {
                "datetime": f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:11]}:00:00Z",
                "platform": "sentinel-2a",
                "s2:processing_baseline": "03.00",
            },
            "assets": {band: {"href": f"./{band}.tif"} for band in bands},
        }
        (folder / "item.json").write_text(json.dumps(item), encoding="utf-8")
    return root


def test_a_catalogue_on_disk_gives_what_the_folder_gives(site: "Site") -> None:
    by_folder = run_workspace(site.root)
    catalogue(site)
    site.settings["source"] = {}
    site.configure(source={"kind": "stac", "path": "catalogue"})
    workspace = Workspace.open(site.root)
    assert isinstance(make_source(workspace), StacSource), "what lies on this disk is not kept twice"
    assert not is_kept(workspace)
    by_catalogue = run_workspace(site.root)
    kept = [
        {outcome.area_id: (outcome.outcome, outcome.statuses, outcome.looks) for outcome in report.outcomes}
        for report in (by_folder, by_catalogue)
    ]
    assert kept[0] == kept[1]
    findings = {finding.topic: finding for finding in examine(site.root)}
    assert findings["imagery"].level is Level.OK
    assert findings["imagery"].text.startswith("catalogue: 14 scenes, 7 dates")


@pytest.fixture
def remote(site: "Site") -> "Site":
    site.settings["source"] = {}
    site.configure(source={"kind": "stac", "url": "http://127.0.0.1:9/stac", "collection": "s2"})
    return site


def test_copies_made_with_another_limit_of_cloud_probability_are_kept_apart(remote: "Site") -> None:
    def variant(limit: float | None) -> str:
        remote.configure(**{"source.mask": {"cloud_probability_percent": limit} if limit else {}})
        source = make_source(Workspace.open(remote.root))
        assert isinstance(source, CachedSource)
        assert isinstance(source.inner, StacSource)
        assert source.inner._options.mask.cloud_probability_percent == limit
        return source._variant

    plain = variant(None)
    assert len({plain, variant(40), variant(60)}) == 3
    remote.settings["source.mask"] = {}
    assert variant(None) == plain, "and those made before are good again"


def test_the_doctor_asks_a_catalogue_only_if_told_to(remote: "Site") -> None:
    findings = {finding.topic: finding for finding in examine(remote.root)}
    assert findings["catalogue"].level is Level.OK
    assert "--online asks" in findings["catalogue"].text


@pytest.mark.enable_socket
@pytest.mark.allow_hosts(["127.0.0.1", "::1"])
def test_the_doctor_says_that_a_catalogue_does_not_answer(remote: "Site") -> None:
    findings = {finding.topic: finding for finding in examine(remote.root, online=True)}
    assert findings["catalogue"].level is Level.PROBLEM
    assert "http://127.0.0.1:9/stac: collection s2: no connection" in findings["catalogue"].text
