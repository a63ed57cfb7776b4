"""The snapshot format: what was sealed comes back, anything else is refused before it is read."""

import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labline.engine.core.snapshot import MAC_BYTES, MAGIC, Header, Sealed, seal, unseal

KEY = bytes(range(32))
HEADER = Header(
    line="delays", partition=3, sequence=9, journal_offset=17, entry_digest="ab" * 32,
    next_offsets=[100, 7, -1], revision=2, environment="0123456789abcdef",
    state_digest="cd" * 32, written_ms=1_357_034_400_000,
)  # fmt: skip
STATE = b"\x80\x05state"
WHOLE = seal(HEADER, STATE, KEY)


def test_a_snapshot_comes_back() -> None:
    assert unseal(WHOLE, KEY) == Sealed(HEADER, STATE)
    assert unseal(seal(HEADER, b"", KEY), KEY) == Sealed(HEADER, b"")
    assert seal(HEADER, STATE, KEY) == WHOLE


@given(
    st.builds(
        Header,
        line=st.text(), partition=st.integers(0), sequence=st.integers(0),
        journal_offset=st.integers(-1), entry_digest=st.text(),
        next_offsets=st.lists(st.integers()),
        revision=st.integers(), environment=st.text(), state_digest=st.text(),
        origin=st.sampled_from(["folded", "rebuilt"]), written_ms=st.integers(),
    ),
    st.binary(),
    st.binary(min_size=32, max_size=32),
)  # fmt: skip
def test_any_snapshot_comes_back(header: Header, state: bytes, key: bytes) -> None:
    assert unseal(seal(header, state, key), key) == Sealed(header, state)


@pytest.mark.parametrize("change", [0x01, 0x80, 0xFF])
def test_any_byte_that_changed_is_refused(change: int) -> None:
    for place in range(len(WHOLE)):
        changed = bytearray(WHOLE)
        changed[place] ^= change
        assert isinstance(unseal(bytes(changed), KEY), str), place


@given(st.integers(0, len(WHOLE)), st.integers(0, 60), st.binary(max_size=60))
def test_any_other_bytes_are_refused(begin: int, removed: int, put: bytes) -> None:
    changed = WHOLE[:begin] + put + WHOLE[begin + removed :]
    assert (unseal(changed, KEY) == Sealed(HEADER, STATE)) == (changed == WHOLE)


@given(st.binary(max_size=200))
def test_noise_is_refused(noise: bytes) -> None:
    assert isinstance(unseal(noise, KEY), str)
    assert isinstance(unseal(MAGIC + noise, KEY), str)


def test_truncated_anywhere_is_refused() -> None:
    assert all(isinstance(unseal(WHOLE[:length], KEY), str) for length in range(len(WHOLE)))


def test_another_key_is_refused() -> None:
    told = unseal(WHOLE, bytes(32))
    assert told == "its MAC does not fit: damaged, or sealed with another key"


@pytest.mark.parametrize(
    "change",
    [{"origin": "guessed"}, {"partition": "3"}, {"more": 1}, {"next_offsets": None}, {"line": 7}],
)
def test_a_header_that_this_version_does_not_write_is_refused(change: dict[str, Any]) -> None:
    told = json.dumps({**HEADER.model_dump(mode="json"), **change}).encode()
    body = MAGIC + len(told).to_bytes(4, "big") + told + STATE
    assert (
        unseal(body + hmac.new(KEY, body, hashlib.sha256).digest(), KEY)
        == "its header is not as this version writes it"
    )


def test_the_key_is_in_no_snapshot() -> None:
    assert KEY not in WHOLE
    assert len(WHOLE) > MAC_BYTES
