"""The journal's digest tells any two outputs apart; its order comes back."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labline.engine.core.journal import (
    KINDS,
    Entry,
    decode_entry,
    digest,
    encode_entry,
    pack_order,
    runs,
    unpack_order,
)
from labline.engine.core.record import ANSWER, DEAD_LETTER, SHADOW, Emission
from labline.engine.errors import LablineError

DIFFERENT: list[list[Emission]] = [
    [],
    [(ANSWER, b"k", b"v", None)],
    [(SHADOW, b"k", b"v", None)],
    [(DEAD_LETTER, b"k", b"v", None)],
    [(ANSWER, b"k", b"w", None)],
    [(ANSWER, b"l", b"v", None)],
    [(ANSWER, b"kv", b"", None)],
    [(ANSWER, b"", b"kv", None)],
    [(ANSWER, None, b"kv", None)],
    [(DEAD_LETTER, b"kv", None, None)],
    [(DEAD_LETTER, None, None, None)],
    [(DEAD_LETTER, b"", b"", None)],
    [(ANSWER, b"k", b"v", None)] * 2,
    [(ANSWER, b"k", b"v", None), (SHADOW, b"k", b"v", None)],
    [(SHADOW, b"k", b"v", None), (ANSWER, b"k", b"v", None)],
]


def test_other_emissions_have_another_digest() -> None:
    pairs = combinations(DIFFERENT, 2)
    assert [pair for pair in pairs if digest(pair[0]) == digest(pair[1])] == []


def test_headers_are_not_in_it() -> None:
    assert digest([(ANSWER, b"k", b"v", [("at", b"1")])]) == digest(DIFFERENT[1])


inputs = st.lists(st.integers(0, 2), max_size=400)


@given(inputs)
def test_an_order_comes_back(taken: list[int]) -> None:
    order = runs(taken)
    assert [which for which, count in order for _ in range(count)] == taken
    assert tuple(unpack_order(pack_order(order))) == order


offsets = st.lists(st.integers(-1, 2**62), min_size=3, max_size=3).map(tuple)


@given(
    st.builds(
        Entry,
        st.integers(0, 2**62), st.integers(0, 2**62), st.text(max_size=20), offsets, offsets,
        inputs.map(runs), st.binary(min_size=32, max_size=32), st.sampled_from(sorted(KINDS)),
        st.just(-1),
    )
)  # fmt: skip
def test_an_entry_comes_back(entry: Entry) -> None:
    assert decode_entry(encode_entry(entry)) == entry


@given(st.binary(max_size=100))
def test_other_bytes_are_refused(value: bytes) -> None:
    with pytest.raises(LablineError, match="LL-JOURNAL-FORMAT"):
        decode_entry(value)
