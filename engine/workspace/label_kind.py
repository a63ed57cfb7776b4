"""What kind of line a label makes: told from its words, unless a person said."""

from typing import NamedTuple

from labline.engine.core.line import Kind
from labline.engine.workspace.columns import Column

KINDS: tuple[Kind, ...] = ("binary", "multiclass", "regression", "anomaly")
TRUE_WORDS = frozenset({"1", "1.0", "true", "t", "yes", "y"})
FALSE_WORDS = frozenset({"0", "0.0", "false", "f", "no", "n"})
CLASSES_MAX = 50
CLASS_NAME_MAX = 100  # characters
INTEGER_CLASSES_MAX = 20  # whole numbers with more different values are quantities


class LabelKind(NamedTuple):
    """A kind of line, and its classes in the order of their names."""

    kind: Kind
    classes: tuple[str, ...] = ()


def label_kind(label: Column, asked: Kind | None) -> LabelKind | str:
    """Return what kind of line a label makes, or what it would have to be for the one asked for.

    Examples
    --------
    >>> from labline.engine.workspace.columns import Seen
    >>> def told(*cells, asked=None):
    ...     seen = Seen("label")
    ...     for cell in cells:
    ...         seen.add(cell)
    ...     return label_kind(seen.column("label"), asked)
    >>> told("yes", "no"), told("1.5", "2"), told("b", "a")
    (LabelKind(kind='binary', classes=()), LabelKind(kind='regression', classes=()), \
LabelKind(kind='multiclass', classes=('a', 'b')))
    >>> told("b", "a", asked="regression")
    'is to be a number'
    """
    words = sorted(label.values or ())
    lower = {word.lower() for word in words}
    yes_or_no = bool(words) and lower <= TRUE_WORDS | FALSE_WORDS
    number = label.kind in ("long", "double")
    kind = asked
    if kind is None:
        few = label.values is not None and len(words) <= INTEGER_CLASSES_MAX
        if yes_or_no and lower & TRUE_WORDS and lower & FALSE_WORDS:
            kind = "binary"
        elif number and not (few and label.kind == "long"):
            kind = "regression"
        else:
            kind = "multiclass"
    if kind in ("binary", "anomaly") and not yes_or_no:
        return "is to be yes or no (true/false, 1/0, yes/no)"
    if kind == "regression" and not number:
        return "is to be a number"
    if kind == "multiclass" and not (2 <= len(words) <= CLASSES_MAX and fits(words)):
        return f"is to have 2 to {CLASSES_MAX} different values, none longer than {CLASS_NAME_MAX}"
    return LabelKind(kind, tuple(words) if kind == "multiclass" else ())


def fits(words: list[str]) -> bool:
    """Tell whether all of these can be names of classes."""
    return all(len(word) <= CLASS_NAME_MAX for word in words)
