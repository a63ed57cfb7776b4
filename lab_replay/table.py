"""A result as a table for the terminal."""

from rich.table import Table
from rich.text import Text

from lab_replay.result import MEASURES, Candidate, ExperimentResult, figure, ranking


def result_table(result: ExperimentResult) -> Table:
    """Return candidates and baselines, the best first; each metric's best figure is bold."""
    table = Table(title=Text(result.question), title_justify="left", title_style="bold")
    table.add_column("model", no_wrap=True)
    table.add_column("kind")
    for metric in result.metrics:
        table.add_column(MEASURES[metric].title, justify="right", no_wrap=True)
    table.add_column("events", justify="right", no_wrap=True)
    costs = any(candidate.cost_us is not None for candidate in result.candidates)
    if costs:
        table.add_column("µs/event", justify="right", no_wrap=True)
    best = best_figures(result)
    for candidate in result.ranked():
        cells = [
            Text(figure(candidate.metrics, m), "bold green" if best[m] is candidate else "")
            for m in result.metrics
        ]
        tail = [Text(f"{candidate.events:,}")]
        if costs:
            tail.append(Text("–" if candidate.cost_us is None else f"{candidate.cost_us:.1f}"))
        style = "dim" if candidate.kind == "baseline" else ""
        table.add_row(Text(candidate.name), Text(candidate.kind), *cells, *tail, style=style)
    return table


def best_figures(result: ExperimentResult) -> dict[str, Candidate | None]:
    """Return who has each metric's best figure."""
    found: dict[str, Candidate | None] = {}
    for metric in result.metrics:
        having = [c for c in result.candidates if c.metrics.get(metric) is not None]
        found[metric] = next(iter(ranking(having, metric)), None)
    return found
