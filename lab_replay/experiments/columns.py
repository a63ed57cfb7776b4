"""Columns as a frame of polars, pandas or Arrow; a column's type is its own, whatever is in it."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labline.engine.errors import LablineError

FrameKind: TypeAlias = Literal["polars", "pandas", "arrow"]
#: What a column of a list holds, where some or all of it may be missing.
Held: TypeAlias = Literal["number", "whole", "text", "yes_no"]

#: A library and what must be installed to have it.
_LIBRARIES = {"polars": "polars", "pandas": "pandas", "arrow": "pyarrow"}
_TYPES: dict[str, dict[Held, str]] = {
    "polars": {"number": "Float64", "whole": "Int64", "text": "String", "yes_no": "Boolean"},
    "pandas": {"number": "float64", "whole": "Int64", "text": "string", "yes_no": "boolean"},
    "arrow": {"number": "float64", "whole": "int64", "text": "string", "yes_no": "bool_"},
}
#: What libraries can show: from the year 1 to 9999.
_FIRST_MS, _END_MS = -62_135_596_800_000, 253_402_300_800_000


def frame_of(
    columns: Mapping[str, Any], as_: FrameKind = "polars", held: Mapping[str, Held] | None = None
) -> Any:
    """Return columns as a frame.

    Parameters
    ----------
    columns
        Name -> numpy array or list.
    as_
        ``polars``, ``pandas`` or ``arrow``.
    held
        What lists hold. Left out: what their values look like.

    Raises
    ------
    LablineError
        ``LL-FRAME-KIND``, or ``LL-FRAME-LIBRARY`` naming what is not installed.

    Examples
    --------
    >>> frame_of({"n": [1, 2]}, "pandas")["n"].sum().item()
    3
    >>> frame_of({"n": [None, None]}, held={"n": "number"})["n"].dtype
    Float64
    """
    library = library_of(as_)
    types = {name: _TYPES[as_][what] for name, what in (held or {}).items() if name in columns}
    if as_ == "polars":
        overrides = {name: getattr(library, told) for name, told in types.items()}
        return library.DataFrame(dict(columns), schema_overrides=overrides, strict=False)
    if as_ == "pandas":
        typed = {name: library.Series(columns[name], dtype=told) for name, told in types.items()}
        return library.DataFrame({**columns, **typed})
    return library.table(
        {
            name: library.array(column, getattr(library, types[name])() if name in types else None)
            for name, column in columns.items()
        }
    )


def times_of(time_ms: ArrayLike) -> NDArray[np.datetime64]:
    """Return times as frames hold them; none for one that no calendar has.

    Examples
    --------
    >>> times_of([1_357_000_000_000, 1 << 62]).tolist()
    [datetime.datetime(2013, 1, 1, 0, 26, 40), None]
    """
    times = np.asarray(time_ms, np.int64)
    known = (times >= _FIRST_MS) & (times < _END_MS)
    return np.where(known, times, np.iinfo(np.int64).min).view("datetime64[ms]")


def by_name(rows: Sequence[Mapping[str, Any]], names: Sequence[str] = ()) -> dict[str, list[Any]]:
    """Return rows as columns: those named first, then others as they come; None for what lacks.

    Examples
    --------
    >>> by_name([{"a": 1}, {"b": 2}], ["b"])
    {'b': [None, 2], 'a': [1, None]}
    """
    known = dict.fromkeys((*names, *(name for row in rows for name in row)))
    return {name: [row.get(name) for row in rows] for name in known}


def free(name: str, taken: Mapping[str, Any], prefix: str) -> str:
    """Return a column's name, with a prefix where another column has it.

    Examples
    --------
    >>> free("label", {"label": 1}, "model."), free("tree", {"label": 1}, "model.")
    ('model.label', 'tree')
    """
    while name in taken:
        name = prefix + name
    return name


def library_of(as_: str) -> Any:
    """Return the library of a kind of frames.

    Raises
    ------
    LablineError
        ``LL-FRAME-KIND``, or ``LL-FRAME-LIBRARY`` naming what is not installed.
    """
    if as_ not in get_args(FrameKind):
        raise LablineError(
            "LL-FRAME-KIND", f"no frames are called {as_!r}", "as_ is polars, pandas or arrow"
        )
    try:
        return import_module(_LIBRARIES[as_])
    except ModuleNotFoundError as error:
        extra = "pip install 'labline[lab]'" if as_ == "polars" else f"pip install {error.name}"
        raise LablineError(
            "LL-FRAME-LIBRARY", f"{as_} frames need {error.name}, which is not installed", extra
        ) from error
