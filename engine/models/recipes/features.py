"""What a recipe gets to see of a line's events: its features, and which are numbers or text."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from labline.engine.core.features import Features
from labline.engine.core.line import Line
from labline.schemas.avro import Schema
from labline.schemas.shape import expand

NUMBER, TEXT, UNKNOWN = "number", "text", "unknown"
STEPS = 3  # events of a try: a model that has seen one may do what a fresh one does not
WORDS = ("word", "other", "word")
_TEXTS = frozenset({"string", "enum"})
_NUMBERS = frozenset({"int", "long", "float", "double", "boolean"})


class Inputs(NamedTuple):
    """A line's features, in their order.

    Attributes
    ----------
    line
        Its name.
    kinds
        ``number``, ``text`` or, where no schema tells, ``unknown``, by name.
    """

    line: str
    kinds: Mapping[str, str]

    def of_kind(self, kind: str) -> list[str]:
        """Return the features of a kind."""
        return [name for name, told in self.kinds.items() if told == kind]

    def but(self, **kinds: str) -> "Inputs":
        """Return these with other kinds for some."""
        return self._replace(kinds={**self.kinds, **kinds})

    def events(self) -> list[Features]:
        """Return features of a few events, as they may be.

        Examples
        --------
        >>> Inputs("l", {"x": "number", "colour": "text"}).events()[0]
        {'x': 0.5, 'colour': 'word'}
        """
        return [
            {n: WORDS[k] if kind == TEXT else 0.5 + k for n, kind in self.kinds.items()}
            for k in range(STEPS)
        ]


def inputs_of(line: Line, schema: Schema | None = None) -> Inputs:
    """Return what a recipe for a line sees.

    Parameters
    ----------
    schema
        Of its events: a category may be text or a number. None: nobody knows which.

    Examples
    --------
    >>> line = Line.parse({"name": "l", "events": "e", "id": "id",
    ...     "features": {"numeric": ["x"], "categorical": ["c"], "time": ["hour"]}})
    >>> inputs_of(line).kinds
    {'c': 'unknown', 'x': 'number', 'hour': 'number'}
    """
    features, known = line.features, dict(_kinds(schema)) if schema else {}
    known |= dict.fromkeys(features.numeric, NUMBER)
    kinds = {name: known.get(name, UNKNOWN) for name in (*features.categorical, *features.numeric)}
    kinds |= dict.fromkeys(features.time, NUMBER)
    for told in features.history:
        kinds[told.name] = known.get(told.field, UNKNOWN) if told.field else NUMBER
    return Inputs(line.name, kinds)


def _kinds(schema: Schema) -> Iterator[tuple[str, str]]:
    for field in expand(schema.document)["fields"]:
        told = field["type"] if isinstance(field["type"], list) else [field["type"]]
        types = {one["type"] if isinstance(one, dict) else one for one in told} - {"null"}
        if types <= _TEXTS:
            yield field["name"], TEXT
        elif types <= _NUMBERS:
            yield field["name"], NUMBER
