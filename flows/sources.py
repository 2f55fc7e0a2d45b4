"""Make the imagery source that the settings ask for."""

from dataclasses import replace
from os.path import normpath
from pathlib import Path

from flows.config import FolderSettings
from flows.workspace import Workspace
from geo.sources.base import ImagerySource


def make_source(workspace: Workspace) -> ImagerySource:
    """Return the source of `workspace`.

    Raises:
        ConfigError: The settings name something that does not exist.

    """
    from geo.sources.folder import FolderOptions, FolderSource  # noqa: PLC0415  # only the source that is used
    from geo.sources.simulated import SimulatedSource, scenario  # noqa: PLC0415

    settings = workspace.config.source
    if isinstance(settings, FolderSettings):
        options = FolderOptions(mask=settings.mask)
        if settings.credit:
            options = replace(options, credit=settings.credit)
        return FolderSource(imagery_folder(workspace.root, settings), options)
    return SimulatedSource(scenario(settings.scenario, seed=settings.seed))


def imagery_folder(root: Path, settings: FolderSettings) -> Path:
    """Return where the imagery lies: relative paths start at the workspace."""
    return Path(normpath(root / Path(settings.path).expanduser()))  # without "..": it stands in messages
