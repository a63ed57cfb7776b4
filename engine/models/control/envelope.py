"""A signed document: payload, key, signature. Checked over the bytes before it is parsed."""

import json
from typing import Any

from labline.engine.models.control.signing import PublicKeys, Signer, verify

FORMAT = 1
_DOMAIN = b"labline/1/"  # a signature for one kind of document is none for another


def canonical(document: dict[str, Any]) -> str:
    """Return a document's one JSON text.

    Examples
    --------
    >>> canonical({"b": 1, "a": [True, None]})
    '{"a":[true,null],"b":1}'
    """
    return json.dumps(
        document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )


def seal(kind: str, document: dict[str, Any], signer: Signer) -> bytes:
    """Return the signed envelope of a document of this kind."""
    payload = canonical(document)
    signature = signer.sign(_signed(kind, payload))
    return canonical(
        {"format": FORMAT, "key": signer.key_id, "payload": payload, "signature": signature}
    ).encode()


def unseal(kind: str, envelope: bytes | None, keys: PublicKeys) -> dict[str, Any] | str:
    """Return the document in an envelope, or why it is void.

    Examples
    --------
    >>> unseal("control", b"[]", {})
    'not an envelope'
    """
    try:
        outer = json.loads(envelope or b"")
        format_, key = outer["format"], outer["key"]
        payload, signature = outer["payload"], outer["signature"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return "not an envelope"
    if format_ != FORMAT:
        return "of a format that this version does not read"
    if not all(isinstance(part, str) for part in (key, payload, signature)):
        return "not an envelope"
    try:
        signed = _signed(kind, payload)
    except UnicodeEncodeError:  # half of a surrogate pair: nobody can have signed that
        return "not an envelope"
    if not verify(keys, key, signed, signature):
        return "not signed by a trusted key"
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        return "not a document"
    return document if isinstance(document, dict) else "not a document"


def _signed(kind: str, payload: str) -> bytes:
    return _DOMAIN + kind.encode() + b"\n" + payload.encode()
