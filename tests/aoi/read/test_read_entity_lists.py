"""Lists of authorities and researchers, each in the form in which it is published."""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from aoi.entities import CorporateLink, LinkKind, ListedEntity, ListingKind
from aoi.read.entities import EntityParams, read_entities
from aoi.read.entity_styles import listing_kind
from aoi.read.links import read_links
from aoi.read.parties import Parties
from aoi.suppliers import Address, Supplier
from geo.errors import AoiError

SIMPLE = (
    '"id","schema","name","aliases","birth_date","countries","addresses","identifiers","sanctions","phones","emails",'
    '"program_ids","dataset","first_seen","last_seen","last_change"\n'
)
SCREENING = (
    "_id,source,entity_number,type,programs,name,title,addresses,federal_register_notice,start_date,end_date,"
    "standard_order,license_requirement,license_policy,call_sign,vessel_type,gross_tonnage,gross_registered_tonnage,"
    "vessel_flag,vessel_owner,remarks,source_list_url,alt_names,citizenships,dates_of_birth,nationalities,places_of_birth,"
    "source_information_url,ids\n"
)
ORDERS = (
    "Entity,Country,Industry,Status,WRO/Finding,Effective Date,Remarks,Press Release,Merchandise,Calendar Year,"
    "Country Code\n"
)


