"""Items of a static catalogue: JSON files that name each other, or lie in one folder."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from geo.errors import SourceError

ROOTS = ("catalog.json", "collection.json")
MAX_DOCUMENTS = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One STAC item as it stands in the catalogue."""

    content: Mapping[str, Any]
    href: str
    """Where it was found: the address that those of its assets may be relative to."""


def documents(path: Path) -> Iterator[Document]:
    """Yield the items at `path`: a catalogue, an item, an ItemCollection, or a folder with any of them below.

    In a folder the ``catalog.json`` or ``collection.json`` leads to the items; without one, every JSON file below
    that is an item, or a collection of items, counts, and other JSON files are passed over.

    Raises:
        SourceError: There is no such file, or one is not JSON or no STAC; names it.

    """
    if not path.exists():
        raise SourceError(f"{path}: there is no such file or folder")
    root = next((path / name for name in ROOTS if (path / name).is_file()), None) if path.is_dir() else path
    if root is not None:
        yield from walk(str(root), load=_load, resolve=_resolve)
        return
    for file in sorted(path.rglob("*.json")):
        content = _load(str(file))
        yield from _items(content, str(file))


def walk(
    href: str, *, load: Callable[[str], Mapping[str, Any]], resolve: Callable[[str, str], str]
) -> Iterator[Document]:
    """Yield the items that the document at `href` holds or leads to, each once, in the order of the links.

    Raises:
        SourceError: A document cannot be loaded, or none of them is STAC.

    """
    waiting, seen = [href], {href}
    while waiting:
        place = waiting.pop()
        content = load(place)
        yield from _items(content, place)
        if str(content.get("type")) not in {"Catalog", "Collection", "Feature", "FeatureCollection"}:
            raise SourceError(f"{place}: expected a STAC catalogue or item; got type {content.get('type')!r}")
        links = content.get("links") or () if content["type"] in {"Catalog", "Collection"} else ()
        found = [resolve(place, href) for href in _followed(links, place)]
        new = [target for target in dict.fromkeys(found) if target not in seen]
        seen.update(new)
        waiting += reversed(new)
        if len(seen) > MAX_DOCUMENTS:
            raise SourceError(f"{href}: leads to more than {MAX_DOCUMENTS:,} documents: use a STAC API")


def _followed(links: Any, place: str) -> list[str]:  # noqa: ANN401 - whatever stands in the document
    """Return the addresses of the links that lead to items."""
    try:
        return [str(link["href"]) for link in links if str(link.get("rel")) in {"child", "item", "items"}]
    except (TypeError, KeyError, AttributeError) as error:
        raise SourceError(f"{place}: expected links with rel and href; got {error!r}") from error


def locate_beside(item_file: str, href: str) -> str:
    """Return the file that an asset of an item on disk is.

    A relative address starts at the item. One on the web, of which a copy with the same name lies beside the item, is
    that copy: so look the folders that were mirrored from the web.
    """
    folder = Path(item_file).parent
    if urlsplit(href).scheme in {"http", "https", "s3"}:
        copy = folder / unquote(PurePosixPath(urlsplit(href).path).name)
        return str(copy) if copy.is_file() else href
    return _resolve(item_file, href)


def _items(content: Mapping[str, Any], href: str) -> Iterator[Document]:
    if content.get("type") == "Feature" and "stac_version" in content:
        yield Document(content=content, href=href)
    if content.get("type") == "FeatureCollection":
        for feature in content.get("features") or ():
            if isinstance(feature, dict) and "stac_version" in feature:
                yield Document(content=feature, href=href)


def _resolve(base: str, href: str) -> str:
    parts = urlsplit(href)
    if parts.scheme == "file":
        return unquote(parts.path)
    if parts.scheme:
        return href
    return str((Path(base).parent / unquote(href)).resolve())


def _load(href: str) -> Mapping[str, Any]:
    if urlsplit(href).scheme:
        raise SourceError(f"{href}: a catalogue on disk leads to the web; give its address there as the url")
    try:
        content = json.loads(Path(href).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SourceError(f"{href}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{href}: expected JSON: {error}") from error
    return content if isinstance(content, dict) else {}
