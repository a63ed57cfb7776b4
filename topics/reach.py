"""How far back a line's past can be run again: the shortest retention involved says.

``labline topics plan`` prints it, from the declared retentions alone; nothing is asked of Kafka.
"""

from collections.abc import Mapping
from typing import NamedTuple

from labline.topics.declaration import FOREVER_MS
from labline.topics.naming import CONTROL_TOPIC, line_topics
from labline.topics.steps import retention_text


class Reach(NamedTuple):
    """How far back one thing reaches.

    Attributes
    ----------
    what
        ``parity`` (the factory's past, run again and compared with the scores it wrote),
        ``rebuild`` (a state, learned again without a stretch of the log) or ``rollback`` (to an
        earlier revision, which then learns what came since).
    back_ms
        -1: for ever.
    limited_by
        The topics that are kept no longer; none when it is for ever.
    doubts
        What may delete records before that.
    """

    what: str
    back_ms: int
    limited_by: tuple[str, ...]
    doubts: tuple[str, ...]

    def __str__(self) -> str:
        by = f" ({', '.join(self.limited_by)})" if self.limited_by else ""
        doubts = "".join(f"; {doubt}" for doubt in self.doubts)
        return f"{self.what} {retention_text(self.back_ms)}{by}{doubts}"


def reach(
    line: str, events: str, labels: str | None, configs: Mapping[str, Mapping[str, str]]
) -> list[Reach]:
    """Return how far back parity, rebuild and rollback of a line reach.

    Parameters
    ----------
    events, labels
        The topics that it reads.
    configs
        The configuration of each of its topics in Kafka.

    Examples
    --------
    >>> day = {"retention.ms": "86400000"}
    >>> names = ["flights", "labline.control", *line_topics("delay")]
    >>> configs = {name: {"retention.ms": "-1"} for name in names} | {"delay.scores": day}
    >>> print(*reach("delay", "flights", None, configs), sep=", ")
    parity 1d (delay.scores), rebuild for ever, rollback for ever
    """
    names = line_topics(line)
    inputs = [name for name in (events, labels, names.retry, names.journal) if name is not None]
    return [
        _shortest("parity", [*inputs, names.scores], configs),
        _shortest("rebuild", inputs, configs),
        _shortest("rollback", [*inputs, CONTROL_TOPIC], configs),
    ]


def _shortest(what: str, names: list[str], configs: Mapping[str, Mapping[str, str]]) -> Reach:
    kept_ms = {name: int(configs[name]["retention.ms"]) for name in names}
    bounded = {name: kept for name, kept in kept_ms.items() if kept != FOREVER_MS}
    back_ms = min(bounded.values(), default=FOREVER_MS)
    limited_by = tuple(name for name, kept in bounded.items() if kept == back_ms)
    return Reach(what, back_ms, limited_by, tuple(_doubts(names, configs)))


def _doubts(names: list[str], configs: Mapping[str, Mapping[str, str]]) -> list[str]:
    doubts = []
    for name in names:
        config = configs[name]
        size = config.get("retention.bytes", "-1")
        if size != "-1":
            doubts.append(f"less when a partition of {name} exceeds {size} bytes")
        claimed = config.get("message.timestamp.type", "LogAppendTime") != "LogAppendTime"
        if claimed and int(config["retention.ms"]) != FOREVER_MS:
            doubts.append(f"less where publishers of {name} stamped records with a past time")
    return doubts
