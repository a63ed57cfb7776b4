"""What ``labline lag`` shows: one look at consumer groups, as JSON or as tables for a terminal.

Called by `labline.engine.cli.lag` alone, with what `labline.engine.ops.lag_facts.lags` returns.
"""

import json
import time
from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from labline.engine.ops.lag import LOOK_MAX_RECORDS, GroupLag, PartitionLag, group_as_json

UNKNOWN = "-"
STYLES = {"caught up": "green", "behind": "yellow", "no commit": "yellow"}  # others: red
NOTE = (
    "records: offsets up to the end, as Kafka's own tools count · visible: below the last stable "
    "offset (the rest is held by an open transaction) · of which markers: no records, but ends of "
    f"transactions and aborted ones; known up to {LOOK_MAX_RECORDS:,} offsets behind · "
    f"{UNKNOWN}: not known"
)


def lag_json(groups: list[GroupLag]) -> str:
    """Return one line of JSON for one look."""
    documents = [group_as_json(group) for group in groups]
    return json.dumps({"taken_at_ms": time.time_ns() // 1_000_000, "groups": documents})


def lag_view(groups: list[GroupLag]) -> Group:
    """Return the tables of one look."""
    if not groups:
        return Group(Text("no consumer group here"))
    return Group(*(part for group in groups for part in _group(group)), Text(NOTE, style="dim"))


def _group(group: GroupLag) -> Iterator[Text | Table]:
    """Yield a group's head line, then a table for each topic: narrow enough for 80 columns."""
    yield Text.assemble(
        (group.group, "bold"),
        f" · {group.state} · members {_number(group.members)} · records {_number(group.records)}"
        f" · behind {_seconds(group.behind_s)} · ",
        (group.verdict, STYLES.get(group.verdict, "red")),
    )
    if group.error:
        yield Text(group.error, style="red")
    for topic, rows in groupby(group.partitions, key=attrgetter("topic")):
        yield _topic_table(topic, list(rows))


def _topic_table(topic: str, rows: list[PartitionLag]) -> Table:
    table = Table(
        title=Text(topic), title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    for name in ("partition", "committed", "end", "records", "visible", "of which\nmarkers"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("behind", justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    with_notes = any(row.member or row.error or row.lost for row in rows)
    if with_notes:
        table.add_column("note", overflow="fold")
    for row in rows:
        table.add_row(*_cells(row)[: 8 + with_notes])
    return table


def _cells(row: PartitionLag) -> list[str | Text]:
    numbers = (row.committed, row.end, row.records, row.visible, row.markers)
    lost = f"{row.lost} dropped unread" if row.lost else None
    notes = " · ".join(note for note in (lost, row.error, row.member) if note)
    return [
        str(row.partition),
        *map(_number, numbers),
        _seconds(row.behind_s),
        Text(row.verdict, style=STYLES.get(row.verdict, "red")),
        Text(notes or UNKNOWN),
    ]


def _number(count: int | None) -> str:
    return UNKNOWN if count is None else str(count)


def _seconds(seconds: float | None) -> str:
    return UNKNOWN if seconds is None else f"{seconds:,.1f} s"
