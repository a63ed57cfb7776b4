"""Which history a lab command replays: a recording, a file, or a topic that is recorded first."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

from labline.engine.cli.shared.options import workspace_folder
from labline.engine.errors import LablineError
from labline.engine.workspace.workspace import Workspace
from labline.lab_replay.histories.line_recording import Bounds, recorded

if TYPE_CHECKING:
    from labline.engine.core.line import Line
    from labline.lab_replay.experiments.experiment import Experiment
    from labline.lab_replay.recordings.recording import Recording
    from labline.schemas.avro import Schema
    from labline.schemas.framing import Heads

HERE = Path(".labline")  # where there is no workspace


class Asked(NamedTuple):
    """What a person said of a history: the line's name, and a file's columns."""

    line: str | None = None
    id: str | None = None
    time: str | None = None
    label: str | None = None
    kind: str | None = None
    label_time: str | None = None


@dataclass(frozen=True)
class Past:
    """A history, ready to be replayed.

    Attributes
    ----------
    folder
        Where experiments' results go.
    cache
        What was replayed before.
    names
        Of a file: its columns' own names, and what the features are called.
    """

    line: "Line"
    schemas: "tuple[Schema, Schema | None]"
    recording: "Recording"
    writers: "Heads"
    folder: Path
    cache: Path
    names: Mapping[str, str] = field(default_factory=dict)


def past_of(source: str, asked: Asked, workspace: Path | None) -> Past:
    """Return the history that a person named.

    Raises
    ------
    LablineError
        When it is no file, no recording and no topic of the workspace.
    """
    from labline.engine.models.recipes.functions import look_in
    from labline.lab_replay.histories.tables import ENDINGS

    look_in(workspace_folder(workspace))
    if source.lower().endswith(ENDINGS):
        return _of_file(Path(source), asked)
    space = Workspace.find(workspace)
    if "://" not in source and not Path(source).exists() and source in space.topics():
        line = _fitting(space, _line_of(space, source, asked.line))
        return _past(space, line, recorded(space, line))
    name = asked.line or _only(space, sorted(space.lines()))
    return _past(space, _fitting(space, space.line(name)), _opened(source))


def past_of_experiment(space: Workspace, declared: "Experiment", recording: str | None) -> Past:
    """Return the history of an experiment: the one named here, or in its file, or its topics."""
    from labline.engine.models.recipes.functions import look_in

    look_in(space.root)
    line = _fitting(space, space.line(declared.line))
    named = recording or declared.recording
    if named is not None:
        inside = space.root / named
        return _past(space, line, _opened(str(inside) if inside.exists() else named))
    if declared.history is None:
        raise LablineError(
            "LL-EXPERIMENT-HISTORY",
            f"experiment {declared.name} does not say what to replay",
            "give --recording, or write recording: or history: {from: …, to: …} into its file",
        )
    history, place = declared.history, f"{declared.name}: history."
    bounds = Bounds(history.since, history.until, (f"{place}from", f"{place}to"))
    return _past(space, line, recorded(space, line, bounds))


def _past(space: Workspace, line: "Line", recording: "Recording") -> Past:
    from labline.engine.broker.registry.schema_registry import Writers

    files = recording.manifest.topics.get(line.events)
    if files is not None and not any(file.records for file in files.values()):
        raise LablineError(
            "LL-RECORDING-EMPTY",
            f"{recording.url} holds no record of {line.events}",
            f"there is nothing to replay: labline record {line.events} … --out DIR, with other "
            "--from and --to",
        )
    return Past(
        line,
        (space.schema_of(line.events), space.schema_of(line.labels) if line.labels else None),
        recording,
        Writers(space.schemas(), space.registry()),
        space.state_dir / "experiments",
        space.state_dir / "lab",
    )


def _of_file(path: Path, asked: Asked) -> Past:
    from labline.engine.cli.shared.import_report import import_lines
    from labline.lab_replay.histories.history import history_of
    from labline.schemas.framing import NOTHING_ELSE

    if not path.is_file():
        raise LablineError("LL-FILE-MISSING", f"there is no file {path}", "name one that is there")
    found = history_of(
        path,
        id=asked.id,
        time=asked.time,
        label=asked.label,
        kind=asked.kind,
        label_time=asked.label_time,
        cache_dir=HERE / "recordings",
    )
    for told in import_lines(path.name, found):
        typer.echo(told, err=True)
    return Past(
        found.line,
        (found.event_schema, found.label_schema),
        found.recording,
        NOTHING_ELSE,
        HERE / "experiments",
        HERE / "lab",
        found.understood.features,
    )


def _opened(source: str) -> "Recording":
    from labline.lab_replay.recordings.recording import Recording

    return Recording.open(source)


def _fitting(space: Workspace, line: "Line") -> "Line":
    """Return the line if it fits its topics and schemas, as for a promotion."""
    from labline.engine.workspace.check import check_line

    for finding in check_line(line, space.topics(), space.schema_of):
        raise finding
    return line


def _line_of(space: Workspace, topic: str, name: str | None) -> "Line":
    """Return the line that reads a topic's events: the one named, or the only one."""
    lines = space.lines()
    reading = sorted(line.name for line in lines.values() if line.events == topic)
    if name is None and reading:
        return lines[_only(space, reading)]
    line = space.line(name or _only(space, sorted(lines)))
    if line.events != topic:
        raise LablineError(
            "LL-LINE-TOPIC",
            f"line {line.name} reads its events from {line.events}, not from {topic}",
            f"labline lab replay {line.events}, or --line with one of: "
            f"{', '.join(reading) or 'no line reads events from there'}",
        )
    return line


def _only(space: Workspace, names: list[str]) -> str:
    if len(names) != 1:
        raise LablineError(
            "LL-LINE-WHICH",
            f"{space.settings.name} has {len(names)} lines",
            f"name one with --line: {', '.join(names) or 'none is declared in lines/'}",
        )
    return names[0]
