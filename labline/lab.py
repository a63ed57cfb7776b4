"""The lab in a notebook: load a recording, compare learners on it, look at frames.

Examples
--------
::

    from labline import lab

    past = lab.load("recordings/year", workspace=".")
    past.frame("flights.departed")                     # polars, or as_="pandas", "arrow"
    outcome = lab.run(past, {"tree": "HoeffdingTreeClassifier()"})
    outcome.frame(), outcome.predictions(), outcome.windows()
    outcome.save_report("report.html")

Large replays run in processes of their own (`cores`). They do not run your script again, so a plain
script needs no ``if __name__ == "__main__":`` for them.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any, Literal

from labline.engine.core.line import Kind
from labline.engine.errors import LablineError
from labline.engine.tables.roles import Roles
from labline.lab_replay.experiments.experiment import Experiment
from labline.lab_replay.experiments.frames import FrameKind, recording_frame
from labline.lab_replay.experiments.outcome import Outcome
from labline.lab_replay.experiments.run import load_costs, run_experiment, trial_of
from labline.lab_replay.histories.history import History as ReadHistory
from labline.lab_replay.histories.history import Source

__all__ = ["History", "Outcome", "load", "run"]


class History:
    """A history that can be looked at and replayed; `load` makes it.

    Attributes
    ----------
    past
        The recording with the line and the schemas that it is read by.
    """

    def __init__(self, past: ReadHistory) -> None:
        self.past = past

    @property
    def topics(self) -> tuple[str, ...]:
        """The recorded topics."""
        return self.past.recording.topics

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a person should know of a file that was guessed at."""
        return self.past.remarks

    @property
    def digest(self) -> str:
        """The digest that stands for all of the recording."""
        return self.past.recording.digest

    def frame(
        self, topic: str | None = None, as_: FrameKind = "polars", limit: int | None = None
    ) -> Any:
        """Return a topic's records, decoded, with partition, offset and append time.

        Parameters
        ----------
        topic
            None: the line's events.
        as_
            ``polars``, ``pandas`` or ``arrow``.
        limit
            At most so many records of each partition.

        Raises
        ------
        LablineError
            ``LL-RECORDING-TOPIC`` for one that is not of the line.
        """
        line, (events, labels) = self.past.line, self.past.schemas
        schema = {line.events: events, line.labels or "": labels}.get(topic or line.events)
        if schema is None:
            raise LablineError(
                "LL-RECORDING-TOPIC",
                f"line {line.name} reads no topic {topic}",
                f"one of {', '.join(t for t in (line.events, line.labels) if t)}",
            )
        past, wanted = self.past, topic or line.events
        return recording_frame(past.recording, wanted, schema, past.writers, as_, limit)

    def __repr__(self) -> str:
        return f"<history of {self.past.line.name}: {', '.join(self.topics)}; {self.digest[:12]}>"

    def _repr_html_(self) -> str:
        files = self.past.recording.manifest.topics
        rows = "".join(
            f"<tr><td>{escape(topic)}</td><td>{len(files[topic])}</td>"
            f"<td>{sum(file.records for file in files[topic].values()):,}</td></tr>"
            for topic in self.topics
        )
        return (
            f"<p>Recording {escape(self.digest[:12])} for line {escape(self.past.line.name)}</p>"
            f"<table><tr><th>topic</th><th>partitions</th><th>records</th></tr>{rows}</table>"
            + "".join(f"<p>check: {escape(remark)}</p>" for remark in self.remarks)
        )


