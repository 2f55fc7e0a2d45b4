import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
from matplotlib.image import imread
from numpy.typing import NDArray
from rasterio.warp import Resampling
from rasterio.warp import reproject as warp
from shapely.geometry import MultiPolygon, Point, box

from geo.errors import GridMismatchError, OutputError
from geo.grid import Grid
from geo.scene import RGB_BANDS, Quantity, Scene, Stack
from outputs.pictures.before_after import draw_before_after
from outputs.pictures.chips import chip, choose_looks
from outputs.pictures.contents import ONE_BAND, BeforeAfter, FacilityMark
from outputs.pictures.sheet import layout_of, to_screen

GRID = Grid(epsg=32645, left_m=604_000, top_m=4_804_000, pixel_m=10, width_px=40, height_px=40)
SQUARE = box(604_150, 4_803_750, 604_250, 4_803_850)


def _picture(**changes: object) -> BeforeAfter:
    rng = np.random.default_rng(1)
    before = rng.uniform(0.1, 0.2, (40, 40, 3)).astype(np.float32)
    after = before.copy()
    after[15:25, 15:25] += 0.15
    picture = BeforeAfter(
        before=before,
        after=after,
        grid=GRID,
        outline_m=SQUARE,
        before_on=date(2017, 3, 2),
        after_on=date(2018, 10, 11),
        detection_id="home-1",
        area_name="Dabancheng",
        event="construction",
        status="confirmed",
        confidence=0.93,
        onset_after=date(2017, 3, 2),
        onset_by=date(2017, 6, 10),
        credit="Contains modified Copernicus Sentinel data 2017-2018",
    )
    return replace(picture, **changes)  # type: ignore[arg-type]  # each test knows what it changes


def _drawn(path: Path, picture: BeforeAfter) -> NDArray[np.float32]:
    draw_before_after(path, picture)
    pixels: NDArray[np.float32] = imread(path)[..., :3]
    return pixels


def _panel(pixels: NDArray[np.float32], picture: BeforeAfter, side: int) -> NDArray[np.float32]:
    layout = layout_of(picture)
    left, top = layout.column_left(side), layout.panel_top
    return pixels[top : top + layout.panel_height, left : left + layout.panel_width]


def test_the_same_picture_gives_the_same_bytes(tmp_path: Path) -> None:
    draw_before_after(tmp_path / "a.png", _picture())
    draw_before_after(tmp_path / "b.png", _picture())
    content = (tmp_path / "a.png").read_bytes()
    assert content == (tmp_path / "b.png").read_bytes()
    assert b"Software" not in content
    assert b"Copernicus" in content


def test_each_pixel_is_a_square_of_one_colour_in_its_place(tmp_path: Path) -> None:
    """Nothing is smoothed or moved: block by block the panel is the stretched chip."""
    picture = _picture()
    panel = _panel(_drawn(tmp_path / "a.png", picture), picture, 0)
    zoom = layout_of(picture).zoom
    assert panel.shape == (40 * zoom, 40 * zoom, 3)
    blocks = panel[: 10 * zoom, :].reshape(10, zoom, 40, zoom, 3)  # the outline begins below
    assert np.ptp(blocks, axis=(1, 3)).max() == 0
    shown, given = blocks[:, 0, :, 0], picture.before[:10]
    assert np.corrcoef(shown.ravel(), given.ravel())[0, 1] > 0.99


def test_both_looks_share_one_stretch(tmp_path: Path) -> None:
    picture = _picture()
    pixels = _drawn(tmp_path / "a.png", picture)
    top = slice(0, 10 * layout_of(picture).zoom)
    assert (_panel(pixels, picture, 0)[top] == _panel(pixels, picture, 1)[top]).all()


def test_the_outline_stands_around_what_it_shows_and_does_not_cover_it(tmp_path: Path) -> None:
    picture = _picture()
    panel = _panel(_drawn(tmp_path / "a.png", picture), picture, 1)
    zoom = layout_of(picture).zoom
    is_outline = (panel[..., 0] > 0.75) & (panel[..., 1] < 0.2) & (panel[..., 2] > 0.3) & (panel[..., 2] < 0.55)
    rows, cols = np.nonzero(is_outline)
    assert (rows.min() / zoom, rows.max() / zoom) == pytest.approx((15, 25), abs=0.2)
    assert (cols.min() / zoom, cols.max() / zoom) == pytest.approx((15, 25), abs=0.2)
    assert not is_outline[int(15.4 * zoom) : int(24.6 * zoom), int(15.4 * zoom) : int(24.6 * zoom)].any()


def test_what_was_not_seen_is_hatched_grey() -> None:
    picture = _picture()
    chip_values = np.full((40, 40, 3), 0.5, np.float32)
    chip_values[:20] = np.nan
    screen = to_screen(chip_values, layout_of(picture))
    unseen, seen = np.split(screen, 2)
    assert set(np.round(np.unique(unseen), 2)) == {np.float32(0.55), np.float32(0.85)}
    assert (seen == 0.5).all()


