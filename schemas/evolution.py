"""Evolution: which versions of a schema must read each other's records, and whether they can.

The levels are those of schema registries. ``BACKWARD``: the new version reads what the one before
it wrote; ``FORWARD``: the one before it reads what the new one writes; ``FULL``: both;
``…_TRANSITIVE``: not only the one before it, but all.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from labline.schemas.resolution import dotted, part, problems
from labline.schemas.shape import AvroType, expand
from labline.schemas.types import is_value

__all__ = ["Level", "check_evolution", "faulty_defaults", "problems", "strictest"]

Document: TypeAlias = Mapping[str, Any]
Level: TypeAlias = Literal[
    "BACKWARD",
    "BACKWARD_TRANSITIVE",
    "FORWARD",
    "FORWARD_TRANSITIVE",
    "FULL",
    "FULL_TRANSITIVE",
    "NONE",
]
DEFAULT_LEVEL: Level = "BACKWARD_TRANSITIVE"  # the lab reads records of all that went before


def check_evolution(level: Level, new: Document, older: Sequence[Document]) -> list[str]:
    """Return what forbids `new` after `older`, which go from version 1 to the last.

    Examples
    --------
    >>> def version(*fields):
    ...     return {"type": "record", "name": "R", "fields": list(fields)}
    >>> x, y = {"name": "x", "type": "int"}, {"name": "y", "type": "int"}
    >>> check_evolution("BACKWARD", version(x, y), [version(x)])
    ['it cannot read records of version 1: y has no default, so records without it cannot be read']
    >>> check_evolution("FORWARD", version(x, y), [version(x)])
    []
    """
    findings = [f"the default of {at} is no value that it may have" for at in faulty_defaults(new)]
    if level == "NONE":
        return findings
    last = len(older)
    first = 1 if level.endswith("_TRANSITIVE") else max(last, 1)
    backward: dict[str, list[str]] = {}
    forward: dict[str, list[str]] = {}
    for number in range(first, last + 1):
        old = older[number - 1]
        if level.startswith(("BACKWARD", "FULL")):
            for problem in problems(new, old):
                backward.setdefault(problem, []).append(str(number))
        if level.startswith(("FORWARD", "FULL")):
            for problem in problems(old, new):
                forward.setdefault(problem, []).append(str(number))
    findings += [
        f"it cannot read records of {_versions(of)}: {why}" for why, of in backward.items()
    ]
    findings += [f"{_versions(by)} cannot read its records: {why}" for why, by in forward.items()]
    return findings


def strictest(levels: Iterable[Level]) -> Level:
    """Return the level that holds where all of some hold; the default for none.

    Examples
    --------
    >>> strictest(["BACKWARD", "FORWARD"]), strictest(["NONE", "FULL_TRANSITIVE"]), strictest([])
    ('FULL', 'FULL_TRANSITIVE', 'BACKWARD_TRANSITIVE')
    """
    wanted = set(levels) or {DEFAULT_LEVEL}
    sides = {level.split("_")[0] for level in wanted} - {"NONE"}
    if not sides:
        return "NONE"
    side = sides.pop() if len(sides) == 1 else "FULL"
    all_before = any(level.endswith("_TRANSITIVE") for level in wanted)
    level: Level = f"{side}_TRANSITIVE" if all_before else side  # type: ignore[assignment]
    return level


def faulty_defaults(document: Document) -> list[str]:
    """Return the fields whose default is not a value that they may have."""
    return list(dict.fromkeys(_faulty(expand(document), "")))


def _faulty(avro: AvroType, at: str) -> Iterator[str]:
    if isinstance(avro, list):
        for branch in avro:
            yield from _faulty(branch, at)
    elif isinstance(avro, dict) and avro["type"] in ("array", "map"):
        yield from _faulty(part(avro), f"{at}[]")
    elif isinstance(avro, dict) and avro["type"] == "record":
        for field in avro["fields"]:
            place = dotted(at, field["name"])
            if "default" in field and not is_value(field, field["default"]):
                yield place
            yield from _faulty(field["type"], place)


def _versions(numbers: list[str]) -> str:
    return f"version{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}"
