"""Messages as feeds: RSS 2.0 and Atom (RFC 4287), with ids that never change (tag URIs, RFC 4151)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from html import escape
from xml.etree import ElementTree as ET  # written, never parsed

from outputs.notices.texts import Message, lines, plain, subject

ATOM = "http://www.w3.org/2005/Atom"
MOST_ENTRIES = 100
_MINTED = "2026"
"""The year in which whoever names the ids had the authority's name, as a tag URI wants it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """What a feed says of itself."""

    name: str
    """Of the subscription: letters, digits, ``-`` and ``_``."""
    authority: str
    """A domain; `.invalid` ones belong to nobody."""
    workspace: str
    """Keeps apart the feeds of several workspaces; says nothing about them."""
    made_at: datetime
    """UTC: what an empty feed gives as its time."""

    @property
    def tag(self) -> str:
        """The feed's own id."""
        return f"tag:{self.authority},{_MINTED}:{self.workspace}/{self.name}"

    @property
    def title(self) -> str:
        """What readers show."""
        return f"Sitewatch: {plain(self.name)}"


def atom(feed: Feed, messages: Sequence[Message]) -> bytes:
    """Return the feed of the newest messages, those first, as Atom."""
    newest = _newest(messages)
    root = ET.Element("feed", {"xmlns": ATOM, "xml:lang": "en"})
    _add(root, "id", feed.tag)
    _add(root, "title", feed.title)
    _add(root, "updated", _stamp(newest[0].created_at if newest else feed.made_at))
    _add(_add(root, "author", ""), "name", "sitewatch")
    _add(root, "generator", "sitewatch")
    for message in newest:
        entry = _add(root, "entry", "")
        _add(entry, "id", f"{feed.tag}/{message.message_id}")
        _add(entry, "title", subject(message))
        _add(entry, "updated", _stamp(message.created_at))
        _add(entry, "content", _text(message)).set("type", "text")
    return _written(root)


def rss(feed: Feed, messages: Sequence[Message]) -> bytes:
    """Return the feed of the newest messages, those first, as RSS 2.0."""
    newest = _newest(messages)
    root = ET.Element("rss", {"version": "2.0"})
    channel = _add(root, "channel", "")
    _add(channel, "title", feed.title)
    _add(channel, "link", feed.tag)
    _add(channel, "description", "What sitewatch found.")
    _add(channel, "language", "en")
    _add(channel, "lastBuildDate", format_datetime(newest[0].created_at if newest else feed.made_at))
    _add(channel, "generator", "sitewatch")
    for message in newest:
        item = _add(channel, "item", "")
        _add(item, "title", subject(message))
        _add(
            item, "description", "<br>".join(escape(plain(line)) for line in lines(message))
        )  # readers take it for HTML
        _add(item, "guid", f"{feed.tag}/{message.message_id}").set("isPermaLink", "false")
        _add(item, "pubDate", format_datetime(message.created_at))
    return _written(root)


def _newest(messages: Sequence[Message]) -> list[Message]:
    return sorted(messages, key=lambda one: (one.created_at, one.message_id), reverse=True)[:MOST_ENTRIES]


def _text(message: Message) -> str:
    return "\n".join(plain(line) for line in lines(message))


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _add(parent: ET.Element, name: str, text: str) -> ET.Element:
    child = ET.SubElement(parent, name)
    child.text = text or None
    return child


def _written(root: ET.Element) -> bytes:
    ET.indent(root, " ")
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"
