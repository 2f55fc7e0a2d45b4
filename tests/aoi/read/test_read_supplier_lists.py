"""Lists of suppliers as people keep them: titles above, split addresses, any order, many languages."""

import csv
import json
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aoi.read.columns import heading_score, plain_heading, propose, variant_of
from aoi.read.fields import fields_of
from aoi.read.suppliers import read_suppliers
from aoi.suppliers import Address
from geo.errors import AoiError

BRAND_HEADINGS = (
    "Factory Name|Factory Type|Product Type|Supplier Group|Address|City|State|Postal Code|Country/Region|Region"
)
BRAND: tuple[tuple[object, ...], ...] = (
    (*BRAND_HEADINGS.split("|"), "Total Workers", "% Female", "Contact Name"),
    (
        *("AAA Garments Co Ltd", "Finished", "Apparel", "GROUP A", "No. 1 Road", "Dongguan", "Guangdong", 523000),
        *("China Mainland", "N ASIA", 100, 0.3, "Mr Li"),
    ),
    (
        *("BBB Shoes Factory", "Finished", "Footwear; Bags", "GROUP B", "No. 2 Road", "Putian", "Fujian", 351100),
        *("China Mainland", "N ASIA", 100, 0.3, ""),
    ),
)


def written(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def brand_workbook(path: Path) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Factories"
    for row in (
        ["Manufacturing map"],
        ["Data as of February 2021"],
        [],
        *BRAND,
        ["Total", *[""] * 9, 200],
        ["* as declared"],
    ):
        sheet.append(list(row))
    notes = book.create_sheet("Read me")
    notes.append(["This workbook lists our factories"])
    notes.append(["Mail", "us"])
    book.save(path)
    return path


def test_a_brands_workbook_with_titles_and_totals_is_understood(tmp_path: Path) -> None:
    found = read_suppliers(brand_workbook(tmp_path / "brand.xlsx"))
    one, two = found.items
    assert one.names == ("AAA Garments Co Ltd",)
    address = Address(
        lines="No. 1 Road", town="Dongguan", province="Guangdong", postcode="523000", country="China Mainland"
    )
    assert one.addresses == (address,)
    assert (one.parent, two.products) == ("GROUP A", ("Footwear", "Bags"))
    assert [row.reason for row in found.rejected] == ["a total, no row of the list", "a remark, no row of the list"]
    assert found.rows_read == len(found.items) + len(found.rejected)
    assert "Read me: not read" in found.notes[0]
    assert set(found.unread_columns) == {"Factory Type", "Region", "Total Workers", "% Female", "Contact Name"}
    region = next(choice for choice in found.mapping if choice.column == "Region")
    assert region.reason == "not read: province is read from 'State'"


def test_rows_are_counted_as_a_spreadsheet_counts_them(tmp_path: Path) -> None:
    found = read_suppliers(brand_workbook(tmp_path / "brand.xlsx"))
    assert [item.source.rpartition(", ")[2] for item in found.items] == ["row 5", "row 6"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_a_chinese_list_is_understood(tmp_path: Path, encoding: str) -> None:
    text = (
        "供应商清单 2021年\n"
        "序号;供应商名称;统一社会信用代码;地址;省份;城市;区县;邮编;联系人;采购额(元);主要产品;原材料\n"
        "1;新疆甲毛纺公司;91650000228581013R;银川路5号;新疆;乌鲁木齐市;新市区;830000;张三;1,200,000;毛衣、围巾;羊绒\n"
        "2;洛浦县乙发制品有限公司;;北京工业园区;新疆;和田地区;洛浦县;848200;;30万;假发;人发\n合计;;;;;;;;;1,500,000;;\n"
    )
    found = read_suppliers(written(tmp_path / "l.csv", text, encoding))
    one, two = found.items
    assert one.addresses == (
        Address(lines="银川路5号", county="新市区", prefecture="乌鲁木齐市", province="新疆", postcode="830000"),
    )
    assert (one.registration_number, one.spend, two.spend) == ("91650000228581013R", 1.2e6, 3e5)
    assert (one.products, two.inputs) == (("毛衣", "围巾"), ("人发",))
    assert [row.reason for row in found.rejected] == ["a total, no row of the list"]


@pytest.mark.parametrize(
    "heading",
    [
        "country,name,address,sector,lat,lng",
        "country,name,address,sector_product_type,lat,lng",
        "Country,Facility Name,Address,Sector(s),Latitude,Longitude",
        "COUNTRY CODE,FACTORY,FULL ADDRESS,PRODUCT CATEGORY,Y,X",
        "国家,工厂名称,地址,产品,纬度,经度",
        "Land,Lieferant,Anschrift,Produkte,Breitengrad,Längengrad",
        "País,Proveedor,Dirección,Productos,Latitud,Longitud",
        "Pays,Fournisseur,Adresse,Produits,Latitude,Longitude",
    ],
)
def test_headings_of_many_languages_mean_the_same(tmp_path: Path, heading: str) -> None:
    found = read_suppliers(written(tmp_path / "l.csv", f"{heading}\nCN,A Co. Ltd.,No. 1 Road,Apparel,31.5,119.9\n"))
    (one,) = found.items
    assert (one.names, one.lon_lat, one.products) == (("A Co. Ltd.",), (119.9, 31.5), ("Apparel",))
    assert one.addresses == (Address(lines="No. 1 Road", country="CN"),)


COLUMNS = (
    "os_id",
    "name",
    "address",
    "country_code",
    "country_name",
    "lat",
    "lng",
    "contributor (list)",
    "parent_company",
)
CELLS = ("CN2021250D1DTN7", "A Textile Co., Ltd.", "No. 1 Road", "CN", "China", "31.5", "119.9", "Brand B", "Group G")


@settings(max_examples=20)
@given(order=st.permutations(range(len(COLUMNS))))
def test_columns_may_stand_in_any_order(tmp_path_factory: pytest.TempPathFactory, order: list[int]) -> None:
    path = tmp_path_factory.mktemp("any") / "l.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([[row[index] for index in order] for row in (COLUMNS, CELLS)])
    (one,) = read_suppliers(path).items
    assert (one.supplier_id, one.names, one.lon_lat, one.parent) == (CELLS[0], (CELLS[1],), (119.9, 31.5), "Group G")
    assert one.addresses[0].country in ("CN", "China")


ROWS = (
    'Jiangsu X Textile Co. Ltd.,"No. 5 Road, Wujin District",China,31.69992,119.90076\n'
    'Zhejiang Y Garment Co. Ltd.,"No. 7 Road, Keqiao District",China,30.0801,120.49022\n'
    'Guangdong Z Factory,"Block 2, Chang\'an Town, Dongguan",China,22.8123,113.8041\n'
)


@pytest.mark.parametrize("heading", ["", "Col A,Col B,Col C,Col D,Col E\n"], ids=["none", "unknown"])
def test_cells_tell_where_headings_do_not(tmp_path: Path, heading: str) -> None:
    found = read_suppliers(written(tmp_path / "l.csv", heading + ROWS))
    assert len(found.items) == 3
    assert found.items[0].lon_lat == (119.90076, 31.69992)
    assert found.items[0].addresses == (Address(lines="No. 5 Road, Wujin District", country="China"),)
    assert all(0.4 < choice.confidence < 0.8 for choice in found.mapping)
    assert all("no heading says so" in choice.reason for choice in found.mapping)


def test_a_heading_whose_cells_say_otherwise_is_believed_less() -> None:
    right = propose(["Name", "Country"], [["A Co"] * 6, ["China"] * 6], kind="suppliers")
    wrong = propose(
        ["Name", "Country"], [["A Co"] * 6, ["red", "green", "blue", "red", "red", "red"]], kind="suppliers"
    )
    assert (right[1].field, right[1].confidence) == ("country", 1.0)
    assert wrong[1].field == ""


def test_what_the_user_says_of_the_columns_holds(tmp_path: Path) -> None:
    text = "Who,Where,Land\nA Co.,No. 1,China\n"
    path = written(tmp_path / "l.csv", text)
    found = read_suppliers(path, {"name": "Who", "address": ["Where"], "country": ""})
    assert found.items[0].names == ("A Co.",)
    assert found.items[0].addresses == (Address(lines="No. 1"),)
    assert [choice.confidence for choice in found.mapping] == [1.0, 1.0, 0.0]
    toml = written(tmp_path / "m.toml", '[mapping]\nname = "Who"\naddress = ["Where"]\ncountry = ""\n')
    assert read_suppliers(path, toml).items == found.items


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ({"name": "Nobody"}, "the mapping names the column 'Nobody', which is not there; there are 'Who', 'Where'"),
        ({"nom": "Who"}, "no field of suppliers is called nom; there are address"),
        ({"name": "Who", "address": "Who"}, "reads column 'Who' as name and as address"),
    ],
)
def test_a_mapping_that_cannot_hold_is_refused(tmp_path: Path, mapping: dict[str, str], words: str) -> None:
    path = written(tmp_path / "l.csv", "Who,Where\nA Co.,No. 1\n")
    with pytest.raises(AoiError, match=words):
        read_suppliers(path, mapping)


