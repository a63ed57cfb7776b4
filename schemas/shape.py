"""What an Avro schema may look like here: shapes that no payload can blow up are refused early.

A decoder's work must be bounded by the payload's length. Recursion (a crash of the decoder at
depth) and values of no bytes (five bytes that say "three million nulls") would undo that.
"""

import re
from typing import Any, TypeAlias

from labline.engine.errors import LablineError

AvroType: TypeAlias = str | list[Any] | dict[str, Any]

PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})
NAMED = frozenset({"record", "enum", "fixed"})
DEPTH_MAX = 32
TYPES_MAX = 10_000  # in the schema written out, named types repeated where they are used

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def refused(message: str, remedy: str) -> LablineError:
    """Return the error of a schema that is not taken."""
    return LablineError("LL-SCHEMA-REFUSED", message, remedy)


def expand(document: object) -> dict[str, Any]:
    """Return a record schema with every named type written out, or refuse it.

    Logical types are dropped: a time stays a whole number of milliseconds, a decimal its bytes.

    Raises
    ------
    LablineError
        ``LL-SCHEMA-REFUSED`` for anything that is not a plain, finite record.

    Examples
    --------
    >>> expand({"type": "record", "name": "A", "fields": [{"name": "x", "type": "int"}]})["name"]
    'A'
    >>> expand({"type": "record", "name": "A", "fields": [{"name": "x", "type": "null"}]})
    Traceback (most recent call last):
    labline.engine.errors.LablineError: LL-SCHEMA-REFUSED: A.x: null takes no bytes
      remedy: use it as a branch of a union, or leave the field out
    """
    if not isinstance(document, dict) or document.get("type") != "record":
        raise refused("a schema is a record", 'begin with {"type": "record", "name": …}')
    record = _Expansion().expand(document, namespace="", place="schema", depth=0)
    assert isinstance(record, dict)
    return record


def kind_of(avro: AvroType) -> str:
    """Return what a type is, by Avro's word; a union is no single one.

    Examples
    --------
    >>> kind_of("int"), kind_of({"type": "map", "values": "int"})
    ('int', 'map')
    """
    assert not isinstance(avro, list)
    return avro if isinstance(avro, str) else str(avro["type"])


