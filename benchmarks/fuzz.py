"""Does any importer crash, hang, fill the memory or lose rows in silence when its file is damaged or hostile?

    python -m benchmarks.fuzz [--inputs 10000] [--only NAME] [--json FILE]

Each importer of `benchmarks.fuzz_importers` reads a sound file that hypothesis has damaged: bytes cut, put in and
repeated; JSON nodes replaced, repeated, removed or nested a thousand deep; rows of tables with odd cells; members of
archives and cells of GeoPackages changed. A file must bring a result or one line of error that names it; each takes
less than `MOST_CPU_S` of the processor; rows that a table or a collection has must be kept or rejected, none is lost.
"""

import argparse
import csv
import io
import json
import resource
import shutil
import sqlite3
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from benchmarks.fuzz_importers import Importer, Taken, importers
from benchmarks.trials import table
from geo.errors import SitewatchError

MOST_CPU_S = 5.0
MOST_GROWTH_MB = 1_000
ODD_TEXTS = (
    "",
    " ",
    "0",
    "-1",
    "1e999",
    "nan",
    "inf",
    "99999999999999999999",
    "2019-13-45",
    "0000-00-00",
    "9999-12-31",
    "../../etc/passwd",
    "/vsicurl/http://127.0.0.1:9/x.tif",
    "=cmd|' /C calc'!A0",
    "'; DROP TABLE detections; --",
    "<script>alert(1)</script>",
    "\u202egnp.exe",
    "\x1b[2J",
    "x" * 5_000,
    "\ud83d\ude00" * 20,
    "达坂城",
    "{{7*7}}",
    "%s%n",
)
ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    10**30,
    1e308,
    float("nan"),
    [],
    {},
    [[[]]],
    {"type": "Point"},
    [None],
    *ODD_TEXTS,
)
_TEXTS = frozenset({".toml", ".xml", ".kml", ".osm", ".html", ".txt", ".jsonl"})
_BINARY = frozenset({".shp", ".shx", ".dbf"})
ODD_BYTES = (b'"', b"\x00", b",", b"\n", b"<", b"{", b"\xff", b"[" * 400, b"&x;", b"\xef\xbb\xbf", b"9" * 400, b"=")


@dataclass(frozen=True, slots=True, kw_only=True)
class Damaged:
    """A file that was damaged."""

    content: bytes
    rows: int | None = None
    """How many rows the table or the collection has for certain; None where damage may have changed that."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """What came of an importer."""

    name: str
    inputs: int = 0
    results: int = 0
    refused: int = 0
    seconds: float = 0.0
    slowest_ms: float = 0.0
    failures: list[str] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        """Return it as a row of a table."""
        return {
            "importer": self.name,
            "inputs": self.inputs,
            "results": self.results,
            "refused": self.refused,
            "cpu_s": round(self.seconds, 1),
            "slowest_ms": round(self.slowest_ms),
            "failures": len(self.failures),
        }


def attempt(importer: Importer, damaged: Damaged, folder: Path, tally: Tally) -> None:
    """Read a damaged file; raise what is no result and no error of ours, or breaks a bound."""
    path = folder / importer.file_name
    path.write_bytes(damaged.content)
    began = time.process_time()
    tally.inputs += 1
    taken: Taken | None = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            taken = importer.read(path)
        tally.results += 1
    except SitewatchError as error:
        tally.refused += 1
        _check_line(str(error), path)
    took = time.process_time() - began
    tally.seconds += took
    tally.slowest_ms = max(tally.slowest_ms, took * 1000)
    if took > MOST_CPU_S:
        raise AssertionError(f"{importer.name}: {took:.1f} s for {len(damaged.content)} bytes")
    if taken is not None:
        check_rows(taken, damaged.rows)


def check_rows(taken: Taken, rows: int | None) -> None:
    """Raise where rows were lost in silence."""
    if taken.read is None:
        return
    if taken.is_one_to_one and taken.kept + taken.rejected != taken.read:
        raise AssertionError(f"{taken.read} rows read, {taken.kept} kept, {taken.rejected} rejected")
    if taken.rejected > taken.read:
        raise AssertionError(f"{taken.read} rows read, but {taken.rejected} rejected")
    if rows is not None and taken.read != rows:
        raise AssertionError(f"{rows} rows written, but {taken.read} read")


def _check_line(message: str, path: Path) -> None:
    if "\n" in message:
        raise AssertionError(f"an error of several lines: {message!r}")
    if path.name not in message and path.parent.name not in message:
        raise AssertionError(f"an error that names no file: {message!r}")


def damages(importer: Importer) -> st.SearchStrategy[Damaged]:
    """Return the ways in which the importer's file is damaged."""
    ways = [_of_bytes(importer.content)]
    suffix = Path(importer.file_name).suffix
    if suffix in {".json", ".geojson"} and not importer.file_name.endswith(".ftm.json"):
        ways.append(_of_json(importer.content))
    if importer.header_rows is not None:
        ways.append(_of_table(importer.content, importer.header_rows))
    if suffix in {".xlsx", ".kmz", ".zip"}:
        ways.append(_of_archive(importer.content))
    if suffix == ".gpkg":
        ways.append(_of_geopackage(importer.content))
    if suffix in {".toml", ".xml", ".kml", ".gpx", ".osm", ".html", ".txt", ".jsonl"} or importer.file_name.endswith(
        ".ftm.json"
    ):
        ways.append(_of_tokens(importer.content))
    return st.one_of(ways)


