"""Bytes for people: Avro where a known schema fits, else JSON, text, hex.

``labline read``, the dead-letter inbox and the dashboard show values with a `Decoder`. It knows no
topic: each value is read as its own head says, by the schema that wrote it. It never raises, and
what it cannot read it shows as hex, with the reason.
"""

import json
import math
from collections.abc import Iterable
from typing import NamedTuple, NoReturn

from labline.engine.broker.registry.schema_registry import SchemaRegistry, Writers
from labline.engine.errors import LablineError
from labline.schemas.avro import Schema
from labline.schemas.avro_body import DecodeBody
from labline.schemas.engine_schemas import engine_schema
from labline.schemas.framing import Headers, fingerprint_in, frame, registry_key
from labline.schemas.rejection import Rejection
from labline.schemas.values.avro_binary import VerbatimReaders
from labline.schemas.values.value_format import NO_WRITERS

ENGINE_SCHEMAS = (
    "labline.Score",
    "labline.Shadow",
    "labline.ClassScore",
    "labline.ClassShadow",
    "labline.Vitals",
    "labline.Journal",
)


class Shown(NamedTuple):
    """A value as far as it could be decoded.

    Attributes
    ----------
    value
        Fit for JSON; hex for bytes that nothing fits.
    form
        ``avro NAME``, ``json``, ``text``, ``hex``, or ``null`` for no value.
    undecoded
        Why it is hex; None otherwise.
    """

    value: object
    form: str
    undecoded: str | None = None


class Decoder:
    r"""Decodes values as they were written, by the schema that their frame names.

    Parameters
    ----------
    schemas
        Those to know beside the engine's own.
    registry
        Asked for what none of them is. Once it does not answer it is not asked again.

    Examples
    --------
    >>> decode = Decoder().decode
    >>> decode(b'{"a": 1}')
    Shown(value={'a': 1}, form='json', undecoded=None)
    >>> decode(b"\xff\xfe").value, decode(None).form
    ('fffe', 'null')
    """

    def __init__(
        self, schemas: Iterable[Schema] = (), registry: SchemaRegistry | None = None
    ) -> None:
        known = [*map(engine_schema, ENGINE_SCHEMAS), *schemas]
        self._readers = VerbatimReaders(Writers(known, registry), *known)
        self._away: str | None = None

    def decode(self, value: bytes | None, headers: Headers = None) -> Shown:
        """Decode a value as far as possible; never raises, whatever the bytes."""
        if value is None:
            return Shown(None, "null")
        framed = frame(value, headers)
        if isinstance(framed, Rejection):
            # a frame cut short, or a schema's name that nobody can read, is not text by accident
            avro = fingerprint_in(value) is not None
            return Shown(value.hex(), "hex", framed.message) if avro else _plain_text(value)
        head, start = framed
        reader = self._reader(head)
        if reader is None:
            return Shown(value.hex(), "hex", self._unknown(head))
        schema, decode_body = reader
        datum = decode_body(value, start)
        if isinstance(datum, Rejection):
            return Shown(value.hex(), "hex", f"{schema.name}: {datum.reason}: {datum.message}")
        return Shown(plain(datum), f"avro {schema.name}")

    def _reader(self, head: bytes) -> tuple[Schema, DecodeBody] | None:
        try:
            return self._readers.of(head)
        except LablineError as error:
            self._away = error.message
            self._readers.writers = NO_WRITERS
            return None

    def _unknown(self, head: bytes) -> str:
        away = f": {self._away}" if self._away else ", not known here"
        if (fingerprint := fingerprint_in(head)) is not None:
            return f"no schema here has fingerprint {fingerprint.hex()}"
        key = registry_key(head)
        if isinstance(key, int):
            return f"framed for schema id {key} of a registry{away}"
        return f"framed for schema {key.hex if key else head.hex()} of a registry{away}"


def _plain_text(value: bytes) -> Shown:
    nothing_fits = Shown(value.hex(), "hex", "neither Avro of a known schema nor text")
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return nothing_fits
    try:
        return Shown(json.loads(text, parse_constant=_refuse), "json")
    except (ValueError, RecursionError):
        pass
    if all(letter.isprintable() or letter in "\n\r\t" for letter in text):
        return Shown(text, "text")
    return nothing_fits


def key_text(key: bytes | None) -> str | None:
    r"""Return a key as text, as hex where it is none.

    Examples
    --------
    >>> key_text(b"UA1545"), key_text(b"\xff"), key_text(None)
    ('UA1545', '0xff', None)
    """
    if key is None:
        return None
    try:
        text = key.decode()
    except UnicodeDecodeError:
        return f"0x{key.hex()}"
    return text if text.isprintable() else f"0x{key.hex()}"


def plain(value: object) -> object:
    r"""Return a decoded value in JSON's terms: bytes as hex, what is not finite as text.

    Examples
    --------
    >>> plain({"a": b"\x01", "b": [float("nan"), 1.5]})
    {'a': '01', 'b': ['nan', 1.5]}
    """
    if isinstance(value, dict):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [plain(part) for part in value]
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
