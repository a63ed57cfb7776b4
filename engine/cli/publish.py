"""``labline publish``: people's files onto a topic."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from enum import StrEnum
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple, TextIO

import typer

from labline.engine.cli.shared.options import BootstrapOption, JsonOption, WorkspaceOption
from labline.engine.cli.shared.publish_report import Rejects, say, say_summary, say_unsure
from labline.engine.errors import LablineError

if TYPE_CHECKING:
    from labline.engine.publish.progress_file import Progress, ProgressFile
    from labline.engine.publish.sending import Tally
    from labline.engine.tables.rows import Row
    from labline.engine.workspace.workspace import Workspace
    from labline.schemas.avro import Schema
    from labline.topics.declaration import Topic

STDIN = "-"
INTERRUPTED = 130  # as a shell says that Ctrl-C ended it


class Format(StrEnum):
    """How a file's rows are written."""

    JSON = "json"
    CSV = "csv"


class _Request(NamedTuple):
    """What the command line says about the file."""

    topic: str
    file: str
    form: Format
    sort: bool
    rejects: Path | None
    rate: float | None
    again: bool | None  # --continue, --restart, or neither


FileArgument = Annotated[
    str, typer.Argument(metavar="[FILE]", help="JSON lines, or CSV by its ending; - is stdin.")
]
FormatOption = Annotated[
    Format | None, typer.Option("--format", help="When the file's ending does not tell.")
]
KeyOption = Annotated[
    str | None,
    typer.Option("--key", metavar="FIELD", help="Refuse if the topic declares another key."),
]
SourceOption = Annotated[
    str | None, typer.Option("--source", help="Who sends: the header ce_source.")
]
RateOption = Annotated[
    float | None, typer.Option("--rate", min=0.001, help="So many records a second, evenly.")
]
SortOption = Annotated[bool, typer.Option("--sort", help="Send the rows in order of event time.")]
RejectsOption = Annotated[
    Path | None, typer.Option("--rejects", help="Write what was rejected here, with reasons.")
]
AgainOption = Annotated[
    bool | None,
    typer.Option("--continue/--restart", help="Go on where it stopped, or begin again."),
]
RegisterOption = Annotated[
    bool, typer.Option("--register", help="Register the schema if the registry has it not.")
]


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(publish)


