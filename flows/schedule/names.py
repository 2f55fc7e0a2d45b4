"""What deployments, their tags and artifacts are called: after the workspace and the cadence."""

import re

from flows.schedule.cadence import Cadence
from flows.settings.workspace import Workspace

TAG = "sitewatch"


def key_of(workspace: Workspace) -> str:
    """Return what deployments and artifacts of a workspace begin with: small letters, digits and ``-``."""
    name = workspace.config.schedule.name or workspace.root.name
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "workspace"


def name_of(workspace: Workspace, cadence: Cadence) -> str:
    """Return what the deployment of a cadence is called."""
    return f"{key_of(workspace)}-{cadence.name}"


def tags_of(workspace: Workspace) -> list[str]:
    """Return the tags by which the deployments of a workspace are found again."""
    return [TAG, f"workspace:{key_of(workspace)}"]
