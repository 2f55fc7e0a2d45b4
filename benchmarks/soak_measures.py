"""What a long watch holds after each run, and whether what happened explains it."""

import gc
import json
import os
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import numpy as np
import psutil

from flows.area.journal import read_journal
from flows.settings.workspace import Workspace

RSS_IDLE_KB, RSS_REPEATED_KB = 40.0, 400.0
"""Growth of memory a run that is no growth: the noise of the allocator, in runs that do nothing and that do all."""
LIKE_NEW = 1.15
"""The present state of a long watch may be so many times that of a new one with the same data."""
STAMP = "%Y%m%dT%H%M%SZ"
PRESENT = ("state/areas", "state/other")
"""Parts of a workspace that tell of the present alone; the others keep what was."""
OF_THE_PAST = ("journal.jsonl", "superseded")
"""Names inside an area's folder of what is kept of earlier times, within [keep]."""
REPEATED_ROWS = """
SELECT count(*) FROM detection_versions AS a JOIN detection_versions AS b
ON a.detection_id = b.detection_id AND a.version = b.version + 1
WHERE a.document = b.document AND a.geometry = b.geometry"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What there was after one run."""

    number: int
    kind: str
    """``idle``: nothing was new; ``worked``; ``repeated``: everything made again from the same data."""
    seconds: float
    rss_kb: float
    open_files: int
    threads: int
    files: Mapping[str, int]
    """By part of the workspace."""
    size_bytes: Mapping[str, int]
    rows: Mapping[str, int]
    """By table of the store."""

    def words(self) -> str:
        """Say it in a line."""
        size_mb = sum(self.size_bytes.values()) / 1e6
        return (
            f"{self.rss_kb / 1e3:.0f} MB memory, {self.open_files} open files, {self.threads} threads, "
            f"{sum(self.files.values())} files of {size_mb:.1f} MB, {sum(self.rows.values())} rows"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What happened, by which growth is explained."""

    runs: int
    published: int
    reviews: int
    rows: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One thing that was looked at."""

    what: str
    figure: str
    allowed: str
    is_fine: bool


def measure(root: Path, *, number: int, kind: str, seconds: float) -> Sample:
    """Return what there is now."""
    gc.collect()
    process = psutil.Process()
    files, sizes = _disk(root)
    return Sample(
        number=number,
        kind=kind,
        seconds=round(seconds, 3),
        rss_kb=process.memory_info().rss / 1024,
        open_files=process.num_fds(),
        threads=process.num_threads(),
        files=files,
        size_bytes=sizes,
        rows=store_rows(root),
    )


def store_rows(root: Path) -> dict[str, int]:
    """Return how many rows each table of the workspace's store has."""
    path = root / "store.sqlite"
    if not path.exists():
        return {}
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as store:
        names = [name for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        own = [name for name in names if not name.startswith(("sx_", "sqlite_", "alembic"))]
        return {name: store.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in own}  # noqa: S608 - names of the store itself


def _disk(root: Path) -> tuple[dict[str, int], dict[str, int]]:
    """Return files and bytes by part; a file with several names counts once, in the part that is read first."""
    files: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    seen: set[tuple[int, int]] = set()
    for folder, _, names in sorted(os.walk(root), key=lambda step: not step[0].startswith(str(root / "state"))):
        for name in names:
            path = Path(folder) / name
            state = path.lstat()
            if (state.st_dev, state.st_ino) not in seen:
                seen.add((state.st_dev, state.st_ino))
                part = _part(path.relative_to(root).parts)
                files[part] += 1
                sizes[part] += state.st_size
    return dict(files), dict(sizes)


def _part(parts: Sequence[str]) -> str:
    if parts[0] == "state":
        if parts[1] in OF_THE_PAST:
            return "state/kept"
        if parts[1] != "areas":
            return "state/log" if parts[1] == "log" else "state/other"
        return "state/kept" if parts[3] in OF_THE_PAST else "state/areas"
    return parts[0] if len(parts) > 1 else "store" if parts[0].startswith("store") else "settings"


def judge(samples: Sequence[Sample], account: Account, *, root: Path, twin: Path) -> Iterator[Judged]:
    """Yield what was looked at, and whether what happened explains it."""
    yield from _kept(samples, account, root)
    yield from stands_still(samples, "idle", RSS_IDLE_KB)
    yield from stands_still(samples, "repeated", RSS_REPEATED_KB)
    yield from _idle_disk(samples)
    yield from _rows(account, root)
    yield from _like_new(samples[-1], root, twin)


def stands_still(samples: Sequence[Sample], kind: str, allowed_kb: float) -> Iterator[Judged]:
    """Judge the process in runs of one kind: the longest stretch of them, its first third left out as warming up."""
    stretch = _longest(samples, kind)
    late = stretch[len(stretch) // 3 :]
    if len(late) < 3:  # noqa: PLR2004 - there is no slope in less
        return
    slope = _slope([one.rss_kb for one in late])
    yield Judged(
        what=f"memory, {len(stretch)} {kind} runs on end",
        figure=f"{slope:+.1f} kB a run",
        allowed=f"{allowed_kb:.0f} kB of noise",
        is_fine=slope <= allowed_kb,
    )
    for name in ("open_files", "threads"):
        grown = getattr(late[-1], name) - getattr(late[0], name)
        yield Judged(
            what=f"{name.replace('_', ' ')}, the same runs", figure=f"{grown:+d}", allowed="none", is_fine=grown <= 0
        )


def _idle_disk(samples: Sequence[Sample]) -> Iterator[Judged]:
    stretch = _longest(samples, "idle")
    if len(stretch) < 2:  # noqa: PLR2004 - nothing to compare
        return
    first, last, steps = stretch[0], stretch[-1], len(stretch) - 1
    for part in sorted(set(last.files) - {"state/log"}):
        grown = last.files[part] - first.files.get(part, 0)
        yield Judged(what=f"files in {part}, idle runs", figure=f"{grown:+d}", allowed="none", is_fine=grown <= 0)
    logs = last.files["state/log"] - first.files["state/log"]
    yield Judged(what="logs, idle runs", figure=f"{logs:+d}", allowed=f"{steps}, one a run", is_fine=logs <= steps)
    grown = sum(last.rows.values()) - sum(first.rows.values())
    yield Judged(what="rows of the store, idle runs", figure=f"{grown:+d}", allowed="none", is_fine=grown == 0)


def _kept(samples: Sequence[Sample], account: Account, root: Path) -> Iterator[Judged]:
    """Judge what tells of the past by the settings of [keep]."""
    keep = Workspace.open(root).config.keep
    last = samples[-1]
    most = min(account.runs, keep.logs_days + 1)
    logs = last.files["state/log"]
    yield Judged(what="logs", figure=str(logs), allowed=f"{most} by [keep]", is_fine=logs <= most)
    for folder in (root / "state", *sorted((root / "state" / "areas").iterdir())):
        runs = len(read_journal(folder))
        yield Judged(
            what=f"runs in the journal of {'all' if folder.name == 'state' else folder.name}",
            figure=str(runs),
            allowed=f"{2 * keep.journal_runs} by [keep]",
            is_fine=runs <= 2 * keep.journal_runs,
        )
    if keep.runs_days:
        began = [path.name.partition("-")[0] for path in (root / "runs").iterdir()]
        newest = datetime.strptime(max(began), STAMP).replace(tzinfo=UTC)
        allowed = timedelta(days=keep.runs_days + 1)
        late = sum(newest - datetime.strptime(one, STAMP).replace(tzinfo=UTC) > allowed for one in began)
        yield Judged(what="folders of runs that are too old", figure=str(late), allowed="0", is_fine=late == 0)


def _rows(account: Account, root: Path) -> Iterator[Judged]:
    """Count the rows of the store against what happened."""
    areas = len(list((root / "state" / "areas").iterdir()))
    expected = {
        "runs": account.published,
        "coverage": account.published * areas,
        "reviews": account.reviews,
        "areas": areas,
        "scenes": len(list((root / "imagery").iterdir())),
    }
    for table, most in expected.items():
        found = account.rows.get(table, 0)
        yield Judged(what=f"rows of {table}", figure=str(found), allowed=str(most), is_fine=found == most)
    with closing(sqlite3.connect(root / "store.sqlite")) as store:
        (repeated,) = store.execute(REPEATED_ROWS).fetchone()
    yield Judged(
        what="versions that say what the one before says", figure=str(repeated), allowed="0", is_fine=repeated == 0
    )
    entries = _kinds(root / "evidence" / "log.jsonl")
    most = account.published
    yield Judged(
        what="runs in the evidence log", figure=str(entries["run"]), allowed=str(most), is_fine=entries["run"] == most
    )


def _kinds(log: Path) -> Counter[str]:
    return Counter(str(json.loads(line)["kind"]) for line in log.read_text(encoding="utf-8").splitlines())


def _like_new(last: Sample, root: Path, twin: Path) -> Iterator[Judged]:
    """Compare what tells of the present, and one run's folder, with those of a new workspace of the same data."""
    _, new_sizes = _disk(twin)
    for part in PRESENT:
        size, fresh = last.size_bytes.get(part, 0), new_sizes.get(part, 0)
        yield Judged(
            what=f"bytes in {part}",
            figure=f"{size / 1e6:.2f} MB",
            allowed=f"{fresh / 1e6:.2f} MB in a new workspace",
            is_fine=size <= LIKE_NEW * fresh + 4096,
        )
    size, fresh = _bytes(root / "latest"), _bytes(twin / "latest")
    yield Judged(
        what="bytes of the newest run",
        figure=f"{size / 1e6:.2f} MB",
        allowed=f"{fresh / 1e6:.2f} MB in a new workspace",
        is_fine=size <= LIKE_NEW * fresh,
    )


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.resolve().rglob("*") if path.is_file())


def _longest(samples: Sequence[Sample], kind: str) -> list[Sample]:
    """Return the longest stretch of runs of one kind."""
    best: list[Sample] = []
    current: list[Sample] = []
    for one in samples:
        current = [*current, one] if one.kind == kind else []
        best = max(best, current, key=len)
    return best


def _slope(values: Iterable[float]) -> float:
    """Return the growth a step: median of the slopes of all pairs (Theil 1950, Sen 1968): few outliers do not count."""
    y = np.asarray(list(values))
    pairs = [(y[j] - y[i]) / (j - i) for i in range(len(y)) for j in range(i + 1, len(y))]
    return float(median(pairs))