@st.composite
def _of_bytes(draw: st.DrawFn, content: bytes) -> Damaged:
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(content)))
        gone = draw(st.integers(0, 40) | st.integers(0, len(content)))
        put = draw(st.binary(max_size=30) | st.sampled_from(ODD_BYTES))
        again = draw(st.integers(0, 2))
        content = content[:at] + put + content[at : at + gone] * (again if gone < 2_000 else 0) + content[at + gone :]  # noqa: PLR2004 - longer pieces are not repeated
    return Damaged(content=content)


@st.composite
def _of_tokens(draw: st.DrawFn, content: bytes) -> Damaged:
    """Replace what stands between signs of a text by something odd, or repeat a line."""
    text = content.decode()
    for _ in range(draw(st.integers(1, 3))):
        lines = text.split("\n")
        at = draw(st.integers(0, len(lines) - 1))
        way = draw(st.sampled_from(("token", "token", "token", "twice", "gone")))
        if way == "token":
            start = draw(st.integers(0, len(lines[at])))
            end = min(len(lines[at]), start + draw(st.integers(0, 30)))
            lines[at] = lines[at][:start] + draw(st.sampled_from(ODD_TEXTS)) + lines[at][end:]
        elif way == "twice":
            lines.insert(at, lines[at])
        elif len(lines) > 1:
            del lines[at]
        text = "\n".join(lines)
    return Damaged(content=text.encode(errors="surrogatepass"))


@st.composite
def _of_table(draw: st.DrawFn, content: bytes, header_rows: int) -> Damaged:
    """Change cells, and repeat rows, in ways that leave the number of rows known."""
    rows = list(csv.reader(io.StringIO(content.decode())))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(header_rows, len(rows) - 1))
        if draw(st.booleans()):
            column = draw(st.integers(0, len(rows[at]) - 1))
            odd = draw(st.sampled_from([one for one in ODD_TEXTS if one.strip()]))
            rows[at] = [odd if index == column else cell for index, cell in enumerate(rows[at])]
        else:
            rows.insert(at, rows[at])
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return Damaged(content=text.getvalue().encode(errors="replace"), rows=len(rows) - header_rows)


@st.composite
def _of_json(draw: st.DrawFn, content: bytes) -> Damaged:
    document = json.loads(content)
    for _ in range(draw(st.integers(1, 3))):
        holders = [one for one in _walk(document) if one]
        if not holders:
            break
        holder = holders[draw(st.integers(0, len(holders) - 1))]
        keys: Sequence[Any] = list(holder) if isinstance(holder, dict) else range(len(holder))
        key = keys[draw(st.integers(0, len(keys) - 1))]
        way = draw(st.sampled_from(("odd", "odd", "odd", "gone", "nested", "twice")))
        if way == "odd":
            holder[key] = deepcopy(draw(st.sampled_from(ODD_VALUES)))  # what is put in may be damaged again
        elif way == "gone":
            del holder[key]
        elif way == "twice" and isinstance(holder, list):
            holder.insert(key, deepcopy(holder[key]))
        else:
            holder[key] = "NESTED"
    deep = draw(st.sampled_from((3, 300, 3_000, 100_000)))
    text = json.dumps(document, ensure_ascii=False).replace('"NESTED"', "[" * deep + "]" * deep)
    return Damaged(content=text.encode(errors="replace"))


