"""The settings of a workspace: read from `sitewatch.toml`, checked once, and printed with their explanations."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from detection.monitoring.screen import ScreenParams
from detection.params import DetectParams
from flows.settings.keep import KeepSettings
from flows.settings.scale import ScaleSettings
from flows.settings.section import Section
from geo.choice import ChoiceParams
from geo.errors import ConfigError
from geo.masks import MaskParams
from geo.persistence import PersistenceParams
from geo.sources.sentinelhub.options import CollectionId
from outputs.risk.join import JoinParams

CONFIG_NAME = "sitewatch.toml"


class WorkspaceSettings(Section):
    """Which files to work on. Paths are relative to this file."""

    areas: str = Field(default="areas.geojson", min_length=1)
    """The areas to watch: a vector file with one polygon an area, its id and its name."""
    facilities: str = "facilities.geojson"
    """The places that are known, to which detections are joined: a vector file of points or polygons with an id,
    a name and a kind (camp, prison, factory, industrial_park, other); empty: none are known."""
    runs: str = Field(default="runs", min_length=1)
    """Where each finished run gets a folder of its own."""


class FolderSettings(Section):
    """Imagery: the files of a folder."""

    kind: Literal["folder"] = "folder"
    """A folder of GeoTIFF or JPEG 2000 files whose names carry the date of the acquisition."""
    path: str = Field(min_length=1)
    """The folder, relative to this file or absolute; it is only read."""
    credit: str = ""
    """The line that every product must carry, `{years}` standing for the scenes' years; empty: that of Copernicus."""
    mask: MaskParams = MaskParams()
    """What the classification layer must say for the ground to count as clearly seen."""


class SimulatedSettings(Section):
    """Imagery: simulated, with a known truth, to try everything without an account."""

    kind: Literal["simulated"] = "simulated"
    """Drawn, not observed: every product made from it says so."""
    scenario: str = Field(default="demo", min_length=1)
    """Which story is told."""
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    """Another number draws other noise and other clouds."""


class SentinelHubSettings(Section):
    """Imagery: by account from a Sentinel Hub service."""

    kind: Literal["sentinelhub"] = "sentinelhub"
    """The account's SH_CLIENT_ID and SH_CLIENT_SECRET are taken from the environment; `sitewatch plan` says what a run
    would cost."""
    provider: Literal["copernicus", "commercial"] = "copernicus"
    """The Copernicus Data Space (free within limits), or the commercial service."""
    collection: CollectionId = "sentinel-2-l2a"
    """Optical reflectance, or terrain-corrected radar backscatter, for the section `radar`."""
    credentials_file: str = ""
    """Instead of the environment: a file with the lines SH_CLIENT_ID=... and SH_CLIENT_SECRET=..., outside this
    workspace and readable by its owner alone."""
    account_folder: str = "state/accounts"
    """Where it is counted how often the account is asked and what it spends: name one folder in all workspaces that
    use the same account."""
    base_url: str = ""
    """Another address of the service; empty: the provider's own."""
    token_url: str = ""
    """Another address for tokens; empty: the provider's own."""
    requests_per_minute: int = Field(default=300, ge=1, le=100_000)
    """What the account allows."""
    units_per_minute: float = Field(default=300.0, gt=0, le=1_000_000)
    """Processing units that the account allows."""
    attempts: int = Field(default=5, ge=1, le=20)
    """How often to ask when there is no proper answer, with growing pauses."""
    answer_timeout_s: float = Field(default=180.0, gt=0, le=3_600)
    """How long an answer may take, to its last byte."""
    connections: int = Field(default=4, ge=1, le=32)
    """How many requests for pixels are under way at the same time, within what the account allows."""
    mask: MaskParams = MaskParams()
    """What the classification layer must say for the ground to count as clearly seen."""