@pytest.mark.parametrize("text", ["name = 5", "name = [1]", "[[", "name = {a = 1}"])
def test_a_mapping_file_that_is_wrong_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(AoiError, match=r"m\.toml"):
        read_suppliers(written(tmp_path / "l.csv", "name\nA\n"), written(tmp_path / "m.toml", text))


def test_a_list_without_names_says_what_it_has(tmp_path: Path) -> None:
    with pytest.raises(
        AoiError, match=r"no column is understood as name: its headings are 'lat', 'lng'; say in a mapping"
    ):
        read_suppliers(written(tmp_path / "l.csv", "lat,lng\n1.5,2.5\n"))


def test_ids_do_not_change_with_the_order_of_rows_or_with_other_columns(tmp_path: Path) -> None:
    rows = ["A Co.,No. 1,China", "B Co.,No. 2,China", "C Co.,No. 3,China"]
    one = read_suppliers(written(tmp_path / "1.csv", "\n".join(["name,address,country", *rows])))
    two = read_suppliers(
        written(tmp_path / "2.csv", "\n".join(["name,address,country,phone", *(f"{row},1" for row in rows[::-1])]))
    )
    assert {item.names: item.supplier_id for item in one.items} == {item.names: item.supplier_id for item in two.items}
    assert len({item.supplier_id for item in one.items}) == 3


