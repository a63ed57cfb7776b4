"""The table of fields and hours, for a terminal.

Called by `labline lab parity` when something differs; what comes in is a line's parity, what goes
out are tables to print: all fields over all hours, then where most differs.
"""

from collections.abc import Iterable, Iterator

from rich.table import Table
from rich.text import Text

from labline.engine.core.moment import moment_of
from labline.lab_replay.parity.differences.table import FieldHour
from labline.lab_replay.parity.parity import Parity

HOURS_SHOWN = 20
HEADINGS = (
    "pairs", "both missing", "not written", "not refolded", "unequal", "sym. rel. error",
    "p50", "p95", "p99", "max",
)  # fmt: skip


def difference_tables(parity: Parity) -> Iterator[Table | Text]:
    """Yield all fields over all hours, then those fields and hours that differ most."""
    title = "after the first difference of each partition: fields, all hours"
    yield _table(title, parity.totals)
    differing = [row for row in parity.hours if row.differing]
    shown = sorted(differing, key=lambda row: -row.differing)[:HOURS_SHOWN]
    in_order = [row for row in differing if row in shown]
    yield _table("fields and hours that differ (event time, UTC)", in_order)
    if more := len(differing) - len(in_order):
        yield Text(f"{more:,} more fields and hours differ; --json has all of them")


def _table(title: str, rows: Iterable[FieldHour]) -> Table:
    table = Table(title=Text(title), title_justify="left", title_style="bold")
    table.add_column("field")
    table.add_column("hour", no_wrap=True)
    for heading in HEADINGS:
        table.add_column(heading, justify="right")
    for row in rows:
        counts = [f"{count:,}" for count in row[2:7]]
        figures = ["–" if figure is None else f"{figure:.3g}" for figure in row[7:]]
        style = "bold" if row.differing else "dim"
        table.add_row(Text(row.field), _hour(row.hour_ms), *counts, *figures, style=style)
    return table


def _hour(hour_ms: int | None) -> str:
    """Return an hour as people write it.

    Examples
    --------
    >>> _hour(0), _hour(None)
    ('1970-01-01 00h', 'all')
    """
    if hour_ms is None:
        return "all"
    at = moment_of(hour_ms)
    return f"{at.date} {at.hour_minute[:2]}h"
