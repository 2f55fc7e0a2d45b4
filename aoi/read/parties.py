"""Which of the firms that are known is meant by this name or id?"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from aoi.entities import ListedEntity
from aoi.read.ids import given_id, plain_text
from aoi.suppliers import Supplier
from geo.errors import AoiError

_MOST_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Parties:
    """The firms that a link may join."""

    suppliers: Sequence[Supplier] = field(default=())
    entities: Sequence[ListedEntity] = field(default=())

    def named(self) -> Iterator[tuple[str, str]]:
        """Yield each name, alias and id, in the form in which texts are compared, with the id of its firm."""
        for supplier in self.suppliers:
            for key in (supplier.supplier_id, *supplier.names):
                yield plain_text(key), supplier.supplier_id
        for entity in self.entities:
            for key in (entity.entity_id, *entity.names, *entity.aliases):
                yield plain_text(key), entity.entity_id

    @property
    def ids(self) -> frozenset[str]:
        """All ids."""
        suppliers = (supplier.supplier_id for supplier in self.suppliers)
        return frozenset((*suppliers, *(entity.entity_id for entity in self.entities)))


def finder(parties: Parties | None) -> Callable[[str], str]:
    """Return how a name or an id becomes the id of a party; without parties, texts are taken for ids.

    The function raises `AoiError` for what names no party, or several.
    """
    if parties is None:
        return lambda text: given_id(text, what="firm")
    known: dict[str, dict[str, None]] = {}
    for key, own in parties.named():
        known.setdefault(key, {})[own] = None

    def find(text: str) -> str:
        ids = list(known.get(plain_text(text), ()))
        if not ids:
            raise AoiError(f"{text!r} is neither among the suppliers nor among the listed entities")
        if len(ids) > 1:
            raise AoiError(f"{text!r} stands for several: {', '.join(ids[:_MOST_NAMED])}")
        return ids[0]

    return find
