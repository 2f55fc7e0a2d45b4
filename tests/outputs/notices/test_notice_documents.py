"""What leaves the machine: texts by detail, mail, webhook bodies and feeds."""

import hashlib
import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from email.utils import parsedate_to_datetime
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detection.schema import Status
from outputs.notices.feeds import ATOM, MOST_ENTRIES, Feed, atom, rss
from outputs.notices.happenings import Happening, Kind
from outputs.notices.mail import mail_of
from outputs.notices.texts import SIMULATED, Detail, Message, html_text, lines, plain_text, subject
from outputs.notices.webhook import Fate, body_of, fate_of, headers_of, retry_after_s, signature

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
FEED = Feed(name="team", authority="example.org", workspace="abc", made_at=AT)
SITE = Happening(
    key="0123",
    kind=Kind.CONFIRMED,
    on=date(2026, 3, 1),
    area_id="dabancheng",
    area_name="Dabancheng",
    is_simulated=False,
    detection_id="dabancheng-4f3a",
    event="construction",
    status=Status.CONFIRMED,
    confidence=0.87,
    onset_after=date(2026, 1, 1),
    onset_by=date(2026, 1, 11),
    area_m2=12345.6,
    lon=88.2812345,
    lat=43.3912345,
)
AGE = Happening(
    key="0456",
    kind=Kind.DATA_AGE,
    on=date(2026, 3, 4),
    area_id="kashgar",
    area_name="Kashgar",
    is_simulated=False,
    last_clear_look=date(2026, 1, 1),
    age_days=62,
)


def message(*happenings: Happening, detail: Detail = Detail.AREA, number: int = 1, name: str = "team") -> Message:
    return Message(
        message_id=f"{number:032x}",
        subscription=name,
        created_at=AT + timedelta(minutes=number),
        is_weekly=False,
        detail=detail,
        happenings=happenings or (SITE, AGE),
    )


def renderings(one: Message) -> dict[str, str]:
    """Return all that may leave the machine, decoded."""
    mail = message_from_bytes(
        mail_of(one, sender="w@example.org", recipient="a@example.org").as_bytes(), policy=policy.default
    )
    bodies = [part.get_content() for part in mail.walk() if not part.is_multipart()]
    return {
        "subject": subject(one),
        "mail": "\n".join([*(f"{name}: {value}" for name, value in mail.items()), *bodies]),
        "webhook": body_of(one).decode(),
        "atom": atom(FEED, [one]).decode(),
        "rss": rss(FEED, [one]).decode(),
    }


PLACE = ("88.28", "43.39", "12,346", "12345", "2026-01-11", "dabancheng-4f3a")
AREA = ("abancheng", "ashgar", "onstruction", "0.87", "2026-01-01")


def test_with_detail_none_only_the_number_is_said() -> None:
    for text in renderings(message(detail=Detail.NONE)).values():
        assert not [word for word in (*PLACE, *AREA, "onfirmed") if word in text]
        assert "2" in text
    assert "team" not in renderings(message(detail=Detail.NONE))["webhook"]


def test_with_detail_area_no_place_size_or_id_is_said() -> None:
    for name, text in renderings(message()).items():
        assert not [word for word in PLACE if word in text], name
        assert name == "subject" or all(word in text for word in AREA), name


def test_with_detail_full_the_place_is_said_but_in_no_subject() -> None:
    for name, text in renderings(message(detail=Detail.FULL)).items():
        assert name == "subject" or all(word in text for word in ("88.28123", "43.39123", "dabancheng-4f3a")), name
    assert not [word for word in (*PLACE, *AREA) if word in subject(message(detail=Detail.FULL))]


@pytest.mark.parametrize("detail", Detail)
def test_simulated_imagery_never_looks_like_an_observation(detail: Detail) -> None:
    drawn = Happening.of_json(SITE.as_json() | {"is_simulated": True})
    one = message(drawn, detail=detail)
    assert SIMULATED in subject(one)
    assert SIMULATED in plain_text(one)
    assert SIMULATED in html_text(one)
    assert json.loads(body_of(one))["simulated"] is True