class StacSettings(Section):
    """Imagery: what a STAC catalogue lists, on the web or on disk."""

    kind: Literal["stac"] = "stac"
    """GeoTIFF or JPEG 2000 files, of which only what lies over an area is fetched. One of preset, url and path says
    where the catalogue is."""
    preset: Literal["", "earth-search", "planetary-computer", "copernicus"] = ""
    """A catalogue that is known. The first two are open to everybody; copernicus needs the S3 keys of an account in
    AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."""
    url: str = ""
    """Another STAC API, or a static catalogue (catalog.json), on the web."""
    path: str = ""
    """A catalogue on disk, relative to this file or absolute: a catalog.json, an item, an ItemCollection, or a folder
    with items anywhere below. A copy that lies beside its item counts, even if the item names an address on the web."""
    collection: str = ""
    """Which collection of the catalogue; empty: the preset's own, or all of a static catalogue."""
    credit: str = ""
    """The line that every product must carry, `{years}` standing for the scenes' years; empty: that of Copernicus."""
    timeout_s: float = Field(default=30.0, ge=1, le=600)
    """How long to wait for a connection, an answer, or the next bytes of a file."""
    retries: int = Field(default=4, ge=0, le=20)
    """How often to ask again, with growing pauses, after an answer that may be better next time."""
    connections: int = Field(default=4, ge=1, le=32)
    """How many bands of a scene are read at the same time."""
    mask: MaskParams = MaskParams()
    """What the classification layer must say for the ground to count as clearly seen."""

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        given = [name for name in ("preset", "url", "path") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(f"expected one of preset, url and path; got {' and '.join(given) or 'none'}")
        return self


class SimulatedRadarSettings(SimulatedSettings):
    """Radar: simulated, of the same made-up places as the simulated imagery of that name and seed."""


class SentinelHubRadarSettings(SentinelHubSettings):
    """Radar: by account from a Sentinel Hub service."""

    collection: Literal["sentinel-1-grd"] = "sentinel-1-grd"
    """Terrain-corrected radar backscatter."""


SourceSettings = Annotated[
    FolderSettings | SimulatedSettings | SentinelHubSettings | StacSettings, Field(discriminator="kind")
]
RadarSettings = Annotated[
    FolderSettings | SimulatedRadarSettings | SentinelHubRadarSettings | StacSettings, Field(discriminator="kind")
]
HOW_NOT_WHAT = frozenset(
    {
        "path",
        "credentials_file",
        "account_folder",
        "base_url",
        "token_url",
        "requests_per_minute",
        "units_per_minute",
        "attempts",
        "answer_timeout_s",
        "timeout_s",
        "retries",
        "connections",
    }
)
"""Settings of a source that change no pixel: products are not made again for them."""


class NightLightSettings(Section):
    """Monthly composites of night light, a further witness where a known place was opened."""

    path: str = ""
    """A folder of GeoTIFF files of radiance, one a month, whose names carry it (2020-01); empty: there are none."""
    credit: str = ""
    """The line that dossiers carry for them."""


class PeriodSettings(Section):
    """Which acquisitions to look at. An area's own `since` may shorten it."""

    first: date | None = None
    """The first day, as 2017-01-31; without it, everything from the oldest on."""
    last: date | None = None
    """The last day; without it, everything up to the newest."""

    @model_validator(mode="after")
    def _runs_forward(self) -> Self:
        if self.first and self.last and self.first > self.last:
            raise ValueError(f"first ({self.first}) must not be later than last ({self.last})")
        return self


class GridSettings(Section):
    """The pixels that all acquisitions of an area are brought onto."""

    pixel_m: float = Field(default=10.0, ge=0.1, le=100)
    """Side of a pixel in metres: 10 for Sentinel-2."""
    margin_m: float = Field(default=300.0, ge=0, le=10_000)
    """How far around an area to read, in metres: what counts as unchanged is learnt from the surroundings."""


class CacheSettings(Section):
    """Copies of what was read, so that no provider is asked for the same scene twice; see `sitewatch imagery`."""

    enabled: Literal["auto", True, False] = "auto"
    """`auto` keeps imagery from the network, not what lies on this disk or is simulated; true or false: all or none."""
    path: str = Field(default="imagery", min_length=1)
    """The folder of the copies, relative to this file or absolute."""


class LimitSettings(Section):
    """What a run may use."""

    memory_mb: int = Field(default=2_000, ge=100, le=1_000_000)
    """Memory for one area, in MB: one that would need more is refused before its imagery is read."""
    workers: int = Field(default=1, ge=1, le=64)
    """How many areas are worked on at the same time, each in a process with that much memory."""
    pictures: int = Field(default=50, ge=0, le=10_000)
    """How many pictures to draw of one area: confirmed detections first, then the most confident."""


class ProductSettings(Section):
    """What is made beside tables and pictures."""

    rasters: bool = True
    """Maps of each area as cloud-optimised GeoTIFFs: before, after, change magnitude, onset date, clear looks."""
    timelapses: tuple[Literal["webp", "gif", "mp4"], ...] = ("webp",)
    """As what the time-lapse of each pictured detection is written; mp4 needs the program ffmpeg. Empty: not at all."""


class StoreSettings(Section):
    """The record of all runs, detections, their history and verdicts."""

    url: str = ""
    """A database such as `postgresql://host/name` that a team shares; empty: the file store.sqlite beside this file.
    One with a password belongs into the environment, as SITEWATCH_STORE_URL, not here."""

    @field_validator("url")
    @classmethod
    def _without_password(cls, url: str) -> str:
        if re.search(r"://[^/@]*:[^/@]*@", url):
            raise ValueError("a URL with a password belongs into the environment, as SITEWATCH_STORE_URL")
        return url


class PublishSettings(Section):
    """Releases: what each audience may know of them, for every `sitewatch publish` that does not say otherwise."""

    policies: str = ""
    """A TOML file of policies, one table an audience: they change public and partner, or add to them."""
    protected: str = ""
    """A vector file of places that must not appear in a release, or whose pictures must not."""


class BudgetSettings(Section):
    """What may be spent a month (UTC) on imagery by account: `sitewatch run` does not start what would exceed it."""

    processing_units: float = Field(default=10_000.0, ge=0)
    """10 000 are free at the Copernicus Data Space."""
    requests: int = Field(default=10_000, ge=0)
    """10 000 are free at the Copernicus Data Space."""


class ScheduleSettings(Section):
    """When areas are watched by `sitewatch serve` or a Prefect server. All times are UTC."""

    name: str = Field(default="", max_length=60, pattern=r"^[A-Za-z0-9 _.-]*$")
    """What its deployments are called by on a Prefect server that it shares; empty: as this folder is."""
    cadence: str = Field(default="daily", min_length=1, max_length=100)
    """Of areas whose property `cadence` is empty: "daily", "weekly", "monthly", "every 6 hours", "every 3 days",
    "on new imagery", or five cron fields such as "0 6 * * 1"."""
    hour: int = Field(default=2, ge=0, le=23)
    """At which hour "daily", "weekly" (Mondays), "monthly" (the first) and "every 3 days" start. Two cadences never
    start in the same minute, unless their cron fields say so."""
    poll_hours: int = Field(default=6, ge=1, le=168)
    """After how many hours "on new imagery" searches again. A search is all that an area costs that shows nothing
    new."""
    grace_minutes: float = Field(default=120.0, ge=0.1, le=20_160)
    """How long after its time a start may be missing before `sitewatch schedule check` alarms."""
    longest_hours: float = Field(default=24.0, gt=0, le=1_000)
    """How long a run may be at work before `sitewatch schedule check` alarms."""
    wait_minutes: float = Field(default=60.0, ge=0, le=1_440)
    """How long a scheduled run waits for another run of the workspace to end before it is skipped."""
    pictures: int = Field(default=6, ge=0, le=50)
    """How many pictures each run shows in Prefect's pages; they are kept in the Prefect server's database."""


class Config(Section):
    """All settings of a workspace."""

    workspace: WorkspaceSettings = WorkspaceSettings()
    source: SourceSettings = SimulatedSettings()
    radar: RadarSettings | None = None
    """Radar (Sentinel-1) read beside it, as a second witness of each change; without this section there is none."""
    nightlight: NightLightSettings = NightLightSettings()
    period: PeriodSettings = PeriodSettings()
    scenes: ChoiceParams = ChoiceParams()
    """Which of the scenes found are read. The others are listed, with the reason, as looks that did not count."""
    cache: CacheSettings = CacheSettings()
    grid: GridSettings = GridSettings()
    persistence: PersistenceParams = PersistenceParams()
    """Which bright surfaces that were masked as clouds are unmasked."""
    detection: DetectParams = DetectParams()
    """What counts as a change."""
    monitor: ScreenParams = ScreenParams()
    """Whether a new date of a quiet area is screened by itself, before all dates are looked at together."""
    join: JoinParams = JoinParams()
    """How detections are joined to known facilities."""
    limits: LimitSettings = LimitSettings()
    products: ProductSettings = ProductSettings()
    budget: BudgetSettings = BudgetSettings()
    store: StoreSettings = StoreSettings()
    keep: KeepSettings = KeepSettings()
    publish: PublishSettings = PublishSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    scale: ScaleSettings = ScaleSettings()


def load_config(path: Path) -> Config:
    """Return the settings written in `path`.

    Raises:
        ConfigError: There is no such file, it is no TOML, or a setting is unknown or out of range; the message
            names the file, the key, and what was expected.

    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file; `sitewatch init` makes a workspace") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: expected TOML: {error}") from error
    return parse_config(document, name=str(path))


def parse_config(document: Mapping[str, Any], *, name: str) -> Config:
    """Return the settings of a TOML document that was read from the file called `name`.

    Raises:
        ConfigError: As for `load_config`.

    """
    try:
        return Config.model_validate(document)
    except ValidationError as error:
        first, *others = (_explain(dict(item)) for item in error.errors(include_url=False))
        more = f" (and {len(others)} more)" if others else ""
        raise ConfigError(f"{name}: {first}{more}") from error


def _explain(item: Mapping[str, Any]) -> str:
    """Turn one finding of pydantic into: key, what was expected, what came."""
    place: tuple[str | int, ...] = item["loc"]
    key = ".".join(str(part) for part in _without_tag(place))
    if item["type"] in {"extra_forbidden", "unexpected_keyword_argument"}:
        return _unknown_key(place)
    if item["type"] == "missing":
        return f"{key}: a value is needed"
    if item["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        kinds = ", ".join(Config.model_json_schema()["properties"]["source"]["discriminator"]["mapping"])
        return f"{place[0]}.kind: expected one of: {kinds}"
    message = str(item["msg"]).removeprefix("Value error, ").replace("Input should", "should")
    got = "" if isinstance(item["input"], Mapping) else f"; got {item['input']!r}"
    return f"{key}: {message}{got}"


def _without_tag(place: Sequence[str | int]) -> tuple[str | int, ...]:
    """Drop the kind of source that pydantic puts into a place, which is no key of the file."""
    return (place[0], *place[2:]) if len(place) > 1 and place[0] in {"source", "radar"} else tuple(place)


def _unknown_key(place: Sequence[str | int]) -> str:
    *sections, key = _without_tag(place)
    where = f" in [{'.'.join(map(str, sections))}]" if sections else ""
    elsewhere = [name for name in Config.model_fields if str(key) in _valid_keys((name,))]
    if elsewhere and sections:
        return f"unknown key {str(key)!r}{where}; it belongs in [{elsewhere[0]}]"
    valid = _valid_keys(place[:-1])
    near = get_close_matches(str(key), valid, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"expected one of: {', '.join(valid)}"
    return f"unknown key {str(key)!r}{where}; {hint}"


def _valid_keys(place: Sequence[str | int]) -> list[str]:
    """Return the keys that the section at `place` may have, from the schema of the settings."""
    schema = Config.model_json_schema()
    node = schema
    for part in place:
        node = node["properties"][part] if part in node.get("properties", {}) else node
        node = node["anyOf"][0] if "anyOf" in node else node
        if "discriminator" in node and part in node["discriminator"]["mapping"]:
            node = {"$ref": node["discriminator"]["mapping"][part]}
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rsplit("/", 1)[-1]]
    return list(node.get("properties", {}))
