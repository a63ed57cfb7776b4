"""What if, for a terminal.

Called by `labline lab whatif`; what comes in is a `WhatIf`, what goes out are tables to print.
"""

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from labline.lab_replay.whatif.figures import COST
from labline.lab_replay.whatif.result import Part, WhatIf, interval, title


def whatif_tables(result: WhatIf) -> Iterator[Table]:
    """Yield answers by partition, figures, and what became of labels."""
    yield _answers(result)
    if any(part.measures for part in (*result.partitions, result.total)):
        yield _measures(result)
    if result.outcomes:
        table = _titled("labels")
        for heading in ("outcome", "was", "would have been"):
            table.add_column(heading, justify="right")
        for outcome, counts in result.outcomes.items():
            table.add_row(outcome, *("–" if n is None else f"{n:,}" for n in counts))
        yield table


def _answers(result: WhatIf) -> Table:
    table = _titled("answers")
    has_classes = result.total.to_class is not None
    means = [] if has_classes else ["was mean", "mean"]
    classes = ["to another class"] if has_classes else []
    shift = ["|shift| mean", "p50", "p95", "p99", "max"]
    counts = ["labelled", "left out", "gone", "added"]
    for heading in ("partition", "events", *classes, "to yes", "to no", *means, *shift, *counts):
        table.add_column(heading, justify="right")
    for part in (*result.partitions, result.total):
        classes_moved = [part.to_class or 0] if has_classes else []
        answers = (part.events, *classes_moved, part.to_yes, part.to_no)
        averages = [] if has_classes else [part.factual_mean, part.counterfactual_mean]
        scores = (*averages, *(part.shift.values() or [None] * len(shift)))
        cells = [
            *(f"{n:,}" for n in answers),
            *(_figure(n) for n in scores),
            *(f"{n:,}" for n in (part.labelled, part.left_out, part.gone, part.added)),
        ]
        table.add_row(_name(part), *cells, style=_style(part))
    return table


def _figure(number: float | None, form: str = ".3g") -> str:
    return "–" if number is None else format(number, form)


def _measures(result: WhatIf) -> Table:
    table = _titled("figures, labelled events")
    headings = ("partition", "figure", "was", "would be", "difference", "95 % interval", "events")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for part in (*result.partitions, result.total):
        for measure in part.measures:
            unit = f" ({result.unit})" if measure.name == COST and result.unit else ""
            table.add_row(
                _name(part),
                Text(title(measure.name) + unit),
                _figure(measure.factual, ".6g"),
                _figure(measure.counterfactual, ".6g"),
                _figure(measure.difference, "+.3g"),
                Text(interval(measure) or "–"),
                f"{measure.events:,}",
                style=_style(part),
            )
    return table


def _name(part: Part) -> str:
    return "all" if part.partition is None else str(part.partition)


def _style(part: Part) -> str:
    return "bold" if part.partition is None else ""


def _titled(title: str) -> Table:
    return Table(title=Text(title), title_justify="left", title_style="bold")
