"""Typed Python source of schemas: what ``labline schemas types`` writes.

It walks a schema as `types` does and writes down what that builds, so that type checkers see the
same models.
"""

import math
from collections.abc import Iterable, Mapping
from itertools import chain, count
from typing import Any, Literal

from labline.schemas.avro import Schema
from labline.schemas.shape import expand
from labline.schemas.types import STRICT, TAKEN, attributes, build

_HEAD = '''"""Events as their schemas say: made by labline schemas types, never edited."""

%s
from pydantic import %s


class Event(BaseModel):
    """What holds for all: exact types, no other fields; model_dump() is what is published."""

    model_config = ConfigDict(
%s
    )'''


def source_of(schemas: Iterable[Schema]) -> str:
    """Return a Python module with a typed model for each schema.

    Examples
    --------
    >>> schema = Schema.parse({"type": "record", "name": "Flight", "fields": [
    ...     {"name": "id", "type": "string", "max_length": 9}]})
    >>> print(source_of([schema]).partition("class Flight")[2])
    (Event):
        id: Annotated[str, Field(max_length=9)]
    """
    source = _Source()
    for schema in schemas:
        build(expand(schema.document), None, source)
    classes = "\n\n\n".join(source.classes.values())
    typing = ", ".join(name for name in ("Annotated", "Literal") if f"{name}[" in classes)
    head = _HEAD % (
        f"from typing import {typing}\n" if typing else "",
        "BaseModel, ConfigDict" + (", Field" if "Field(" in classes else ""),
        "\n".join(f"        {word}={_literal(value)}," for word, value in sorted(STRICT.items())),
    )
    return f"{head}\n\n\n{classes}\n"


class _Source:
    """Builds the text of types, and of a class for each record."""

    def __init__(self) -> None:
        self.classes: dict[str, str] = {}  # by name, in an order that a reader of Python needs
        self._names: dict[tuple[str, str], str] = {}  # full name and body -> class

    def value(self, of: type | None, words: Mapping[str, Any]) -> str:
        name = "None" if of is None else of.__name__
        said = ", ".join(f"{word}={_literal(value)}" for word, value in words.items())
        return f"Annotated[{name}, Field({said})]" if words else name

    def literal(self, symbols: list[str]) -> str:
        return f"Literal[{', '.join(map(_literal, symbols))}]"

    def many(self, of: Literal["list", "dict"], inner: str) -> str:
        return f"list[{inner}]" if of == "list" else f"dict[str, {inner}]"

    def union(self, branches: list[str]) -> str:
        return " | ".join(branches)

    def record(self, avro: dict[str, Any], types: list[str]) -> str:
        own = self._free(avro["name"])
        lines = [*_documented(avro), ""] if _documented(avro) else []
        names = attributes(avro, {*self.classes, own})
        for name, field, of in zip(names, avro["fields"], types, strict=True):
            alias = "" if name == field["name"] else f" = Field(alias={_literal(field['name'])})"
            lines += [f"    {name}: {of}{alias}", *_documented(field)]
        body = "\n".join(lines)
        known = self._names.setdefault((avro["name"], body), own)
        if known == own:
            self.classes[own] = f"class {own}(Event):\n{body}"
        return known

    def _free(self, full_name: str) -> str:
        """Return a class name that is not taken: short, with its namespace, with a number."""
        short = full_name.rpartition(".")[2]
        long = "".join(part[:1].upper() + part[1:] for part in full_name.split("."))
        numbered = (f"{long}{number}" for number in count(2))
        taken = {*self.classes, *TAKEN, "BaseModel", "ConfigDict", "Event"}
        return next(name for name in chain((short, long), numbered) if name not in taken)


def _literal(value: object) -> str:
    """Return a value as Python source."""
    if isinstance(value, str):
        plain = value.isprintable() and "\\" not in value and '"' not in value
        return f'"{value}"' if plain else repr(value)
    return f'float("{value}")' if value in (math.inf, -math.inf) else repr(value)


def _documented(avro: Mapping[str, Any]) -> list[str]:
    doc = avro.get("doc")
    if not isinstance(doc, str) or not doc.strip():
        return []
    text = " ".join(doc.split())
    plain = text.isprintable() and "\\" not in text and '"' not in text
    return [f'    """{text}"""' if plain else f"    {text!r}"]
