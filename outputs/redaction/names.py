"""Names in a text, in whatever script, case, composition or romanisation they stand there."""

import re
from collections.abc import Iterable, Iterator

import ahocorasick  # type: ignore[import-not-found]  # a compiled module, without types or source to look at

from outputs.matching.text import has_arabic, has_hanzi, plain, romanise_uyghur, simplify, sounds, squash

_WORD = re.compile(r"[a-z0-9]+")
_BLANK = re.compile(r"[^\S\n]|[\u200b-\u200f\u2060\ufeff·•‧_-]")
_NOT_HANZI = re.compile(r"[^\u3400-\u9fffa-z0-9]+")
_LEAST_SOUNDS = 8
"""Letters of a romanised name: shorter ones are words of other languages too."""
_NO_WORD = bytes(sign for sign in range(128) if not _WORD.fullmatch(chr(sign)))
_AS_FORMS = bytes.maketrans(b"v", b"u")
_UMLAUT = str.maketrans("v", "u")


class NameSearch:
    """Finds names: as they are, in capitals, apart or together, traditional or simplified, in pinyin."""

    def __init__(self, names: Iterable[str]) -> None:
        self._latin = ahocorasick.Automaton()
        self._hanzi = ahocorasick.Automaton()
        for name in names:
            for form in _latin_forms(name):
                self._latin.add_word(form, (form, name))
            if has_hanzi(name):
                form = _NOT_HANZI.sub("", plain_hanzi(name))
                self._hanzi.add_word(form, (form, name))
        for automaton in (self._latin, self._hanzi):
            if len(automaton):
                automaton.make_automaton()

    def found(self, text: str) -> Iterator[tuple[int, str]]:
        """Yield line (from 0) and name of each name in `text`."""
        if len(self._latin):
            yield from self._in_latin(plain(romanise_uyghur(text) if has_arabic(text) else text))
        if len(self._hanzi) and has_hanzi(text):
            folded = _BLANK.sub("", plain_hanzi(text))
            for end, (_, name) in self._hanzi.iter(folded):
                yield folded.count("\n", 0, end), name

    def _in_latin(self, text: str) -> Iterator[tuple[int, str]]:
        """Yield names that begin and end where words do, whatever stands between their words."""
        letters = text.encode("ascii", "ignore").translate(_AS_FORMS, _NO_WORD).decode()
        hits = list(self._latin.iter(letters))
        if not hits:
            return  # most texts: only where something stands it is asked where words begin and end
        starts, ends, length = {}, set(), 0
        for word in _WORD.finditer(text):
            starts[length] = word.start()
            length += len(word.group())
            ends.add(length - 1)
        for end, (form, name) in hits:
            start = end - len(form) + 1
            if end in ends and start in starts:
                yield text.count("\n", 0, starts[start]), name


def plain_hanzi(text: str) -> str:
    """Return `text` composed (NFKC), in small letters, its Hanzi simplified."""
    return simplify(text).casefold()


def _latin_forms(name: str) -> Iterator[str]:
    """Yield how a name is written in Latin letters, without anything between them."""
    if has_hanzi(name):
        for spelt in sounds(simplify(name)):
            if len(spelt) >= _LEAST_SOUNDS:
                yield spelt.translate(_UMLAUT)
        return
    form = squash(romanise_uyghur(name) if has_arabic(name) else name).translate(_UMLAUT)
    if form:
        yield form
