"""What kind of line a label makes, and what its words mean: as they tell, unless a person said."""

from typing import NamedTuple, get_args

from labline.engine.core import kinds
from labline.engine.core.line import Kind
from labline.engine.tables.columns import Column

KIND_NAMES: tuple[Kind, ...] = get_args(Kind)
YES_NO = tuple(name for name in KIND_NAMES if kinds.KINDS[name].truth is kinds.Truth.YES_NO)
TRUE_WORDS = frozenset({"1", "1.0", "true", "t", "yes", "y"})
FALSE_WORDS = frozenset({"0", "0.0", "false", "f", "no", "n"})
CLASSES_MAX = 50
CLASS_NAME_MAX = 100  # characters
INTEGER_CLASSES_MAX = 20  # whole numbers with more different values are quantities

_NOT_YES_NO = "is to be yes or no (true/false, 1/0, yes/no)"


class Truth(NamedTuple):
    """What a label says.

    Attributes
    ----------
    true, false
        The words for yes and for no; none where labels are classes or numbers.
    classes
        In the order of their names.
    """

    kind: Kind
    true: tuple[str, ...] = ()
    false: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()


def truth_of(label: Column, kind: Kind | None = None, yes: str | None = None) -> Truth | str:
    """Return what a label says, or what it would have to be for what was asked.

    Parameters
    ----------
    kind
        Of the line, when a person said it.
    yes
        The word for yes, when a person said it: all others that are there are no.

    Examples
    --------
    >>> from labline.engine.tables.columns import Seen
    >>> def truth(*cells, **asked):
    ...     seen = Seen("label")
    ...     for cell in cells:
    ...         seen.add(cell)
    ...     return truth_of(seen.column("label"), **asked)
    >>> truth("yes", "no")
    Truth(kind='binary', true=('yes',), false=('no',), classes=())
    >>> truth("1.5", "2").kind, truth("b", "a").classes, truth("b", "a", yes="a").false
    ('regression', ('a', 'b'), ('b',))
    >>> truth("b", "a", kind="regression")
    'is to be a number'
    """
    words = sorted(label.values or ())
    if yes is not None:
        others = tuple(word for word in words if word != yes)
        if yes not in words or not others:
            return _NOT_YES_NO
        return Truth(kind if kind in YES_NO else "binary", (yes,), others)
    kind = kind or _kind(label)
    if kind in YES_NO:
        return _yes_or_no(kind, words)
    if kinds.KINDS[kind].predicts_number:
        return Truth(kind) if _is_number(label) else "is to be a number"
    if not (2 <= len(words) <= CLASSES_MAX and all(len(w) <= CLASS_NAME_MAX for w in words)):
        return f"is to have 2 to {CLASSES_MAX} different values, none longer than {CLASS_NAME_MAX}"
    return Truth(kind, classes=tuple(words))


def _kind(label: Column) -> Kind:
    lower = {word.lower() for word in label.values or ()}
    if lower <= TRUE_WORDS | FALSE_WORDS and lower & TRUE_WORDS and lower & FALSE_WORDS:
        return "binary"
    few = label.values is not None and len(label.values) <= INTEGER_CLASSES_MAX
    whole_and_few = few and label.kind == "long"
    return "regression" if _is_number(label) and not whole_and_few else "multiclass"


def _yes_or_no(kind: Kind, words: list[str]) -> Truth | str:
    if not words or not {word.lower() for word in words} <= TRUE_WORDS | FALSE_WORDS:
        return _NOT_YES_NO
    true = [word for word in words if word.lower() in TRUE_WORDS]
    false = [word for word in words if word.lower() in FALSE_WORDS]
    # a word that did not come yet may come: then as people usually write it
    return Truth(kind, tuple(true or sorted(TRUE_WORDS)), tuple(false or sorted(FALSE_WORDS)))


def _is_number(column: Column) -> bool:
    return column.kind in ("long", "double")