def _walk(node: Any) -> list[Any]:  # noqa: ANN401 - JSON holds anything
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    own = [node] if isinstance(node, dict | list) else []
    return own + [one for child in children for one in _walk(child)]


@st.composite
def _of_archive(draw: st.DrawFn, content: bytes) -> Damaged:
    """Change one member; of a workbook often its sheet."""
    source = zipfile.ZipFile(io.BytesIO(content))
    names = source.namelist()
    chosen = draw(st.sampled_from(names) | st.sampled_from([one for one in names if "sheet1" in one] or names))
    ways = [_of_bytes(source.read(chosen))]
    if Path(chosen).suffix not in _BINARY:
        ways.append(_of_tokens(source.read(chosen)))
    inside = draw(st.one_of(ways))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for name in names:
            target.writestr(name, inside.content if name == chosen else source.read(name))
    return Damaged(content=buffer.getvalue())


@st.composite
def _of_geopackage(draw: st.DrawFn, content: bytes) -> Damaged:
    """Change cells of its tables, those of the format among them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.gpkg")
        path.write_bytes(content)
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            triggers = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
            for name in triggers:
                database.execute(f'DROP TRIGGER "{name}"')
            tables = [
                row[0]
                for row in database.execute(
                    "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
                )
                if not row[0].startswith(("rtree_", "sqlite_"))
            ]
            for _ in range(draw(st.integers(1, 3))):
                chosen = draw(st.sampled_from(sorted(tables)))
                columns = [row[1] for row in database.execute(f'PRAGMA table_info("{chosen}")')]
                column = draw(st.sampled_from(columns))
                odd = draw(
                    st.sampled_from((None, 0, -1, 10**15, b"", b"GP\x00\x01", *ODD_TEXTS)) | st.binary(max_size=60)
                )
                with suppress(sqlite3.Error, UnicodeEncodeError):
                    database.execute(f'UPDATE "{chosen}" SET "{column}" = ?', (odd,))  # noqa: S608 - names of the table's own
        return Damaged(content=path.read_bytes())


def fuzz(importer: Importer, inputs: int, folder: Path, *, seed: int | None = None) -> Tally:
    """Read so many damaged files.

    Raises:
        AssertionError, Exception: What no file should bring; hypothesis has made the file as small as it could.

    """
    tally = Tally(name=importer.name)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)

    attempt(importer, Damaged(content=importer.content), folder, tally)
    if not tally.results:
        raise AssertionError(f"{importer.name}: the sound file itself is refused")

    @settings(
        max_examples=inputs,
        deadline=None,
        database=None,
        derandomize=seed is None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(damaged=damages(importer))
    def read(damaged: Damaged) -> None:
        attempt(importer, damaged, folder, tally)

    read()
    return tally


def grown_mb(act: Callable[[], object]) -> float:
    """Return by how much the process's greatest memory grew while `act` ran."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    act()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1_000


def main() -> None:
    """Print a row for each importer; end with 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=10_000, help="damaged files for each importer")
    parser.add_argument("--only", default="", help="importers whose name holds this")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for importer in importers():
            if asked.only in importer.name:
                rows.append(_row(importer, asked.inputs, Path(folder) / "fuzz"))
                print(rows[-1], flush=True)
    columns = dict.fromkeys(key for row in rows for key in row)
    print(table([{key: row.get(key) for key in columns} for row in rows]))
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    raise SystemExit(any(row["failures"] for row in rows))


def _row(importer: Importer, inputs: int, folder: Path) -> dict[str, Any]:
    tallies: list[Tally] = []
    try:
        grown = grown_mb(lambda: tallies.append(fuzz(importer, inputs, folder)))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
        return {"importer": importer.name, "failures": 1, "error": repr(error)[:3_000]}
    return tallies[0].row() | {"grown_mb": round(grown)}


if __name__ == "__main__":
    main()
