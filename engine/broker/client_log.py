"""librdkafka's own log lines, written through ours.

`labline.engine.broker.clients` gives one of these to every client as its ``logger``; the client
hands lines over when it is polled, flushed or closed, in that thread. All clients of a process
share one `Folding`: librdkafka tries a lost broker twenty times a second and says so each time,
and several clients say the same.
"""

import re

from labline.engine.logs import Folding, write

#: The thread that says it: ``[thrd:localhost:9092/bootstrap]: ``.
THREAD = re.compile(r"^\[thrd:[^\]]*\]: ")
#: How long it took, as in ``(after 3ms in state CONNECT)``: else no two lines are alike.
DURATION = re.compile(r" \(after \d+ms[^)]*\)|#\d+\)?$")

_FOLDING = Folding()


def sentence(line: str) -> str:
    """Return what a line of librdkafka's says, without who said it and how long it took.

    Examples
    --------
    >>> sentence("[thrd:h:1/bootstrap]: h:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: "
    ...          "Connection refused (after 0ms in state CONNECT)")
    'h:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused'
    """
    return DURATION.sub("", THREAD.sub("", line))


class ClientLog:
    """Writes a client's lines; those that were written a moment ago are only counted."""

    def log(self, level: int, _: str, facility: str, client: str, line: str) -> None:
        """Take a line as confluent-kafka hands it over, its level already one of `logging`'s."""
        said = sentence(line)
        repeated = _FOLDING.count((facility, said))
        if repeated is not None:
            write(level, said, repeated, facility=facility, client=client)


class LastLine:
    """Keeps the last line alone: for a client whose failures reach its caller anyway."""

    def __init__(self) -> None:
        self.text: str | None = None

    def log(self, _level: int, _: str, _facility: str, _client: str, line: str) -> None:
        """Take a line as confluent-kafka hands it over."""
        self.text = sentence(line)
