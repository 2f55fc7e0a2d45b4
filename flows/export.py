"""Hand the current detections on in formats of other programmes."""

from pathlib import Path

from flows.area.pictures import credit_line
from flows.area.pipeline import Job
from flows.area.product import Product
from flows.runs.publish import current_products, merged
from flows.show import Show, plural
from geo.errors import ConfigError
from outputs.layers.handover import write_handover
from outputs.layers.smart import write_smart


def export_smart(root: Path, folder: Path, show: Show, *, region_id: str, originator: str | None = None) -> None:
    """Write the current detections of a workspace as site and region models of the IARPA SMART programme.

    Raises:
        ConfigError: There are no detections yet.
        OutputError: The models cannot be written.

    """
    detections, _ = merged(_products(Job.open(root)))
    exported = write_smart(folder, detections, region_id, originator=originator)
    show.document(
        {"folder": str(folder), "files": [path.name for path in exported.files], "left_out": list(exported.left_out)}
    )
    show.say(f"{folder}: {max(len(exported.files) - 1, 0)} sites and their region")
    if exported.left_out:
        show.say(f"left out: {len(exported.left_out)} detections that are no construction")


def export_layer(root: Path, path: Path, show: Show) -> None:
    """Write the current detections of a workspace as one file whose suffix says the format.

    Raises:
        ConfigError: There are no detections yet, or the suffix is not known.
        OutputError: The file cannot be written.

    """
    job = Job.open(root)
    products = _products(job)
    detections, _ = merged(products)
    credit = credit_line(job.source.credit, {year for one in products.values() for year in one.record.years})
    pictures = {picture.stem: picture for one in products.values() for picture in one.pictures}
    write_handover(path, detections, credit=credit, pictures=pictures)
    show.document({"file": str(path), "detections": len(detections), "attribution": credit})
    show.say(f"{path}: {plural(len(detections), 'detection')}; name as source: {credit}")


def _products(job: Job) -> dict[str, Product]:
    products = current_products(job)
    if not products:
        raise ConfigError(f"{job.workspace.root}: nothing to export yet; `sitewatch run` makes the first detections")
    return products
