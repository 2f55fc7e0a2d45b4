"""Who sells to whom and who owns whom: how exposure reaches a firm, and the brand, over several steps."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from math import exp, log
from typing import TypeAlias

import networkx as nx

from aoi.entities import CorporateLink, LinkKind
from aoi.suppliers import Supplier
from outputs.risk.weights import Weights

Chain: TypeAlias = "nx.DiGraph[str]"
BUYER = "(buyer)"
"""Whose list it is; no id of a supplier can look so."""
_LEAST_PATH = 0.01
"""A path less probable than this is not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One link of a path, in the direction in which exposure travels."""

    from_id: str
    to_id: str
    words: str
    probability: float
    source: str
    is_sale: bool
    is_stated: bool = True
    """Whether the list says so; it may say of a firm no more than its tier."""

    def __str__(self) -> str:
        return f"{self.from_id} {self.words} {self.to_id} ({self.probability:.2f})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """How exposure travels from one firm to another: the most probable way."""

    steps: tuple[Step, ...]

    @property
    def probability(self) -> float:
        """The product over its links."""
        result = 1.0
        for step in self.steps:
            result *= step.probability
        return result

    @property
    def ids(self) -> tuple[str, ...]:
        """All firms on it, the origin first."""
        return (self.steps[0].from_id, *(step.to_id for step in self.steps))

    @property
    def is_ownership(self) -> bool:
        """Whether no goods are sold on it."""
        return not any(step.is_sale for step in self.steps)

    def __str__(self) -> str:
        return "; ".join(map(str, self.steps)) + f": {self.probability:.3f} in all"


def chain_of(suppliers: Sequence[Supplier], links: Iterable[CorporateLink], weights: Weights, *, today: date) -> Chain:
    """Return the firms and their links. Exposure travels from seller to buyer, and between parent and subsidiary.

    A supplier of tier 1, and one of which nobody in the list is said to buy, sells to the buyer. Of several links
    between two firms the most probable stays.
    """
    graph: Chain = nx.DiGraph()
    graph.add_node(BUYER)
    graph.add_nodes_from(supplier.supplier_id for supplier in suppliers)
    stated = [link for supplier in suppliers for link in _stated(supplier)]
    for link in (*stated, *links):
        for step in _steps(link, weights, today):
            _add(graph, step)
    for supplier in suppliers:
        if supplier.tier == 1 or not _has_buyer(graph, supplier.supplier_id):
            _add(graph, _to_buyer(supplier, weights))
    return graph


def paths_from(graph: Chain, origin: str, weights: Weights) -> dict[str, Path]:
    """Return the most probable path from `origin` to every firm that exposure reaches; circles end by themselves."""
    if origin not in graph:
        return {}
    ways: dict[str, list[str]] = nx.single_source_dijkstra_path(graph, origin, cutoff=-log(_LEAST_PATH), weight="cost")
    most = int(weights.links["most_steps"])
    return {
        target: Path(steps=tuple(_step(graph, one, two) for one, two in pairwise(way)))
        for target, way in ways.items()
        if 1 < len(way) <= most + 1
    }


def tiers_of(graph: Chain, suppliers: Sequence[Supplier]) -> dict[str, int | None]:
    """Return each supplier's tier: as stated, else the fewest sales to the buyer; None where no way is known."""
    sales: Chain = nx.DiGraph()
    steps = (_step(graph, one, two) for one, two in graph.edges)
    sales.add_edges_from((step.to_id, step.from_id) for step in steps if step.is_sale and step.is_stated)
    counted = nx.single_source_shortest_path_length(sales, BUYER) if BUYER in sales else {}
    return {one.supplier_id: one.tier if one.tier is not None else counted.get(one.supplier_id) for one in suppliers}


def _stated(supplier: Supplier) -> list[CorporateLink]:
    return [
        CorporateLink(from_id=seller, to_id=supplier.supplier_id, kind=LinkKind.SUPPLIES, source=supplier.source)
        for seller in supplier.buys_from
        if seller != supplier.supplier_id
    ]


def _to_buyer(supplier: Supplier, weights: Weights) -> Step:
    is_stated = supplier.tier in {None, 1}
    return Step(
        from_id=supplier.supplier_id,
        to_id=BUYER,
        words="sells to" if is_stated else f"sells (as tier {supplier.tier}, by ways not stated) to",
        probability=1.0 if supplier.tier == 1 else weights.links["supplies"],
        source=supplier.source or "supplier list",
        is_sale=True,
        is_stated=is_stated,
    )


def _has_buyer(graph: Chain, supplier_id: str) -> bool:
    return any(_step(graph, supplier_id, buyer).is_sale for buyer in graph.successors(supplier_id))


def _step(graph: Chain, one: str, two: str) -> Step:
    step: Step = graph.edges[one, two]["step"]
    return step


def _steps(link: CorporateLink, weights: Weights, today: date) -> list[Step]:
    probability = _probability(link, weights, today)
    source = link.source or "link"
    if link.kind is LinkKind.SUPPLIES:
        ways = [(link.from_id, link.to_id, "sells to")]
    else:
        share = "" if link.share is None else f" ({link.share:.0%})"
        ways = [(link.from_id, link.to_id, f"owns{share}"), (link.to_id, link.from_id, f"is owned{share} by")]
    is_sale = link.kind is LinkKind.SUPPLIES
    return [
        Step(from_id=one, to_id=two, words=words, probability=probability, source=source, is_sale=is_sale)
        for one, two, words in ways
    ]


def _probability(link: CorporateLink, weights: Weights, today: date) -> float:
    table = weights.links
    if link.kind is LinkKind.SUPPLIES:
        found = table["supplies"]
    elif link.share is None:
        found = table["unknown_share"]
    else:
        found = table["control"] if link.share >= table["control_share"] else table["minority"]
    is_over = link.until is not None and link.until < today
    return found * (table["ended"] if is_over else 1.0)


def _add(graph: Chain, step: Step) -> None:
    if step.probability <= 0:
        return
    before: Mapping[str, Step] = graph.get_edge_data(step.from_id, step.to_id, default={})
    if "step" in before and before["step"].probability >= step.probability:
        return
    graph.add_edge(step.from_id, step.to_id, step=step, cost=-log(min(step.probability, exp(-1e-9))))
