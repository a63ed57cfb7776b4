"""``labline read``: a topic's records, decoded, one line each."""

import json
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from labline.engine.cli.shared.options import BootstrapOption, JsonOption, WorkspaceOption
from labline.engine.errors import LablineError

if TYPE_CHECKING:
    from labline.engine.ops.decoding import Decoder
    from labline.engine.ops.reading import Placed


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(read)


def read(
    topic: Annotated[str, typer.Argument(help="Topic to read.")],
    start: Annotated[
        str,
        typer.Option("--from", help="earliest, latest, an offset, or a time with its zone."),
    ] = "earliest",
    count: Annotated[
        int | None, typer.Option("-n", "--count", min=1, help="Stop after so many records.")
    ] = None,
    partition: Annotated[
        int | None, typer.Option("--partition", min=0, help="Read only this partition.")
    ] = None,
    follow_on: Annotated[
        bool, typer.Option("--follow", help="Go on with what comes, until Ctrl-C.")
    ] = False,
    bootstrap: BootstrapOption = None,
    workspace: WorkspaceOption = None,
    in_json: JsonOption = False,
) -> None:
    """Read a topic: decoded, committed records only, in order of time, joining no group.

    A line has time, partition/offset, key, value and headers; with --json it is an object.
    """
    from labline.engine.ops.reading import as_json, as_text, follow, read_stretch, stretch
    from labline.engine.workspace.workspace import bootstrap_anywhere

    broker = bootstrap_anywhere(bootstrap, workspace)
    decoder = decoder_of(workspace)
    what = stretch(broker, topic, start, partition)
    records = read_stretch(broker, what)
    if follow_on:
        records = chain(records, follow(broker, what))

    def line(placed: "Placed") -> str:
        if in_json:
            return json.dumps(as_json(topic, placed, decoder))
        return as_text(placed, decoder)

    write_lines(map(line, islice(records, count)), flush=follow_on)


def decoder_of(workspace: Path | None) -> "Decoder":
    """Return a decoder that knows a workspace's schemas, or only the engine's outside of one."""
    from labline.engine.ops.decoding import Decoder
    from labline.engine.workspace.workspace import Workspace

    try:
        space = Workspace.find(workspace)
    except LablineError:
        if workspace is not None:
            raise
        return Decoder()
    return Decoder(space.schemas(), space.registry())


def write_lines(lines: Iterable[str], *, flush: bool = False, out: TextIO | None = None) -> None:
    """Write lines to standard output; Ctrl-C and a reader that has seen enough are good ends."""
    out = out or sys.stdout
    try:
        with suppress(KeyboardInterrupt):
            for line in lines:
                out.write(line + "\n")
                if flush:
                    out.flush()
        out.flush()
    except BrokenPipeError:
        # whoever reads has gone (head, less): Python must not flush into it at its own end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
