"""Which schemas the values of a recorded partition name: for its entry in the manifest.

Whoever writes a partition's records to a file shows them here too. A replay reads the names again,
to know which schemas its results rest on.
"""

from labline.engine.core.record import Record
from labline.schemas.framing import frame, head_name
from labline.schemas.rejection import Rejection

HEADS_MAX = 1_000  # of one partition; values that are no Avro may begin with anything
MORE = "more"


class SchemaHeads:
    r"""Gathers what values begin with.

    Examples
    --------
    >>> heads = SchemaHeads()
    >>> heads.add([(0, 0, None, b"\x00\x00\x00\x00\x07x", None), (1, 0, None, b"{}", None)])
    >>> heads.names
    ('registry:7', 'unframed')
    """

    def __init__(self) -> None:
        self._heads: set[bytes | None] = set()

    def add(self, records: list[Record]) -> None:
        """Look at records; tombstones have no writer."""
        for _, _, _, value, headers in records:
            if value is None or len(self._heads) > HEADS_MAX:
                continue
            framed = frame(value, headers)
            self._heads.add(None if isinstance(framed, Rejection) else framed[0])

    @property
    def names(self) -> tuple[str, ...]:
        """The heads that were there, as a manifest writes them, in order."""
        names = sorted(head_name(head) for head in self._heads)
        return tuple(names[:HEADS_MAX]) + ((MORE,) if len(names) > HEADS_MAX else ())