def written(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def test_targets_simple_csv(tmp_path: Path) -> None:
    rows = (
        '"NK-abc","Company","Xinjiang A Co., Ltd.","新疆甲公司;XJ A","","cn;hk","No 1 Rd, Urumqi;No 2",'
        '"91650000228581013R;123","","","","US-UFLPA","US UFLPA Entity List","2023-10-11","2026-01-01","2025-01-15"\n'
        '"NK-def","Company","","","","cn","","","","","","","US UFLPA Entity List","","",""\n'
    )
    found = read_entities(written(tmp_path / "targets.simple.csv", SIMPLE + rows))
    (one,) = found.items
    assert (one.entity_id, one.names, one.aliases) == ("NK-abc", ("Xinjiang A Co., Ltd.",), ("新疆甲公司", "XJ A"))
    assert one.addresses == (Address(lines="No 1 Rd, Urumqi"), Address(lines="No 2"))
    assert one.registration_numbers == ("91650000228581013R", "123")
    assert (one.country, one.kind, one.programme) == ("cn", ListingKind.IMPORT_BAN, "US-UFLPA")
    assert (one.list_name, one.list_version) == ("US UFLPA Entity List", "2025-01-15")
    assert [(row.reason, row.cells["id"]) for row in found.rejected] == [("has no name", "NK-def")]
    assert any("cn, hk; cn is kept" in note for note in found.notes)


UFLPA_PAGE = """<!DOCTYPE html><html><head><title>x</title><style>table {}</style></head><body>
<table><tr><td>menu</td></tr></table>
<p><strong>Entities in Xinjiang</strong> <a href="#">Section A</a></p>
<table><thead><tr><th>Name of Entity</th><th>Effective Date</th></tr></thead><tbody>
<tr><td>B Trade &amp; Business Co., Ltd.</td><td>June 21, 2022</td></tr>
<tr><td>N Corporation and its two Zhuhai-based subsidiaries, which include Z A Co. Ltd. and G B Co., Ltd.</td>
<td>June 12, 2023</td></tr></tbody></table>
<h3>Section B</h3>
<table><tr><th>Name of Entity<th>Effective Date<tr><td>P Corps (including three aliases: X1;
 X2; and X3)&nbsp;and its subordinate and affiliated entities<td>June 21, 2022
<tr><td>B Trade &amp; Business Co., Ltd.<td>June 21, 2022
<tr><td><td>June 21, 2022</table></body></html>"""


def test_the_saved_page_of_the_uflpa_list(tmp_path: Path) -> None:
    found = read_entities(written(tmp_path / "uflpa.html", UFLPA_PAGE))
    names = [one.names[0] for one in found.items]
    trade = "B Trade & Business Co., Ltd."
    assert names == [trade, "N Corporation", "Z A Co. Ltd.", "G B Co., Ltd.", "P Corps", trade]
    by_name = {one.names[0]: one for one in found.items}
    assert by_name["Z A Co. Ltd."].part_of == by_name["G B Co., Ltd."].part_of == by_name["N Corporation"].entity_id
    assert by_name["P Corps"].aliases == ("X1", "X2", "X3")
    assert by_name["P Corps"].covers_subsidiaries
    assert not by_name["N Corporation"].covers_subsidiaries
    assert by_name["N Corporation"].listed_on == date(2023, 6, 12)
    assert {one.list_name for one in found.items} == {"UFLPA Entity List: Section A", "UFLPA Entity List: Section B"}
    assert {one.kind for one in found.items} == {ListingKind.IMPORT_BAN}
    assert {one.programme for one in found.items} == {"US-UFLPA"}
    assert len({one.entity_id for one in found.items}) == 6
    assert [row.reason for row in found.rejected] == ["has no name"]
    assert any("table 1: not read" in note for note in found.notes)
    assert {one.list_version for one in found.items} == {found.version[:12]}


def test_the_uflpa_list_as_csv_has_the_same_entities_as_its_page(tmp_path: Path) -> None:
    text = 'Entity Name,Effective Date\n"A Co., Ltd. (and one alias: B)","June 21, 2022"\nC Co.,6/7/2022\n'
    one, two = read_entities(written(tmp_path / "list.csv", text)).items
    assert (one.names, one.aliases, one.listed_on) == (("A Co., Ltd.",), ("B",), date(2022, 6, 21))
    assert two.listed_on == date(2022, 6, 7)


def test_withhold_release_orders(tmp_path: Path) -> None:
    rows = (
        '"H Silicon Co. Ltd. and Subsidiaries",China,Manufacturing,Active,WRO,6/24/2021,,,Silica,2021,CN\n'
        "T Salt Farm,South Korea,Food,Inactive,WRO,04/03/2025,,,Sea salt,2025,KR\n"
        "Café Müller,Mexico,Food,Active,Finding,sometime,,,Tomatoes,2025,MX\n"
        '"Y Garment Co., Ltd. and B Trade Co., Ltd.",China,Apparel,Active,WRO,9/3/2020,,,Garments,2020,CN\n'
    )
    found = read_entities(written(tmp_path / "wro.csv", ORDERS + rows, "latin-1"))
    by_name = {one.names[0]: one for one in found.items}
    silicon = by_name["H Silicon Co. Ltd."]
    assert (silicon.country, silicon.covers_subsidiaries, silicon.products) == ("cn", True, ("Silica",))
    assert silicon.listed_on == date(2021, 6, 24)
    assert by_name["T Salt Farm"].programme == "US-CBP-WRO (Inactive)"
    assert by_name["Café Müller"].programme == "US-CBP-FINDING"
    assert by_name["Café Müller"].listed_on is None
    assert any("'sometime' is no date" in note and "row 4" in note for note in found.notes)
    assert by_name["B Trade Co., Ltd."].part_of == by_name["Y Garment Co., Ltd."].entity_id


def test_the_consolidated_screening_list(tmp_path: Path) -> None:
    row = (
        "e5a9eff64cec4a74ed5e9e93c2d851dc2d9132d2,Entity List (EL) - Bureau of Industry and Security,42,Entity,EAR,"
        "A Ltd,,"
        '"Some road 5, Urumqi, Xinjiang, CN; Other 6, Beijing, CN",84 FR 1,2019-10-09,2024-01-05,,,,,,,,,,,https://x,'
        'A One; A Two,,,,,https://y,"Tax ID, 5"\n'
    )
    (one,) = read_entities(written(tmp_path / "csl.csv", SCREENING + row)).items
    assert one.list_name == "Entity List (EL) - Bureau of Industry and Security"
    assert (one.kind, one.programme, one.country) == (ListingKind.SANCTION, "EAR", "cn")
    assert (one.aliases, len(one.addresses)) == (("A One", "A Two"), 2)
    assert (one.listed_on, one.delisted_on) == (date(2019, 10, 9), date(2024, 1, 5))


def test_workbooks_of_researchers_with_several_sheets(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.remove(book.active)  # type: ignore[arg-type] # a new workbook has a sheet
    sheet = book.create_sheet("1. Companies Operating in XUAR")
    sheet.append(["Company", "Company (machine-translated English)", "Address", "Address (machine-translated English)"])
    sheet.append(["新疆甲有限公司", "Xinjiang A Co.", "乌鲁木齐市", "Urumqi"])
    transfers = book.create_sheet("Labor Transfers in XUAR")
    transfers.append(["Supplier", "Supplier (MT English)", "Address in XUAR", "Industry", "Parent Company", "Source"])
    transfers.append(["乙厂", "B Factory", "和田", "Apparel", "G Group", "https://example.org"])
    book.save(tmp_path / "shu.xlsx")
    one, two = read_entities(tmp_path / "shu.xlsx").items
    assert (one.names, one.kind) == (("新疆甲有限公司", "Xinjiang A Co."), ListingKind.RESEARCH)
    assert one.addresses == (Address(lines="乌鲁木齐市"), Address(lines="Urumqi"))
    assert (two.names, two.kind, two.products) == (("乙厂", "B Factory"), ListingKind.LABOUR_TRANSFER, ("Apparel",))


def test_any_list_with_names_is_read_and_the_user_says_what_it_is(tmp_path: Path) -> None:
    path = written(tmp_path / "own.csv", "id,Name,Former names,Country\n1,A Co.,B Co.; C Co.,China\n")
    params = EntityParams(kind=ListingKind.RESEARCH, list_name="Our list", list_version="2026-01")
    (one,) = read_entities(path, params=params).items
    assert (one.entity_id, one.aliases, one.country) == ("our-list-1", ("B Co.", "C Co."), "cn")
    assert (one.kind, one.list_name, one.list_version) == (ListingKind.RESEARCH, "Our list", "2026-01")
    (plain,) = read_entities(path).items
    assert (plain.kind, plain.list_name) == (ListingKind.OTHER, "own")


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("US-UFLPA", ListingKind.IMPORT_BAN),
        ("us_cbp_forced_labor", ListingKind.IMPORT_BAN),
        ("OFAC SDN", ListingKind.SANCTION),
        ("Labor Transfers out of XUAR", ListingKind.LABOUR_TRANSFER),
        ("shu_uyghur_companies", ListingKind.RESEARCH),
        ("our customers", ListingKind.OTHER),
    ],
)
def test_the_words_of_a_list_tell_why_somebody_stands_on_it(words: str, kind: ListingKind) -> None:
    assert listing_kind(words) is kind


