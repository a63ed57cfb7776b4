"""What tests of several modules only read."""

from collections.abc import Iterator

import pytest

from tests.crash.pair import Calm, calm_days


@pytest.fixture(scope="session")
def calm(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Calm]:
    """Give some days of flights with a line that scored them, to put another line beside it."""
    with calm_days(broker, tmp_path_factory.mktemp("calm")) as calm:
        yield calm
