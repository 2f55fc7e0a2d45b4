"""Whether two trade names are one, across scripts."""

from dataclasses import dataclass, replace

from rapidfuzz.distance import OSA, JaroWinkler

from outputs.matching.frequencies import Frequencies
from outputs.matching.names_latin import split_brand
from outputs.matching.parts import NameParts, nested
from outputs.matching.text import Script, skeleton, sounds, syllables

_MIN_TYPO = 5
"""Shorter words with an error of typing cannot be told from other words."""
_LONG = 9
_MIN_PLACE = 6
_FOREIGN_LIKE = 0.7
_MIN_FOREIGN = 3
"""So many classes of consonants make a foreign word; one less where the Hanzi are three or more."""
_MIN_BRAND = 2
_CAN_HOLD_MORE = 3
_TYPOS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class BrandFinding:
    """What the comparison of two trade names found."""

    finding: str
    """Key of the table of weights, term `brand`."""
    value: str
    """For the reader."""
    chance: float = 0.0
    """How likely another firm would agree as well."""
    rests: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    """Words behind the common part, of either name."""


def compare_brands(one: NameParts, other: NameParts, frequencies: Frequencies) -> BrandFinding:
    """Tell how two trade names relate.

    In Hanzi both must have the same characters: one sound in other characters is another firm. Across scripts any
    usual reading of the characters counts; a brand in Hanzi that spells a foreign word agrees by its consonants.
    """
    if not one.brand or not other.brand:
        return _missing(one, other, frequencies)
    value = one.brand if one.brand == other.brand else f"{one.brand} / {other.brand}"
    tails = (one.tail, other.tail)
    if set(one.brand_paths) & set(other.brand_paths):
        return BrandFinding(finding="same_sound", value=value, chance=_chance(one, frequencies), rests=tails)
    if one.script is other.script is Script.HANZI:
        return _hanzi(one, other, value, frequencies)
    if one.script is other.script:
        return _latin(one, other, value, frequencies)
    if one.script is Script.HANZI:
        return _across(one, other, value, frequencies)
    found = _across(other, one, value, frequencies)
    return replace(found, rests=found.rests[::-1])


def _chance(name: NameParts, frequencies: Frequencies) -> float:
    return max((frequencies.sound_chance(sound) for sound in name.sounds), default=1.0)


def _missing(one: NameParts, other: NameParts, frequencies: Frequencies) -> BrandFinding:
    named, bare = (one, other) if one.brand else (other, one)
    tails = (one.tail, other.tail)
    if named.brand and set(named.brand_paths) & set(bare.paths):
        return BrandFinding(finding="same_sound", value=named.brand, chance=_chance(named, frequencies), rests=tails)
    if named.brand:
        return BrandFinding(finding="one_missing", value=f"{named.brand} / none", rests=tails)
    same = _words_fit(one, other)
    finding = "none_same_words" if same else "none_other_words"
    return BrandFinding(finding=finding, value="no trade name in either", rests=tails)


def _words_fit(one: NameParts, other: NameParts) -> bool:
    """Whether two names without a brand say the same."""
    places = bool(one.paths) == bool(other.paths) and (
        not one.paths or any(nested(here, there) for here in one.paths for there in other.paths)
    )
    return places and one.industries == other.industries and one.ordinal == other.ordinal and one.tail == other.tail


def _hanzi(one: NameParts, other: NameParts, value: str, frequencies: Frequencies) -> BrandFinding:
    """Compare two brands in Hanzi. What follows a common beginning may be an industry that no table knows."""
    mine, its = one.brand, other.brand
    if mine == its:
        # Four characters or more hold the industry, too: the brand itself is no rarer than its first two.
        known = mine[:_MIN_BRAND] if len(mine) > _CAN_HOLD_MORE else mine
        rests = (_rest(mine, len(known), one.tail), _rest(its, len(known), other.tail))
        return BrandFinding(finding="same_hanzi", value=value, chance=frequencies.hanzi_chance(known), rests=rests)
    common = _common_start(mine, its)
    rests = (_rest(mine, common, one.tail), _rest(its, common, other.tail))
    if common >= _MIN_BRAND and all(
        rest or common == len(brand) for rest, brand in zip(rests, (mine, its), strict=True)
    ):
        unknown = max(len(mine), len(its)) - common >= _MIN_BRAND
        finding = "same_hanzi" if unknown else "part_of"
        return BrandFinding(finding=finding, value=value, chance=frequencies.hanzi_chance(mine[:common]), rests=rests)
    short, long = sorted((mine, its), key=len)
    if len(short) > 1 and short in long:
        return BrandFinding(finding="part_of", value=value, chance=frequencies.hanzi_chance(short))
    if set(one.sounds) & set(other.sounds):
        return BrandFinding(finding="same_sound_other_hanzi", value=value)
    return BrandFinding(finding="different", value=value)


def _common_start(mine: str, its: str) -> int:
    pairs = enumerate(zip(mine, its, strict=False))
    return next((place for place, (one, other) in pairs if one != other), min(len(mine), len(its)))


def _rest(brand: str, common: int, tail: tuple[str, ...]) -> tuple[str, ...]:
    """Return what stands behind a common beginning; only brands of four characters or more can hold an industry."""
    rest = brand[common:]
    return (rest, *tail) if rest and len(brand) >= _CAN_HOLD_MORE else tail


