"""Envelopes: whatever bytes stand on the control topic, they are void or obeyed, never a crash."""

import json

import pytest

from labline.engine.models.control.envelope import unseal


@pytest.mark.parametrize(
    "envelope",
    [
        None,
        b"",
        b"\xff",
        b"[]",
        b"null",
        b"[" * 100_000,
        b'{"format": 1, "key": ["k"], "payload": "", "signature": ""}',
        json.dumps({"format": 1, "key": "k", "payload": "", "signature": "\ud800"}).encode(),
        json.dumps({"format": 1, "key": "k", "payload": "\ud800", "signature": ""}).encode(),
    ],
)
def test_any_bytes_are_void(envelope: bytes | None) -> None:
    """Whoever may write there could otherwise stop every line with one record."""
    assert isinstance(unseal("control", envelope, {}), str)
