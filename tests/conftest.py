"""What the tests share: one real broker and schema registry a run, and names of their own."""

import secrets
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from labline.engine.broker.servers import apicurio, embedded

CHECK = {"log.retention.check.interval.ms": "1000"}


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of an embedded Kafka, one for the whole run."""
    root: Path = tmp_path_factory.mktemp("broker") / ".labline"
    yield embedded.start(root, overrides=CHECK).bootstrap
    embedded.stop(root)


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of an embedded schema registry, one for the whole run."""
    root: Path = tmp_path_factory.mktemp("registry") / ".labline"
    yield apicurio.start(root).url
    apicurio.stop(root)


FAULTS = pytest.StashKey[Counter[str]]()


@pytest.fixture(scope="session")
def faults(pytestconfig: pytest.Config) -> Counter[str]:
    """Give the count of faults by kind, told at the end of the run."""
    return pytestconfig.stash.setdefault(FAULTS, Counter())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell which faults were made, and how many of each."""
    for kind, count in sorted(terminalreporter.config.stash.get(FAULTS, Counter()).items()):
        terminalreporter.write_line(f"faults: {kind}: {count}")


@pytest.fixture
def name() -> str:
    """Give a prefix for topics, groups and lines that no other test has."""
    return f"t-{secrets.token_hex(4)}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses broker or registry as `broker`, so that nobody has to remember it."""
    for item in items:
        if {"broker", "registry"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("broker")
