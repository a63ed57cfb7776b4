"""What stands before a listener of the broker: it notes every request that is made of it.

It passes bytes on as they are, from an address of its own: the broker's access lists tell who
comes this way from who does not.
"""

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

HERE = "127.0.0.1"
FROM = "127.0.0.2"  # as the broker sees whoever comes through
PRODUCE = 0
FIRST_FLEXIBLE_PRODUCE = 9
LAST_PRODUCE_WITH_NAMES = 12  # later ones name topics by id
PIECE_BYTES = 1 << 16

#: Kafka's numbers of the requests that tests speak of.
API_KEYS = {
    0: "Produce", 1: "Fetch", 2: "ListOffsets", 3: "Metadata", 8: "OffsetCommit",
    9: "OffsetFetch", 10: "FindCoordinator", 11: "JoinGroup", 12: "Heartbeat", 13: "LeaveGroup",
    14: "SyncGroup", 15: "DescribeGroups", 16: "ListGroups", 17: "SaslHandshake",
    18: "ApiVersions", 19: "CreateTopics", 20: "DeleteTopics", 21: "DeleteRecords",
    22: "InitProducerId", 23: "OffsetForLeaderEpoch", 24: "AddPartitionsToTxn",
    25: "AddOffsetsToTxn", 26: "EndTxn", 28: "TxnOffsetCommit", 32: "DescribeConfigs",
    60: "DescribeCluster", 68: "ConsumerGroupHeartbeat", 71: "GetTelemetrySubscriptions",
    72: "PushTelemetry",
}  # fmt: skip


class Request(NamedTuple):
    """A request as its header says, and the topics that a Produce names."""

    api: str
    client: str
    topics: tuple[str, ...] = ()


class _Cursor:
    """A walk through a request's fields."""

    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 0

    def number(self, size: int) -> int:
        return int.from_bytes(self.bytes(size), signed=True)

    def bytes(self, size: int) -> bytes:
        self._at += size
        assert self._at <= len(self._content)
        return self._content[self._at - size : self._at]

    def varint(self) -> int:
        found = shift = 0
        while (byte := self.bytes(1)[0]) >= 128:
            found, shift = found | (byte & 127) << shift, shift + 7
        return found | byte << shift

    def size(self, *, flexible: bool, width: int) -> int:
        """Return a length or a count; -1 is null."""
        return self.varint() - 1 if flexible else self.number(width)

    def text(self, *, flexible: bool = False) -> str:
        return self.bytes(max(0, self.size(flexible=flexible, width=2))).decode()

    def skip_tags(self, *, flexible: bool) -> None:
        for _ in range(self.varint() if flexible else 0):
            self.varint()
            self.bytes(self.varint())


def parsed(content: bytes) -> Request:
    """Return what a request is, without its length."""
    cursor = _Cursor(content)
    key, version, _ = cursor.number(2), cursor.number(2), cursor.number(4)
    client = cursor.text()
    topics = tuple(_produced(cursor, version)) if key == PRODUCE else ()
    return Request(API_KEYS.get(key, f"key {key}"), client, topics)


def _produced(cursor: _Cursor, version: int) -> Iterator[str]:
    """Yield the topics of a Produce request, all of it walked through."""
    assert version <= LAST_PRODUCE_WITH_NAMES
    flexible = version >= FIRST_FLEXIBLE_PRODUCE
    cursor.skip_tags(flexible=flexible)  # of the header
    cursor.text(flexible=flexible)  # transactional id
    cursor.bytes(2 + 4)  # acks, timeout
    for _ in range(cursor.size(flexible=flexible, width=4)):
        yield cursor.text(flexible=flexible)
        for _ in range(cursor.size(flexible=flexible, width=4)):
            cursor.bytes(4)  # partition
            cursor.bytes(max(0, cursor.size(flexible=flexible, width=4)))
            cursor.skip_tags(flexible=flexible)
        cursor.skip_tags(flexible=flexible)


class Proxy(socketserver.ThreadingTCPServer):
    """A listener's address, with a note of every request."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, behind: int) -> None:
        super().__init__((HERE, 0), _Handler)
        self.behind = behind
        self._lock = threading.Lock()
        self._asked: list[Request] = []

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def note(self, request: Request) -> None:
        """Keep a request."""
        with self._lock:
            self._asked.append(request)

    def taken(self) -> list[Request]:
        """Return what was asked since this was called last."""
        with self._lock:
            asked, self._asked = self._asked, []
        return asked


class _Handler(socketserver.StreamRequestHandler):
    server: Proxy

    def handle(self) -> None:
        behind = socket.create_connection((HERE, self.server.behind), source_address=(FROM, 0))
        back = threading.Thread(target=self._back, args=(behind,), daemon=True)
        back.start()
        with suppress(OSError):
            while size := self.rfile.read(4):
                content = self.rfile.read(int.from_bytes(size))
                self.server.note(parsed(content))  # before anything can come of it
                behind.sendall(size + content)
        with suppress(OSError):
            behind.shutdown(socket.SHUT_RDWR)
        back.join()
        behind.close()

    def _back(self, behind: socket.socket) -> None:
        with suppress(OSError):
            while piece := behind.recv(PIECE_BYTES):
                self.connection.sendall(piece)
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxy(behind: int) -> Iterator[Proxy]:
    """Stand before a port while the block runs."""
    with Proxy(behind) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