def test_a_large_chip_is_averaged_and_still_in_place(tmp_path: Path) -> None:
    grid = replace(GRID, width_px=1601, height_px=1300)
    values = np.random.default_rng(0).uniform(0.1, 0.3, (1300, 1601, 3)).astype(np.float32)
    picture = _picture(before=values, after=values, grid=grid, outline_m=box(605_000, 4_795_000, 610_000, 4_800_000))
    layout = layout_of(picture)
    assert (layout.zoom, layout.shrink) == (1, 3)
    assert layout.panel_width == 534
    pixels = _drawn(tmp_path / "a.png", picture)
    assert pixels.shape[:2] == (layout.height, layout.width)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"area_name": "达坂城 $x^2$ دابانچىڭ \U000f0000 \n" * 20}, id="endless-name-in-any-script"),
        pytest.param({"credit": "Simulated imagery, not an observation"}, id="simulated"),
        pytest.param({"before": np.full((40, 40, 3), np.nan, np.float32)}, id="one-look-unseen"),
        pytest.param({"event": "new_event", "status": "candidate", "colours": ONE_BAND}, id="unknown-event"),
        pytest.param(
            {"outline_m": MultiPolygon([SQUARE, box(604_010, 4_803_900, 604_050, 4_803_950)])}, id="many-parts"
        ),
        pytest.param({"outline_m": SQUARE - SQUARE.buffer(-30)}, id="hole"),
        pytest.param(
            {
                "facilities": (
                    FacilityMark(name="达坂城区", location_m=Point(604_300, 4_803_900)),
                    FacilityMark(name="Park", location_m=box(603_000, 4_803_000, 604_050, 4_803_950)),
                    FacilityMark(name="Far away", location_m=Point(0, 0)),
                )
            },
            id="facilities",
        ),
    ],
)  # fmt: skip
def test_nothing_that_comes_along_breaks_a_picture(tmp_path: Path, changes: dict[str, object]) -> None:
    picture = _picture(**changes)
    pixels = _drawn(tmp_path / "a.png", picture)
    layout = layout_of(picture)
    assert pixels.shape[:2] == (layout.height, layout.width)
    assert (pixels[layout.banner + 3 :, -8:] == 1).all(), "something runs over the right edge"


def test_simulated_imagery_carries_a_red_band(tmp_path: Path) -> None:
    simulated = _drawn(tmp_path / "a.png", _picture(credit="Simulated imagery, not an observation"))
    real = _drawn(tmp_path / "b.png", _picture())
    assert simulated[5, 5].tolist() == pytest.approx([0x8F / 255, 0, 0], abs=0.01)
    assert real[5, 5].tolist() == [1, 1, 1]


def test_a_chip_of_another_shape_is_refused() -> None:
    with pytest.raises(GridMismatchError, match="home-1: before"):
        _picture(before=np.zeros((3, 3, 3), np.float32))


def test_a_folder_in_the_way_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    with pytest.raises(OutputError, match=r"a\.png"):
        draw_before_after(tmp_path / "a.png", _picture())


def test_nobody_waits_for_matplotlib_who_draws_nothing() -> None:
    code = (
        "import sys, outputs.pictures.before_after, outputs.pictures.chips, outputs.layers.geopackage,"
        " outputs.site.summary, outputs.evidence.manifest; sys.exit('matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.realdata
def test_the_camp_at_dabancheng_shows_before_and_after(shared_data: Path, tmp_path: Path) -> None:
    outline_4326 = box(88.2838, 43.3808, 88.2960, 43.3866)
    grid = Grid.around(outline_4326, pixel_m=10, margin_m=500)
    days = ["2017-03-02", "2017-06-10", "2018-10-11"]
    files = {day: shared_data / "dabancheng" / "rgb_series" / f"dabancheng_{day}_rgb.tif" for day in days}
    stack = Stack.of([_scene(path, day, grid) for day, path in files.items()])
    outline_m = box(*Grid.around(outline_4326, pixel_m=10).bounds_m)
    looks = chip(stack, outline_m, margin_m=300)
    onset = {"onset_after": date(2017, 3, 2), "onset_by": date(2017, 6, 10)}
    before, after = choose_looks(looks, **onset)
    assert (looks.days[before], looks.days[after]) == (date(2017, 3, 2), date(2018, 10, 11))
    picture = _picture(before=looks.rgb[before], after=looks.rgb[after], grid=looks.grid, outline_m=outline_m)
    pixels = _drawn(tmp_path / "camp.png", picture)
    spread = [_panel(pixels, picture, side).std() for side in (0, 1)]
    assert spread[1] > 1.2 * spread[0], "roofs and shadows make the later look rougher"


def _scene(path: Path, day: str, grid: Grid) -> Scene:
    values = np.full((3, *grid.shape), np.nan, np.float32)
    with rasterio.open(path) as file:
        warp(
            file.read().astype(np.float32),
            values,
            src_transform=file.transform,
            src_crs=file.crs,
            src_nodata=0,
            dst_transform=grid.transform,
            dst_crs=f"EPSG:{grid.epsg}",
            dst_nodata=np.nan,
            resampling=Resampling.bilinear,
        )
    return Scene(
        scene_id=day,
        observed_at=datetime.fromisoformat(day).replace(tzinfo=UTC),
        platform="sentinel-2",
        quantity=Quantity.DISPLAY,
        grid=grid,
        bands=dict(zip(RGB_BANDS, values / 255, strict=True)),
        is_clear=np.asarray(np.isfinite(values).all(axis=0)),
    )
