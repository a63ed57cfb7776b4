"""What commands on a line's past need: the broker, the control topic folded, the snapshots."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from labline.engine.models.control.configuration import SpecOf
    from labline.engine.models.control.control import Control
    from labline.engine.rerun.partition_past import Snapshots


class LinePast(NamedTuple):
    """Where a line's past is."""

    broker: str
    control: "Control"
    snapshots: "Snapshots"
    spec_of: "SpecOf"
    partitions: int


def line_past(line: str, bootstrap: str | None, workspace: Path | None) -> LinePast:
    """Return where the past of a workspace's line is."""
    from labline.engine.broker.reader import partition_offsets
    from labline.engine.models.control.signing import load_public_keys
    from labline.engine.models.learning.snapshot_store import load_key
    from labline.engine.promotion.promote import read_control
    from labline.engine.rerun.partition_past import Snapshots
    from labline.engine.workspace.workspace import Workspace
    from labline.topics.naming import line_topics

    space = Workspace.find(workspace)
    broker, journal = space.bootstrap(bootstrap), line_topics(line).journal
    return LinePast(
        broker,
        read_control(broker, load_public_keys(space.keys_dir)),
        Snapshots(space.snapshots, load_key(space.snapshot_key)),
        space.spec_of(),
        len(partition_offsets(broker, [journal])[journal]),
    )
