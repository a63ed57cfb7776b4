"""A recording that is not finished: what was asked, which ranges that meant, what is done."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from labline.engine.broker.clients import admin_client
from labline.engine.errors import LablineError
from labline.lab_replay.recordings.ranges import Ranges, bound, resolve
from labline.lab_replay.recordings.recording_format import (
    MANIFEST,
    UNFINISHED,
    Manifest,
    PartitionFile,
)
from labline.lab_replay.recordings.redact import Redactor
from labline.lab_replay.recordings.storage import Store

CLUSTER_TIMEOUT_S = 30.0


class Asked(BaseModel):
    """What makes two commands the same one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cluster: str
    topics: tuple[str, ...]
    since: tuple[str, ...]
    until: tuple[str, ...]
    redacted: dict[str, tuple[tuple[str, ...], bool]]


class Unfinished(BaseModel):
    """How far a recording is.

    Attributes
    ----------
    log_starts
        Where the broker's part begins of partitions that another recording has the beginning of.
    """

    model_config = ConfigDict(extra="forbid")

    format: Literal[1] = 1
    asked: Asked
    ranges: Ranges
    log_starts: dict[str, dict[int, int]] = {}
    done: dict[str, dict[int, PartitionFile]] = {}
    unreadable: dict[str, int] = {}

    @classmethod
    def load(cls, store: Store) -> Self | None:
        """Return what a recording that was cut off left; None where there was none."""
        content = store.read(UNFINISHED)
        if content is None:
            return None
        try:
            return cls.model_validate_json(content)
        except ValidationError as error:
            raise other_recording(f"{store.path(UNFINISHED)} is not readable") from error

    def save(self, store: Store) -> None:
        """Write it down."""
        store.write(UNFINISHED, self.model_dump_json().encode())


def recording_ranges(
    bootstrap: str,
    topics: Sequence[str],
    out: str | Path,
    *,
    since: Sequence[str] = (),
    until: Sequence[str] = (),
    redactors: Mapping[str, Redactor] | None = None,
    extends: Manifest | None = None,
) -> Ranges:
    """Begin what `record` with the same parameters goes on with; return what it will record."""
    asked = asked_of(bootstrap, topics, since, until, redactors or {})
    return plan_of(bootstrap, Store(out), asked, extends).ranges


def begin_anew(out: str | Path) -> Store:
    """Return the place for a recording that is made in one go.

    Raises
    ------
    LablineError
        ``LL-RECORDING-EXISTS``.
    """
    store = Store(out)
    if not store.empty():
        raise _exists(f"{store.url} is not empty")
    return store


def is_recorded(url: str | Path) -> bool:
    """Tell whether a finished recording is there."""
    return Store(url).size(MANIFEST) is not None


def asked_of(
    bootstrap: str,
    topics: Sequence[str],
    since: Sequence[str],
    until: Sequence[str],
    redactors: Mapping[str, Redactor],
) -> Asked:
    """Return what a command asks for."""
    return Asked(
        cluster=str(admin_client(bootstrap).list_topics(timeout=CLUSTER_TIMEOUT_S).cluster_id),
        topics=tuple(dict.fromkeys(topics)),
        since=tuple(since),
        until=tuple(until),
        redacted={t: (r.summary.fields, r.summary.keys) for t, r in sorted(redactors.items())},
    )


def plan_of(
    bootstrap: str, store: Store, asked: Asked, extends: Manifest | None = None
) -> Unfinished:
    """Return how far it is: at its beginning, or where it was cut off.

    Parameters
    ----------
    extends
        Of a recording whose records come first.

    Raises
    ------
    LablineError
        ``LL-RECORDING-EXISTS``, ``-OTHER``, ``-BOUND``, ``-RANGE``; ``LL-TOPIC-MISSING``.
    """
    if store.size(MANIFEST) is not None:
        store.remove(UNFINISHED)  # it was cut off right before that
        raise _exists(f"{store.url} is there already")
    plan = Unfinished.load(store)
    if plan is None:
        if not store.empty():
            raise _exists(f"{store.url} is not empty")
        since, until = bound(asked.since), bound(asked.until, "--to")
        plan = Unfinished(asked=asked, ranges=resolve(bootstrap, list(asked.topics), since, until))
        if extends is not None:
            plan = _after(plan, extends)
        plan.save(store)
    elif plan.asked != asked:
        raise other_recording(
            f"{store.url} was begun with other topics, bounds, or at another cluster"
        )
    return plan


def _after(plan: Unfinished, before: Manifest) -> Unfinished:
    """Return the plan with what an earlier recording of the same topics holds in front."""
    ranges, log_starts = dict(plan.ranges), dict(plan.log_starts)
    for topic, partitions in plan.ranges.items():
        held = before.topics.get(topic, {})
        ranges[topic] = {
            p: (min(start, held[p].start), max(end, held[p].end)) if p in held else (start, end)
            for p, (start, end) in partitions.items()
        }
        log_starts[topic] = {
            p: max(start, held[p].end) for p, (start, _) in partitions.items() if p in held
        }
    return plan.model_copy(update={"ranges": ranges, "log_starts": log_starts})


def _exists(message: str) -> LablineError:
    return LablineError("LL-RECORDING-EXISTS", message, "name another place, or remove it")


def other_recording(message: str) -> LablineError:
    """Return the refusal to go on with a recording of something else."""
    return LablineError(
        "LL-RECORDING-OTHER",
        message,
        "give the command that began it, name another place, or remove it",
    )
