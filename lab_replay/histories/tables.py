"""Files that people have, as rows of text: CSV, JSON lines, Parquet; plain or with gzip."""

import gzip
import json
import math
import zlib
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any, NamedTuple, NoReturn, TypeAlias

from labline.engine.errors import LablineError
from labline.engine.workspace.columns import MISSING_WORDS
from labline.engine.workspace.csv_table import BYTE_ORDER_MARK, csv_table

BATCH_ROWS = 5_000
_TEXTS = (".csv", ".tsv", ".jsonl", ".ndjson")
ENDINGS = (*_TEXTS, *(f"{ending}.gz" for ending in _TEXTS), ".parquet")
NULL = frozenset({""})

#: Where a row is in its file, and its cells; None for one that cannot be read.
Row: TypeAlias = tuple[int, list[str] | None]


class Table(NamedTuple):
    """A file's columns, and its rows as often as they are asked for.

    Attributes
    ----------
    unit
        What rows are counted in: ``line``, or ``row`` where there are no lines.
    missing
        The cells that hold no value. JSON and Parquet have a null of their own, so that their
        words are values, ``None`` included.
    """

    header: list[str]
    rows: Callable[[], Iterator[Row]]
    unit: str
    missing: frozenset[str] = MISSING_WORDS


def table_of(path: Path) -> Table:
    """Return a file as a table.

    Raises
    ------
    LablineError
        ``LL-IMPORT-FILE`` when it is none.
    """
    name = path.name.lower()
    if not path.is_file():
        raise bad("FILE", f"there is no file {path}", "name one that is there")
    if name.endswith(".parquet"):
        return _parquet(path)
    if name.removesuffix(".gz").endswith((".jsonl", ".ndjson")):
        return Table(_json_names(path), lambda: _json_rows(path), "line", NULL)
    if name.removesuffix(".gz").endswith((".csv", ".tsv")):
        return Table(_csv_header(path), lambda: _csv_rows(path), "line")
    raise bad(
        "FILE", f"{path.name} does not tell what it is", f"its name ends in {', '.join(ENDINGS)}"
    )


def bad(what: str, message: str, remedy: str) -> LablineError:
    """Return the refusal of a file or of what was said about it."""
    return LablineError(f"LL-IMPORT-{what}", message, remedy)


def lines_of(path: Path) -> Iterator[str]:
    """Yield the lines of a text file, also of one with gzip.

    Raises
    ------
    LablineError
        ``LL-IMPORT-FILE`` when it is not UTF-8, or not whole.
    """
    try:
        with _opened(path) as file:
            for line in file:
                yield line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise bad("FILE", f"{path.name} is not UTF-8", "save it as UTF-8") from error
    except (OSError, EOFError, zlib.error) as error:  # a gzip file that is cut short, too
        raise bad("FILE", f"{path.name} cannot be read: {error}", "is it whole?") from error


def _opened(path: Path) -> IO[bytes]:
    opened: Any = gzip.open if path.name.lower().endswith(".gz") else open
    file: IO[bytes] = opened(path, "rb")
    return file


def _csv_header(path: Path) -> list[str]:
    _, header = next(csv_table(lines_of(path)), (0, None))
    return _checked(header, path)


def _csv_rows(path: Path) -> Iterator[Row]:
    rows = csv_table(lines_of(path))
    next(rows, None)
    return rows


def _json_names(path: Path) -> list[str]:
    names: dict[str, None] = {}
    for _, found in _objects(lines_of(path)):
        names.update(dict.fromkeys(found or ()))
    return _checked(list(names), path)


def _json_rows(path: Path) -> Iterator[Row]:
    names = _json_names(path)
    for number, found in _objects(lines_of(path)):
        yield number, None if found is None else [text_of(found.get(name)) for name in names]


def _objects(lines: Iterable[str]) -> Iterator[tuple[int, dict[str, Any] | None]]:
    for number, line in enumerate(lines, start=1):
        text = line.removeprefix(BYTE_ORDER_MARK).strip()
        if not text:
            continue
        try:
            found = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_each_once)
            if "\\u" in text:
                json.dumps(found, ensure_ascii=False).encode()  # half a pair is no text
        except (ValueError, RecursionError):
            found = None
        yield number, found if isinstance(found, dict) else None


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is there twice")
    return found


def _parquet(path: Path) -> Table:
    try:
        import pyarrow.parquet as parquet
    except ImportError as missing:
        raise bad(
            "EXTRA",
            "Parquet files need the package pyarrow, which is not installed",
            'pip install "labline[frames]"',
        ) from missing
    try:
        header = list(parquet.ParquetFile(path).schema_arrow.names)
    except (OSError, ValueError) as error:  # pyarrow's own are ValueErrors
        raise bad("FILE", f"{path.name} is no Parquet file", "is it whole?") from error

    def rows() -> Iterator[Row]:
        number = 0
        try:
            for batch in parquet.ParquetFile(path).iter_batches(batch_size=BATCH_ROWS):
                columns = [[text_of(value) for value in column.to_pylist()] for column in batch]
                for cells in zip(*columns, strict=True):
                    number += 1
                    yield number, list(cells)
        except (OSError, ValueError, OverflowError) as error:  # also a time beyond the calendar
            told = f"after row {number:,}: {' '.join(str(error).split())[:200]}"
            raise bad("FILE", f"{path.name} cannot be read {told}", "is it whole?") from error

    return Table(_checked(header, path), rows, "row", NULL)


def text_of(value: object) -> str:
    """Return a value as a CSV would have it.

    Examples
    --------
    >>> [text_of(value) for value in (None, True, 0.1, 3, "x", [1], float("nan"))]
    ['', 'true', '0.1', '3', 'x', '[1]', '']
    """
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if math.isnan(value):
            return ""
        case str():
            return value
        case datetime() | date():
            return value.isoformat()
        case list() | dict():
            return json.dumps(value, default=str)
        case _:
            return str(value)


def _checked(header: list[str] | None, path: Path) -> list[str]:
    if not header:
        raise bad("FILE", f"{path.name} names no columns", "its first line names them")
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise bad("FILE", f"two columns are called {twice!r}", "give each its own name")
    return header


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
