"""Who takes part beside the clients: processes in their slots, their disk, their control topic."""

from typing import Protocol

from labline.engine.core.snapshot import Header
from labline.engine.factory.scorer import Scorer
from labline.engine.models.control.control import Control, Revision
from labline.engine.models.learning.snapshot_store import SnapshotStore
from tests.simulation import clients
from tests.simulation.inputs import NAME

KEY = bytes(32)


class Crash(BaseException):  # nobody may catch it as an error
    """kill -9."""


class Border(BaseException):
    """The end of one turn of a scorer's loop."""


class World(clients.World, Protocol):
    """What they know of the world they are in."""

    seed: int
    revisions: list[Revision]


class Follower:
    """Stands in for the reader of the control topic: it may be behind until it catches up."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.control = Control()
        self.catch_up()

    def catch_up(self) -> None:
        """Know every revision."""
        self._world.point("catch up")
        self._know(len(self._world.revisions))

    def poll(self) -> None:
        """Know one more, perhaps."""
        if self._world.schedule.chance(0.3):
            self._know(len(self.control.history) + 1)

    def _know(self, count: int) -> None:
        for told in self._world.revisions[:count]:
            self.control.history[told.offset] = self.control.lines[NAME] = told

    def revision(self, line: str) -> Revision | None:
        """Return the revision in force."""
        return self.control.lines.get(line)


class Store(SnapshotStore):
    """The real store on a disk that fails now and then, or damages what it is given."""

    def __init__(self, world: World) -> None:
        super().__init__(f"memory://simulation-{world.seed}", KEY)
        self._world = world

    def write(self, header: Header, state: bytes) -> None:
        schedule = self._world.schedule
        self._world.point("snapshot")
        if schedule.strikes(5):
            self._world.note("disk full")
            raise OSError("no space left")
        super().write(header, state)
        if schedule.strikes(10):
            self._world.note("snapshot damaged")
            newest = self.names(NAME, header.partition)[0]
            content: bytes = self._files.cat_file(newest.path)
            at = schedule.random.randrange(len(content))
            self._files.pipe_file(newest.path, content[:at] + b"?" + content[at + 1 :])
        self._world.point("snapshot done")

    def lose(self) -> None:
        """Be empty."""
        if self._files.isdir(self._root):
            self._files.rm(self._root, recursive=True)


class Slot:
    """A place for a scorer process, and the one that is in it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.scorer: Scorer | None = None
        self.consumer: clients.Consumer | None = None
        self.starts_s = 0.0
        self.busy = self.frozen = self.closed = False
