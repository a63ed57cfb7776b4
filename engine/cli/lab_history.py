"""Which history a lab command replays: a recording, a file, or a topic that is recorded first."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from engine.cli.progress import counting
from engine.errors import LablineError
from engine.workspace.workspace import Workspace

if TYPE_CHECKING:
    from engine.core.line import Line
    from lab_replay.experiment import Experiment
    from lab_replay.recording import Recording
    from schemas.avro import Schema
    from schemas.framing import Heads

HERE = Path(".labline")  # where there is no workspace


class Asked(NamedTuple):
    """What a person said of a history: the line's name, and a file's columns."""

    line: str | None = None
    id: str | None = None
    time: str | None = None
    label: str | None = None
    kind: str | None = None


@dataclass(frozen=True)
class Past:
    """A history, ready to be replayed.

    Attributes
    ----------
    folder
        Where experiments' results go.
    cache
        What was replayed before.
    """

    line: "Line"
    schemas: "tuple[Schema, Schema | None]"
    recording: "Recording"
    writers: "Heads"
    folder: Path
    cache: Path


def past_of(source: str, asked: Asked, workspace: Path | None) -> Past:
    """Return the history that a person named.

    Raises
    ------
    LablineError
        When it is no file, no recording and no topic of the workspace.
    """
    from lab_replay.import_tables import ENDINGS

    if source.lower().endswith(ENDINGS):
        return _of_file(Path(source), asked)
    space = Workspace.find(workspace)
    line = space.line(asked.line or _only_line(space))
    if "://" not in source and not Path(source).exists() and source in space.topics():
        return _past(space, line, _recorded(space, line, None, None))
    return _past(space, line, _opened(source))


def past_of_experiment(space: Workspace, declared: "Experiment", recording: str | None) -> Past:
    """Return the history of an experiment: the one named here, or in its file, or its topics."""
    line = space.line(declared.line)
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
    history = declared.history
    return _past(space, line, _recorded(space, line, history.since, history.until))


def _past(space: Workspace, line: "Line", recording: "Recording") -> Past:
    from engine.broker.schema_registry import Writers

    return Past(
        line,
        (space.schema_of(line.events), space.schema_of(line.labels) if line.labels else None),
        recording,
        Writers(space.schemas(), space.registry()),
        space.state_dir / "experiments",
        space.state_dir / "lab",
    )


def _of_file(path: Path, asked: Asked) -> Past:
    from lab_replay.imports import history_of
    from schemas.framing import NOTHING_ELSE

    if not path.is_file():
        raise LablineError("LL-FILE-MISSING", f"there is no file {path}", "name one that is there")
    found = history_of(
        path,
        id=asked.id,
        time=asked.time,
        label=asked.label,
        kind=asked.kind,
        cache_dir=HERE / "recordings",
    )
    return Past(
        found.line,
        (found.event_schema, found.label_schema),
        found.recording,
        NOTHING_ELSE,
        HERE / "experiments",
        HERE / "lab",
    )


def _opened(source: str) -> "Recording":
    from lab_replay.recording import Recording

    return Recording.open(source)


def _recorded(space: Workspace, line: "Line", since: str | None, until: str | None) -> "Recording":
    """Record a line's topics, or a stretch of them, when that was not done before."""
    from lab_replay.recorder import is_recorded, record
    from lab_replay.recording import Recording

    topics = [topic for topic in (line.events, line.labels) if topic is not None]
    stretch = "-".join(part.replace(":", "") for part in (since or "start", until or "end"))
    folder = space.state_dir / "recordings" / f"{line.name}-{stretch}"
    if not is_recorded(folder):
        from_, to = ([bound] if bound else [] for bound in (since, until))
        with counting("recording", None) as progress:
            record(space.bootstrap(), topics, folder, since=from_, until=to, progress=progress)
    return Recording.open(folder)


def _only_line(space: Workspace) -> str:
    names = sorted(space.lines())
    if len(names) != 1:
        raise LablineError(
            "LL-LINE-WHICH",
            f"{space.settings.name} has {len(names)} lines",
            f"name one with --line: {', '.join(names) or 'none is declared in lines/'}",
        )
    return names[0]