def record(own: str, schema: str, told: Mapping[str, Any] | None = None, **properties: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    many = {name: value if isinstance(value, list) else [value] for name, value in properties.items()}
    return {"id": own, "schema": schema, "properties": many, **(told or {})}


FTM = (
    record(
        "c1",
        "Company",
        {"target": True, "datasets": ["us_dhs_uflpa"]},
        name="A Co.",
        alias="甲",
        weakAlias="AC",
        jurisdiction="cn",
        addressEntity="a1",
        uscCode="91650000228581013R",
    ),
    record("s1", "Sanction", entity="c1", programId="US-UFLPA", listingDate="2022-06-21", endDate="2024-05"),
    record("a1", "Address", full="No 1, Urumqi", street="No 1", city="Urumqi", country="cn"),
    record("c2", "Company", name="Parent Co."),
    record("s2", "Sanction", entity="nobody", program="x"),
    record("o1", "Ownership", owner="c2", asset="c1", percentage="51.5", startDate="2020"),
    record("o2", "Ownership", owner="nobody", asset="c1"),
    record("o3", "Ownership", owner="c2"),
    record("o4", "Ownership", owner="c2", asset="c1", percentage="250"),
    record("d1", "Directorship", director="p1", organization="c1"),
)


def lines(path: Path, *records: object) -> Path:
    return written(path, "".join(f"{json.dumps(one, ensure_ascii=False)}\n" for one in records))


def test_follow_the_money(tmp_path: Path) -> None:
    path = lines(tmp_path / "e.ftm.json", *FTM)
    found = read_entities(path)
    assert found.items == (
        ListedEntity(
            entity_id="c1",
            names=("A Co.",),
            aliases=("甲",),
            addresses=(Address(lines="No 1", town="Urumqi", country="cn"),),
            country="cn",
            kind=ListingKind.IMPORT_BAN,
            programme="US-UFLPA",
            list_name="us_dhs_uflpa",
            list_version=found.version[:12],
            listed_on=date(2022, 6, 21),
            delisted_on=date(2024, 5, 31),
            registration_numbers=("91650000228581013R",),
            source=f"{path}, line 1",
        ),
    )
    assert {row.where.rpartition(", ")[2]: row.reason for row in found.rejected} == {
        "line 4": "is not listed: no target, no sanction, no topic of one",
        "line 5": "is about nobody, who is not in the file",
    }
    assert any("weak aliases AC" in note for note in found.notes)
    assert any("4 Ownership records are for read_links" in note for note in found.notes)


def test_every_line_of_follow_the_money_is_accounted_for(tmp_path: Path) -> None:
    path = lines(tmp_path / "e.jsonl", *FTM)
    with path.open("ab") as file:
        file.write(b'not json\n[1]\n{"id": 5}\n\n{"id": "x", "schema": "Company", "properties": {"name": ["\xff"]}}\n')
    found = read_entities(path)
    assert found.rows_read == len(FTM) + 4
    reasons = [row.reason.partition(" (")[0] for row in found.rejected][:4]
    assert reasons == [
        "is no JSON",
        "is no record: expected an object",
        "is no record: expected an id and a schema",
        "holds bytes that are no UTF-8",
    ]


def test_nested_records_and_lists_are_read_alike(tmp_path: Path) -> None:
    sanction = record("s1", "Sanction", programId="US-UFLPA", startDate="2022-06-21")
    address = record("a1", "Address", city="Urumqi")
    nested = record("c1", "Company", {"target": True}, name="A", sanctions=[sanction], addressEntity=[address])
    (one,) = read_entities(written(tmp_path / "n.json", json.dumps([nested]))).items
    assert (one.listed_on, one.addresses) == (date(2022, 6, 21), (Address(town="Urumqi"),))


def test_where_nobody_is_marked_the_file_itself_is_the_list(tmp_path: Path) -> None:
    found = read_entities(lines(tmp_path / "e.json", record("a", "Company", name="A"), record("b", "Person", name="B")))
    assert len(found.items) == 2
    assert "nobody is marked as listed" in found.notes[0]


def test_lines_about_one_id_are_put_together(tmp_path: Path) -> None:
    parts = (record("a", "LegalEntity", name="A"), record("a", "Company", {"target": True}, alias="B"))
    (one,) = read_entities(lines(tmp_path / "e.json", *parts)).items
    assert (one.names, one.aliases) == (("A",), ("B",))


def test_ownership_becomes_links_and_the_rest_is_kept_aside(tmp_path: Path) -> None:
    path = lines(tmp_path / "e.json", *FTM)
    found = read_links(path)
    assert found.items[0] == CorporateLink(
        from_id="c2", to_id="c1", kind=LinkKind.OWNS, share=0.515, since=date(2020, 1, 1), source=f"{path}, line 6"
    )
    assert found.items[1].share is None
    assert {row.where.rpartition(", ")[2]: row.reason for row in found.rejected} == {
        "line 7": "'nobody' is neither in the file nor among the parties given",
        "line 8": "names no asset",
        "line 10": "a Directorship is neither ownership nor supply",
    }
    assert any("'250' is left out" in note for note in found.notes)


SUPPLIERS = (
    Supplier(supplier_id="s1", names=("Alpha Co., Ltd.", "甲公司")),
    Supplier(supplier_id="s2", names=("Beta Co.",)),
    Supplier(supplier_id="s3", names=("Twin",)),
    Supplier(supplier_id="s4", names=("Twin",)),
)
ENTITIES = (ListedEntity(entity_id="e1", names=("Gamma Group",), aliases=("Parent Co.",)),)


def test_names_and_ids_of_a_table_become_ids_and_strangers_are_kept_aside(tmp_path: Path) -> None:
    text = (
        "Parent company,Subsidiary,Share,Since,Relation\n"
        "GAMMA  group,甲公司,51%,2019-01-01,owns\n"
        "s2,s1,30,2020,supplies\n"
        "Nobody,Beta Co.,,,\n"
        "Twin,Beta Co.,,,\n"
        "Beta Co.,beta co.,,,\n"
        "e1,s2,,,married\n"
        ",s2,,,\n"
    )
    found = read_links(written(tmp_path / "l.csv", text), parties=Parties(suppliers=SUPPLIERS, entities=ENTITIES))
    assert [(one.from_id, one.to_id, one.kind, one.share) for one in found.items] == [
        ("e1", "s1", LinkKind.OWNS, 0.51),
        ("s2", "s1", LinkKind.SUPPLIES, 0.3),
    ]
    assert [row.reason.partition(";")[0][:40] for row in found.rejected] == [
        "'Nobody' is neither among the suppliers ",
        "'Twin' stands for several: s3, s4",
        "a corporate link joins two firms",
        "the relation 'married' is neither owners",
        "names no owner",
    ]
    assert found.rows_read == 7


def test_records_of_parties_that_are_known_get_their_ids(tmp_path: Path) -> None:
    found = read_links(lines(tmp_path / "e.json", *FTM), parties=Parties(suppliers=SUPPLIERS, entities=ENTITIES))
    assert (found.items[0].from_id, found.items[0].to_id) == ("e1", "c1")


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        (["0.5", "1"], [0.5, 1.0]),
        (["50", "1"], [0.5, 0.01]),
        (["50%", "1%"], [0.5, 0.01]),
    ],
)
def test_whether_shares_are_percent_the_whole_column_tells(
    tmp_path: Path, shares: list[str], expected: list[float]
) -> None:
    rows = "".join(f"A{n},B{n},{text}\n" for n, text in enumerate(shares))
    found = read_links(written(tmp_path / "l.csv", f"owner,owned,share\n{rows}"))
    assert [one.share for one in found.items] == pytest.approx(expected)


def test_a_table_without_two_firms_a_row_is_no_list_of_links(tmp_path: Path) -> None:
    with pytest.raises(AoiError, match="no column is understood as owned"):
        read_links(written(tmp_path / "l.csv", "owner,colour\nA,red\n"))
