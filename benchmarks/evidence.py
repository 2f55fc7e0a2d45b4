"""Is every flipped byte of a sealed folder named, and what do sealing and verifying cost?

    python -m benchmarks.evidence [--files 200] [--flips 5] [--megabytes 200] [--entries 10000] [--json FILE]

A release of so many files of made-up bytes is sealed, with a log, an RO-Crate and a signature. In every file of it,
manifest, signature, crate and copy of the log among them, single bits are flipped at places drawn by a fixed seed, one
at a time: counted is how often verification names just that file. Then a release of a few large files and a log of many
entries are timed.
"""

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.trials import table
from outputs.evidence.keys import SigningKey, new_key
from outputs.evidence.log import Event, append, head_of, made_entry
from outputs.evidence.log_check import check_log
from outputs.evidence.record import Kind, RunRecord
from outputs.evidence.seal import seal_folder
from outputs.evidence.verify import Trust, verify_folder

SEED = 20261121
AT = datetime(2026, 3, 1, tzinfo=UTC)
LARGE_FILES = 4


def sealed_release(folder: Path, key: SigningKey, sizes: Sequence[int]) -> Path:
    """Seal a release with files of these sizes in bytes, and return its folder."""
    draw, log, release = _draw(), folder / "log.jsonl", folder / "release"
    for number in range(10):
        append(log, Event.RUN, {"name": f"run-{number}", "manifest_sha256": f"{number:064x}"}, at=AT)
    (release / "data").mkdir(parents=True)
    for number, size in enumerate(sizes):
        (release / "data" / f"{number:05d}.bin").write_bytes(draw.randbytes(size))
    record = RunRecord(
        run_id="benchmark", created_at=AT, code_version="benchmark", kind=Kind.RELEASE, chain=head_of(log)
    )
    seal_folder(release, record, key=key, log=log)
    return release


def flips(folder: Path, key: SigningKey, *, count: int, each: int) -> dict[str, Any]:
    """Flip `each` bits in every file of a release of `count` files, one at a time; return how many were named."""
    draw = _draw()
    sizes = [draw.choice((1, 100, 5_000, 50_000)) for _ in range(count - 2)]
    release, trust = sealed_release(folder, key, sizes), Trust(keys=[key.public])
    files = sorted(path for path in release.rglob("*") if path.is_file())
    named = alone = tried = 0
    for path in files:
        before, name = path.read_bytes(), path.relative_to(release).as_posix()
        for _ in range(each):
            after = bytearray(before)
            after[draw.randrange(len(after))] ^= 1 << draw.randrange(8)
            path.write_bytes(after)
            found = {one.path.partition(": entry")[0] for one in verify_folder(release, trust).findings}
            tried, named, alone = tried + 1, named + (name in found), alone + (found == {name})
        path.write_bytes(before)
    is_whole = verify_folder(release, trust).is_intact
    return {"files": len(files), "flips": tried, "named": named, "no other named": alone, "whole again": is_whole}


def timings(folder: Path, key: SigningKey, *, megabytes: int, entries: int) -> dict[str, float]:
    """Return processor seconds of sealing and verifying large files, and of checking a long log."""
    size = megabytes * 1_000_000 // LARGE_FILES
    sealing, release = _timed(lambda: sealed_release(folder, key, [size] * LARGE_FILES))
    verifying, _ = _timed(lambda: verify_folder(release, Trust(keys=[key.public])))
    log, last = folder / "long.jsonl", made_entry(Event.BEGUN, {"log": "benchmark"}, after=None, at=AT)
    lines = [last.line()]
    for number in range(entries - 1):
        last = made_entry(Event.RUN, {"name": f"run-{number}", "manifest_sha256": "0" * 64}, after=last, at=AT)
        lines.append(last.line())
    log.write_bytes(b"".join(lines))
    checking, _ = _timed(lambda: check_log(log))
    adding, _ = _timed(lambda: append(log, Event.RUN, {"name": "one more"}))
    return {"seal": sealing, "verify": verifying, "check the log": checking, "add one entry": adding}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what was found."""
    parser = argparse.ArgumentParser(description="What verification finds, and what it costs.")
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--flips", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--entries", type=int, default=10_000)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        key = new_key(folder / "keys", "benchmark")
        found = flips(folder / "flips", key, count=asked.files, each=asked.flips)
        costs = timings(folder / "large", key, megabytes=asked.megabytes, entries=asked.entries)
    print(table([found]))
    print(f"\nprocessor seconds: {asked.megabytes} MB in {LARGE_FILES} files, a log of {asked.entries} entries")
    print(table([costs]))
    if asked.json:
        asked.json.write_text(json.dumps({"flips": found, "seconds": costs}, indent=1), encoding="utf-8")


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.process_time()
    result = work()
    return time.process_time() - begun, result


def _draw() -> random.Random:
    return random.Random(SEED)  # noqa: S311  # chooses places and sizes, no secrets


if __name__ == "__main__":
    main()