def test_rows_that_stand_twice_are_named(tmp_path: Path) -> None:
    path = written(tmp_path / "l.csv", "id,name,country\n1,A Co.,China\n1,a  co.,CHINA\n2,B,China\n")
    found = read_suppliers(path)
    assert [item.supplier_id for item in found.items] == ["1", "2"]
    assert found.rejected[0].where == f"{path}, row 3"
    assert found.rejected[0].reason == f"says the same as {path}, row 2"


def test_an_id_that_different_rows_share_is_kept_apart_and_told(tmp_path: Path) -> None:
    rows = ["V1,A Co.,No. 1", "V1,A Co.,No. 2", "V2,B,No. 3"]
    found = read_suppliers(written(tmp_path / "l.csv", "\n".join(["vendor code,name,address", *rows])))
    ids = {item.addresses[0].lines: item.supplier_id for item in found.items}
    assert len(set(ids.values())) == 3
    assert ids["No. 3"] == "V2"
    assert all(one.startswith("V1-") for one in (ids["No. 1"], ids["No. 2"]))
    again = read_suppliers(written(tmp_path / "m.csv", "\n".join(["vendor code,name,address", *rows[::-1]])))
    assert {item.addresses[0].lines: item.supplier_id for item in again.items} == ids
    assert sum("shares the id 'V1'" in note for note in found.notes) == 2


