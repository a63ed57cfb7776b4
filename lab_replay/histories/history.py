"""A history: a recording with the line and the schemas that it is read by.

The lab's commands and `labline.lab.load` come here with what a person named: RECORDING, FILE or
TOPIC. `Source` finds out which of them it is, `experiment_history` takes what an experiment's
file says. Nothing is printed: callers give `say` for sentences and `progress` for a bar, and what
was guessed of a file comes out as a proposal with remarks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from labline.engine.core.line import Line
from labline.engine.errors import LablineError
from labline.engine.tables.proposal import Proposal
from labline.engine.tables.roles import Roles
from labline.engine.tables.table import ENDINGS
from labline.engine.workspace.check import check_line
from labline.engine.workspace.settings import workspace_folder
from labline.engine.workspace.workspace import Workspace
from labline.lab_replay.histories.file_history import NOTHING_SAID, file_history
from labline.lab_replay.histories.line_recording import Bounds, Progress, Say, record_line
from labline.lab_replay.recordings.recording import Recording
from labline.schemas.avro import Schema
from labline.schemas.values.value_format import NO_WRITERS, Heads

HERE = Path(".labline")  # where there is no workspace


@dataclass(frozen=True)
class History:
    """A history, ready to be replayed.

    Attributes
    ----------
    schemas
        Of events, and of labels where there are any.
    writers
        By frame head, schemas that records may be written with beside those they are read as.
    folder
        Where experiments' results go.
    cache
        What was replayed before.
    proposal
        What a file was taken for; None: it is none.
    """

    line: Line
    schemas: tuple[Schema, Schema | None]
    recording: Recording
    writers: Heads
    folder: Path
    cache: Path
    proposal: Proposal | None = None

    @property
    def features(self) -> Mapping[str, str]:
        """Of a file: its columns' own names, and what the features are called."""
        return self.proposal.features if self.proposal else {}

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a person should know of a file that was guessed at."""
        return self.proposal.remarks if self.proposal else ()


class Source(NamedTuple):
    """What a person named to be replayed, and what they said of it.

    Attributes
    ----------
    name
        A folder or URL of a recording, a file, or an event topic, which is then recorded.
    line
        Whose past it is; not needed where the workspace has only one line.
    said
        Of a file: its columns.
    workspace
        Its folder; None: the one that the current folder is in. A file needs none.
    """

    name: str
    line: str | None = None
    said: Roles = NOTHING_SAID
    workspace: Path | None = None

    def history(self, *, say: Say, progress: Progress) -> History:
        """Return the history that a person named.

        Raises
        ------
        LablineError
            When it is no file, no recording and no topic of the workspace.
        """
        from labline.engine.models.recipes.functions import look_in

        look_in(workspace_folder(self.workspace))
        if self.name.lower().endswith(ENDINGS):
            return self._of_file()
        space = Workspace.find(self.workspace)
        if self._is_topic(space):
            line = _fitting(space, self._line_of_topic(space))
            recording = record_line(space, line, say=say, progress=progress)
        else:
            line = _fitting(space, self.line or _only(space, sorted(space.lines())))
            recording = Recording.open(self.name)
        return _of_line(space, line, recording)

    def _of_file(self) -> History:
        path = Path(self.name)
        if not path.is_file():
            raise LablineError(
                "LL-FILE-MISSING", f"there is no file {path}", "name one that is there"
            )
        made = file_history(path, self.said, cache_dir=HERE / "recordings")
        return History(
            made.line,
            (made.event_schema, made.label_schema),
            made.recording,
            NO_WRITERS,
            HERE / "experiments",
            HERE / "lab",
            made.proposal,
        )

    def _is_topic(self, space: Workspace) -> bool:
        is_place = "://" in self.name or Path(self.name).exists()
        return not is_place and self.name in space.topics()

    def _line_of_topic(self, space: Workspace) -> str:
        """Return which line reads the topic's events: the one named, or the only one."""
        lines = space.lines()
        reading = sorted(line.name for line in lines.values() if line.events == self.name)
        wanted = self.line or _only(space, reading or sorted(lines))
        if wanted not in reading:
            elsewhere = space.line(wanted).events
            raise LablineError(
                "LL-LINE-TOPIC",
                f"line {wanted} reads its events from {elsewhere}, not from {self.name}",
                f"labline lab replay {elsewhere}, or --line with one of: "
                f"{', '.join(reading) or 'no line reads events from there'}",
            )
        return wanted


def experiment_history(
    space: Workspace,
    line: str,
    recording: str | None,
    bounds: Bounds,
    *,
    say: Say,
    progress: Progress,
) -> History:
    """Return the history of an experiment: a recording, or else its line's topics, recorded now.

    Parameters
    ----------
    recording
        Folder or URL; a folder may be told from the workspace.
    """
    from labline.engine.models.recipes.functions import look_in

    look_in(space.root)
    declared = _fitting(space, line)
    if recording is None:
        taken = record_line(space, declared, bounds, say=say, progress=progress)
    else:
        inside = space.root / recording
        taken = Recording.open(str(inside) if inside.exists() else recording)
    return _of_line(space, declared, taken)


def _of_line(space: Workspace, line: Line, recording: Recording) -> History:
    from labline.engine.broker.registry.schema_registry import Writers

    files = recording.manifest.topics.get(line.events)
    if files is not None and not any(file.records for file in files.values()):
        raise LablineError(
            "LL-RECORDING-EMPTY",
            f"{recording.url} holds no record of {line.events}",
            f"there is nothing to replay: labline record {line.events} … --out DIR, with other "
            "--from and --to",
        )
    return History(
        line,
        (space.schema_of(line.events), space.schema_of(line.labels) if line.labels else None),
        recording,
        Writers(space.schemas(), space.registry()),
        space.state_dir / "experiments",
        space.state_dir / "lab",
    )


def _fitting(space: Workspace, name: str) -> Line:
    """Return the line if it fits its topics and schemas, as for a promotion."""
    line = space.line(name)
    for finding in check_line(line, space.topics(), space.schema_of):
        raise finding
    return line


def _only(space: Workspace, names: list[str]) -> str:
    if len(names) != 1:
        raise LablineError(
            "LL-LINE-WHICH",
            f"{space.settings.name} has {len(names)} lines",
            f"name one with --line: {', '.join(names) or 'none is declared in lines/'}",
        )
    return names[0]