class _Expansion:
    """One walk over a schema document."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, Any]] = {}
        self._open: set[str] = set()  # records being walked: naming one of them is recursion
        self._count = 0

    def expand(
        self, avro: object, *, namespace: str, place: str, depth: int, in_union: bool = False
    ) -> AvroType:
        self._count += 1
        if depth > DEPTH_MAX or self._count > TYPES_MAX:
            raise refused(
                f"{place}: nested too deeply or too large",
                f"at most {DEPTH_MAX} levels and {TYPES_MAX} types",
            )
        inner: dict[str, Any] = {"namespace": namespace, "place": place, "depth": depth + 1}
        if isinstance(avro, list):
            if in_union or not avro:
                raise refused(f"{place}: an empty union, or one in a union", "write it flat")
            branches = [self.expand(branch, **inner, in_union=True) for branch in avro]
            _refuse_ambiguous(branches, place)
            return branches
        if isinstance(avro, str):
            return self._by_name(avro, inner, in_union)
        if not isinstance(avro, dict) or "type" not in avro:
            raise refused(f"{place}: not an Avro type", "see avro.apache.org/docs")
        kind = avro["type"]
        if not isinstance(kind, str):  # {"type": {"type": …}} is how some tools nest
            return self.expand(kind, **inner, in_union=in_union)
        if kind in ("array", "map"):
            part = "items" if kind == "array" else "values"
            if part not in avro:
                raise refused(f"{place}: {kind} without {part}", f"name its {part}")
            return {"type": kind, part: self.expand(avro[part], **inner)}
        if kind in NAMED:
            return self._define(avro, kind, namespace, place, depth)
        return self._by_name(kind, inner, in_union)

    def _by_name(self, name: str, inner: dict[str, Any], in_union: bool) -> AvroType:
        place, namespace = inner["place"], inner["namespace"]
        if name in PRIMITIVES:
            if name == "null" and not in_union:
                raise refused(
                    f"{place}: null takes no bytes",
                    "use it as a branch of a union, or leave the field out",
                )
            return name
        full = name if "." in name or not namespace else f"{namespace}.{name}"
        if full not in self._known and name in self._known:
            full = name
        if full in self._open:
            raise refused(
                f"{place}: {full} contains itself", "name the levels you need, one by one"
            )
        if full not in self._known:
            raise refused(f"{place}: unknown type {name}", "define it before its first use")
        known = self._known[full]
        namespace = full.rpartition(".")[0]
        return self._body(known, known["type"], full, namespace, place, inner["depth"])

    def _define(
        self, avro: dict[str, Any], kind: str, namespace: str, place: str, depth: int
    ) -> dict[str, Any]:
        name = avro.get("name")
        space = avro.get("namespace", namespace)
        if not isinstance(name, str) or not isinstance(space, str):
            raise refused(f"{place}: a {kind} without a name", "give it a name")
        full = name if "." in name or not space else f"{space}.{name}"
        if not all(_NAME.fullmatch(part) for part in full.split(".")):
            raise refused(f"{place}: a name is not plain", "use letters, digits and _")
        if full in self._known or full in self._open:
            raise refused(f"{place}: {full} is defined twice", "define a type once, then name it")
        _refuse_aliases(avro, full)
        self._open.add(full)
        body = self._body(avro, kind, full, full.rpartition(".")[0], place, depth)
        self._open.discard(full)
        self._known[full] = avro
        return body

    def _body(
        self, avro: dict[str, Any], kind: str, full: str, namespace: str, place: str, depth: int
    ) -> dict[str, Any]:
        if kind == "fixed":
            size = avro.get("size")
            if not isinstance(size, int) or size < 1:
                raise refused(f"{place}: a fixed of no bytes", "size is at least 1")
            return {**_kept(avro), "type": "fixed", "name": full, "size": size}
        if kind == "enum":
            symbols = avro.get("symbols")
            if not isinstance(symbols, list) or not symbols or not all(map(_plain, symbols)):
                raise refused(f"{place}: an enum without plain symbols", "use letters, digits, _")
            return {**_kept(avro), "type": "enum", "name": full, "symbols": list(symbols)}
        fields = avro.get("fields")
        if not isinstance(fields, list) or not fields:
            raise refused(f"{place}: record {full} has no fields", "a record has at least one")
        seen: set[str] = set()
        out = []
        for field in fields:
            name = field.get("name") if isinstance(field, dict) else None
            if not isinstance(name, str) or not _plain(name) or name in seen or "type" not in field:
                raise refused(
                    f"{full}: a field has no plain name of its own, or no type",
                    'write {"name": …, "type": …}',
                )
            seen.add(name)
            _refuse_aliases(field, f"{full}.{name}")
            inner = self.expand(
                field["type"], namespace=namespace, place=f"{full}.{name}", depth=depth + 1
            )
            out.append({**field, "type": inner})
        return {**_kept(avro), "type": "record", "name": full, "fields": out}


def _plain(name: object) -> bool:
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def _kept(avro: dict[str, Any]) -> dict[str, Any]:
    """Return what else of a named type matters to those who read its records."""
    return {word: avro[word] for word in ("aliases", "default", "doc") if word in avro}


def _refuse_aliases(avro: dict[str, Any], place: str) -> None:
    aliases = avro.get("aliases", [])
    if not isinstance(aliases, list) or not all(isinstance(alias, str) for alias in aliases):
        raise refused(f"{place}: aliases are a list of names", 'write "aliases": ["before"]')


def _refuse_ambiguous(branches: list[AvroType], place: str) -> None:
    """Refuse a union whose decoded value would not tell which branch it came from."""
    seen: set[object] = set()
    for branch in branches:
        marks: list[object] = [branch]
        if isinstance(branch, dict):
            marks = [branch.get("name", branch["type"])]
        if isinstance(branch, dict) and branch["type"] == "record":
            marks.append(frozenset(field["name"] for field in branch["fields"]))
        if seen.intersection(marks):
            raise refused(
                f"{place}: a union with two branches that look alike",
                "each type once; records in it need different fields",
            )
        seen.update(marks)
    kinds = {branch["type"] for branch in branches if isinstance(branch, dict)}
    if "array" in kinds and ("bytes" in branches or "fixed" in kinds):
        raise refused(
            f"{place}: a union of an array and bytes, which look alike to Python",
            "put the array into a record with a field for it",
        )
    if {"map", "record"} <= kinds:
        raise refused(
            f"{place}: a union of a map and a record, which look alike",
            "put the map into a record with a field for it",
        )
