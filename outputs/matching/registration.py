"""Registration numbers of Chinese firms: the unified social credit code (GB 32100-2015)."""

import re

_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_VALUES = {char: value for value, char in enumerate(_ALPHABET)}
_CODE = re.compile(rf"^[{_ALPHABET}]{{2}}\d{{6}}[{_ALPHABET}]{{10}}$")
_LENGTH = 18
_NOT_CODE = re.compile(r"[^0-9A-Za-z]")


def tidy(number: str) -> str:
    """Return a registration number in capitals without blanks and marks."""
    return _NOT_CODE.sub("", number).upper()


def check_digit(first_17: str) -> str:
    """Return the eighteenth character that belongs to the first seventeen: weights 3^i, modulo 31."""
    total = sum(_VALUES[char] * pow(3, place, 31) for place, char in enumerate(first_17))
    return _ALPHABET[(31 - total) % 31]


def is_credit_code(number: str) -> bool:
    """Whether the number is a unified social credit code whose check digit is right."""
    code = tidy(number)
    return len(code) == _LENGTH and bool(_CODE.match(code)) and check_digit(code[:17]) == code[17]


def admin_code(number: str) -> str:
    """Return the code of the place where the firm is registered (digits 3 to 8); empty where it is no valid code."""
    code = tidy(number)
    return code[2:8] if is_credit_code(code) else ""
