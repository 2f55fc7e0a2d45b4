"""Write settings as a TOML file that explains itself."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from enum import Enum
from textwrap import wrap
from typing import Any

from pydantic import BaseModel

from flows.settings.config import (
    Config,
    FolderSettings,
    SentinelHubSettings,
    SimulatedRadarSettings,
    SimulatedSettings,
    StacSettings,
)

Schema = Mapping[str, Any]

WIDTH = 98
HEAD = """\
# Settings of a sitewatch workspace. A key behind a # stands at its default and follows the default
# of the version in use; take the # away to set it. `sitewatch doctor` says whether a run could start.
"""


def default_toml(config: Config | None = None) -> str:
    """Return `config` (the defaults without one) as TOML, each key below the sentence that explains it."""
    chosen = config or Config()
    definitions: Schema = Config.model_json_schema()["$defs"]
    blocks = [HEAD]
    for name, section in _items(chosen):
        if section is None:
            blocks.append("\n".join(_left_out(name, definitions)))
            continue
        untouched = None if name == "source" else getattr(Config(), name)
        blocks.append("\n".join(_section(name, section, definitions, untouched)))
        if name == "source":
            blocks += ["\n".join(_other_source(other, definitions)) for other in _other_sources(section)]
    return "\n\n".join(block.rstrip() for block in blocks) + "\n"


def _section(name: str, section: object, definitions: Schema, untouched: object = None) -> Iterator[str]:
    """Yield the lines of one table, then those of the tables inside it.

    Keys whose value is that of `untouched` are commented out: a file that pinned the defaults of the day on which it
    was made would keep them for ever.
    """
    schema = definitions[type(section).__name__]
    summary = (schema.get("description") or "").strip().split("\n")[0]
    if summary:
        yield f"# {summary}"
    yield f"[{name}]"
    tables = []
    for key, value in _items(section):
        if is_dataclass(value):
            tables.append((f"{name}.{key}", value, getattr(untouched, key, None)))
            continue
        yield from _comment(schema["properties"][key])
        if value is None:
            yield f"#{key} ="
        else:
            is_default = untouched is not None and getattr(untouched, key, None) == value
            yield f"{'#' if is_default else ''}{key} = {_toml(value)}"
    for inner, value, inner_untouched in tables:
        yield ""
        yield from _section(inner, value, definitions, inner_untouched)


def _other_sources(chosen: object) -> list[object]:
    """Return an example of each kind of source that was not chosen."""
    examples = (
        SimulatedSettings(),
        FolderSettings(path="imagery"),
        SentinelHubSettings(),
        StacSettings(preset="earth-search"),
    )
    return [example for example in examples if type(example) is not type(chosen)]


def _other_source(other: object, definitions: Schema) -> Iterator[str]:
    """Yield a kind of source that was not chosen, commented out."""
    yield "# Or, instead:"
    for line in _section("source", other, definitions):
        yield line if line.startswith("#") else f"#{line}"


def _left_out(name: str, definitions: Schema) -> Iterator[str]:
    """Yield a section that may be left out, and is, commented out."""
    yield from _comment(Config.model_json_schema()["properties"][name])
    for line in _section(name, SimulatedRadarSettings(), definitions):
        yield line if line.startswith("#") else f"#{line}"


def _items(section: object) -> list[tuple[str, Any]]:
    if isinstance(section, BaseModel):
        return [(name, getattr(section, name)) for name in type(section).model_fields]
    return [(field.name, getattr(section, field.name)) for field in fields(section)]  # type: ignore[arg-type]  # what is no model is a dataclass


def _comment(schema: Schema) -> Iterator[str]:
    text = " ".join(str(schema.get("description", "")).split())
    limits = _limits(schema)
    for line in wrap(" ".join(part for part in (text, limits) if part), WIDTH):
        yield f"# {line}"


def _limits(schema: Schema) -> str:
    """Say in words which numbers a field takes."""
    words = {
        "minimum": "at least",
        "exclusiveMinimum": "above",
        "maximum": "at most",
        "exclusiveMaximum": "below",
    }
    found = [f"{word} {schema[name]}" for name, word in words.items() if name in schema]
    return f"({', '.join(found)})" if found else ""


def _toml(value: object) -> str:
    """Return a value as TOML writes it."""
    if isinstance(value, Enum):
        return _toml(value.value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple | set | frozenset):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, int | float):
        return repr(value)
    return json.dumps(str(value), ensure_ascii=False)
