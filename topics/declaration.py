"""A topic as its owner declares it in ``topics/*.toml``.

The workspace loads one from each file; publishers, plans and formats of values read it. An unknown
key or a wrong value is refused with its place.
"""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from labline.engine.errors import LablineError
from labline.schemas.declarations import checked
from labline.schemas.evolution import DEFAULT_LEVEL, Level
from labline.topics.naming import TAKEN_PREFIXES

FOREVER = "forever"
FOREVER_MS = -1  # as Kafka writes it
_UNITS_MS = {"h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


def _free(name: str) -> str:
    if name.startswith(TAKEN_PREFIXES):
        raise ValueError(f"names that begin with {' or '.join(TAKEN_PREFIXES)} are taken")
    return name


def _folder(subject: str) -> str:
    if subject.endswith(".avsc"):
        name = subject.removesuffix(".avsc")
        raise ValueError(
            f"names a folder of versions, not a file: move schemas/{subject} to "
            f'schemas/{name}/v1.avsc and write "{name}"'
        )
    return subject


class Topic(BaseModel):
    """A topic of events or labels.

    Attributes
    ----------
    name
        Its name in Kafka.
    subject
        ``schema`` in the file: what the values are, a folder of the workspace's ``schemas/``.
    key
        Field of the value that becomes the record's key: what has the same key keeps its order
        and meets in one partition.
    partitions
        The unit of parallelism; it cannot change later without moving keys.
    replication
        Copies of each partition, one per broker.
    retention
        ``forever``, or hours, days, weeks such as ``30d``.
    format
        How values are written: a module of `labline.schemas.values` for each.
    compatibility
        Which other versions of the schema a new one must get on with, in the words of schema
        registries. By default it reads the records of all that went before: the lab does.

    Examples
    --------
    >>> Topic(name="flights", schema="flights", key="carrier", retention="2d").retention_ms
    172800000
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,249}$"), AfterValidator(_free)]
    subject: Annotated[
        str,
        Field(alias="schema", pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,199}$"),
        AfterValidator(_folder),
    ]
    key: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
    partitions: Annotated[int, Field(ge=1, le=1_000)] = 4
    replication: Annotated[int, Field(ge=1, le=10)] = 1
    retention: Annotated[str, Field(pattern=r"^(forever|[1-9][0-9]{0,4}[hdw])$")] = FOREVER
    format: Literal["avro", "json"] = "avro"
    compatibility: Level = DEFAULT_LEVEL

    @property
    def retention_ms(self) -> int:
        """Return `retention` in milliseconds, -1 for ever."""
        if self.retention == FOREVER:
            return FOREVER_MS
        match = re.fullmatch(r"([0-9]+)([hdw])", self.retention)
        assert match is not None
        return int(match[1]) * _UNITS_MS[match[2]]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a declaration.

        Raises
        ------
        LablineError
            ``LL-FILE-SYNTAX`` or ``LL-FILE-INVALID``, naming the place.
        """
        try:
            document = tomllib.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise LablineError(
                "LL-FILE-SYNTAX", f"{path.name}: {error}", "mend the text at that place"
            ) from error
        return checked(cls, document, f"topics/{path.name}")