def test_who_buys_from_whom_becomes_ids_and_strangers_are_told(tmp_path: Path) -> None:
    text = "id,name,tier,buys from,supplies to\nS1,A Co.,1,B Co.|Nobody,\nS2,B Co.,Tier 2,,\nS3,C Co.,3,,S2\n"
    found = read_suppliers(written(tmp_path / "l.csv", text))
    assert {item.supplier_id: item.buys_from for item in found.items} == {"S1": ("S2",), "S2": ("S3",), "S3": ()}
    assert [item.tier for item in found.items] == [1, 2, 3]
    assert any("buys from 'Nobody', which is not in this list" in note for note in found.notes)


def test_a_cell_that_cannot_be_read_is_left_out_and_told(tmp_path: Path) -> None:
    text = "name,tier,spend,lat,lng,datum\nA,first,much,north,east,mars\nB,2,10,31.5,119.9,GCJ-02\n"
    found = read_suppliers(
        written(tmp_path / "l.csv", text), {"tier": "tier", "spend": "spend", "latitude": "lat", "longitude": "lng"}
    )
    assert (found.items[0].tier, found.items[0].spend, found.items[0].lon_lat) == (None, None, None)
    assert found.items[1].datum == "gcj02"
    assert len([note for note in found.notes if "row 2" in note]) == 4


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        ("119.9,31.5", "out of range: they may be swapped"),
        ("4800000,500000", "out of range: they may be metres"),
        ("95,200", "out of range"),
    ],
)
def test_a_position_out_of_range_is_told_and_stays_as_given(tmp_path: Path, pair: str, words: str) -> None:
    found = read_suppliers(written(tmp_path / "l.csv", f"name,lat,lng\nA Co.,{pair}\nB Co.,31.5,119.9\n"))
    latitude, longitude = map(float, pair.split(","))
    assert found.items[0].lon_lat == (longitude, latitude)
    assert any(words in note and "row 2" in note for note in found.notes)


def test_a_position_that_is_swapped_within_the_range_is_told_by_the_other_rows(tmp_path: Path) -> None:
    rows = [f"A{n},China,{43 + n / 10},{87 + n / 10}" for n in range(10)] + ["B,China,87.5,43.5", "C,Peru,-12,-77"]
    found = read_suppliers(written(tmp_path / "l.csv", "\n".join(["name,country,lat,lng", *rows])))
    told = [note for note in found.notes if "swapped" in note]
    assert len(told) == 1
    assert told[0].startswith(f"{tmp_path / 'l.csv'}, row 12: latitude and longitude may be swapped")


@pytest.mark.parametrize(
    ("heading", "row", "expected"),
    [
        pytest.param(
            "name,address 1,address 2,city,zip,country",
            "A,No. 1,Wujin,Changzhou,213168,CN",
            (Address(lines="No. 1, Wujin", town="Changzhou", postcode="213168", country="CN"),),
            id="lines",
        ),
        pytest.param(
            "name,street,city,district,province,country",
            "A,No. 1,Changzhou,Wujin,Jiangsu,CN",
            (Address(lines="No. 1", county="Wujin", prefecture="Changzhou", province="Jiangsu", country="CN"),),
            id="a-city-beside-a-district-is-a-prefecture",
        ),
        pytest.param(
            "Company,Company (English),Address,Address (English),City,City (English)",
            "甲厂,A Factory,解放路1号,No. 1 Road,和田,Hotan",
            (Address(lines="解放路1号", town="和田"), Address(lines="No. 1 Road", town="Hotan")),
            id="two-languages",
        ),
    ],
)
def test_split_addresses_are_put_together(
    tmp_path: Path, heading: str, row: str, expected: tuple[Address, ...]
) -> None:
    (one,) = read_suppliers(written(tmp_path / "l.csv", f"{heading}\n{row}\n")).items
    assert one.addresses == expected


def test_names_in_two_languages_are_both_names(tmp_path: Path) -> None:
    (one,) = read_suppliers(
        written(tmp_path / "l.csv", "Factory Name (English),工厂名称,Country\nA Co.,甲厂,China\n")
    ).items
    assert one.names == ("A Co.", "甲厂")


