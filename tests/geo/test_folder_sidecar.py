"""What the table of scenes and the list of dates may say, and what is refused, with its line."""

from datetime import UTC, datetime
from math import isnan
from pathlib import Path

import pytest

from geo.errors import SourceError
from geo.scene import Quantity
from geo.sources.folder.sidecar import choose_rows, dated_folder, read_dates, read_sidecar

DAY = datetime(2017, 2, 16, tzinfo=UTC)


def table(folder: Path, text: str) -> Path:
    path = folder / "scenes.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("separator", [",", ";"])
def test_every_column_is_read(tmp_path: Path, separator: str) -> None:
    header = ["File", "date", "bands", "scene", "platform", "scale", "offset", "nodata", "quantity", "note"]
    cells = ["a.tif", "2017-02-16", "B4 - SCL", "one", "sentinel-2b", "0.0001", "-0.1", "65535", "reflectance", "new"]
    path = table(tmp_path, f"\ufeff{separator.join(header)}\n{separator.join(cells)}\n")
    (row,) = read_sidecar(path)
    assert (row.pattern, row.observed_at, row.bands) == ("a.tif", DAY, ("B04", None, "SCL"))
    assert (row.scene, row.platform, row.scale, row.offset) == ("one", "sentinel-2b", 0.0001, -0.1)
    assert (row.nodata, row.quantity) == (65535.0, Quantity.REFLECTANCE)


def test_empty_cells_say_nothing(tmp_path: Path) -> None:
    (row,) = read_sidecar(table(tmp_path, "file,date,bands,scale,nodata,quantity\na.tif,,,,,\n"))
    assert (row.observed_at, row.bands, row.scale, row.nodata, row.quantity) == (None,) * 5


def test_nodata_may_be_none(tmp_path: Path) -> None:
    (row,) = read_sidecar(table(tmp_path, "file,nodata\na.tif,none\n"))
    assert row.nodata is not None
    assert isnan(row.nodata)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(
            "name,date\na.tif,2017-02-16\n", "of which file must be there; got name, date", id="no-file-column"
        ),
        pytest.param("file,sacle\na.tif,1\n", "unknown: sacle", id="unknown-column"),
        pytest.param("", "got nothing", id="empty"),
        pytest.param("file,date\na.tif,2017-02-16\nb.tif,16 Feb\n", "line 3, date: '16 Feb' is not a date", id="date"),
        pytest.param("file,scale\na.tif,tenth\n", "line 2, scale: 'tenth' is not a number", id="number"),
        pytest.param("file,offset\na.tif,inf\n", "line 2, offset: 'inf' is not a finite number", id="infinite"),
        pytest.param("file,nodata\na.tif,x\n", "line 2, nodata: 'x' is not a number", id="nodata"),
        pytest.param("file,bands\na.tif,B04 B99\n", "line 2, bands: 'B99' is no band", id="band"),
        pytest.param("file,bands\na.tif,B04 B04\n", "line 2, bands: expected each band once", id="band-twice"),
        pytest.param(
            "file,bands\na.tif,- -\n", "line 2, bands: expected each band once, and at least one", id="no-band"
        ),
        pytest.param("file,quantity\na.tif,dn\n", "line 2, quantity: 'dn' is neither of reflectance", id="quantity"),
        pytest.param("file,date\n,2017-02-16\n", "line 2: file is empty", id="no-file"),
        pytest.param("file,date\na.tif,2017-02-16,x\n", "line 2: has more cells than there are columns", id="too-long"),
    ],
)
def test_a_wrong_table_is_refused_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SourceError, match=rf"scenes\.csv.*{words}"):
        read_sidecar(table(tmp_path, text))


def test_text_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scenes.csv"
    path.write_bytes("file\nété.tif\n".encode("latin-1"))
    with pytest.raises(SourceError, match=r"scenes\.csv: cannot be read as UTF-8 text"):
        read_sidecar(path)


def test_a_row_of_a_file_wins_over_a_pattern(tmp_path: Path) -> None:
    rows = read_sidecar(table(tmp_path, "file,scale\nb.tif,2\n*.tif,1\n"))
    chosen = choose_rows(rows, ["a.tif", "b.tif"])
    assert {name: row.scale for name, row in chosen.items()} == {"a.tif": 1.0, "b.tif": 2.0}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("file\nc.tif\n", "line 2: there is no GeoTIFF, JPEG 2000 file or cube c.tif", id="unknown-file"),
        pytest.param("file\na.tif\na.tif\n", "line 3: a.tif is described already in .*line 2", id="twice"),
        pytest.param("file\na.*\n*.tif\n", "line 3: a.tif is described already in .*line 2", id="two-patterns"),
    ],
)
def test_rows_must_fit_the_files(tmp_path: Path, text: str, words: str) -> None:
    rows = read_sidecar(table(tmp_path, text))
    with pytest.raises(SourceError, match=words):
        choose_rows(rows, ["a.tif", "b.tif"])


def test_a_list_of_dates_dates_folders(tmp_path: Path) -> None:
    path = tmp_path / "dates.txt"
    path.write_text("date_1: 20170216\n\ndate_2:2018-02-16\nautumn: 2017-02-16\n")
    dates = read_dates(path)
    assert dated_folder(dates, "imgs_1") == DAY
    assert dated_folder(dates, "imgs_1_rect") == DAY
    assert dated_folder(dates, "imgs_2") == DAY.replace(year=2018)
    assert dated_folder(dates, "autumn") == DAY
    assert dated_folder(dates, "imgs_11") is None
    assert dated_folder(dates, "pair") is None


@pytest.mark.parametrize("line", ["date_2: soon", "20180216"])
def test_a_wrong_line_of_the_list_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "dates.txt"
    path.write_text(f"date_1: 20170216\n{line}\n")
    with pytest.raises(SourceError, match=r"dates\.txt, line 2: "):
        read_dates(path)
