"""A result as a table for the terminal."""

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from labline.lab_replay.evaluation.headline import figure
from labline.lab_replay.evaluation.metrics import METRICS
from labline.lab_replay.evaluation.ranking import is_whole, most_answered, ranking, result_ranking
from labline.lab_replay.evaluation.result import Candidate, Costs, ExperimentResult

SHOWN_MAX = 30  # of a grid of hundreds the best; all are in the report


def result_table(result: ExperimentResult, costs: Costs | None = None) -> Table:
    """Return candidates and baselines, the best first; each metric's best figure is bold."""
    table = Table(
        title=Text(result.question),
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("model", overflow="fold", min_width=20)
    for metric in result.metrics:
        table.add_column(_over(METRICS[metric].title), justify="right", min_width=6)
    deciding, other = result.metrics[0], any(c.otherwise for c in result.candidates)
    if other:
        way = "apart" if result.learner == "single" else "together"
        table.add_column(f"{way}:\n{METRICS[deciding].title}", justify="right", min_width=6)
    apart = len({candidate.events for candidate in result.candidates}) > 1
    if apart:
        table.add_column("events", justify="right", min_width=7)
    if costs is not None:
        table.add_column("µs per\nevent", justify="right", min_width=5)
    failed = any(candidate.learn_failed for candidate in result.candidates)
    if failed:
        table.add_column("learning\nraised", justify="right", min_width=6)
    best = best_figures(result)
    for candidate in result_ranking(result)[:SHOWN_MAX]:
        cells = [
            Text(figure(candidate.metrics, m), "bold green" if best[m] is candidate else "")
            for m in result.metrics
        ]
        if other:
            cells.append(Text(figure(candidate.otherwise or {}, deciding)))
        if apart:
            cells.append(Text(f"{candidate.events:,}"))
        if costs is not None:
            known = costs.candidates.get(candidate.name)
            cells.append(Text("–" if known is None else f"{known.us_per_event:.1f}"))
        if failed:
            raised = candidate.learn_failed
            cells.append(Text(f"{raised:,}", "bold yellow" if raised else ""))
        style = "dim" if candidate.kind == "baseline" else ""
        table.add_row(_named(candidate), *cells, style=style)
    hidden = len(result.candidates) - SHOWN_MAX
    if hidden > 0:
        table.caption = f"{hidden} more in the report"
    return table


def _named(candidate: Candidate) -> Text:
    if candidate.stopped_at is None:
        return Text(candidate.name)
    return Text(f"{candidate.name}, given up after {candidate.stopped_at:,} labels")


def _over(title: str) -> str:
    """Return a title on two lines: figures are narrow."""
    return title.replace(" ", "\n", 1)


def best_figures(result: ExperimentResult) -> dict[str, Candidate | None]:
    """Return who has each metric's best figure, among those that answered all."""
    found: dict[str, Candidate | None] = {}
    for metric in result.metrics:
        having = [c for c in result.candidates if c.metrics.get(metric) is not None]
        whole = [c for c in having if is_whole(c, most_answered(result))]
        found[metric] = next(iter(ranking(whole, metric)), None)
    return found
