"""Files that people have, as rows of text: CSV, JSON lines, Parquet; plain or with gzip.

`table_of` is the one door: ``labline init --from``, ``labline lab replay FILE``, `labline.lab.load`
and ``labline record --file`` come in by it with a path. A table's rows come as often as they are
asked for, are never held in memory, and are refused in the words of the command that reads them.
"""

import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeAlias

from labline.engine.errors import LablineError
from labline.engine.tables.columns import MISSING_WORDS
from labline.engine.tables.csv_text import BYTE_ORDER_MARK, csv_table
from labline.engine.tables.json_text import cell_of, json_object

BATCH_ROWS = 5_000
CSV, JSON, PARQUET = (".csv", ".tsv"), (".jsonl", ".ndjson"), (".parquet",)
ENDINGS = (*CSV, *JSON, *(f"{ending}.gz" for ending in (*CSV, *JSON)), *PARQUET)
NULL = frozenset({""})
#: Families of codes: a file is replayed or recorded, or a workspace is made of it.
IMPORT, INIT = "IMPORT", "INIT"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")

#: Where a row is in its file, and its cells; the text of one that cannot be read.
Row: TypeAlias = tuple[int, list[str] | str]


class Table(NamedTuple):
    """A file's columns, and its rows as often as they are asked for.

    Attributes
    ----------
    unit
        What rows are counted in: ``line``, or ``row`` where there are no lines.
    missing
        The cells that hold no value. JSON and Parquet have a null of their own, so that their
        words are values, ``None`` included.
    family
        Which codes errors about it have: those of `IMPORT` or of `INIT`.
    """

    header: list[str]
    rows: Callable[[], Iterator[Row]]
    unit: str = "line"
    missing: frozenset[str] = MISSING_WORDS
    family: str = IMPORT

    def refusal(self, what: str, message: str, remedy: str) -> LablineError:
        """Return the refusal of the file, or of what was said about it."""
        return LablineError(f"LL-{self.family}-{what}", message, remedy)


def form_of(path: Path) -> tuple[str, ...]:
    """Return which form a file has by its name: `CSV`, `JSON`, `PARQUET`, or none of them.

    Examples
    --------
    >>> form_of(Path("a.csv.gz")) == CSV, form_of(Path("a.xlsx"))
    (True, ())
    """
    name = path.name.lower()
    if name.endswith(PARQUET):
        return PARQUET
    plain = name.removesuffix(".gz")
    return next((form for form in (CSV, JSON) if plain.endswith(form)), ())


def table_of(path: Path, family: str = IMPORT) -> Table:
    """Return a file as a table.

    Raises
    ------
    LablineError
        ``-FILE`` when it is none, ``-EXTRA`` when Parquet cannot be read here.
    """
    if not path.is_file():
        raise _bad(family, f"there is no file {path}", "name one that is there")
    form = form_of(path)
    if form == PARQUET:
        return _checked(_parquet(path, family), path)
    if form == JSON:
        return _checked(_json(path, family), path)
    if form == CSV:
        return _checked(_csv(path, family), path)
    raise _bad(
        family, f"{path.name} does not tell what it is", f"its name ends in {', '.join(ENDINGS)}"
    )


def lines_of(path: Path, family: str = IMPORT) -> Iterator[str]:
    """Yield the lines of a text file, also of one with gzip.

    Raises
    ------
    LablineError
        ``-FILE`` when it is not UTF-8, or not whole.
    """
    try:
        # every line end counts, and stays: what is within quotes is the csv module's to judge
        with _opened(path) as file, io.TextIOWrapper(file, "utf-8", newline="") as lines:
            yield from lines
    except UnicodeDecodeError as error:
        code = "utf-16" if error.object.startswith(UTF_16) else "latin1"
        raise _bad(
            family,
            f"{path.name} is not UTF-8",
            f"save it as UTF-8, such as with: iconv -f {code} -t utf-8",
        ) from error
    except (OSError, EOFError, zlib.error) as error:  # a gzip file that is cut short, too
        raise _bad(family, f"{path.name} cannot be read: {error}", "is it whole?") from error


def _opened(path: Path) -> IO[bytes]:
    opened: Any = gzip.open if path.name.lower().endswith(".gz") else open
    file: IO[bytes] = opened(path, "rb")
    return file


def _csv(path: Path, family: str) -> Table:
    def numbered() -> Iterator[Row]:
        return csv_table(lines_of(path, family))

    _, header = next(numbered(), (0, []))
    names = header if isinstance(header, list) else []
    return Table(names, lambda: islice(numbered(), 1, None), family=family)


def _json(path: Path, family: str) -> Table:
    def objects() -> Iterator[tuple[int, dict[str, Any] | str]]:
        for number, line in enumerate(lines_of(path, family), start=1):
            text = line.removeprefix(BYTE_ORDER_MARK).strip()
            if text:
                found = _object(text)
                yield number, text if found is None else found

    names: dict[str, None] = {}
    for _, found in objects():
        names.update(dict.fromkeys(found if isinstance(found, dict) else ()))

    def rows() -> Iterator[Row]:
        for number, found in objects():
            if isinstance(found, str):
                yield number, found
            else:
                yield number, [cell_of(found.get(name)) for name in names]

    return Table(list(names), rows, missing=NULL, family=family)


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = json_object(text)
        if "\\u" in text:
            json.dumps(found, ensure_ascii=False).encode()  # half a pair is no text
    except (ValueError, RecursionError):
        return None
    return found


def _parquet(path: Path, family: str) -> Table:
    try:
        import pyarrow.parquet as parquet
    except ImportError as missing:
        raise LablineError(
            f"LL-{family}-EXTRA",
            "Parquet files need the package pyarrow, which is not installed",
            'pip install "labline[frames]"',
        ) from missing
    try:
        header = list(parquet.ParquetFile(path).schema_arrow.names)
    except (OSError, ValueError) as error:  # pyarrow's own are ValueErrors
        raise _bad(family, f"{path.name} is no Parquet file", "is it whole?") from error

    def rows() -> Iterator[Row]:
        number = 0
        try:
            for batch in parquet.ParquetFile(path).iter_batches(batch_size=BATCH_ROWS):
                columns = [[cell_of(value) for value in column.to_pylist()] for column in batch]
                for cells in zip(*columns, strict=True):
                    number += 1
                    yield number, list(cells)
        except (OSError, ValueError, OverflowError) as error:  # also a time beyond the calendar
            why = f"after row {number:,}: {' '.join(str(error).split())[:200]}"
            raise _bad(family, f"{path.name} cannot be read {why}", "is it whole?") from error

    return Table(header, rows, "row", NULL, family)


def _checked(table: Table, path: Path) -> Table:
    header = table.header
    if not header:
        raise table.refusal(
            "FILE", f"{path.name} names no columns", "put the columns' names into its first line"
        )
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise table.refusal("FILE", f"two columns are called {twice!r}", "give each its own name")
    return table


def _bad(family: str, message: str, remedy: str) -> LablineError:
    return LablineError(f"LL-{family}-FILE", message, remedy)
