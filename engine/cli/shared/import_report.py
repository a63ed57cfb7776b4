"""What ``labline lab replay FILE`` tells about a file: what it guessed, and what it left out."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from labline.engine.cli.shared.init_report import label_told

if TYPE_CHECKING:
    from labline.lab_replay.histories.history import ImportedHistory, Understood

NAMES_MAX = 20
ROW_NUMBER = "the row's number"


def import_lines(file: str, history: "ImportedHistory") -> Iterator[str]:
    """Yield in a few lines what was understood of a file."""
    told, line = history.understood, history.line
    yield f"{file}: {told.rows:,} rows, taken as a {line.kind} line"
    yield f"  id: {_column(told, 'id') or ROW_NUMBER}"
    yield f"  time: {_time(told)}"
    if told.roles.label is not None:
        yield f"  label: {_column(told, 'label')}, {label_told(line.kind, line.classes)}"
        yield f"  label time: {_label_time(told)}"
    features = line.features
    for what, names in (("numbers", features.numeric), ("categories", features.categorical)):
        if names:
            yield f"  features, {what}: {_some(names)}"
    if told.left_out:
        left_out = [f"{name} ({why})" for name, why in told.left_out.items()]
        yield f"  left out: {_some(left_out, '; ')}"
    for number, remark in enumerate(told.remarks, start=1):
        yield f"  check {number}: {remark}"


def _column(told: "Understood", role: str) -> str | None:
    name = getattr(told.roles, role)
    return f"{name} (guessed)" if role in told.guessed else name


def _time(told: "Understood") -> str:
    if told.time_form is None:
        return f"{ROW_NUMBER}, so nothing is told by hours or days; --time COL when there is one"
    return f"{_column(told, 'time')}, read as {told.time_form}"


def _label_time(told: "Understood") -> str:
    if told.label_form is None:
        return "none: a label counts as known right after its event; --label-time COL when not so"
    return f"{_column(told, 'label_time')}, read as {told.label_form}"


def _some(names: Sequence[str], joint: str = ", ") -> str:
    more = len(names) - NAMES_MAX
    return joint.join(names[:NAMES_MAX]) + (f"{joint}and {more} more" if more > 0 else "")
