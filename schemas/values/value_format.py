"""What a format of values has to offer; the modules beside this one offer it."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, TypeAlias

from labline.schemas.avro import Encode, Schema
from labline.schemas.framing import Headers
from labline.schemas.rejection import Rejection

#: By the head of a value, the schema that it was written with. It may look one up when it is asked.
Heads: TypeAlias = Mapping[bytes, Schema]

#: The fields of a schema that get another value, with that value.
Replacement: TypeAlias = Callable[[Schema], Mapping[str, object]]

NO_WRITERS: Final[Heads] = {}


class ValueReader(Protocol):
    """Reads the values of a topic. Never raises for bytes, whatever they are."""

    @property
    def schema(self) -> Schema:
        """What records are read as; its constraints hold for records of every version."""

    def decode(self, value: bytes | None, headers: Headers = None) -> dict[str, Any] | Rejection:
        """Return a record, or why there is none."""

    def rewrite(
        self, value: bytes, headers: Headers, replacement: Replacement
    ) -> bytes | Rejection:
        """Return a value with fields replaced, written as it was before.

        Raises
        ------
        SchemaViolation
            When its schema does not allow the replacement.
        """


class ValueFormat(Protocol):
    """How values are written and read.

    Attributes
    ----------
    name
        As topics declare it.
    in_registry
        Whether values may name the schema of a registry.
    """

    name: str
    in_registry: bool

    def head(self, schema: Schema, schema_id: int | None = None) -> bytes:
        """Return what values begin with; `schema_id` is the schema's in the registry, if any."""

    def encoder(self, schema: Schema) -> Encode:
        """Return what writes a record after a head, or raises `SchemaViolation`."""

    def reader(self, schema: Schema, writers: Heads = NO_WRITERS) -> ValueReader:
        """Return what reads values as records of a schema.

        Parameters
        ----------
        writers
            Schemas that values may be written with, beside the reader's own.
        """
