"""The main job, start to end: publish, record, replay, promote, score, learn, watch.

``labline demo`` (`labline.engine.cli.demo`) comes in here with a folder to make and a progress bar;
what goes out is a `Demo`, which `labline.engine.demo.summary` checks and shows. What must stay
true: it does what a user would do, through the functions behind the commands; it removes no folder
but an earlier demo's; and whatever it starts (broker, worker, agents) ends with it, but for a
broker that is to be kept.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from labline.engine.broker.clients import admin_client
from labline.engine.broker.reader import partition_offsets
from labline.engine.broker.servers import embedded
from labline.engine.demo.bursts import await_agents, has_counted, is_watching, read_bursts
from labline.engine.demo.facts import Facts, gather
from labline.engine.demo.history import EVENTS, LABELS, Days, publish_history
from labline.engine.demo.live import Latency, publish_live
from labline.engine.demo.processes import await_group, is_caught_up, running
from labline.engine.models.control.registry import Registry
from labline.engine.models.control.signing import Signer, generate, load_public_keys
from labline.engine.ops.lag import GroupLag
from labline.engine.ops.lag_facts import lags
from labline.engine.promotion.promote import promote, read_control
from labline.engine.workspace.catalogue import catalogue
from labline.engine.workspace.example import make_workspace
from labline.engine.workspace.workspace import Workspace
from labline.lab_replay.evaluation.ranking import result_ranking
from labline.lab_replay.evaluation.result import ExperimentResult
from labline.lab_replay.experiments.experiment import Experiment
from labline.lab_replay.experiments.run import register, run_experiment, trial_of
from labline.lab_replay.parity.parity import Parity, parity
from labline.lab_replay.recordings.recorder import record
from labline.lab_replay.recordings.recording import Recording
from labline.topics.apply import apply, existing_topics
from labline.topics.naming import line_topics
from labline.topics.plan import plan

LINE, EXPERIMENT = "flights-delay", "flights"
GROUP, AGENTS = f"labline.{LINE}", "flights-bursts"
LIVE_DAYS = 3
RATE = 500  # events a second, live
YEAR = 2013
RECORDS_PER_DAY = 1_815  # departures and landings, about: for the progress bars
HOME = ZoneInfo("America/New_York")
MARK = "demo"  # a file in the state folder: this workspace may be made anew

#: What is done now and how many steps it has -> a bar to take forward.
Bar: TypeAlias = Callable[[str, int | None], AbstractContextManager[Callable[[int], None]]]


@dataclass(frozen=True)
class Demo:
    """What came of the demo.

    Attributes
    ----------
    month
        1 to 12 for a short demo; None for the year.
    sent
        Records published, by their kind: departed, arrived, careless.
    bursts
        Hours in which the Faust agent saw a burst: airport and hour.
    """

    folder: Path
    bootstrap: str
    month: int | None
    days: Days
    sent: dict[str, int]
    lab: ExperimentResult
    champion: str
    facts: Facts
    latency: Latency
    bursts: list[dict[str, Any]]
    lag: GroupLag
    parity: Parity
    report: Path


def demo_days(month: int | None) -> Days:
    """Return the days of the demo: the last three are live.

    Examples
    --------
    >>> demo_days(None).last_of_history, demo_days(2).first_live
    (datetime.date(2013, 12, 28), datetime.date(2013, 2, 26))
    """
    first = date(YEAR, month or 1, 1)
    end = date(YEAR + 1, 1, 1) if month in (None, 12) else date(YEAR, (month or 0) + 1, 1)
    last = end - timedelta(days=1)
    first_live = last - timedelta(days=LIVE_DAYS - 1)
    return Days(first, first_live - timedelta(days=1), first_live, last)


def new_workspace(folder: Path) -> Workspace:
    """Make the demo's workspace, in the place of an earlier demo's.

    Raises
    ------
    LablineError
        ``LL-INIT-EXISTS`` when the folder is there and is not an earlier demo's.
    """
    state = folder / ".labline"
    if (state / MARK).exists():
        embedded.stop(state)
        shutil.rmtree(folder)
    make_workspace(folder, "flights")
    space = Workspace(folder)
    generate(space.private_key, space.keys_dir / "operator.pub")
    (space.state_dir / MARK).touch()
    return space


@contextmanager
def broker_of(space: Workspace, bar: Bar, *, keep: bool) -> Iterator[str]:
    """Run the embedded broker; without `keep` it is stopped and its data removed."""
    with bar("starting Kafka", None):
        bootstrap = embedded.start(space.state_dir).bootstrap
    try:
        yield bootstrap
    finally:
        if not keep:
            embedded.stop(space.state_dir)
            shutil.rmtree(space.state_dir / "kafka", ignore_errors=True)


def run_demo(folder: Path, month: int | None, bar: Bar, *, keep: bool) -> Demo:
    """Do all of it.

    Parameters
    ----------
    folder
        The workspace to make.
    month
        1 to 12 for a short demo; None for the year.
    bar
        Shows what is being done.
    keep
        Leave the broker running.
    """
    space = new_workspace(folder)
    days = demo_days(month)
    with broker_of(space, bar, keep=keep) as broker:
        _make_topics(space, broker)
        total = ((days.last_of_history - days.first).days + 1) * RECORDS_PER_DAY
        with bar("publishing history", total) as step:
            sent = publish_history(space, broker, days, total, step)
        lab, champion = _lab(space, broker, bar)
        promote(space, broker, champion, LINE)
        return _factory(space, broker, bar, _Preparation(folder, month, days, sent, lab, champion))


def _make_topics(space: Workspace, broker: str) -> None:
    admin, topics = admin_client(broker), catalogue(space)
    apply(admin, plan(topics, existing_topics(admin, [topic.name for topic in topics])))


@dataclass(frozen=True)
class _Preparation:
    """What was done before the factory starts."""

    folder: Path
    month: int | None
    days: Days
    sent: dict[str, int]
    lab: ExperimentResult
    champion: str


def _lab(space: Workspace, broker: str, bar: Bar) -> tuple[ExperimentResult, str]:
    """Record, replay, register; return the result and the best version's name."""
    offsets = partition_offsets(broker, [EVENTS, LABELS])
    total = sum(p.stable - p.start for topic in offsets.values() for p in topic.values())
    folder = space.root / "recordings" / "history"
    with bar("recording", total) as step:
        record(broker, [EVENTS, LABELS], folder, progress=step)
    line = space.line(LINE)
    schemas = (space.schema_of(EVENTS), space.schema_of(LABELS))
    experiment = Experiment.load(space.experiment_path(EXPERIMENT))
    trial = trial_of(experiment, line, schemas, Recording.open(folder))
    out = space.state_dir / "experiments" / EXPERIMENT
    # each past is walked twice: partitions learn apart, and together
    with bar("replaying in the lab", 2 * total) as step:
        result = run_experiment(experiment, trial, out, step)
    registry = Registry(space.models_dir, load_public_keys(space.keys_dir))
    versions = register(result, registry, Signer.load(space.private_key))
    return result, versions[result_ranking(result, "candidate")[0].name].label


