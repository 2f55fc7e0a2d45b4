"""Withdrawals: recorded once with a reason; later releases carry what was retracted and what was superseded."""

import json
from pathlib import Path

import pytest

from geo.errors import ConfigError, StateError
from outputs.evidence.log import entries_of
from outputs.evidence.log_check import check_log
from outputs.evidence.retractions import Fate, claim_mark, note_release, retractions_of, withdraw, write_retractions

SHA = "0" * 64


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "evidence" / "log.jsonl"
    note_release(path, "spring", manifest_sha256=SHA, claims={"d1": "m1", "d2": "m2", "d3": "m3"}, audience="public")
    note_release(path, "autumn", manifest_sha256=SHA, claims={"d1": "m1", "d2": "M2", "d4": "m4"}, audience="public")
    return path


def _told(log: Path, **arguments: object) -> set[tuple[str, str, str]]:
    found = retractions_of(log, **arguments)  # type: ignore[arg-type]  # passed on
    return {(one.fate.value, one.release, one.claim) for one in found}


def test_a_later_release_supersedes_what_it_says_otherwise_or_no_longer(log: Path) -> None:
    found = {one.claim: one for one in retractions_of(log, audience="public")}
    assert set(found) == {"d2", "d3"}
    assert found["d2"].reason == "release autumn says something else"
    assert found["d3"].reason == "release autumn no longer has it"
    assert {one.fate for one in found.values()} == {Fate.SUPERSEDED}
    assert {one.release for one in found.values()} == {"spring"}


def test_a_release_in_the_making_supersedes_too(log: Path) -> None:
    told = _told(log, audience="public", claims={"d1": "m1", "d2": "M2"})
    assert told == {
        ("superseded", "spring", "d2"), ("superseded", "spring", "d3"), ("superseded", "autumn", "d4")
    }  # fmt: skip


def test_releases_for_others_supersede_nothing(log: Path) -> None:
    assert _told(log, audience="partner", claims={}) == set()


def test_a_withdrawn_claim_and_a_withdrawn_release_are_told_to_all(log: Path) -> None:
    withdraw(log, "d1", reason="the pixels\nwere snow")
    withdraw(log, "spring", reason="wrong map")
    assert _told(log, audience="partner") == {("retracted", "", "d1"), ("retracted", "spring", "")}
    newest, older = retractions_of(log, audience="partner")
    assert newest.entry > older.entry
    assert older.reason == "the pixels were snow"
    assert check_log(log).findings == ()


@pytest.mark.parametrize(
    ("what", "reason", "message"),
    [
        pytest.param("d1", "  ", "needs a reason", id="no reason"),
        pytest.param("d9", "x", "no release is called 'd9'", id="unknown"),
    ],
)
def test_a_withdrawal_that_makes_no_sense_is_refused(log: Path, what: str, reason: str, message: str) -> None:
    before = log.read_bytes()
    with pytest.raises(ConfigError, match=message):
        withdraw(log, what, reason=reason)
    assert log.read_bytes() == before


def test_nothing_is_withdrawn_twice(log: Path) -> None:
    withdraw(log, "autumn", reason="x")
    with pytest.raises(ConfigError, match="before"):
        withdraw(log, "autumn", reason="y")


def test_the_mark_of_a_claim_changes_with_what_is_said_and_not_with_the_order() -> None:
    assert claim_mark({"event": "demolition", "area_m2": 5}) == claim_mark({"area_m2": 5, "event": "demolition"})
    assert claim_mark({"area_m2": 5}) != claim_mark({"area_m2": 6})


def test_two_releases_of_one_name_are_refused(log: Path) -> None:
    with pytest.raises(ConfigError, match="called 'spring' already"):
        note_release(log, "spring", manifest_sha256=SHA, claims={})


def test_the_log_that_goes_out_names_no_claim_of_a_release(log: Path) -> None:
    facts = [json.dumps(dict(entry.facts)) for entry in entries_of(log)]
    assert not any(f'"{claim}"' in told for told in facts for claim in ("d1", "d4"))  # a hash holds any letters


def test_claims_that_were_altered_are_noticed(log: Path) -> None:
    path = next((log.parent / "claims").iterdir())
    path.write_bytes(path.read_bytes().replace(b"m1", b"m9"))
    with pytest.raises(StateError, match="is not what release"):
        retractions_of(log, audience="public")


def test_a_release_carries_the_list_as_data_and_as_text(log: Path, tmp_path: Path) -> None:
    withdraw(log, "d1", reason="snow")
    found = retractions_of(log, audience="public")
    write_retractions(tmp_path, found)
    rows = json.loads((tmp_path / "retractions.json").read_text())["retractions"]
    assert [(row["fate"], row["claim"]) for row in rows] == [(one.fate.value, one.claim) for one in found]
    text = (tmp_path / "RETRACTIONS.txt").read_text()
    assert "retracted: claim d1: snow (log entry 4)" in text
    assert "superseded: claim d3 of release spring: release autumn no longer has it" in text


def test_a_list_of_nothing_says_so(tmp_path: Path) -> None:
    write_retractions(tmp_path, [])
    assert json.loads((tmp_path / "retractions.json").read_text()) == {"retractions": []}
    assert "Nothing of earlier releases was taken back." in (tmp_path / "RETRACTIONS.txt").read_text()