def load(
    source: Path | str,
    *,
    line: str | None = None,
    workspace: Path | str | None = None,
    id: str | Sequence[str] | None = None,  # noqa: A002  # as on the command line
    time: str | None = None,
    key: str | None = None,
    label: str | None = None,
    label_time: str | None = None,
    label_true: str | None = None,
    kind: Kind | None = None,
    time_format: str | None = None,
    zone: str = "UTC",
) -> History:
    """Return a history: a recording, a CSV, JSON lines or Parquet file, or an event topic.

    What was guessed of a file and what should be looked at stands in its `History.remarks`.

    Parameters
    ----------
    source
        Folder, URL, file, or the name of a topic that is then recorded.
    line
        Whose past it is; not needed where the workspace has only one line.
    workspace
        Its folder; None: the one that the current folder is in. A file needs none.
    id
        Of a file: its column or columns that name an event; else the row's number does.
    time, key, label, label_time
        Of a file: its columns for when an event happened, what is keyed by, the truth, and when
        that was known. What is not said is guessed.
    label_true
        Of a file: the label's word for yes; all others are no.
    kind
        Of a file: ``binary``, ``multiclass``, ``regression`` or ``anomaly``; None: as the label
        tells.
    time_format
        Of a file: how times are written: ``iso``, ``epoch_s``, ``epoch_ms``, ``epoch_us``,
        ``epoch_ns``, or like ``%d.%m.%Y``; None: as the cells tell.
    zone
        Of a file: of times that do not tell theirs.

    Raises
    ------
    LablineError
        When it is none of them; ``LL-IMPORT-…`` with what to say or to mend in a file.
    """
    ids = (id,) if isinstance(id, str) else tuple(id or ())
    said = Roles(ids, time, key, label, label_time, label_true, kind, time_format, zone)
    place = None if workspace is None else Path(workspace)
    named = Source(str(source), line, said, place)
    return History(named.history(say=_say, progress=_quiet))


def run(
    history: History,
    recipes: Mapping[str, str],
    *,
    name: str = "notebook",
    scheduler: str | None = None,
    cores: int | None = None,
    baselines: Mapping[str, str] | None = None,
    metrics: Sequence[str] | None = None,
    slices: Sequence[str] = (),
    windows: int = 60,
    delay: str = "recorded",
    learner: Literal["per_partition", "single"] | None = None,
    otherwise: bool = True,
    label_horizon: str | None = None,
    warm_up: int = 0,
    early_stop: bool = False,
    drift: Mapping[str, Any] | None = None,
) -> Outcome:
    """Replay a history over recipes, beside the line's baselines; return what was found.

    The same again costs nothing: finished results are kept in the workspace's state folder.

    Parameters
    ----------
    recipes
        By name.
    name
        Of the experiment and of its folder. While another run of the name writes there, this one
        waits.
    scheduler, cores
        A Dask cluster, or how many of this machine's cores; 1: all in this process.
    baselines
        Recipes by name, instead of the line's own.
    metrics
        The first decides which candidate is best; None: the usual ones of the line's kind.
    slices
        Features by whose values figures are told apart; a file's columns go by their own names,
        too.
    windows
        About how many points a curve over event time has.
    delay
        When labels come: ``recorded``, ``none``, a duration such as ``6h``, or, where the history
        has no times, ``500 rows``.
    learner
        Whether partitions learn apart or together; None: as the line says.
    otherwise
        Whether the other way is replayed, too: the price of partitioning.
    label_horizon
        How long an event waits for its label, such as ``2d``; None: as the line says.
    warm_up
        How many events at the start are learned but not counted.
    early_stop
        Whether a candidate that is certainly worse than a baseline is given up.
    drift
        Detectors under ``inputs`` and ``errors``, by name or with parameters; None: the usual ones.

    Raises
    ------
    LablineError
        Saying what to write instead.
    """
    past = history.past
    experiment = Experiment.of(
        past.line.name,
        recipes,
        name=name,
        baselines=None if baselines is None else dict(baselines),
        metrics=None if metrics is None else list(metrics),
        slices=[past.features.get(column, column) for column in slices],
        windows=windows,
        delay=delay,
        learner=learner,
        otherwise=otherwise,
        label_horizon=label_horizon,
        warm_up=warm_up,
        early_stop=early_stop,
        drift=dict(drift or {}),
    )
    folder = past.folder / name
    trial = trial_of(experiment, past.line, past.schemas, past.recording, past.writers)
    result = run_experiment(
        experiment, trial, folder, cache=past.cache, scheduler=scheduler, cores=cores
    )
    return Outcome(result, load_costs(folder), folder)


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


@contextmanager
def _quiet(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    del what, total
    yield lambda _: None