def test_of_a_mixed_message_each_simulated_line_says_so() -> None:
    drawn = Happening.of_json(SITE.as_json() | {"is_simulated": True})
    one = message(drawn, SITE, AGE)
    assert [SIMULATED in line for line in lines(one)] == [True, False, False]
    assert [told["simulated"] for told in json.loads(body_of(one))["happenings"]] == [True, False, False]
    assert SIMULATED in lines(message(drawn, SITE, detail=Detail.NONE))[0]


def test_a_machine_s_finding_says_that_no_person_looked() -> None:
    assert "Not reviewed by a person." in lines(message(SITE))[0]


def test_ages_say_how_old_and_that_nothing_is_known_since() -> None:
    never = Happening.of_json(AGE.as_json() | {"last_clear_look": None, "age_days": None})
    again = Happening.of_json(AGE.as_json() | {"kind": "seen_again"})
    assert lines(message(AGE)) == [
        "Kashgar (kashgar): last clear look 62 days ago (2026-01-01); what happened since is not known"
    ]
    assert lines(message(never)) == ["Kashgar (kashgar): never seen clearly yet"]
    assert lines(message(again)) == ["Kashgar (kashgar): seen again, clearly on 2026-01-01"]


def test_a_happening_is_the_same_after_the_outbox() -> None:
    for one in (SITE, AGE):
        assert Happening.of_json(json.loads(json.dumps(one.as_json()))) == one


@given(st.text(max_size=200))
def test_no_name_breaks_out_of_mail_page_or_feed(name: str) -> None:
    hostile = Happening.of_json(SITE.as_json() | {"area_name": f"{name}\r\nBcc: x@example.org\r\n\r\n<img src=x>"})
    one = message(hostile)
    raw = mail_of(one, sender="w@example.org", recipient="a@example.org")
    assert raw["Bcc"] is None
    head = raw.as_bytes().partition(b"\r\n\r\n")[0]
    assert b"Bcc" not in head
    assert "<img" not in html_text(one)
    for text in (atom(FEED, [one]), rss(FEED, [one])):
        ET.fromstring(text)  # noqa: S314  # made here
    assert "<img" not in str(ET.fromstring(rss(FEED, [one])).findtext("channel/item/description"))  # noqa: S314  # likewise


@pytest.mark.parametrize("address", ["a@b.org\n", "a@b.org\r\nBcc: c@d.org", "A <a@b.org>", "a@b.org,c@d.org", "", "a"])
def test_what_is_no_single_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="address"):
        mail_of(message(), sender="w@example.org", recipient=address)
    with pytest.raises(ValueError, match="address"):
        mail_of(message(), sender=address, recipient="w@example.org")


def test_mail_has_both_parts_and_a_stable_id_and_no_line_is_too_long() -> None:
    long = Happening.of_json(SITE.as_json() | {"area_name": "Ürümqi " * 300})
    mail = mail_of(message(long), sender="w@example.org", recipient="a@example.org")
    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert mail["Message-ID"] == f"<{1:032x}@example.org>"
    assert max(map(len, mail.as_bytes().splitlines())) <= 998  # RFC 5322, 2.1.1
    assert mail.as_bytes().isascii()


def test_the_signature_is_hmac_sha256_over_timestamp_and_body() -> None:
    """RFC 4231, test case 2, whose data is put together as ``timestamp.body`` never would be; so: by the definition."""
    secret, body, stamp = b"Jefe", b'{"a":1}', 1_700_000_000
    block = secret.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in block) + b"1700000000." + body).digest()
    by_hand = hashlib.sha256(bytes(b ^ 0x5C for b in block) + inner).hexdigest()
    assert signature(body, timestamp=stamp, secret=secret) == by_hand


