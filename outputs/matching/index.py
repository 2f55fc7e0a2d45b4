"""Which entities are worth comparing with a supplier: those whose trade name is alike in letters or sound."""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log
from zlib import crc32

import numpy as np
import numpy.typing as npt
from scipy import sparse

from outputs.matching.parts import NameParts
from outputs.matching.text import Script, skeleton, sounds

_log = logging.getLogger(__name__)

_GRAM = 3
_ROWS_AT_ONCE = 256
_ENOUGH = 0.3
"""Names whose brands are less alike (cosine of weighted trigrams and sounds) are not compared."""
_SAME_PLACE, _SAME_INDUSTRY = 0.15, 0.15
_READINGS = 3
_MASK_BITS = 63

Mask = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Pairs to compare."""

    rows: npt.NDArray[np.intp]
    """Of the asking names."""
    columns: npt.NDArray[np.intp]
    """Of the register's names."""
    cut: int
    """So many further pairs were alike enough, but the names asking had better ones already."""


def features(name: NameParts) -> list[str]:
    """Return what a name is found by: trigrams and consonants of its brand, else what stands in its place."""
    found: list[str] = []
    for word in _spoken(name):
        padded = f"^{word}$"
        found += [padded[at : at + _GRAM] for at in range(max(1, len(padded) - _GRAM + 1))]
    if name.brand:
        bones = {skeleton(word, is_pinyin=name.script is Script.HANZI) for word in name.sounds[:_READINGS]}
        found += [f"s:{bone}" for bone in bones if len(bone) > 1]
        found.append(f"b:{name.brand}")
    found += [f"p:{path}" for path in name.brand_paths]
    found += _without_brand(name)
    return found


def _spoken(name: NameParts) -> list[str]:
    words = list(name.sounds[:_READINGS])
    if name.script is Script.HANZI and len(name.brand) > _GRAM:
        words += sounds(name.brand[:2])[:1]
    if name.script is Script.LATIN and " " in name.brand:
        words += [word for word in name.brand.split() if len(word) > _GRAM]
    return words


def _without_brand(name: NameParts) -> list[str]:
    found: list[str] = []
    if name.corps is not None:
        division, regiment, _ = name.corps.numbers
        found += [f"c:{division}", f"c:{division}:{regiment}", f"c::{regiment}", "c"]
    if not name.brand and name.corps is None:
        found += [f"n:{'|'.join(sorted(name.industries))}", f"o:{name.ordinal}"]
        found += [f"p:{path}" for path in name.paths]
    return found


def _matrix(
    names: Sequence[Sequence[str]], vocabulary: dict[str, int], rarity: npt.NDArray[np.float32]
) -> sparse.csr_matrix:
    indptr, indices, values = [0], list[int](), list[float]()
    for found in names:
        counts = Counter(vocabulary[one] for one in found if one in vocabulary)
        weights = np.array([rarity[column] * count for column, count in counts.items()], dtype=np.float32)
        length = float(np.linalg.norm(weights)) or 1.0
        indices += counts
        values += list(weights / length)
        indptr.append(len(indices))
    shape = (len(names), len(vocabulary))
    return sparse.csr_matrix((np.array(values, dtype=np.float32), np.array(indices), np.array(indptr)), shape=shape)


def masks(names: Sequence[NameParts]) -> tuple[Mask, Mask]:
    """Return one bit for each province and one for each industry (some share a bit) of every name."""
    places = [_bits(path.split("/")[1] for path in name.paths if "/" in path) for name in names]
    industries = [_bits(name.industries) for name in names]
    return np.array(places, dtype=np.int64), np.array(industries, dtype=np.int64)


def _bits(words: Iterable[str]) -> int:
    total = 0
    for word in words:
        total |= 1 << (crc32(word.encode()) % _MASK_BITS)
    return total


def candidates(asking: Sequence[NameParts], register: Sequence[NameParts], *, most: int) -> Candidates:
    """Return for each asking name the names of the register worth comparing, at most `most` each, the likest first.

    Likeness is the cosine of trigrams and sounds of the brand, weighted by rarity; province and industry break ties.
    """
    theirs = [features(name) for name in register]
    counts = Counter(one for found in theirs for one in set(found))
    vocabulary = {one: place for place, one in enumerate(counts)}
    rarity = np.array([log((1 + len(theirs)) / count) for count in counts.values()], dtype=np.float32)
    columns = _matrix(theirs, vocabulary, rarity).T.tocsr()
    rows = _matrix([features(name) for name in asking], vocabulary, rarity)
    my_masks, its_masks = masks(asking), masks(register)
    found_rows: list[npt.NDArray[np.intp]] = []
    found_columns: list[npt.NDArray[np.intp]] = []
    cut = 0
    for start in range(0, rows.shape[0], _ROWS_AT_ONCE):
        block = (rows[start : start + _ROWS_AT_ONCE] @ columns).tocsr()
        for row in range(block.shape[0]):
            begin, end = block.indptr[row], block.indptr[row + 1]
            alike = block.data[begin:end] >= _ENOUGH
            which, likeness = block.indices[begin:end][alike], block.data[begin:end][alike]
            cut += max(0, len(which) - most)
            which = _likest(which, likeness, start + row, (my_masks, its_masks), most)
            found_rows.append(np.full(len(which), start + row, dtype=np.intp))
            found_columns.append(which.astype(np.intp))
    if cut:
        _log.info("%d of the pairs alike by trade name were left out: at most %d are compared for a name", cut, most)
    none = np.empty(0, dtype=np.intp)
    return Candidates(rows=np.concatenate([none, *found_rows]), columns=np.concatenate([none, *found_columns]), cut=cut)


def _likest(
    which: npt.NDArray[np.int32],
    likeness: npt.NDArray[np.float32],
    row: int,
    both: tuple[tuple[Mask, Mask], tuple[Mask, Mask]],
    most: int,
) -> npt.NDArray[np.int32]:
    if len(which) <= most:
        return which
    (my_places, my_industries), (its_places, its_industries) = both
    score = likeness + _SAME_PLACE * ((its_places[which] & my_places[row]) != 0)
    score = score + _SAME_INDUSTRY * ((its_industries[which] & my_industries[row]) != 0)
    return which[np.argpartition(-score, most)[:most]]
