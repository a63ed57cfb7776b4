"""Which schemas the values of a recording say that they were written with."""

from labline.engine.core.record import Record
from labline.schemas.avro import SINGLE_OBJECT_MARKER
from labline.schemas.framing import (
    CONFLUENT_MARKER,
    GUID_HEAD_BYTES,
    GUID_MARKER,
    confluent_head,
    frame,
)
from labline.schemas.rejection import Rejection

WRITERS_MAX = 1_000  # of one partition; values that are no Avro may begin with anything
MORE = "more"


class Writers:
    r"""Gathers what values begin with.

    Examples
    --------
    >>> writers = Writers()
    >>> writers.see([(0, 0, None, b"\x00\x00\x00\x00\x07x", None), (1, 0, None, b"{}", None)])
    >>> writers.found
    ('registry:7', 'unframed')
    """

    def __init__(self) -> None:
        self._heads: set[bytes | None] = set()

    def see(self, records: list[Record]) -> None:
        """Take records; tombstones have no writer."""
        for _, _, _, value, headers in records:
            if value is None or len(self._heads) > WRITERS_MAX:
                continue
            framed = frame(value, headers)
            self._heads.add(None if isinstance(framed, Rejection) else framed[0])

    @property
    def found(self) -> tuple[str, ...]:
        """What was found, in order."""
        names = sorted(_name(head) for head in self._heads)
        return tuple(names[:WRITERS_MAX]) + ((MORE,) if len(names) > WRITERS_MAX else ())


def head_of(name: str) -> bytes | None:
    r"""Return the head that a name in a manifest stands for; None: it stands for none.

    Examples
    --------
    >>> head_of("registry:7"), head_of("avro:" + "00" * 8), head_of("unframed")
    (b'\x00\x00\x00\x00\x07', b'\xc3\x01\x00\x00\x00\x00\x00\x00\x00\x00', None)
    """
    kind, _, rest = name.partition(":")
    if kind == "avro":
        return SINGLE_OBJECT_MARKER + bytes.fromhex(rest)
    if kind == "registry":
        is_guid = len(rest) == 2 * (GUID_HEAD_BYTES - len(GUID_MARKER))
        return GUID_MARKER + bytes.fromhex(rest) if is_guid else confluent_head(int(rest))
    return None


def _name(head: bytes | None) -> str:
    if head is None:
        return "unframed"
    if head.startswith(SINGLE_OBJECT_MARKER):
        return f"avro:{head[len(SINGLE_OBJECT_MARKER) :].hex()}"
    if head.startswith(CONFLUENT_MARKER):
        return f"registry:{int.from_bytes(head[len(CONFLUENT_MARKER) :])}"
    return f"registry:{head[len(GUID_MARKER) :].hex()}"