def test_what_is_not_signed_carries_no_signature() -> None:
    assert "X-Sitewatch-Signature" not in headers_of(message(), b"", now=AT, secret=None)


@pytest.mark.parametrize(
    ("status", "fate"),
    [
        *((status, Fate.SENT) for status in (200, 202, 204)),
        *((status, Fate.DEAD) for status in (301, 302, 307, 308, 400, 401, 403, 404, 410, 422)),
        *((status, Fate.AGAIN) for status in (408, 425, 429, 500, 502, 503, 504)),
    ],
)
def test_which_answers_are_tried_again(status: int, fate: Fate) -> None:
    assert fate_of(status) is fate


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        ("-5", 0),
        ("soon", 0),
        ("", 0),
        ("²", 0),
        ("9" * 400, 999_999_999),
        ("Wed, 04 Mar 2026 05:08:07 GMT", 120),
        ("Wed, 04 Mar 2026 05:00:00 GMT", 0),
    ],
)
def test_retry_after_is_understood_as_seconds_or_as_a_date(said: str, seconds: float) -> None:
    assert retry_after_s({"Retry-After": said}, AT) == seconds


TAG = re.compile(r"tag:[a-z0-9.-]+,\d{4}(-\d\d(-\d\d)?)?:[A-Za-z0-9/_.~-]+")
"""RFC 4151, 2.1, as far as it is used here."""
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def test_atom_has_what_rfc_4287_wants() -> None:
    root = ET.fromstring(atom(FEED, [message(number=1), message(number=2)]))  # noqa: S314  # made here
    space = f"{{{ATOM}}}"
    entries = root.findall(f"{space}entry")
    assert root.tag == f"{space}feed"
    assert root.findtext(f"{space}author/{space}name")
    for element in (root, *entries):
        for name in ("id", "title", "updated"):
            assert len(element.findall(f"{space}{name}")) == 1
            assert (element.findtext(f"{space}{name}") or "").strip()
        assert TAG.fullmatch(str(element.findtext(f"{space}id")))
        assert STAMP.fullmatch(str(element.findtext(f"{space}updated")))
    assert root.findtext(f"{space}updated") == max(str(one.findtext(f"{space}updated")) for one in entries)
    assert len({one.findtext(f"{space}id") for one in (root, *entries)}) == 3
    assert all(one.find(f"{space}content") is not None for one in entries)  # else RFC 4287, 4.1.2 wants a link
    assert all(child.tag.startswith(space) for child in root.iter())


def test_rss_has_what_its_specification_wants() -> None:
    root = ET.fromstring(rss(FEED, [message(number=1), message(number=2)]))  # noqa: S314  # made here
    assert (root.tag, root.get("version"), len(root)) == ("rss", "2.0", 1)
    channel = root[0]
    for name in ("title", "link", "description"):
        assert len(channel.findall(name)) == 1
        assert channel.findtext(name)
    items = channel.findall("item")
    assert [parsedate_to_datetime(str(one.findtext("pubDate"))) for one in items] == [
        AT + timedelta(minutes=2),
        AT + timedelta(minutes=1),
    ]
    for one in items:
        assert one.findtext("title")
        guid = one.find("guid")
        assert guid is not None
        assert guid.get("isPermaLink") == "false"
        assert TAG.fullmatch(str(guid.text))
    assert len({one.findtext("guid") for one in items}) == 2


@pytest.mark.parametrize("write", [atom, rss])
def test_a_feed_without_messages_is_whole_and_one_of_many_holds_the_newest(
    write: Callable[[Feed, list[Message]], bytes],
) -> None:
    assert write(FEED, []) == write(FEED, [])
    ET.fromstring(write(FEED, []))  # noqa: S314  # made here
    text = write(FEED, [message(number=number) for number in range(1, MOST_ENTRIES + 30)]).decode()
    assert f"{MOST_ENTRIES + 29:032x}" in text
    assert f"/{29:032x}" not in text
    assert f"/{30:032x}" in text
