"""Sentinel-2 products are read by what their metadata says, never by their date or their files' names alone."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from geo.errors import SourceError
from geo.grid import Grid
from geo.masks import MaskParams, clear_from_scl
from geo.scene import Quantity
from geo.sources.base import SceneRef
from geo.sources.folder import FolderOptions, FolderSource

EPSG = 32634
GRID = Grid(epsg=EPSG, left_m=300_000, top_m=6_100_020, pixel_m=10, width_px=12, height_px=12)
EVER = {"first": date(1980, 1, 1), "last": date(2100, 1, 1)}
BAND_IDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")
DN = {"B02": 1500, "B04": 3000, "B08": 4000, "B11": 2500, "SCL": 4, "TCI": 90}
L2A_SIZES = {10: ("B02", "B04", "B08"), 20: ("B02", "B04", "B11", "SCL"), 60: ("B02", "SCL")}


@dataclass(frozen=True, kw_only=True)
class Safe:
    """A product to be written, with 120 m of ground."""

    level: str = "2A"
    baseline: str = "05.09"
    tile: str = "T34UCF"
    platform: str = "S2B"
    datatake: str = "20230823T095559"
    generated: str = "20230823T124759"
    seen: str = "2023-08-23T10:05:35.271949Z"
    offsets: Mapping[str, int] | None = field(default_factory=lambda: dict.fromkeys(BAND_IDS, -1000))
    quantification: int = 10_000
    sizes: Mapping[int, Sequence[str]] = field(default_factory=lambda: L2A_SIZES)
    dn: Mapping[str, int] = field(default_factory=lambda: DN)
    left_m: float = GRID.left_m
    prefix: str = ""
    """``L2A_`` in what products of 2016 to 2018 call some elements."""

    @property
    def name(self) -> str:
        """The product's name."""
        baseline = self.baseline.replace(".", "")
        return f"{self.platform}_MSIL{self.level}_{self.datatake}_N{baseline}_R122_{self.tile}_{self.generated}.SAFE"

    @property
    def granule(self) -> str:
        """The granule's folder."""
        return f"GRANULE/L{self.level}_{self.tile}_A033753_20230823T095553"

    def images(self) -> dict[str, tuple[int, str]]:
        """Return the images, without suffix, with their pixel's size and band."""
        images = {}
        for pixel_m, bands in self.sizes.items():
            for band in bands:
                place = f"R{pixel_m}m/" if self.level == "2A" else ""
                size = f"_{pixel_m}m" if self.level == "2A" else ""
                images[f"{self.granule}/IMG_DATA/{place}{self.tile}_{self.datatake}_{band}{size}"] = (pixel_m, band)
        return images

    def write(self, folder: Path) -> Path:
        """Write the product into `folder`."""
        root = folder / self.name
        for image, (pixel_m, band) in self.images().items():
            write_jp2(root / f"{image}.jp2", self.dn[band], pixel_m=pixel_m, left_m=self.left_m)
        (root / f"MTD_MSIL{self.level}.xml").write_text(self.metadata(), encoding="utf-8")
        (root / self.granule / "MTD_TL.xml").write_text(self.tile_metadata(), encoding="utf-8")
        return root

    def metadata(self) -> str:
        """Return the metadata of the product."""
        level, p = self.level, self.prefix
        list_name = "IMAGE_FILE_2A" if p else "IMAGE_FILE"
        uri_name = "PRODUCT_URI_2A" if p else "PRODUCT_URI"
        files = "".join(f"<{list_name}>{image}</{list_name}>" for image in self.images())
        value = f"{p}BOA_QUANTIFICATION_VALUE" if level == "2A" else "QUANTIFICATION_VALUE"
        offset = "BOA_ADD_OFFSET" if level == "2A" else "RADIO_ADD_OFFSET"
        offsets = "".join(
            f'<{offset} band_id="{BAND_IDS.index(band)}">{number}</{offset}>'
            for band, number in (self.offsets or {}).items()
        )
        stamp = datetime.strptime(self.generated, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        start = datetime.strptime(self.datatake, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        return f"""<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<n1:Level-{level}_User_Product xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/User_Product_Level-{level}.xsd">
<n1:General_Info>
 <{p}Product_Info>
  <PRODUCT_START_TIME>{start:%Y-%m-%dT%H:%M:%S}.024Z</PRODUCT_START_TIME>
  <{uri_name}>{self.name}</{uri_name}>
  <PROCESSING_LEVEL>Level-{level}</PROCESSING_LEVEL>
  <PROCESSING_BASELINE>{self.baseline}</PROCESSING_BASELINE>
  <GENERATION_TIME>{stamp:%Y-%m-%dT%H:%M:%S}.000000Z</GENERATION_TIME>
  <Datatake datatakeIdentifier="G{self.platform}_{self.datatake}_033753_N{self.baseline}">
   <SPACECRAFT_NAME>Sentinel-{self.platform[1:]}</SPACECRAFT_NAME>
   <DATATAKE_SENSING_START>{start:%Y-%m-%dT%H:%M:%S}.024Z</DATATAKE_SENSING_START>
   <SENSING_ORBIT_NUMBER>122</SENSING_ORBIT_NUMBER>
  </Datatake>
  <Product_Organisation><Granule_List><Granule imageFormat="JPEG2000">{files}</Granule></Granule_List>
  </Product_Organisation>
 </{p}Product_Info>
 <{p}Product_Image_Characteristics>
  <Special_Values><SPECIAL_VALUE_TEXT>NODATA</SPECIAL_VALUE_TEXT><SPECIAL_VALUE_INDEX>0</SPECIAL_VALUE_INDEX>
  </Special_Values>
  <{value} unit="none">{self.quantification}</{value}>
  <Offsets>{offsets}</Offsets>
 </{p}Product_Image_Characteristics>
</n1:General_Info>
<n1:Quality_Indicators_Info><Cloud_Coverage_Assessment>12.5</Cloud_Coverage_Assessment></n1:Quality_Indicators_Info>
</n1:Level-{level}_User_Product>
"""

    def tile_metadata(self) -> str:
        """Return the metadata of the granule."""
        return f"""<?xml version="1.0" encoding="UTF-8"?>
<n1:Level-{self.level}_Tile_ID xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/S2_PDI_Level-{self.level}_Tile_Metadata.xsd">
<n1:General_Info><SENSING_TIME metadataLevel="Standard">{self.seen}</SENSING_TIME></n1:General_Info>
<n1:Geometric_Info><Tile_Geocoding><HORIZONTAL_CS_CODE>EPSG:{EPSG}</HORIZONTAL_CS_CODE></Tile_Geocoding>
</n1:Geometric_Info>
</n1:Level-{self.level}_Tile_ID>
"""


L1C = Safe(level="1C", sizes={10: ("B02", "B04", "B08"), 20: ("B11",), 60: ("TCI",)}, generated="20230823T120234")


def write_jp2(path: Path, number: int, *, pixel_m: int, left_m: float, corners: tuple[int, int] | None = None) -> None:
    """Write 120 m x 120 m of one number; by default the pixel in the north-west is not recorded."""
    path.parent.mkdir(parents=True, exist_ok=True)
    side = 120 // pixel_m
    values = np.full((side, side), number, dtype=np.uint8 if number < 256 else np.uint16)
    values[0, 0], values[0, -1] = corners or (0, number)
    where = {"crs": f"EPSG:{EPSG}", "transform": Affine(pixel_m, 0, left_m, 0, -pixel_m, GRID.top_m)}
    with rasterio.open(
        path, "w", driver="JP2OpenJPEG", count=1, width=side, height=side, dtype=values.dtype, quality=100,
        reversible="YES", resolutions=1, **where,
    ) as image:  # fmt: skip
        image.write(values, 1)


def search(folder: Path) -> Sequence[SceneRef]:
    return FolderSource(folder).search(GRID.footprint_4326, **EVER)


def values(folder: Path, bands: Sequence[str], *, index: int = 0, grid: Grid = GRID) -> dict[str, float]:
    """Return what the bands of a scene hold, each in its south-eastern pixel."""
    source = FolderSource(folder)
    ref = source.search(GRID.footprint_4326, **EVER)[index]
    scene = source.read(ref, grid, bands=bands)
    return {band: round(float(layer[-1, -1]), 6) for band, layer in scene.bands.items()}


def test_a_product_tells_its_scene(tmp_path: Path) -> None:
    Safe().write(tmp_path)
    (ref,) = search(tmp_path)
    assert ref.scene_id == "S2B_MSIL2A_20230823T095559_R122_T34UCF"
    assert ref.observed_at == datetime(2023, 8, 23, 10, 5, 35, 271949, tzinfo=UTC)
    assert (ref.platform, ref.processing_baseline, ref.relative_orbit) == ("sentinel-2b", "05.09", 122)
    assert (ref.cloud_share, ref.quantity) == (0.125, Quantity.REFLECTANCE)
    assert ref.bands == ("B02", "B04", "B08", "B11", "SCL")


@pytest.mark.parametrize(
    ("safe", "red"),
    [
        pytest.param(Safe(), 0.2, id="with-an-offset"),
        pytest.param(Safe(baseline="02.05", offsets=None), 0.3, id="before-there-were-offsets"),
        pytest.param(
            Safe(baseline="05.00", datatake="20170823T095559", generated="20230101T000000"), 0.2, id="processed-again"
        ),
        pytest.param(Safe(offsets={**dict.fromkeys(BAND_IDS, -1000), "B04": -500}), 0.25, id="of-one-band"),
        pytest.param(Safe(quantification=20_000), 0.1, id="another-quantification"),
        pytest.param(Safe(baseline="02.05", offsets=None, prefix="L2A_"), 0.3, id="elements-of-2017"),
        pytest.param(L1C, 0.2, id="level-1c"),
    ],
)
def test_numbers_become_reflectance_by_what_the_metadata_says(safe: Safe, red: float, tmp_path: Path) -> None:
    safe.write(tmp_path)
    assert values(tmp_path, ["B04"]) == {"B04": red}


def test_bands_come_in_their_finest_pixels(tmp_path: Path) -> None:
    root = Safe().write(tmp_path)
    for coarse in root.rglob("*_B04_20m.jp2"):
        write_jp2(coarse, 9999, pixel_m=20, left_m=GRID.left_m)
    assert values(tmp_path, ["B04", "B11"]) == {"B04": 0.2, "B11": 0.15}
    for fine in root.rglob("*_B04_10m.jp2"):
        fine.unlink()
    assert values(tmp_path, ["B04"]) == {"B04": 0.8999}


def test_the_classes_tell_what_was_clearly_seen(tmp_path: Path) -> None:
    root = Safe().write(tmp_path)
    (classes,) = root.rglob("*_SCL_20m.jp2")
    write_jp2(classes, DN["SCL"], pixel_m=20, left_m=GRID.left_m, corners=(4, 9))
    source = FolderSource(tmp_path)
    (ref,) = source.search(GRID.footprint_4326, **EVER)
    scene = source.read(ref, GRID, bands=["B04"])
    assert not scene.is_clear[:4, 10:].any()  # the cloud
    assert not scene.is_clear[0, 0]  # not recorded in B04
    assert scene.is_clear[4:, :8].all()
    assert scene.hidden_share["cloud"] == pytest.approx(4 / 144)
    assert sum(scene.hidden_share.values()) == pytest.approx(1 - scene.is_clear.mean())
    assert source.clear_share(ref, replace(GRID, pixel_m=20, width_px=6, height_px=6)) == pytest.approx(35 / 36)


def test_level_1c_has_no_classes_and_what_was_recorded_is_clear(tmp_path: Path) -> None:
    L1C.write(tmp_path)
    source = FolderSource(tmp_path)
    (ref,) = source.search(GRID.footprint_4326, **EVER)
    assert ref.bands == ("B02", "B04", "B08", "B11")
    scene = source.read(ref, GRID, bands=["B04"])
    np.testing.assert_array_equal(scene.is_clear, np.isfinite(scene.bands["B04"]))
    assert np.count_nonzero(~scene.is_clear) == 1
    assert source.clear_share(ref, GRID) is None
    assert (scene.processing_baseline, scene.relative_orbit) == ("05.09", 122)


CLOUD_NAMES = ("MSK_CLDPRB_20m", "T34UCF_20170823T095559_CLD_20m", "MSK_CLDPRB_60m")


def with_probability(folder: Path, name: str, percent: tuple[int, int] = (10, 70)) -> Path:
    """Write a product in which `percent` are the probabilities of cloud in its south and in its north-east."""
    root = Safe().write(folder)
    (classes,) = root.rglob("*_SCL_20m.jp2")
    write_jp2(classes, DN["SCL"], pixel_m=20, left_m=GRID.left_m, corners=(4, 4))
    path = root / Safe().granule / "QI_DATA" / f"{name}.jp2"
    write_jp2(path, percent[0], pixel_m=60 if "60m" in name else 20, left_m=GRID.left_m, corners=percent)
    return path


PROBABLE = FolderOptions(mask=MaskParams(cloud_probability_percent=40))


@pytest.mark.parametrize(("name", "side_px"), [*zip(CLOUD_NAMES, (2, 2, 6), strict=True)])
def test_a_cloud_probability_hides_what_the_classes_call_clear_where_it_is_wanted(
    name: str, side_px: int, tmp_path: Path
) -> None:
    with_probability(tmp_path, name)
    plain, clouded = FolderSource(tmp_path), FolderSource(tmp_path, PROBABLE)
    (ref,) = plain.search(GRID.footprint_4326, **EVER)
    assert ref.bands == ("B02", "B04", "B08", "B11", "SCL"), "it is no band"
    assert (plain.read(ref, GRID, bands=["SCL"]).bands["SCL"] == 4).all()
    assert plain.clear_share(ref, GRID) == 1
    scene = clouded.read(ref, GRID, bands=["SCL"])
    is_cloud = np.zeros(GRID.shape, dtype=bool)
    is_cloud[:side_px, -side_px:] = True
    np.testing.assert_array_equal(scene.bands["SCL"], np.where(is_cloud, 8, 4))
    np.testing.assert_array_equal(scene.is_clear, clear_from_scl(scene.bands["SCL"], PROBABLE.mask))
    assert scene.hidden_share["cloud"] == pytest.approx(is_cloud.mean())
    assert clouded.clear_share(ref, GRID) == pytest.approx(1 - is_cloud.mean())


def test_a_product_without_cloud_probability_is_masked_by_its_classes_and_that_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Safe().write(tmp_path)
    plain, clouded = FolderSource(tmp_path), FolderSource(tmp_path, PROBABLE)
    for _ in range(2):
        (ref,) = clouded.search(GRID.footprint_4326, **EVER)
    (told,) = [record.getMessage() for record in caplog.records if "probability" in record.message]
    assert told.startswith(f"{tmp_path}: not every scene has a cloud probability")
    np.testing.assert_array_equal(
        clouded.read(ref, GRID, bands=["B04"]).is_clear, plain.read(ref, GRID, bands=["B04"]).is_clear
    )


def test_a_cloud_probability_that_is_damaged_or_none_costs_only_who_wants_it(tmp_path: Path) -> None:
    path = with_probability(tmp_path, CLOUD_NAMES[0], percent=(10, 170))
    plain, clouded = FolderSource(tmp_path), FolderSource(tmp_path, PROBABLE)
    (ref,) = plain.search(GRID.footprint_4326, **EVER)
    with pytest.raises(SourceError, match=f"{ref.scene_id}: a cloud probability lies between 0 and 100 per cent"):
        clouded.read(ref, GRID, bands=["B04"])
    path.write_bytes(path.read_bytes()[:60])
    assert values(tmp_path, ["B04"]) == {"B04": 0.2}
    clouded = FolderSource(tmp_path, PROBABLE)
    (ref,) = clouded.search(GRID.footprint_4326, **EVER)
    with pytest.raises(SourceError, match="MSK_CLDPRB_20m"):
        clouded.read(ref, GRID, bands=["B04"])


@pytest.mark.parametrize("order", [pytest.param(1, id="old-first"), pytest.param(-1, id="new-first")])
def test_a_later_processing_supersedes_an_earlier(order: int, tmp_path: Path) -> None:
    old = Safe(baseline="02.05", offsets=None, generated="20230823T124759", dn={**DN, "B04": 1111})
    new = Safe(baseline="05.10", generated="20230901T000000")
    for safe in [old, new][::order]:
        safe.write(tmp_path)
    (ref,) = search(tmp_path)
    assert ref.processing_baseline == "05.10"
    assert values(tmp_path, ["B04"]) == {"B04": 0.2}


def test_tiles_of_one_overpass_are_one_scene_and_two_overpasses_two(tmp_path: Path) -> None:
    Safe().write(tmp_path)
    Safe(tile="T34UDF", left_m=GRID.left_m + 120, seen="2023-08-23T10:05:20Z", dn={**DN, "B04": 5000}).write(tmp_path)
    Safe(datatake="20230828T095559", seen="2023-08-28T10:05:35Z").write(tmp_path)
    both, later = search(tmp_path)
    assert both.scene_id == "S2B_MSIL2A_20230823T095559_R122_T34UCF+1"
    assert both.observed_at == datetime(2023, 8, 23, 10, 5, 20, tzinfo=UTC)
    assert later.observed_at.day == 28
    assert values(tmp_path, ["B04"], grid=replace(GRID, width_px=24)) == {"B04": 0.4}


def test_of_one_overpass_surface_reflectance_comes_before_that_at_the_top_of_the_atmosphere(tmp_path: Path) -> None:
    Safe().write(tmp_path)
    L1C.write(tmp_path)
    (ref,) = search(tmp_path)
    assert "SCL" in ref.bands
    assert "MSIL2A" in ref.scene_id


def test_only_bands_that_are_there_are_offered(tmp_path: Path) -> None:
    root = Safe().write(tmp_path)
    shutil.rmtree(root / Safe().granule / "IMG_DATA" / "R20m")
    assert search(tmp_path)[0].bands == ("B02", "B04", "B08", "SCL")


def test_a_damaged_image_costs_its_scene_alone(tmp_path: Path) -> None:
    root = Safe().write(tmp_path)
    Safe(datatake="20230828T095559", seen="2023-08-28T10:05:35Z").write(tmp_path)
    (red,) = root.rglob("*_B04_10m.jp2")
    red.write_bytes(red.read_bytes()[:60])
    with pytest.raises(SourceError, match="B04_10m"):
        values(tmp_path, ["B04"])
    assert values(tmp_path, ["B02"]) == {"B02": 0.05}
    assert values(tmp_path, ["B04"], index=1) == {"B04": 0.2}


def cut(text: str, start: str, end: str) -> str:
    return text[: text.index(start)] + text[text.index(end) + len(end) :]


META = Safe().metadata()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(META[:500], "expected the XML of a Sentinel-2 product", id="cut-off"),
        pytest.param("", "expected the XML of a Sentinel-2 product", id="empty"),
        pytest.param(
            cut(META, "<PROCESSING_BASELINE>", "</PROCESSING_BASELINE>"), "PROCESSING_BASELINE", id="baseline"
        ),
        pytest.param(cut(META, "<SPACECRAFT_NAME>", "</SPACECRAFT_NAME>"), "SPACECRAFT_NAME", id="platform"),
        pytest.param(cut(META, "<Offsets>", "</Offsets>"), "expected an offset a band", id="offsets"),
        pytest.param(META.replace('unit="none">10000', 'unit="none">many'), "many", id="quantification"),
        pytest.param(META.replace("IMAGE_FILE>GRANULE", "IMAGE_FILE>ELSE"), "none is there", id="no-image-is-there"),
        pytest.param(META.replace("IMAGE_FILE>GRANULE", "IMAGE_FILE>../x/GRANULE"), "none is there", id="outside"),
    ],
)
def test_metadata_that_lacks_something_is_named(text: str, words: str, tmp_path: Path) -> None:
    root = Safe().write(tmp_path)
    (root / "MTD_MSIL2A.xml").write_text(text, encoding="utf-8")
    with pytest.raises(SourceError, match=words) as caught:
        search(tmp_path)
    assert str(caught.value).startswith(f"{root / 'MTD_MSIL2A.xml'}: ")
    assert "\n" not in str(caught.value)