def _latin(one: NameParts, other: NameParts, value: str, frequencies: Frequencies) -> BrandFinding:
    if one.sounds == other.sounds:
        chance = _chance(one, frequencies)
        return BrandFinding(finding="same_letters", value=value, chance=chance, rests=(one.tail, other.tail))
    (mine, my_rest), (its, its_rest) = _core(one, other), _core(other, one)
    found = _spelt(mine, its, value, frequencies)
    return replace(found, rests=(my_rest, its_rest))


def _core(name: NameParts, beside: NameParts) -> tuple[str, tuple[str, ...]]:
    """Return the brand's letters and the words behind it.

    A first word that is a misspelt place of the other name is left out: `Xinjaing Hefeng`.
    """
    words = name.brand.split()
    if len(words) > 1 and len(words[0]) >= _MIN_PLACE and not syllables(words[0]):
        for place in beside.places:
            if OSA.distance(words[0], place.text.casefold(), score_cutoff=2) <= _TYPOS:
                brand, rest = split_brand([*words[1:], *name.tail])
                return "".join(brand), tuple(rest)
    return (name.sounds[0] if name.sounds else ""), name.tail


def _spelt(one: str, other: str, value: str, frequencies: Frequencies) -> BrandFinding:
    """Compare two spellings in Latin letters."""
    if one == other:
        return BrandFinding(finding="same_letters", value=value, chance=frequencies.sound_chance(one))
    chance = max(frequencies.sound_chance(one), frequencies.sound_chance(other))
    both = (syllables(one), syllables(other))
    typo = _typo(one, other, both)
    if typo:
        return BrandFinding(finding=typo, value=value, chance=chance)
    if all(both) and _shares_syllables(*both):
        return BrandFinding(finding="near_sound", value=value)
    short, long = sorted((one, other), key=len)
    if len(short) >= _MIN_TYPO and long.startswith(short):
        return BrandFinding(finding="part_of", value=value, chance=frequencies.sound_chance(short))
    return BrandFinding(finding="different", value=value)


def _typo(one: str, other: str, both: tuple[tuple[str, ...], tuple[str, ...]]) -> str:
    """Return the finding if an error of typing explains the difference.

    Where both are good pinyin of as many syllables, one letter for another makes another word (Runhe, Runze); two
    letters swapped do not.
    """
    length = min(len(one), len(other))
    distance = OSA.distance(one, other, score_cutoff=_TYPOS)
    if length < _MIN_TYPO or distance > _TYPOS:
        return ""
    if distance == 1:
        other_word = all(both) and len(both[0]) == len(both[1]) and sorted(one) != sorted(other)
        return "near_sound" if other_word else "misspelt"
    return "misspelt_twice" if length >= _LONG and not all(both) else ""


def _shares_syllables(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether two words of pinyin differ in one syllable of two or more."""
    return len(one) == len(other) > 1 and sum(a != b for a, b in zip(one, other, strict=True)) == 1


_ORDER = ("same_letters", "misspelt", "misspelt_twice", "near_sound")


def _across(hanzi: NameParts, latin: NameParts, value: str, frequencies: Frequencies) -> BrandFinding:
    letters, rest = _core(latin, hanzi)
    tails = (hanzi.tail, rest)
    if letters in hanzi.sounds:
        chance = frequencies.sound_chance(letters)
        return BrandFinding(finding="same_sound", value=value, chance=chance, rests=tails)
    found = _prefix(hanzi, letters, rest, frequencies) or _foreign(hanzi, letters, frequencies)
    if found is not None:
        return replace(found, value=value, rests=found.rests if any(found.rests) else tails)
    tried = {spelt.finding: spelt for spelt in (_spelt(sound, letters, value, frequencies) for sound in hanzi.sounds)}
    best = next((tried[finding] for finding in _ORDER if finding in tried), None)
    if best is not None:
        return replace(best, rests=tails)
    finding = "different" if syllables(letters) else "not_comparable"
    return BrandFinding(finding=finding, value=value, rests=tails)


def _prefix(hanzi: NameParts, letters: str, rest: tuple[str, ...], frequencies: Frequencies) -> BrandFinding | None:
    """A long word in Hanzi may be a brand and an industry that no table knows: 旭刃 + 刀具."""
    for length in (3, 2):
        if len(hanzi.brand) >= length + _MIN_BRAND and letters in sounds(hanzi.brand[:length]):
            chance = frequencies.sound_chance(letters)
            # An unknown word in Hanzi and one in Latin letters cannot be compared: neither speaks.
            rests: tuple[tuple[str, ...], tuple[str, ...]] = ((), ()) if rest else ((hanzi.brand[length:],), ())
            return BrandFinding(finding="same_sound", value="", chance=chance, rests=rests)
    return None


def _foreign(hanzi: NameParts, letters: str, frequencies: Frequencies) -> BrandFinding | None:
    if len(hanzi.brand) <= 1 or syllables(letters):
        return None
    theirs = skeleton(letters, is_pinyin=False)
    if len(theirs) + (len(hanzi.brand) > _MIN_BRAND) < _MIN_FOREIGN:
        return None
    for sound in hanzi.sounds:
        alike = JaroWinkler.similarity(sound.replace("er", "r"), letters) >= _FOREIGN_LIKE
        if alike and skeleton(sound, is_pinyin=True) == theirs:
            return BrandFinding(finding="foreign_sound", value="", chance=frequencies.foreign_chance(theirs))
    return None
