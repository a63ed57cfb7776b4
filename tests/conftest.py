"""What the tests share: a real broker and schema registry a worker, and names of their own."""

import os
import secrets
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from labline.engine.broker.servers import apicurio, embedded

# How long an example takes says more about the machine's other work than about the code.
settings.register_profile("labline", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=20)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "labline"))

CHECK = {"log.retention.check.interval.ms": "1000"}
#: Servers of tests live for minutes: compiling and collecting with all cores is not worth its cost.
SHORT_LIVED = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
embedded.HEAP += SHORT_LIVED
apicurio.HEAP += SHORT_LIVED


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


#: Folders that need no broker, told first; then those with the longest tests before the others,
#: so that the workers end together.
PURE = ("unit", "property", "golden")
LONGEST_FIRST = ("crash", "broker", "simulation", "demo", "lab", "fuzz", "containers")


def order(item: pytest.Item) -> int:
    """Return the place of a test's folder in the run."""
    top, folder, *_ = item.path.relative_to(item.config.rootpath).parts
    return 0 if top != "tests" or folder in PURE else 1 + LONGEST_FIRST.index(folder)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses broker or registry as `broker`; put the tests in the order of their folders.

    A worker takes whole files, so that tests of a file share what they set up.
    """
    for item in items:
        if {"broker", "registry"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("broker")
    items.sort(key=order)
