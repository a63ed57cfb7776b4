"""``labline publish``: people's files onto a topic."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from engine.cli.options import BootstrapOption, WorkspaceOption
from engine.cli.progress import counting
from engine.errors import LablineError

if TYPE_CHECKING:
    from engine.publish.publisher import Publisher
    from engine.publish.rows import Row
    from schemas.avro import Rejection, Schema

REJECTS_SHOWN = 20
STEP = 1_000  # rows between two moves of the progress bar


class Format(StrEnum):
    """How a file's rows are written."""

    JSON = "json"
    CSV = "csv"


def publish(
    topic: Annotated[str, typer.Argument(help="A topic of the workspace.")],
    file: Annotated[
        str, typer.Argument(metavar="[FILE]", help="JSON lines, or CSV by its ending; - is stdin.")
    ] = "-",
    form: Annotated[
        Format | None, typer.Option("--format", help="When the file's ending does not tell.")
    ] = None,
    source: Annotated[
        str | None, typer.Option("--source", help="Who sends: the header ce_source.")
    ] = None,
    rejects: Annotated[
        Path | None, typer.Option("--rejects", help="Write what was rejected here, with reasons.")
    ] = None,
    bootstrap: BootstrapOption = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Publish a file's rows: checked, keyed, acknowledged; exit 1 when some were rejected."""
    from engine.publish.publisher import Publisher
    from engine.workspace.workspace import Workspace, known

    found = Workspace.find(workspace)
    topics = found.topics()
    declared = topics[known(topic, topics, "TOPIC", "topics/")]
    schema = found.schema_of(declared)
    with ExitStack() as stack:
        rows = _rows(stack.enter_context(_opened(file)), _format(file, form), schema)
        out = (
            stack.enter_context(rejects.open("w", encoding="utf-8", errors="surrogateescape"))
            if rejects
            else None
        )
        publisher = stack.enter_context(
            Publisher(found.bootstrap(bootstrap), declared, schema, source)
        )
        with counting(f"publishing to {topic}", None) as advance:
            rejected = _send_all(rows, publisher, _Rejects(out), advance)
    _say(f"published {publisher.sent} records to {topic}, rejected {rejected}")
    if rejected:
        raise typer.Exit(1)


class _Rejects:
    """Says what was rejected: the first on the terminal, all in the file."""

    def __init__(self, out: TextIO | None) -> None:
        self.count = 0
        self._out = out

    def add(self, row: "Row", why: "Rejection") -> None:
        self.count += 1
        if self.count <= REJECTS_SHOWN:
            _say(f"line {row.line}: {why.stage}/{why.reason}: {why.message}")
        elif self.count == REJECTS_SHOWN + 1:
            _say("more lines were rejected; --rejects FILE keeps them all")
        if self._out is not None:
            told = {"line": row.line, **why._asdict(), "row": row.raw}
            self._out.write(json.dumps(told, ensure_ascii=False) + "\n")


def _send_all(
    rows: "Iterator[Row]",
    publisher: "Publisher",
    rejects: _Rejects,
    advance: Callable[[int], None],
) -> int:
    from schemas.avro import Rejection, SchemaViolation

    for count, row in enumerate(rows, start=1):
        if isinstance(row.datum, Rejection):
            rejects.add(row, row.datum)
        else:
            try:
                publisher.send(row.datum)
            except SchemaViolation as violation:
                rejects.add(row, violation.rejection)
        if count % STEP == 0:
            advance(STEP)
    return rejects.count


def _rows(lines: TextIO, form: Format, schema: "Schema") -> "Iterator[Row]":
    from engine.publish.rows import csv_rows, json_rows

    return csv_rows(lines, schema) if form is Format.CSV else json_rows(lines, schema)


def _format(file: str, form: Format | None) -> Format:
    if form is not None:
        return form
    return Format.CSV if file.lower().endswith(".csv") else Format.JSON


def _opened(file: str) -> AbstractContextManager[TextIO]:
    if file == "-":
        return nullcontext(sys.stdin)
    try:
        # what is not UTF-8 becomes half a surrogate pair: its row is rejected, not the whole file
        return Path(file).open(encoding="utf-8", errors="surrogateescape", newline="")
    except OSError as error:
        raise LablineError(
            "LL-FILE-MISSING", f"cannot read {file}: {error.strerror}", "check the file's name"
        ) from error


def _say(what: str) -> None:
    typer.echo(what, err=True)