def publish(
    topic: Annotated[str, typer.Argument(help="A topic of the workspace.")],
    file: FileArgument = STDIN,
    form: FormatOption = None,
    key: KeyOption = None,
    source: SourceOption = None,
    rate: RateOption = None,
    sort: SortOption = False,
    rejects: RejectsOption = None,
    again: AgainOption = None,
    register: RegisterOption = False,
    bootstrap: BootstrapOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Publish a file's rows: checked, keyed, acknowledged; exit 1 when some were rejected.

    Ctrl-C ends it cleanly (130): --continue then goes on where it stopped. Counts are the file's.
    """
    from labline.engine.workspace.workspace import Workspace, known

    began_s = time.monotonic()
    space = Workspace.find(workspace)
    topics = space.topics()
    declared = topics[known(topic, topics, "TOPIC", "topics/")]
    if key is not None and key != declared.key:
        raise LablineError(
            "LL-TOPIC-KEY",
            f"{topic} is keyed by {declared.key}, not by {key}",
            "all its publishers must key alike, or what belongs together does not meet in one "
            "partition: leave --key out, or declare another topic",
        )
    request = _Request(topic, file, _format(file, form), sort, rejects, rate, again)
    tally = _publish(space, declared, request, source, bootstrap, register)
    say_summary(topic, file, tally, time.monotonic() - began_s, as_json=as_json)
    if not tally.complete:
        raise typer.Exit(INTERRUPTED)
    if tally.rejected:
        raise typer.Exit(1)


def _publish(
    space: "Workspace",
    declared: "Topic",
    request: _Request,
    source: str | None,
    bootstrap: str | None,
    register: bool,
) -> "Tally":
    from labline.engine.cli.shared.publish_progress import publish_bar
    from labline.engine.publish.publisher import Publisher
    from labline.engine.publish.sending import Pace, Sender, Stop, Tally

    schema = space.released_schema_of(declared)
    broker = space.bootstrap(bootstrap)
    schema_id = _schema_id(space, declared, schema, register=register)
    with ExitStack() as stack:
        stop = stack.enter_context(Stop())
        lines = stack.enter_context(_opened(request.file))
        kept, before = _progress(space, broker, request)
        tally = Tally(before)
        rejects = stack.enter_context(Rejects(request.rejects, append=before is not None))

        def write_down(*, ended: bool) -> None:
            rejects.flush()  # first: rows that are counted as done must be told
            if kept is not None:
                _write_down(kept, tally, request, ended=ended)

        stack.callback(write_down, ended=True)
        stack.callback(tally.drain)  # after the publisher's last word
        seen = Path(request.file) if kept is not None and not request.sort else None
        show = stack.enter_context(publish_bar(request.topic, seen, lines, tally))
        publisher = stack.enter_context(
            Publisher(broker, declared, schema, source, schema_id=schema_id)
        )

        def look() -> None:
            show.refresh()
            write_down(ended=False)

        sender = Sender(publisher, tally, rejects.add, look, Pace(request.rate))
        sender.send_all(_rows(lines, request, schema), stop)
    return tally


def _write_down(kept: "ProgressFile", tally: "Tally", request: _Request, *, ended: bool) -> None:
    """Keep how far it is; forget it when all is done."""
    if ended and tally.complete and not tally.unknown:
        kept.remove()
        return
    if not tally.touched:
        return  # it failed before its first row: what is written down stays true
    kept.save(tally.progress(request.topic, request.file, ended=ended))
    if ended and not tally.complete:
        say(f"stopped after row {tally.settled.mark:,}; the same command with --continue goes on")
    elif ended:
        say(f"{tally.unknown:,} records are not acknowledged; --continue sends them again")


def _progress(
    space: "Workspace", broker: str, request: _Request
) -> "tuple[ProgressFile | None, Progress | None]":
    """Return where progress is kept, and what of it counts; for stdin there is none."""
    from labline.engine.broker.clients import admin_client
    from labline.engine.publish.progress_file import Identity, ProgressFile
    from labline.engine.publish.publisher import TIMEOUT_S

    if request.file == STDIN:
        if request.again:
            raise LablineError(
                "LL-PUBLISH-PROGRESS",
                "what came from standard input cannot be found again",
                "--continue needs a file",
            )
        return None, None
    cluster = admin_client(broker).list_topics(timeout=TIMEOUT_S).cluster_id or broker
    kept = ProgressFile(
        space.state_dir,
        Path(request.file),
        Identity(cluster, request.topic, request.form, request.sort),
    )
    if request.again is False:
        return kept, None
    before = kept.load()
    if request.again and before is None:
        raise LablineError(
            "LL-PUBLISH-PROGRESS",
            f"no publish of {request.file}, as it is now, to {request.topic} was stopped",
            "leave --continue out to publish all of it; --format and --sort must be as before",
        )
    if before is not None and not request.again:
        raise LablineError(
            "LL-PUBLISH-PROGRESS",
            f"a publish of {request.file} to {request.topic} stopped after row {before.mark:,}",
            "--continue goes on; --restart sends all of it, what is there already a second time",
        )
    if before is not None:
        say_unsure(before)
    return kept, before


def _schema_id(
    space: "Workspace", declared: "Topic", schema: "Schema", *, register: bool
) -> int | None:
    """Return the registry's id for the schema, where there is a registry that values name."""
    from labline.schemas.values.formats import format_of

    if not format_of(schema).in_registry:
        if register:
            raise LablineError(
                "LL-TOPIC-FORMAT",
                f"--register, but values of {declared.name} name no schema of a registry",
                f'leave it out; {declared.name} is declared with format = "{declared.format}"',
            )
        return None
    registry = space.registry()
    if registry is None:
        if register:
            raise LablineError(
                "LL-REGISTRY-UNKNOWN",
                "--register, but no schema registry was named and none runs here",
                "labline up --registry starts one; or schema_registry in labline.toml",
            )
        return None
    ask: Callable[[str, dict[str, object]], int] = (
        registry.register if register else registry.lookup
    )
    return ask(declared.name, schema.document)


def _rows(lines: TextIO, request: _Request, schema: "Schema") -> "Iterator[Row]":
    from labline.engine.tables.rows import by_event_time, csv_rows, json_rows

    if request.form is Format.CSV:
        rows = csv_rows(lines, schema, lambda names: _say_unknown(names, schema))
    else:
        rows = json_rows(lines, schema)
    return by_event_time(rows, schema) if request.sort else rows


def _say_unknown(names: list[str], schema: "Schema") -> None:
    shown = ", ".join(name or "(no name)" for name in names)
    say(f"not in the schema {schema.name}, so left out: {shown}")


def _format(file: str, form: Format | None) -> Format:
    if form is not None:
        return form
    return Format.CSV if file.lower().endswith(".csv") else Format.JSON


def _opened(file: str) -> AbstractContextManager[TextIO]:
    # what is not UTF-8 becomes half a surrogate pair: its row is rejected, not the whole file
    if file == STDIN:
        if isinstance(sys.stdin, TextIOWrapper):
            sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")
        return nullcontext(sys.stdin)
    try:
        return Path(file).open(encoding="utf-8", errors="surrogateescape", newline="")
    except OSError as error:
        raise LablineError(
            "LL-FILE-MISSING", f"cannot read {file}: {error.strerror}", "check the file's name"
        ) from error
