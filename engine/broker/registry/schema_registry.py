"""A schema registry that speaks Confluent's API, and its schemas by the heads of values.

A workspace opens one; publishers ask it for ids, readers of values for the schema behind a head.
What it answered once is kept in memory and on disk, and so is known while it is away. Subjects are
named after topics (Confluent's TopicNameStrategy): ``<topic>-value``. Nothing is registered but by
`SchemaRegistry.register`.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from labline.engine.broker.registry import schema_files
from labline.engine.broker.registry.registry_connection import Refusal, RegistryConnection
from labline.engine.errors import LablineError
from labline.schemas.avro import Schema
from labline.schemas.framing import registry_key

MISSING_FOR_S = 30.0  # how long an id that nobody knows is not asked for again
REMEMBERED_MAX = 1_000  # schemas, and ids that nobody knows
ID_MAX = 2**31 - 1
NO_SUBJECT, NO_SCHEMA = 40401, 40403  # Confluent's error codes

Document = dict[str, Any]


class SchemaRegistry:
    """A registry, and a memory of its answers.

    Parameters
    ----------
    url
        Where it answers, such as ``http://127.0.0.1:8081``; without credentials.
    cache_dir
        Where schemas are kept for the time that it is away: an id means the same for ever. A
        registry that is set up anew at the same address needs an empty folder.
    auth
        ``user:secret``.

    Examples
    --------
    >>> SchemaRegistry("http://me:secret@registry", Path("cache"))
    Traceback (most recent call last):
    ...
    labline.engine.errors.LablineError: LL-REGISTRY-URL: the schema registry's address has
    credentials in it
      remedy: take them out; LABLINE_SCHEMA_REGISTRY_AUTH=user:secret is the place for them
    """

    def __init__(self, url: str, cache_dir: Path, auth: str | None = None) -> None:
        self._connection = RegistryConnection(url, auth)
        self.url, self.cache_dir = url, cache_dir
        # ids of another registry mean other schemas
        self._folder = cache_dir / hashlib.sha256(self.url.encode()).hexdigest()[:16]
        self._known: dict[str, Document] = {}
        self._missing_until_s: dict[str, float] = {}

    def register(self, topic: str, document: Mapping[str, Any]) -> int:
        """Register a version of a topic's schema, or find it; return its id.

        Raises
        ------
        LablineError
            ``LL-SCHEMA-INCOMPATIBLE`` when the registry's rule for the topic forbids it,
            ``LL-SCHEMA-REFUSED`` when it is no schema there, ``LL-REGISTRY-AWAY``.
        """
        answer = self._connection.ask(
            lambda client: client.register_schema(subject(topic), _avro(document))
        )
        if isinstance(answer, Refusal):
            raise self._refused(answer, topic)
        return int(answer)

    def lookup(self, topic: str, document: Mapping[str, Any]) -> int:
        """Return the id of a topic's schema; nothing is registered.

        Raises
        ------
        LablineError
            ``LL-SCHEMA-UNREGISTERED``, ``LL-REGISTRY-AWAY``.
        """
        answer = self._connection.ask(
            lambda client: client.lookup_schema(subject(topic), _avro(document))
        )
        if not isinstance(answer, Refusal):
            return int(answer.schema_id)
        if answer.code in (NO_SUBJECT, NO_SCHEMA):
            raise LablineError(
                "LL-SCHEMA-UNREGISTERED",
                f"the registry does not have this schema under {subject(topic)}",
                "labline schemas register",
            )
        raise self._refused(answer, topic)

    def by_id(self, schema_id: int) -> Document | None:
        """Return an Avro schema, or None when the registry has none with this id.

        Raises
        ------
        LablineError
            ``LL-REGISTRY-AWAY`` when it is not known here and the registry does not answer.
        """
        if not 0 <= schema_id <= ID_MAX:
            return None
        return self._cached(f"id-{schema_id}", lambda client: client.get_schema(schema_id))

    def by_guid(self, guid: UUID) -> Document | None:
        """Return an Avro schema by its GUID, as `by_id`; some registries have only ids."""
        return self._cached(f"guid-{guid}", lambda client: client.get_schema_by_guid(str(guid)))

    def incompatibilities(self, topic: str, document: Mapping[str, Any]) -> list[str]:
        """Return what in the registry forbids the schema as the topic's next version."""
        name, ask = subject(topic), self._connection.ask
        fits = ask(lambda it: it.test_compatibility_all_versions(name, _avro(document)))
        if isinstance(fits, Refusal):
            if fits.code == NO_SUBJECT:
                return []
            raise self._refused(fits, topic)
        if fits:
            return []
        versions = ask(lambda it: it.get_versions(name))
        if isinstance(versions, Refusal):
            raise self._refused(versions, topic)
        single = [
            f"version {version} of {name} forbids it"
            for version in versions
            if ask(partial(_fits_beside, name, document, version)) is False
        ]
        return single or [f"the versions of {name} forbid it together"]

    def set_compatibility(self, topic: str, level: str) -> None:
        """Set the rule for a topic's versions, such as ``BACKWARD_TRANSITIVE``."""
        answer = self._connection.ask(
            lambda client: client.set_compatibility(subject(topic), level)
        )
        if isinstance(answer, Refusal):
            raise self._refused(answer, topic)

    def _cached(self, key: str, ask: Callable[[Any], Any]) -> Document | None:
        if key in self._known:
            return self._known[key]
        path = self._folder / f"{key}.json"
        document = schema_files.read(path)
        if document is None:
            if time.monotonic() < self._missing_until_s.get(key, 0.0):
                return None
            document = self._document(key, self._connection.ask(ask))
            if document is None:
                _bounded(self._missing_until_s)[key] = time.monotonic() + MISSING_FOR_S
                return None
            schema_files.write(path, document)
        _bounded(self._known)[key] = document
        return document

    def _document(self, key: str, answer: Any) -> Document | None:
        if isinstance(answer, Refusal):
            # a registry without GUIDs says so in words of its own
            if answer.code == NO_SCHEMA or (answer.status == 404 and key.startswith("guid")):
                return None
            raise self._connection.strange(f"HTTP status {answer.status}")
        if answer.schema_type not in (None, "AVRO"):
            return None
        try:
            document = json.loads(answer.schema_str)
        except (ValueError, TypeError, RecursionError) as error:
            raise self._connection.strange("what it calls a schema is none") from error
        return document if isinstance(document, dict) else None

    def _refused(self, refusal: Refusal, topic: str) -> LablineError:
        if refusal.status == 409:
            return LablineError(
                "LL-SCHEMA-INCOMPATIBLE",
                f"the registry refuses the schema under {subject(topic)}: {refusal.message}",
                "mend the schema, or declare another compatibility for the topic",
            )
        if refusal.status == 422:
            return LablineError(
                "LL-SCHEMA-REFUSED", f"the registry refuses it: {refusal.message}", "mend it"
            )
        return self._connection.strange(f"HTTP status {refusal.status}")


