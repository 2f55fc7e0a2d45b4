"""Try everything on simulated imagery, and say honestly what was found of what was simulated."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from detection.evaluation.evaluate import Agreement, match_truth
from detection.schema import Event
from flows.area.pipeline import Job
from flows.release import Wanted, publish_release
from flows.runs.publish import current_products, merged, newest_run
from flows.runs.report import show_lines
from flows.runs.run import run_workspace
from flows.settings.config import CONFIG_NAME, SimulatedSettings
from flows.settings.initial import make_workspace
from flows.show import Show, show_table
from geo.errors import ConfigError
from geo.sources.simulated import scenario

COLUMNS = ("simulated event", "kind", "began", "found", "onset interval", "holds truth", "covered", "beyond 10 m")
_PIXEL_M = 10.0


def run_demo(folder: Path, show: Show) -> int:
    """Make the demo's workspace in `folder`, or take the one it made before; run it; compare with the truth.

    Returns:
        The exit code of the run.

    Raises:
        ConfigError: `folder` holds something else.

    """
    if not (folder / CONFIG_NAME).exists():
        make_workspace(folder)
    job = Job.open(folder)
    settings = job.workspace.config.source
    if not isinstance(settings, SimulatedSettings):
        raise ConfigError(f"{folder}: the demo needs a workspace with simulated imagery; this one has {settings.kind}")
    with show.progress("watching simulated imagery") as bar:
        report = run_workspace(folder, listener=bar)
    detections, _ = merged(current_products(job))
    truth = scenario(settings.scenario, seed=settings.seed).truth()
    agreement = match_truth(detections.to_crs(truth.estimate_utm_crs()), truth, margin_m=_PIXEL_M)
    surface = int((detections["event"] == Event.SURFACE_CHANGE).sum())
    show.document({**report.as_json(), "truth": _as_json(agreement, surface=surface)})
    show_lines(report, show)
    site = _release(job)
    if site is not None:
        show.say(f"site:            {site / 'index.html'}")
    _tell(agreement, show, surface=surface)
    return report.exit_code


def _release(job: Job) -> Path | None:
    """Return the folder of the newest run's release, which is made unless it is there; None where nothing was found.

    Nobody has reviewed what the demo finds: the release is marked as preliminary.
    """
    run_dir = newest_run(job)
    if run_dir is None:
        return None
    out = job.workspace.root / "releases" / run_dir.name
    if not out.exists():
        out.parent.mkdir(exist_ok=True)
        wanted = Wanted(audience="internal", include_unreviewed=True, title="Sitewatch demo")
        publish_release(job.workspace.root, out, wanted, Show(is_quiet=True))
    return out


def _tell(agreement: Agreement, show: Show, *, surface: int) -> None:
    if show.is_quiet or show.is_json:
        return
    show.say()
    show.say("This imagery is simulated: nothing here happened, and every product says so. Held against its truth:")
    show.say()
    show_table(COLUMNS, truth_rows(agreement))
    show.say()
    show.say(f"found: {agreement.found} of {len(agreement.matches)} simulated events")
    show.say(f"false: {len(agreement.false)} detections of something built or gone where nothing was, ")
    show.say(f"       {agreement.false_confirmed} of them called confirmed")
    show.say(f"also:  {surface} lasting changes of the surface, such as fields, which claim no event")
    show.say("Simulated imagery is easier than real imagery.")


def truth_rows(agreement: Agreement) -> Sequence[Sequence[str]]:
    """Return one line of text a true event, to be shown under `COLUMNS`."""
    return [
        (
            one.name,
            one.event,
            str(one.started_on),
            ("confirmed" if one.is_confirmed else "candidate") if one.detection_id else "MISSED",
            f"{one.onset_after} to {one.onset_by}" if one.detection_id else "-",
            ("yes" if one.is_onset_right else "no") if one.detection_id else "-",
            f"{one.covered_share:.0%}" if one.detection_id else "-",
            f"{one.excess_share:.0%}" if one.detection_id else "-",
        )
        for one in agreement.matches
    ]


def _as_json(agreement: Agreement, *, surface: int) -> dict[str, object]:
    return {
        "events": [asdict(one) for one in agreement.matches],
        "false_detections": list(agreement.false["detection_id"]),
        "false_confirmed": agreement.false_confirmed,
        "surface_changes": surface,
    }