def test_without_the_tiles_metadata_the_start_of_the_overpass_is_the_time(tmp_path: Path) -> None:
    root = Safe().write(tmp_path)
    (root / Safe().granule / "MTD_TL.xml").unlink()
    assert search(tmp_path)[0].observed_at == datetime(2023, 8, 23, 9, 55, 59, 24_000, tzinfo=UTC)


def test_a_changed_file_changes_the_fingerprint(tmp_path: Path) -> None:
    root = Safe().write(tmp_path)
    before = search(tmp_path)[0].fingerprint
    assert search(tmp_path)[0].fingerprint == before
    metadata = root / "MTD_MSIL2A.xml"
    metadata.write_text(META.replace(">-1000<", ">-900<"), encoding="utf-8")
    changed = search(tmp_path)[0].fingerprint
    assert changed != before
    write_jp2(next(root.rglob("*_B04_10m.jp2")), 3001, pixel_m=10, left_m=GRID.left_m)
    assert search(tmp_path)[0].fingerprint != changed


@pytest.mark.realdata
def test_real_bands_in_a_product_become_top_of_atmosphere_reflectance(shared_data: Path, tmp_path: Path) -> None:
    """Real JPEG 2000 bands, our own metadata around them."""
    bands = {path.stem[-3:]: path for path in sorted((shared_data / "l1c_jp2_T33UUU").glob("*.jp2"))}
    real = Safe(
        level="1C", baseline="02.04", offsets=None, tile="T33UUU", platform="S2A", datatake="20170216T102101",
        seen="2017-02-16T10:24:05Z", sizes={10: tuple(bands)}, dn=dict.fromkeys(bands, 1),
    )  # fmt: skip
    root = real.write(tmp_path)
    for image, (_, band) in real.images().items():
        (root / f"{image}.jp2").unlink()
        (root / f"{image}.jp2").symlink_to(bands[band])
    with rasterio.open(bands["B04"]) as image:
        epsg, left, top = image.crs.to_epsg(), image.transform.c, image.transform.f
        middle = (left + image.width / 2 * image.transform.a, top + image.height / 2 * image.transform.e)
        pixel_m = round(image.transform.a)
        grid = Grid.covering((middle[0], middle[1] - 500, middle[0] + 500, middle[1]), epsg=epsg, pixel_m=pixel_m)
    source = FolderSource(tmp_path)
    (ref,) = source.search(grid.footprint_4326, **EVER)
    assert len(bands) == 13
    assert set(ref.bands) == set(bands)
    assert (ref.platform, ref.relative_orbit) == ("sentinel-2a", 122)
    scene = source.read(ref, grid, bands=["B02", "B04", "B08", "B11"])
    assert scene.is_clear.all()
    assert all(0.005 < float(np.median(layer)) < 0.9 for layer in scene.bands.values())