class Writers(Mapping[bytes, Schema]):
    """By the head of a value, the schema that it was written with: what readers of values ask.

    Parameters
    ----------
    known
        Schemas that need no registry: every version that the workspace has.
    registry
        Is asked for what is not known, once.

    Examples
    --------
    >>> schema = Schema.parse({"type": "record", "name": "R", "fields": [
    ...     {"name": "x", "type": "int"}]})
    >>> writers = Writers([schema], None)
    >>> writers[schema.head] is schema, writers.get(bytes(5))
    (True, None)
    """

    def __init__(self, known: Iterable[Schema], registry: SchemaRegistry | None) -> None:
        self._known = {schema.head: schema for schema in known}
        self._registry = registry
        self._looked_up: dict[bytes, Schema | None] = {}

    def __getitem__(self, head: bytes) -> Schema:
        schema = self._known.get(head) or self._looked_up.get(head)
        if schema is None:
            if head in self._looked_up:
                raise KeyError(head)
            schema = self._ask(head)
        return schema

    def __iter__(self) -> Iterator[bytes]:
        yield from self._known
        yield from (head for head, schema in self._looked_up.items() if schema)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _ask(self, head: bytes) -> Schema:
        document = self._document(head)
        if document is None:
            raise KeyError(head)
        try:
            parsed = Schema.parse(document)
        except LablineError as refused:  # such as a recursive one: its records are not read
            _bounded(self._looked_up)[head] = None
            raise KeyError(head) from refused
        schema = self._known.get(parsed.head, parsed)
        _bounded(self._looked_up)[head] = schema
        return schema

    def _document(self, head: bytes) -> Document | None:
        key = registry_key(head)
        if self._registry is None or key is None:
            return None
        return self._registry.by_id(key) if isinstance(key, int) else self._registry.by_guid(key)


def subject(topic: str) -> str:
    """Return the name under which a registry keeps the versions of a topic's values.

    Examples
    --------
    >>> subject("flights")
    'flights-value'
    """
    return f"{topic}-value"


def _avro(document: Mapping[str, Any]) -> Any:
    from confluent_kafka.schema_registry import Schema as Registered

    return Registered(json.dumps(document), "AVRO")


def _fits_beside(name: str, document: Mapping[str, Any], version: int, client: Any) -> Any:
    return client.test_compatibility(name, _avro(document), version)


def _bounded(memory: dict[Any, Any]) -> dict[Any, Any]:
    """Make room for one more, when there are very many."""
    if len(memory) >= REMEMBERED_MAX:
        memory.clear()
    return memory
