"""Every task that a unit test makes is watched."""

from collections.abc import Iterator

import pytest

from tests.unit.invariants import watched


@pytest.fixture(autouse=True)
def _watched() -> Iterator[None]:
    with watched():
        yield