def _factory(space: Workspace, broker: str, bar: Bar, before: _Preparation) -> Demo:
    logs = space.state_dir / "logs"
    topics = line_topics(LINE)
    days = before.days
    worker = ["-m", "labline.engine.cli.main", "factory", "run", LINE, "--bootstrap", broker]
    with running(worker, space.root, logs / "worker.log") as process:
        with bar("the factory catches up", None):
            await_group(broker, GROUP, process, logs / "worker.log", is_caught_up)
        agents = ["agents.py", "worker", "-l", "warn", "--without-web"]
        with running(agents, space.root, logs / "agents.log") as app:
            with bar("starting the Faust agents", None):
                await_group(broker, AGENTS, app, logs / "agents.log", is_watching)
            ends = {
                p: o.stable
                for p, o in partition_offsets(broker, [topics.scores])[topics.scores].items()
            }
            live = ((days.last - days.first_live).days + 1) * RECORDS_PER_DAY // 2
            with bar(f"live, {RATE} events a second", live) as step:
                sent, latency = publish_live(space, broker, topics.scores, days, RATE, step)
            with bar("the factory and the agents finish", None):
                await_group(broker, GROUP, process, logs / "worker.log", is_caught_up)
                await_agents(broker, topics.scores, ends, app, logs / "agents.log")
                await_group(broker, AGENTS, app, logs / "agents.log", has_counted)
    with bar("counting", None):
        bursts = read_bursts(broker)
        late_from = date(YEAR, 12, 1) if before.month is None else days.first_live
        facts = gather(
            broker,
            space.line(LINE),
            space.schema_of(LABELS),
            late_from_ms=_midnight_ms(late_from),
            live_from_ms=_midnight_ms(days.first_live),
        )
    with bar(
        "parity: running the factory's past again", len(partition_offsets(broker, [EVENTS])[EVENTS])
    ) as step:
        control = read_control(broker, load_public_keys(space.keys_dir))
        equal = parity(broker, LINE, control, progress=lambda: step(1))
    return Demo(
        before.folder,
        broker,
        before.month,
        days,
        {name: before.sent.get(name, 0) + sent.get(name, 0) for name in before.sent},
        before.lab,
        before.champion,
        facts,
        latency,
        bursts,
        lags(broker, [GROUP])[0],
        equal,
        space.state_dir / "experiments" / EXPERIMENT / "report.html",
    )


def _midnight_ms(day: date) -> int:
    midnight = datetime(day.year, day.month, day.day, tzinfo=HOME)
    return int(midnight.astimezone(UTC).timestamp() * 1000)
