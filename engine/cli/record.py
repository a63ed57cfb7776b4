"""``labline record``: what topics hold, or a file for them, kept as files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labline.engine.cli.shared.options import BootstrapOption, WorkspaceOption
from labline.engine.cli.shared.progress import counting
from labline.engine.errors import LablineError

if TYPE_CHECKING:
    from labline.lab_replay.recordings.ranges import Ranges
    from labline.lab_replay.recordings.recording_format import Manifest
    from labline.lab_replay.recordings.redact import Redactor

INTERRUPTED = 130  # as a shell says that Ctrl-C ended it

TopicsArgument = Annotated[
    list[str], typer.Argument(help="Topics to record.", show_default=False, metavar="TOPIC…")
]
OutOption = Annotated[
    str, typer.Option("--out", metavar="URL", help="A folder, or s3://, gs://, abfs://.")
]
FromOption = Annotated[
    list[str] | None,
    typer.Option(
        "--from",
        metavar="TIME",
        help="From this append time on (2013-12-28, 2013-12-28T06:00:00Z), "
        "or TOPIC/PARTITION=OFFSET; several.",
    ),
]
ToOption = Annotated[
    list[str] | None,
    typer.Option("--to", metavar="TIME", help="Up to, and without, such a time or offset."),
]
FileOption = Annotated[
    Path | None,
    typer.Option(
        "--file", help="Record rows of this CSV, JSON lines or Parquet file instead of a broker."
    ),
]
RedactOption = Annotated[
    list[str] | None,
    typer.Option(
        "--redact", metavar="FIELD", help="Leave this field out: null, or empty; several."
    ),
]
RedactKeyOption = Annotated[
    bool, typer.Option("--redact-key", help="Leave out the records' keys, too.")
]


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(record)


def record(
    topics: TopicsArgument,
    out: OutOption,
    since: FromOption = None,
    until: ToOption = None,
    redact: RedactOption = None,
    redact_key: RedactKeyOption = False,
    file: FileOption = None,
    bootstrap: BootstrapOption = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Record topics exactly as their logs are; reads only, joins no group.

    What was cut off goes on when the same command is given again. A redacted field is left out of
    the records of every version of a schema, whatever it was called there; one that is the
    topic's key leaves out the keys as well. Headers are kept as they are, values that no schema
    reads become empty.
    """
    if file is not None:
        if since or until or redact or redact_key:
            raise LablineError(
                "LL-RECORDING-FILE",
                "--file takes a whole file as it is",
                "leave out --from, --to and --redact: take lines and columns out of the file",
            )
        from labline.lab_replay.histories.file_recording import record_file

        manifest = record_file(topics, file, out, workspace, say=_say, progress=counting)
    else:
        from labline.engine.workspace.workspace import bootstrap_anywhere

        redactors = _redactors(topics, redact or [], workspace, keys=redact_key)
        broker = bootstrap_anywhere(bootstrap, workspace)
        manifest = _record(broker, topics, out, since or [], until or [], redactors)
    _say(f"{manifest.records:,} records in {out}, digest {manifest.digest[:16]}")
    for topic, redacted in manifest.redacted.items():
        if redacted.unreadable:
            _say(f"{topic}: {redacted.unreadable:,} values that no schema reads are empty")


def _record(
    broker: str,
    topics: list[str],
    out: str,
    since: list[str],
    until: list[str],
    redactors: "dict[str, Redactor]",
) -> "Manifest":
    from labline.lab_replay.recordings.recorder import record as record_topics
    from labline.lab_replay.recordings.recorder import recording_ranges

    ranges = recording_ranges(broker, topics, out, since=since, until=until, redactors=redactors)
    with counting("recording", _offsets(ranges)) as progress:
        try:
            return record_topics(
                broker, topics, out,
                since=since, until=until, redactors=redactors, progress=progress,
            )  # fmt: skip
        except KeyboardInterrupt:
            _say("cut off; what is there is kept: the same command goes on")
            raise typer.Exit(INTERRUPTED) from None


def _offsets(ranges: "Ranges") -> int:
    return sum(end - start for found in ranges.values() for start, end in found.values())


def _redactors(
    topics: list[str], fields: list[str], workspace: Path | None, *, keys: bool
) -> "dict[str, Redactor]":
    if not fields and not keys:
        return {}
    from labline.engine.broker.registry.schema_registry import Writers
    from labline.engine.workspace.workspace import Workspace, known
    from labline.lab_replay.recordings.redact import Redactor, check_joined, redacted_fields
    from labline.schemas.values.formats import reader_of

    if not fields:
        return {topic: Redactor(None, (), keys=True) for topic in topics}
    space = Workspace.find(workspace)
    declared = space.topics()
    for topic in topics:
        known(topic, declared, "TOPIC", "topics/")
    versions = {t: [v.schema for v in space.subject_of(t).versions] for t in topics}
    by_topic = redacted_fields(versions, fields)
    check_joined(space.lines().values(), by_topic)
    writers = Writers(space.schemas(), space.registry())
    return {
        topic: Redactor(
            reader_of(space.schema_of(topic), writers),
            names,
            keys=keys or declared[topic].key in names,
        )
        for topic, names in by_topic.items()
    }


def _say(what: str) -> None:
    typer.echo(what, err=True)
