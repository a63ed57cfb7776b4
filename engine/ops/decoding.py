"""Bytes for people: Avro where a known schema fits, else JSON, text, hex."""

import json
import math
from collections.abc import Iterable
from typing import NamedTuple, NoReturn

from schemas.avro import SINGLE_OBJECT_MARKER, Schema
from schemas.engine_schemas import engine_schema

ENGINE_SCHEMAS = ("labline.Score", "labline.Shadow", "labline.Vitals", "labline.Journal")
FINGERPRINT_END = len(SINGLE_OBJECT_MARKER) + 8
CONFLUENT_MARKER = 0  # then four bytes: the schema's id


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
    r"""Decodes values by the fingerprint they carry.

    Parameters
    ----------
    schemas
        Those to know beside the engine's own.

    Examples
    --------
    >>> decode = Decoder().decode
    >>> decode(b'{"a": 1}')
    Shown(value={'a': 1}, form='json', undecoded=None)
    >>> decode(b"\xff\xfe").value, decode(None).form
    ('fffe', 'null')
    """

    def __init__(self, schemas: Iterable[Schema] = ()) -> None:
        own = (engine_schema(name) for name in ENGINE_SCHEMAS)
        self._schemas = {schema.fingerprint: schema for schema in (*own, *schemas)}

    def decode(self, value: bytes | None) -> Shown:
        """Decode a value as far as possible; never raises, whatever the bytes."""
        if value is None:
            return Shown(None, "null")
        if value.startswith(SINGLE_OBJECT_MARKER):
            return self._avro(value)
        try:
            text = value.decode()
        except UnicodeDecodeError:
            return Shown(value.hex(), "hex", _why_not(value))
        try:
            return Shown(json.loads(text, parse_constant=_refuse), "json")
        except (ValueError, RecursionError):
            pass
        if all(letter.isprintable() or letter in "\n\r\t" for letter in text):
            return Shown(text, "text")
        return Shown(value.hex(), "hex", _why_not(value))

    def _avro(self, value: bytes) -> Shown:
        fingerprint = value[len(SINGLE_OBJECT_MARKER) : FINGERPRINT_END]
        schema = self._schemas.get(fingerprint)
        if schema is None:
            return Shown(value.hex(), "hex", f"no schema here has fingerprint {fingerprint.hex()}")
        datum = schema.decode(value)
        if isinstance(datum, dict):
            return Shown(plain(datum), f"avro {schema.name}")
        return Shown(value.hex(), "hex", f"{schema.name}: {datum.reason}: {datum.message}")


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


def _why_not(value: bytes) -> str:
    if value[0] == CONFLUENT_MARKER and len(value) > 5:
        return f"framed for schema id {int.from_bytes(value[1:5])} of a registry, not known here"
    return "neither Avro of a known schema nor text"


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
