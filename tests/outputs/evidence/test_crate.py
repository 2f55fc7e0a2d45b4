"""The RO-Crate: read by the library of its makers, linked with PROV terms, and one of the files that are sealed."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from rocrate.rocrate import ROCrate

from outputs.evidence.files import sha256_of
from outputs.evidence.record import Derived, InputFile, InputProduct, Kind, ReviewNote, RunRecord
from outputs.evidence.seal import seal_folder
from outputs.evidence.verify import verify_folder

AT = datetime(2026, 11, 21, 19, tzinfo=UTC)
PROV = "http://www.w3.org/ns/prov#"
CREDIT = "Contains modified Copernicus Sentinel data 2020"


@pytest.fixture
def release(tmp_path: Path) -> Path:
    folder = tmp_path / "release"
    (folder / "图 片").mkdir(parents=True)
    (folder / "claims.geojson").write_text("{}")
    (folder / "图 片" / "a#1.png").write_bytes(b"png")
    product = InputProduct(
        scene_id="S2A_1",
        fingerprint="f",
        source="stac",
        files=(InputFile(name="S2A_1.tif", bytes=5, sha256="5" * 64),),
    )
    record = RunRecord(
        run_id="autumn",
        created_at=AT,
        code_version="0.1.0+ab",
        kind=Kind.RELEASE,
        title="Autumn release",
        publisher="A newsroom",
        credit=CREDIT,
        scenes={"S2A_1": "f", "S2A_2": "g"},
        products=(product,),
        people=(ReviewNote(detection_id="d1", area_id="a", verdict="confirmed", reviewer="A. Reader", at=AT),),
        derived_from=(Derived(kind=Kind.RUN, name="run-1", manifest_sha256="1" * 64),),
    )
    seal_folder(folder, record)
    return folder


def _graph(folder: Path) -> dict[str, dict[str, Any]]:
    document = json.loads((folder / "ro-crate-metadata.json").read_text(encoding="utf-8"))
    return {entity["@id"]: entity for entity in document["@graph"]}


def _ids(value: Any) -> set[str]:  # noqa: ANN401  # one link or several
    return {one["@id"] for one in (value if isinstance(value, list) else [value])}


def test_its_makers_library_reads_it_and_finds_every_file(release: Path) -> None:
    crate = ROCrate(release)
    assert crate.version == "1.1"
    assert crate.root_dataset["name"] == "Autumn release"
    assert crate.root_dataset["datePublished"] == AT.isoformat()
    files = {unquote(entity.id): entity for entity in crate.get_by_type("File")}
    assert set(files) == {"claims.geojson", "图 片/a#1.png", "manifest.json"}
    for name, entity in files.items():
        assert Path(entity.source).is_file()
        if name != "manifest.json":
            assert entity["sha256"] == sha256_of(release / name)
            assert entity["contentSize"] == str((release / name).stat().st_size)


def test_it_has_what_the_specification_demands(release: Path) -> None:
    document = json.loads((release / "ro-crate-metadata.json").read_text(encoding="utf-8"))
    graph = _graph(release)
    assert document["@context"][0] == "https://w3id.org/ro/crate/1.1/context"
    assert len(graph) == len(document["@graph"])
    descriptor, root = graph["ro-crate-metadata.json"], graph["./"]
    assert descriptor["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    assert descriptor["about"] == {"@id": "./"}
    assert root["@type"] == "Dataset"
    for member in ("name", "description", "datePublished", "license", "hasPart"):
        assert root[member]
    data = {name for name, entity in graph.items() if entity["@type"] == "File"}
    assert data == _ids(root["hasPart"])
    assert not any(" " in name or "#" in name for name in data)


def test_every_link_leads_somewhere(release: Path) -> None:
    graph = _graph(release)

    def links(value: object) -> set[str]:
        if isinstance(value, Mapping):
            return {value["@id"]} if set(value) == {"@id"} else set().union(*map(links, value.values()))
        return set().union(*map(links, value)) if isinstance(value, list) else set()

    wanted = links(list(graph.values())) - {"https://w3id.org/ro/crate/1.1"}
    assert wanted <= set(graph)


def test_every_word_is_a_term_of_the_specification_or_of_prov(release: Path) -> None:
    """A member that no context explains is dropped by every reader of linked data."""
    document = json.loads((release / "ro-crate-metadata.json").read_text(encoding="utf-8"))
    published = json.loads((files("rocrate") / "data" / "ro-crate.jsonld").read_text(encoding="utf-8"))["@context"]
    terms = {*published, *document["@context"][1]}
    used = {name for entity in document["@graph"] for name in entity if not name.startswith("@")}
    kinds = set()
    for entity in document["@graph"]:
        said = entity["@type"]
        kinds |= set(said) if isinstance(said, list) else {said}
    assert used - terms == set()
    assert kinds - terms == set()
    assert all(str(where).startswith(("http://", "https://")) for where in document["@context"][1].values())


def test_prov_terms_say_from_what_by_what_and_by_whom(release: Path) -> None:
    document = json.loads((release / "ro-crate-metadata.json").read_text(encoding="utf-8"))
    terms, graph = document["@context"][1], _graph(release)
    for name in ("wasDerivedFrom", "wasGeneratedBy", "wasAttributedTo", "used"):
        assert terms[name] == PROV + name
    root = graph["./"]
    assert _ids(root["wasDerivedFrom"]) == {"#scene-S2A_1", "#scene-S2A_2", "#run-run-1"}
    assert graph["#scene-S2A_1"]["sha256"] == "5" * 64
    assert graph["#run-run-1"]["sha256"] == "1" * 64
    assert _ids(root["wasAttributedTo"]) == {"#person-A.%20Reader", "#publisher", "#sitewatch"}
    (action,) = _ids(root["wasGeneratedBy"])
    assert graph[action]["@type"] == "CreateAction"
    assert _ids(graph[action]["instrument"]) == {"#sitewatch"}
    assert graph["claims.geojson"]["wasGeneratedBy"] == {"@id": action}
    assert "claims.geojson" in _ids(graph[action]["result"])
    assert graph["#review-1"]["agent"] == {"@id": "#person-A.%20Reader"}
    assert any(one.startswith("GDAL ") for one in graph["#sitewatch"]["softwareRequirements"])
    assert root["creditText"] == CREDIT


def test_the_crate_is_sealed_and_a_run_has_none(release: Path, tmp_path: Path) -> None:
    path = release / "ro-crate-metadata.json"
    path.write_text(path.read_text(encoding="utf-8").replace("Autumn", "Summer"), encoding="utf-8")
    assert [str(one) for one in verify_folder(release).findings] == ["altered: ro-crate-metadata.json"]
    run = tmp_path / "run"
    run.mkdir()
    seal_folder(run, RunRecord(run_id="r", created_at=AT, code_version="0"))
    assert not (run / "ro-crate-metadata.json").exists()
