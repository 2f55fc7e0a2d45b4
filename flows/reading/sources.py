"""Make the imagery source that the settings ask for."""

import os
from collections.abc import Mapping
from dataclasses import replace
from os.path import normpath
from pathlib import Path

from flows.settings.config import (
    HOW_NOT_WHAT,
    FolderSettings,
    SentinelHubSettings,
    SimulatedRadarSettings,
    StacSettings,
)
from flows.settings.version import digest
from flows.settings.workspace import Workspace
from geo.errors import ConfigError
from geo.sources.base import ImagerySource
from geo.sources.limits import Patience, Rates
from geo.sources.sentinelhub import COMMERCIAL, COPERNICUS, Credentials, SentinelHubOptions, SentinelHubSource
from geo.sources.stac import PRESETS, StacOptions, StacSource

LOCAL_KINDS = frozenset({"folder", "simulated"})
"""Kinds of sources that ask nobody: nothing is gained by keeping a second copy."""
NO_PIXEL = frozenset({"credit"})
"""Settings that change a product, but not the pixels of any scene: what is kept stays good."""


def make_source(workspace: Workspace, provider: ImagerySource | None = None) -> ImagerySource:
    """Return the source of `workspace`, which keeps what it reads if the settings say so.

    Args:
        workspace: The workspace.
        provider: Who is asked for what is not kept; None: whom the settings name.

    Raises:
        ConfigError: The settings name something that does not exist.

    """
    source = _provider(workspace) if provider is None else provider
    return _keeping(workspace, source) if is_kept(workspace) else source


def is_kept(workspace: Workspace) -> bool:
    """Say whether what is read is kept in the workspace: by default, what comes over the network."""
    wanted = workspace.config.cache.enabled
    return not is_local(workspace) if wanted == "auto" else wanted


def is_local(workspace: Workspace) -> bool:
    """Say whether the imagery lies on this disk or is made up: to look at it costs nothing."""
    source = workspace.config.source
    return source.kind in LOCAL_KINDS or (isinstance(source, StacSettings) and bool(source.path))


def _keeping(workspace: Workspace, source: ImagerySource) -> ImagerySource:
    from geo.cache import CachedSource, ImageStore  # noqa: PLC0415  # only where it is wanted

    settings = workspace.config.source
    if isinstance(settings, FolderSettings):
        folder = imagery_folder(workspace.root, settings)
        if workspace.imagery_dir.is_relative_to(folder):
            raise ConfigError(f"cache.path: {workspace.imagery_dir} lies in the folder of the imagery itself, {folder}")
    shaping = settings.model_dump(mode="json", exclude=set(HOW_NOT_WHAT | NO_PIXEL), exclude_none=True)
    name = "-".join(str(shaping[key]) for key in ("kind", "provider", "preset", "collection") if shaping.get(key))
    return CachedSource(source, ImageStore(workspace.imagery_dir), name=name, variant=digest(shaping))


def _provider(workspace: Workspace) -> ImagerySource:
    from geo.sources.folder import FolderOptions, FolderSource  # noqa: PLC0415  # only the source that is used
    from geo.sources.simulated import SimulatedRadarSource, SimulatedSource, scenario  # noqa: PLC0415

    settings = workspace.config.source
    if isinstance(settings, FolderSettings):
        options = FolderOptions(mask=settings.mask)
        if settings.credit:
            options = replace(options, credit=settings.credit)
        return FolderSource(imagery_folder(workspace.root, settings), options)
    if isinstance(settings, SentinelHubSettings):
        return sentinelhub_source(workspace, settings)
    if isinstance(settings, StacSettings):
        return stac_source(workspace.root, settings)
    world = scenario(settings.scenario, seed=settings.seed)
    return SimulatedRadarSource(world) if isinstance(settings, SimulatedRadarSettings) else SimulatedSource(world)


def stac_source(root: Path, settings: StacSettings) -> StacSource:
    """Return the source on the catalogue that the settings name; relative paths start at the workspace."""
    known = PRESETS[settings.preset] if settings.preset else _stac_place(root, settings)
    return StacSource(
        replace(
            known,
            collection=settings.collection or known.collection,
            credit=settings.credit or known.credit,
            mask=settings.mask,
            timeout_s=settings.timeout_s,
            retries=settings.retries,
            connections=settings.connections,
        )
    )


def _stac_place(root: Path, settings: StacSettings) -> StacOptions:
    if settings.url:
        return StacOptions(url=settings.url)
    return StacOptions(path=Path(normpath(root / Path(settings.path).expanduser())))


def imagery_folder(root: Path, settings: FolderSettings) -> Path:
    """Return where the imagery lies: relative paths start at the workspace."""
    return Path(normpath(root / Path(settings.path).expanduser()))  # without "..": it stands in messages


def sentinelhub_source(
    workspace: Workspace, settings: SentinelHubSettings, environ: Mapping[str, str] = os.environ
) -> SentinelHubSource:
    """Return the account's imagery.

    Raises:
        ConfigError: There are no credentials.

    """
    credentials = account_credentials(workspace, settings, environ)
    folder = account_dir(workspace, settings, credentials)
    return SentinelHubSource(sentinelhub_options(settings), credentials, account_dir=folder)


def sentinelhub_options(settings: SentinelHubSettings) -> SentinelHubOptions:
    """Return what the settings say in the words of the source."""
    known = COPERNICUS if settings.provider == "copernicus" else COMMERCIAL
    provider = replace(
        known, base_url=settings.base_url.rstrip("/") or known.base_url, token_url=settings.token_url or known.token_url
    )
    return SentinelHubOptions(
        provider=provider,
        collection=settings.collection,
        mask=settings.mask,
        rates=Rates(requests=settings.requests_per_minute, units=settings.units_per_minute),
        patience=Patience(attempts=settings.attempts),
        answer_timeout_s=settings.answer_timeout_s,
    )


def account_credentials(
    workspace: Workspace, settings: SentinelHubSettings, environ: Mapping[str, str] = os.environ
) -> Credentials:
    """Return the credentials of the account: of the file that the settings name, else of the environment.

    Raises:
        ConfigError: They are not there, or in a file that others can read or that is passed on with the workspace.

    """
    if not settings.credentials_file:
        return Credentials.of(environ)
    path = (workspace.root / Path(settings.credentials_file).expanduser()).resolve()
    if path.is_relative_to(workspace.root):
        raise ConfigError(f"{path}: expected a file outside the workspace, which may be passed on")
    return Credentials.from_file(path)


def account_dir(workspace: Workspace, settings: SentinelHubSettings, credentials: Credentials) -> Path:
    """Return the folder in which the account's requests are counted."""
    return workspace.root / Path(settings.account_folder).expanduser() / credentials.account
