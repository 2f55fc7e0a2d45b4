"""Say what came of a run."""

from collections.abc import Sequence

from flows.area.outcome import AreaOutcome, RunReport, State
from flows.show import Show, plural, show_table

COLUMNS = ("area", "state", "outcome", "confirmed", "candidate", "clear looks", "seconds")


def show_report(report: RunReport, show: Show) -> None:
    """Say what came of a run, to a program or to a person."""
    show.document(report.as_json())
    show_lines(report, show)


def show_lines(report: RunReport, show: Show) -> None:
    """Say to a person what came of a run."""
    for line in report.troubles():
        show.trouble(line)
    if show.is_quiet or show.is_json:
        return
    if not report.is_new and all(one.state is State.UP_TO_DATE for one in report.outcomes):
        show.say(f"nothing new: {plural(len(report.outcomes), 'area')} up to date")
    else:
        show_table(COLUMNS, [_row(one) for one in report.outcomes])
    for one in report.outcomes:
        if one.state is State.SCREENED:
            show.say(f"{one.area_id}: {one.reason}")
    for line in _where(report):
        show.say(line)


def _row(one: AreaOutcome) -> list[str]:
    if one.outcome is None:
        return [one.area_id, one.state, "-", "-", "-", "-", f"{one.seconds:.1f}"]
    looks = f"{one.clear_looks}/{one.looks}"
    words = one.outcome.replace("_", " ")
    return [one.area_id, one.state, words, str(one.confirmed), str(one.candidates), looks, f"{one.seconds:.1f}"]


def _where(report: RunReport) -> Sequence[str]:
    if report.run_dir is None:
        return ("no area has a result yet: nothing was published",)
    newest = report.run_dir
    return (
        f"map and summary: {newest / 'summary.html'}",
        f"layers:          {newest / 'sitewatch.gpkg'}",
        f"pictures:        {newest / 'pictures'}",
    )