def test_rows_with_a_cell_too_many_or_too_few_are_kept_aside(tmp_path: Path) -> None:
    whole = "".join(f"A{n},No. {n},China\n" for n in range(40))
    found = read_suppliers(written(tmp_path / "l.csv", f"name,address,country\n{whole}B,No. 1, Hefei,China\nC,No. 2\n"))
    assert len(found.items) == 40
    assert [row.reason for row in found.rejected] == [
        "has 4 cells, but there are 3 headings",
        "has 2 cells, but there are 3 headings",
    ]


def test_headings_that_come_again_are_no_supplier(tmp_path: Path) -> None:
    found = read_suppliers(written(tmp_path / "l.csv", "name,country\nA,China\nName,Country\nB,China\n"))
    assert [row.reason for row in found.rejected] == ["the headings again"]


def test_merged_cells_hidden_rows_and_unstored_formulas_of_a_workbook(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (
        ["Supplier list 2021"],
        ["Group", "Factory", "Address"],
        ["G", "A Co.", "No. 1"],
        ["", "B Co.", "=1+1"],
    ):
        sheet.append(row)
    sheet.merge_cells("A1:C1")
    sheet.merge_cells("A3:A4")
    sheet.row_dimensions[4].hidden = True
    book.save(tmp_path / "l.xlsx")
    found = read_suppliers(tmp_path / "l.xlsx")
    assert [(item.names[0], item.parent) for item in found.items] == [("A Co.", "G"), ("B Co.", "G")]
    assert any("1 formulas have no stored value" in note and "C4" in note for note in found.notes)
    assert any("1 hidden rows" in note for note in found.notes)


def test_several_sheets_are_one_list_and_what_stands_in_two_stands_once(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for title, names in (("Tier 1", ["A", "B"]), ("Tier 2", ["B", "C"])):
        sheet = book.create_sheet(title)
        sheet.append(["Name", "Country"])
        for name in names:
            sheet.append([name, "China"])
    book.save(tmp_path / "l.xlsx")
    found = read_suppliers(tmp_path / "l.xlsx")
    assert [item.names[0] for item in found.items] == ["A", "B", "C"]
    assert "says the same as" in found.rejected[0].reason


def test_locations_of_the_api_are_read(tmp_path: Path) -> None:
    location = {
        "os_id": "CN2021250D1DTN7",
        "name": "A Co.",
        "address": "No. 1 Road",
        "country": {"name": "China", "alpha_2": "CN"},
        "coordinates": {"lat": 31.5, "lng": 119.9},
        "sector": ["Apparel"],
        "product_type": ["Shirts"],
        "parent_company": {"name": "G"},
    }
    path = written(tmp_path / "l.json", json.dumps({"count": 2, "data": [location, 5]}))
    found = read_suppliers(path)
    (one,) = found.items
    assert (one.supplier_id, one.lon_lat, one.products, one.parent) == (
        "CN2021250D1DTN7",
        (119.9, 31.5),
        ("Apparel", "Shirts"),
        "G",
    )
    assert [row.reason for row in found.rejected] == ["is no location"]
    feature = {"type": "Feature", "id": "X1", "geometry": {"type": "Point", "coordinates": [119.9, 31.5]}}
    features = [{**feature, "properties": {"name": "A", "address": "B", "country_code": "CN", "os_id": "X1"}}]
    (other,) = read_suppliers(written(tmp_path / "f.json", json.dumps({"features": features}))).items
    assert (other.supplier_id, other.lon_lat) == ("X1", (119.9, 31.5))


@pytest.mark.parametrize("kind", ["suppliers", "entities", "facilities", "links"])
def test_every_known_heading_means_its_own_field_first(kind: str) -> None:
    fields = fields_of(kind)
    for field in fields:
        for heading in field.headings:
            assert heading_score(heading, field) == 1.0
            assert plain_heading(heading) == heading, f"{heading!r} is not in plain form"
        others = [other.name for other in fields if other is not field and other.headings & field.headings]
        assert not others, f"{field.name} shares headings with {others}"


@pytest.mark.parametrize(
    ("heading", "variant"),
    [("Name (English)", "en"), ("Company (machine-translated English)", "en"), ("中文名称", "zh"), ("Name", "")],
)
def test_a_heading_may_name_its_language(heading: str, variant: str) -> None:
    assert variant_of(heading) == variant
