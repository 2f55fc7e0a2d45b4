"""Find out whether a run could start, and say what is missing; change nothing."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from flows.area.pipeline import Job
from flows.pull.needs import foresee
from flows.reading.looks import find_scenes
from flows.reading.sources import imagery_folder, is_kept, sentinelhub_source, stac_source
from flows.settings.config import (
    CONFIG_NAME,
    FolderSettings,
    SentinelHubSettings,
    SimulatedSettings,
    StacSettings,
)
from flows.settings.workspace import Workspace
from flows.show import Show, plural, show_table
from geo.errors import ConfigError, SitewatchError
from geo.sources.sentinelhub import ID_NAME, SECRET_NAME

PACKAGES = ("sitewatch", "rasterio", "geopandas", "pyogrio", "pyproj", "shapely", "numpy", "xarray", "scikit-image")
SERVICES = ("prefect", "fastapi", "sqlalchemy", "sentinelhub", "pystac-client")
PROGRAMS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "QGIS": (("qgis", "qgis-bin", "qgis-ltr"), "to open the layers"),
    "browser": (("chromium", "chromium-browser", "google-chrome", "firefox"), "to open the page"),
}
LITTLE_SPACE_MB = 500
CATALOGUE_TIMEOUT_S = 5.0


class Level(StrEnum):
    """How a finding is to be taken."""

    OK = "ok"
    NOTE = "note"
    """Worth knowing; a run can start."""
    PROBLEM = "problem"
    """A run cannot start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    topic: str
    level: Level
    text: str


def examine(root: Path, *, unset_variables: Sequence[str] = (), online: bool = False) -> list[Finding]:
    """Look at everything that a run of the workspace in `root` needs; `unset_variables` were in the way.

    The network is used only if `online`, and then only to get a token, or to see whether a catalogue answers.
    """
    return [
        *_workspace(root, online=online),
        *_programs(),
        *_credentials(os.environ),
        *_variables(unset_variables),
        *_versions(),
    ]


def show_findings(findings: Sequence[Finding], show: Show) -> int:
    """Say what was found; return 0 if a run could start, 1 if not."""
    problems = [finding for finding in findings if finding.level is Level.PROBLEM]
    show.document({"can_run": not problems, "findings": [asdict(finding) for finding in findings]})
    if not (show.is_quiet or show.is_json):
        show_table(("topic", "", "finding"), [(one.topic, one.level, one.text) for one in findings])
        show.say("a run could start" if not problems else f"a run cannot start: {len(problems)} problem(s)")
    for problem in problems if show.is_quiet else ():
        show.trouble(f"{problem.topic}: {problem.text}")
    return int(bool(problems))


def _workspace(root: Path, *, online: bool) -> Iterator[Finding]:
    try:
        workspace = Workspace.open(root)
    except SitewatchError as error:
        yield Finding(topic="settings", level=Level.PROBLEM, text=str(error))
        return
    yield Finding(topic="settings", level=Level.OK, text=str(workspace.root / CONFIG_NAME))
    yield from _watch_list(workspace, online=online)
    yield _writable("runs folder", workspace.runs_dir)
    yield _writable("state folder", workspace.state_dir)
    if is_kept(workspace):
        yield _writable("imagery folder", workspace.imagery_dir)
    yield _space(workspace.root)


def _watch_list(workspace: Workspace, *, online: bool) -> Iterator[Finding]:
    try:
        job = Job.open(workspace.root)
    except SitewatchError as error:
        yield Finding(topic="watch list", level=Level.PROBLEM, text=str(error))
        return
    text = f"{len(job.areas)} areas, {len(job.facilities)} known facilities"
    yield Finding(topic="watch list", level=Level.OK, text=text)
    settings = workspace.config.source
    if isinstance(settings, SentinelHubSettings):
        yield _checked("account", lambda: _account(workspace, settings, online=online))
        return
    if isinstance(settings, StacSettings) and not settings.path:
        yield _checked("catalogue", lambda: _catalogue(workspace, settings, online=online))
        return
    yield _checked("imagery", lambda: _imagery(job))
    yield Finding(topic="network", level=Level.OK, text="no provider is configured: a run needs no network")


