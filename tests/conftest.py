"""What the tests share: one real broker a run, and names of their own."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.broker import embedded

CHECK = {"log.retention.check.interval.ms": "1000"}


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of an embedded Kafka, one for the whole run."""
    root: Path = tmp_path_factory.mktemp("broker") / ".labline"
    yield embedded.start(root, overrides=CHECK).bootstrap
    embedded.stop(root)


@pytest.fixture
def name() -> str:
    """Give a prefix for topics, groups and lines that no other test has."""
    return f"t-{secrets.token_hex(4)}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses the broker as `broker`, so that nobody has to remember it."""
    for item in items:
        if "broker" in getattr(item, "fixturenames", ()):
            item.add_marker("broker")
