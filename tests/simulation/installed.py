"""The look-alikes in the places of clients, clock and broker's reader, for as long as one run."""

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
import structlog

from labline.engine.factory import scorer, snapshotting
from tests.simulation import clients, reader
from tests.simulation.clock import Clock

#: Whatever module of these has such a name gets the look-alike; there is no way around it.
PACKAGES = tuple(f"labline.engine.{name}." for name in ("broker", "factory", "models", "rerun"))
STAND_INS = (
    clients.Consumer,
    clients.Producer,
    reader.partition_offsets,
    reader.read_range,
    reader.start_offsets,
)
SNAPSHOT_RECORDS = 25


@contextmanager
def installed(world: clients.World, clock: Clock) -> Iterator[None]:
    """Put a world in place."""
    stands: dict[str, Any] = {stand.__name__: partial(stand, world) for stand in STAND_INS}
    stands |= {"time": clock, "admin_client": _nobody, "BoundedCall": BoundedCall}
    before = structlog.get_config()
    with pytest.MonkeyPatch.context() as patch:
        for module in [m for name, m in sys.modules.items() if name.startswith(PACKAGES)]:
            for name in vars(module).keys() & stands:
                patch.setattr(module, name, stands[name])
        patch.setattr(snapshotting, "EVERY_RECORDS", SNAPSHOT_RECORDS)
        patch.setattr(scorer, "gc", GarbageCollector)
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        try:
            yield
        finally:
            structlog.configure(**before)


class BoundedCall:
    """Makes calls at once and in this thread: whether they come back is the schedule's to say."""

    def call(self, what: Callable[[], object], timeout_s: float) -> None:
        """Make a call."""
        del timeout_s
        what()

    def close(self) -> None:
        """Have nothing to end."""


class GarbageCollector:
    """Stands in for `gc`: the collector is the whole test run's."""

    @staticmethod
    def set_threshold(containers: int) -> None:
        """Leave it as it is."""


def _nobody(_: str) -> None:
    raise AssertionError("there is no broker to ask")
