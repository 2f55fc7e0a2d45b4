"""Hand the current detections on in formats of other programmes."""

from pathlib import Path

from flows.pipeline import Job
from flows.publish import current_products, merged
from flows.show import Show
from geo.errors import ConfigError
from outputs.layers.smart import write_smart


def export_smart(root: Path, folder: Path, show: Show, *, region_id: str, originator: str | None = None) -> None:
    """Write the current detections of a workspace as site and region models of the IARPA SMART programme.

    Raises:
        ConfigError: There are no detections yet.
        OutputError: The models cannot be written.

    """
    job = Job.open(root)
    products = current_products(job)
    if not products:
        raise ConfigError(f"{root}: nothing to export yet; `sitewatch run` makes the first detections")
    detections, _ = merged(products)
    exported = write_smart(folder, detections, region_id, originator=originator)
    show.document(
        {"folder": str(folder), "files": [path.name for path in exported.files], "left_out": list(exported.left_out)}
    )
    show.say(f"{folder}: {max(len(exported.files) - 1, 0)} sites and their region")
    if exported.left_out:
        show.say(f"left out: {len(exported.left_out)} detections that are no construction")
