"""Numbers in names: 第二, 一四七, 12th, Second, No. 4."""

import re

_DIGITS = {
    "零": 0,
    "\u3007": 0,
    "一": 1,
    "二": 2,
    "两": 2,
    "三": 3,
    "四": 4,
    "五": 5,
    "六": 6,
    "七": 7,
    "八": 8,
    "九": 9,
}
_TEN = "十"
HANZI_NUMBER = "[零\u3007一二两三四五六七八九十百0-9]+"
_WORDS = (
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
    "twentieth",
)
_ORDINALS = {word: number for number, word in enumerate(_WORDS, start=1)}
_SUFFIXED = re.compile(r"^(\d{1,3})(?:st|nd|rd|th)?$")


def hanzi_number(text: str) -> int | None:
    """Return the number that Hanzi or digits write (一四七 and 147: 147; 四十四: 44); None where they write none."""
    if text.isdecimal():
        return int(text)
    text = text.replace("百零", "百")
    if "百" in text:
        head, _, rest = text.partition("百")
        hundreds, ones = _DIGITS.get(head or "一"), hanzi_number(rest) if rest else 0
        return None if hundreds is None or ones is None else 100 * hundreds + ones
    if _TEN in text:
        head, _, rest = text.partition(_TEN)
        tens, ones = _DIGITS.get(head or "一"), _DIGITS.get(rest or "零")
        return None if tens is None or ones is None else 10 * tens + ones
    digits = [_DIGITS.get(char) for char in text]
    if not digits or None in digits:
        return None
    return int("".join(map(str, digits)))


def latin_number(word: str) -> int | None:
    """Return the number that a Latin word writes: `147th`, `147` and `second`; None where it writes none."""
    found = _SUFFIXED.match(word)
    return int(found.group(1)) if found else _ORDINALS.get(word)


LATIN_NUMBER = r"(?:\d{1,3}(?:st|nd|rd|th)?|" + "|".join(_WORDS) + ")"
