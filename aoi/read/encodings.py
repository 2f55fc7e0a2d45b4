"""In which encoding is this text, and which bytes are none of it?

What starts with a byte order mark says so itself. Otherwise UTF-8 is tried first: other texts are hardly ever valid in
it. A text that is not is read in the encoding in which its characters are the commonest of Chinese (GB 18030, Big5),
else in what charset-normalizer holds likeliest, else as Windows-1252. Bytes that cannot be decoded come back as lone
surrogates, so that the row that holds them can be named.
"""

import codecs
import re
from dataclasses import dataclass

import charset_normalizer

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_COMMON_HANZI = frozenset(
    "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定行学"
    "法所民得经十三之进着等部度家电力里如水化高自二理起小物现实加量都两体制机当使点从业本去把性好应开它合还因由其些然前外"
    "天政四日那社义事平形相全表间样与关各重新线内数正心反你明看原又么利比或但质气第向道命此变条只没结解问意建月公无系军很"
    "情者最立代想已通并提直题党程展五果料象员革位入常文总次品式活设及管特件长求老头基资边流路级少图山统接知较将组见计别她"
    "手角期根论运农指几九区强放决西被干做必战先回则任取据处队南给色光门即保治北造百规热领七海口东导器压志世金增争济阶油思"
    "限司厂省市县村镇号街棉纺织服装针鞋科技贸易股份集团责任有州广江苏浙福河湖安徽云贵川陕甘宁疆蒙藏黑龙吉林辽京津沪渝香港"
    "商名称址邮编码供应商国家城供应類製廠業東廣務產電號縣鎮區際貿易織紡團責實發國華豐興龍達聯環陽溫灣臺縣樓層鄉莊興順億億"
    "個們會經過說這時來為與關點開長門問間車軍運過進遠還選連都無從後對將專屬導層億價優傳備僅億農機構標樣樹橋極歲歷殺氣決況"
)
"""Characters frequent in Chinese prose, addresses and names of firms, simplified and traditional."""
_MIN_COMMON_SHARE = 0.25
_MAX_BAD_UTF8_SHARE = 0.1
_MIN_NUL_SHARE = 0.01
_SAMPLE_BYTES = 200_000
_HANZI = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_NOT_GUESSED = ("utf_7", "utf_16", "utf_16_le", "utf_16_be", "utf_32", "utf_8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """A text and how it came about."""

    text: str
    encoding: str
    note: str
    """Empty where nothing had to be guessed."""


def decode(data: bytes, encoding: str | None = None) -> Decoded:
    """Return the text of `data`; what cannot be decoded stands in it as lone surrogates.

    Args:
        data: All bytes of the file.
        encoding: As Python calls it; None: found out.

    Raises:
        LookupError: There is no such encoding.

    """
    if encoding is not None:
        text = data.decode(encoding, "surrogateescape").removeprefix("\ufeff")
        return _told(text, encoding, note=_undecoded(text, encoding))
    for mark, name in _MARKS:
        if data.startswith(mark):
            text = _lenient(data[len(mark) :], name)
            return _told(text, name, note=_undecoded(text, name))
    name = _guess(data)
    text = _lenient(data, name)
    guessed = (
        "" if name == "utf-8" else f"read as {name.upper()}, since it is no UTF-8; say the encoding if that is wrong"
    )
    return _told(text, name, note="; ".join(filter(None, (guessed, _undecoded(text, name)))))


def has_undecoded(text: str) -> bool:
    """Return whether `text` holds what could not be decoded."""
    return _SURROGATE.search(text) is not None


def readable(text: str) -> str:
    """Return `text` fit to be shown and written: what could not be decoded as backslashes and numbers."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _told(text: str, encoding: str, *, note: str) -> Decoded:
    return Decoded(text=text, encoding=encoding, note=note)


def _undecoded(text: str, name: str) -> str:
    count = len(_SURROGATE.findall(text))
    return f"{count} bytes are no {name.upper()}: the rows that hold them are kept aside" if count else ""


def _lenient(data: bytes, name: str) -> str:
    if name.startswith(("utf-16", "utf-32")):  # these codecs know no surrogateescape: what is no text is marked alike
        return data.decode(name, "replace").replace("\ufffd", "\udcff")
    return data.decode(name, "surrogateescape")


def _guess(data: bytes) -> str:
    sample = data[:_SAMPLE_BYTES]
    if wide := _without_mark(sample):
        return wide
    if _bad_share(data) <= _MAX_BAD_UTF8_SHARE:
        return "utf-8"
    shares = {name: _common_share(sample, name) for name in ("gb18030", "big5hkscs")}
    best = max(shares, key=lambda name: shares[name])
    if shares[best] >= _MIN_COMMON_SHARE:
        return best
    return _other(sample)


def _without_mark(sample: bytes) -> str | None:
    """Return which UTF-16 a text without a mark is in; None where it is in neither: the one that gives more ASCII."""
    if sample.count(0) < _MIN_NUL_SHARE * len(sample) or not sample:
        return None
    even = sample[: len(sample) // 2 * 2]
    plain = {name: _ascii_count(even.decode(name, "replace")) for name in ("utf-16-le", "utf-16-be")}
    best = max(plain, key=lambda name: plain[name])
    return best if plain[best] >= _MIN_NUL_SHARE * len(even) else None


def _ascii_count(text: str) -> int:
    return sum(sign in "\t\r\n" or " " <= sign <= "~" for sign in text)


def _bad_share(data: bytes) -> float:
    """Return which share of the sequences of bytes above 127 is no UTF-8."""
    text = data.decode("utf-8", "surrogateescape")
    bad = len(_SURROGATE.findall(text))
    good = sum(1 for sign in text if sign > "\x7f") - bad if bad else 0
    return bad / (bad + good) if bad else 0.0


def _common_share(sample: bytes, name: str) -> float:
    """Return the share of common Hanzi among the characters above ASCII, in that encoding."""
    text = sample.decode(name, "surrogateescape")
    above = [sign for sign in text if sign > "\x7f"]
    hanzi = [sign for sign in above if _HANZI.match(sign)]
    return sum(sign in _COMMON_HANZI for sign in hanzi) / max(len(above), 1)


def _other(sample: bytes) -> str:
    found = charset_normalizer.from_bytes(sample, cp_exclusion=list(_NOT_GUESSED)).best()
    names = [found.encoding] if found is not None and found.encoding not in ("ascii", "utf_8") else []
    for name in (*_western_first(sample), *names, "latin-1"):
        try:
            sample.decode(name)
        except UnicodeDecodeError:
            continue
        return name.replace("_", "-")
    return "latin-1"


def _western_first(sample: bytes) -> tuple[str, ...]:
    """Return Windows-1252 where single letters with an accent stand between ASCII letters, as in Latin languages."""
    high = sum(byte > 0x7F for byte in sample)  # noqa: PLR2004 - above ASCII
    lone = len(re.findall(rb"(?<![\x80-\xff])[\x80-\xff](?![\x80-\xff])", sample))
    return ("cp1252",) if lone > high / 2 else ()
