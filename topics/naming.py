"""Names of topics: what Kafka allows, and what labline derives from a line's name.

Everything that reads or writes a line's topics takes their names from here, so that they differ
nowhere.
"""

import re
from typing import NamedTuple

from labline.engine.errors import LablineError

CONTROL_TOPIC = "labline.control"
TAKEN_PREFIXES = ("lab.", "labline.")  # the lab's own, and the engine's own

_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")


class LineTopics(NamedTuple):
    """The topics that a line writes; each has as many partitions as its event topic."""

    scores: str
    shadow: str
    dlq: str
    retry: str
    journal: str
    vitals: str


def line_topics(line: str) -> LineTopics:
    """Return the names of a line's topics.

    Examples
    --------
    >>> line_topics("flights-delay").scores
    'flights-delay.scores'
    """
    return LineTopics(*(check_name(f"{line}.{kind}") for kind in LineTopics._fields))


def check_name(name: str) -> str:
    """Return a topic's name if Kafka takes it.

    Raises
    ------
    LablineError
        ``LL-TOPIC-NAME``.

    Examples
    --------
    >>> check_name("flights.departed")
    'flights.departed'
    >>> check_name("flights departed")
    Traceback (most recent call last):
    labline.engine.errors.LablineError: LL-TOPIC-NAME: Kafka has no topics named 'flights departed'
      remedy: use up to 249 letters, digits, '.', '_' and '-'
    """
    if not _NAME.fullmatch(name) or name in (".", ".."):
        raise LablineError(
            "LL-TOPIC-NAME",
            f"Kafka has no topics named {name[:60]!r}",
            "use up to 249 letters, digits, '.', '_' and '-'",
        )
    return name
