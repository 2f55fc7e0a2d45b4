"""Data as scripts: a page from a disk may not fetch a file, but it may run one."""

import json
from typing import Any

_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def json_text(value: object) -> str:
    """Return `value` as JSON in plain ASCII that is safe within a script, an HTML page and a line of JavaScript.

    Raises:
        ValueError: A number is not finite.

    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for char, escaped in _UNSAFE.items():
        text = text.replace(char, escaped)
    return text


def assignment(name: str, value: Any) -> str:  # noqa: ANN401  # whatever JSON knows
    """Return a script that puts `value` where the scripts of the site look for it."""
    return f'(window.SITEWATCH = window.SITEWATCH || {{}})["{name}"] = {json_text(value)};\n'
