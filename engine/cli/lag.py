"""``labline lag``: what the groups of a cluster have yet to read."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import groupby
from operator import attrgetter
from typing import Annotated

import typer
from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from labline.engine.cli.read import write_lines
from labline.engine.cli.shared.options import BootstrapOption, JsonOption, WorkspaceOption
from labline.engine.ops.lag import LOOK_MAX_RECORDS, GroupLag, PartitionLag, group_as_json
from labline.engine.ops.lag_facts import lags
from labline.engine.workspace.workspace import bootstrap_anywhere

WATCH_EVERY_S = 2.0
UNKNOWN = "-"
STYLES = {"caught up": "green", "behind": "yellow", "no commit": "yellow"}  # others: red
NOTE = (
    "records: offsets up to the end, as Kafka's own tools count · visible: below the last stable "
    "offset (the rest is held by an open transaction) · of which markers: no records, but ends of "
    f"transactions and aborted ones; known up to {LOOK_MAX_RECORDS:,} offsets behind · "
    f"{UNKNOWN}: not known"
)


def show_lag(
    group: Annotated[
        list[str] | None, typer.Option("--group", help="Only this group; may be repeated.")
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Look again every two seconds, until Ctrl-C.")
    ] = False,
    bootstrap: BootstrapOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how far consumer groups are behind; works on any cluster, without a workspace."""
    broker = bootstrap_anywhere(bootstrap, workspace)
    if not watch:
        found = lags(broker, group)
        if as_json:
            write_lines([lag_json(found)])
        else:
            Console().print(lag_view(found))
    elif as_json:
        write_lines((lag_json(lags(broker, group)) for _ in _rounds()), flush=True)
    else:
        with suppress(KeyboardInterrupt), Live(lag_view(lags(broker, group))) as live:
            for _ in _rounds(wait_first=True):
                live.update(lag_view(lags(broker, group)), refresh=True)


def _rounds(*, wait_first: bool = False) -> Iterator[None]:
    """Yield for ever, with a pause between."""
    if wait_first:
        time.sleep(WATCH_EVERY_S)
    while True:
        yield
        time.sleep(WATCH_EVERY_S)


def lag_json(found: list[GroupLag]) -> str:
    """Return one line of JSON for one look."""
    groups = [group_as_json(group) for group in found]
    return json.dumps({"taken_at_ms": time.time_ns() // 1_000_000, "groups": groups})


def lag_view(found: list[GroupLag]) -> Group:
    """Return the tables of one look."""
    if not found:
        return Group(Text("no consumer group here"))
    return Group(*(part for group in found for part in _group(group)), Text(NOTE, style="dim"))


def _group(found: GroupLag) -> Iterator[Text | Table]:
    """Yield a group's head line, then a table for each topic: narrow enough for 80 columns."""
    yield Text.assemble(
        (found.group, "bold"),
        f" · {found.state} · members {_number(found.members)} · records {_number(found.records)}"
        f" · behind {_seconds(found.behind_s)} · ",
        (found.verdict, STYLES.get(found.verdict, "red")),
    )
    if found.error:
        yield Text(found.error, style="red")
    for topic, rows in groupby(found.partitions, key=attrgetter("topic")):
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