def _account(workspace: Workspace, settings: SentinelHubSettings, *, online: bool) -> str:
    """Say whether the account can be used; asked only if `online`.

    Raises:
        SitewatchError: There are no credentials, or they are refused.

    """
    source = sentinelhub_source(workspace, settings)
    if not online:
        return f"{settings.provider}, {settings.collection}: credentials set; --online asks for a token"
    source.check()
    return f"{settings.provider}, {settings.collection}: the credentials are accepted"


def _catalogue(workspace: Workspace, settings: StacSettings, *, online: bool) -> str:
    """Say whether the catalogue answers; asked only if `online`, once, with little patience.

    Raises:
        SitewatchError: It does not answer, or does not have the collection.

    """
    name = " ".join(part for part in (settings.preset or settings.url, settings.collection) if part)
    if not online:
        return f"{name}: --online asks whether it answers"
    return f"{name}: answers as {stac_source(workspace.root, settings).check(timeout_s=CATALOGUE_TIMEOUT_S)}"


def _imagery(job: Job) -> str:
    """Say how many scenes there are for how many areas.

    Raises:
        SitewatchError: The source cannot answer.

    """
    found = {area.area_id: find_scenes(job.source, area, job.workspace.config) for area in job.areas.values()}
    scenes = {ref.scene_id: ref.observed_at.date() for refs in found.values() for ref in refs}
    chosen = sum(len(foresee(job, refs, job.areas[area_id]).chosen) for area_id, refs in found.items())
    left_out = sum(map(len, found.values())) - chosen
    settings = job.workspace.config.source
    name = (
        str(imagery_folder(job.workspace.root, settings))
        if isinstance(settings, FolderSettings)
        else f"simulated scenario {settings.scenario}"
        if isinstance(settings, SimulatedSettings)
        else getattr(settings, "path", settings.kind)
    )
    without = [area_id for area_id, refs in found.items() if not refs]
    gaps = f"; none for {', '.join(without)}" if without else ""
    if not scenes:
        raise ConfigError(f"{name}: no scene of the configured period touches any area")
    days = sorted(set(scenes.values()))
    fewer = f"; by [scenes], {plural(left_out, 'look')} of the areas would not be read" if left_out else ""
    return f"{name}: {len(scenes)} scenes, {len(days)} dates, {days[0]} to {days[-1]}{fewer}{gaps}"


def _checked(topic: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(topic=topic, level=Level.OK, text=look())
    except SitewatchError as error:
        return Finding(topic=topic, level=Level.PROBLEM, text=str(error))


def _writable(topic: str, folder: Path) -> Finding:
    """Try it, in the nearest folder that exists: permissions alone do not tell on every file system."""
    try:
        nearest = next(place for place in (folder, *folder.parents) if place.exists())
        with tempfile.TemporaryFile(dir=nearest):
            return Finding(topic=topic, level=Level.OK, text=f"{folder} can be written")
    except OSError as error:
        return Finding(topic=topic, level=Level.PROBLEM, text=f"cannot write {folder}: {error.strerror or error}")


def _space(root: Path) -> Finding:
    free_mb = shutil.disk_usage(root).free // 1_000_000
    level = Level.OK if free_mb >= LITTLE_SPACE_MB else Level.NOTE
    return Finding(topic="disk", level=level, text=f"{free_mb:,} MB free")


def _programs() -> Iterator[Finding]:
    for name, (commands, purpose) in PROGRAMS.items():
        path = next(filter(None, map(shutil.which, commands)), None)
        text = path or f"not installed ({purpose}; optional)"
        yield Finding(topic=name, level=Level.OK if path else Level.NOTE, text=text)


def _credentials(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Say whether credentials are set, never what they are."""
    for name in (ID_NAME, SECRET_NAME):
        is_set = bool(environ.get(name, "").strip())
        text = "set" if is_set else "not set (only for imagery by account; optional)"
        yield Finding(topic=name, level=Level.OK if is_set else Level.NOTE, text=text)


def _variables(unset: Sequence[str]) -> Iterator[Finding]:
    for name in unset:
        yield Finding(topic=name, level=Level.NOTE, text="ignored: it points to another installation's data")


def _versions() -> Iterator[Finding]:
    for name in (*PACKAGES, *SERVICES):
        try:
            yield Finding(topic=name, level=Level.OK, text=version(name))
        except PackageNotFoundError:
            yield Finding(topic=name, level=Level.PROBLEM, text="not installed")
