"""``labline lab compare``: which candidate is better, and since when that is certain."""

import json
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labline.engine.cli.shared.groups import group_of
from labline.engine.cli.shared.options import JsonOption, WorkspaceOption
from labline.engine.errors import LablineError

if TYPE_CHECKING:
    from labline.lab_replay.evaluation.compare import Comparison
    from labline.lab_replay.evaluation.prediction_log import PredictionLog
    from labline.lab_replay.evaluation.result import Versus
    from labline.lab_replay.evaluation.time_kind import Clock

PLOT_ROWS, PLOT_WIDTH = 16, 61


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    group_of(app, "lab").command()(compare)


def compare(
    one: Annotated[str, typer.Argument(help="CANDIDATE, or EXPERIMENT:CANDIDATE.")],
    two: Annotated[str, typer.Argument(help="The one that it is compared with.")],
    experiment: Annotated[
        str | None, typer.Option("--experiment", help="Whose candidates they are.")
    ] = None,
    alpha: Annotated[
        float, typer.Option("--alpha", min=0.0001, max=0.5, help="Chance of a wrong verdict.")
    ] = 0.05,
    loss: Annotated[str | None, typer.Option("--loss", help="brier, log_loss or absolute.")] = None,
    bound: Annotated[
        float | None,
        typer.Option("--bound", min=1e-12, help="Larger absolute errors count as this large."),
    ] = None,
    plot: Annotated[bool, typer.Option("--plot", help="Draw the way to the verdict.")] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare two candidates on the same events, in the order in which labels came.

    Events of an experiment's warm-up are not counted.
    """
    from labline.engine.workspace.workspace import Workspace
    from labline.lab_replay.evaluation.compare import compare as compared
    from labline.lab_replay.evaluation.headline import uncompared
    from labline.lab_replay.evaluation.time_kind import clock_of

    space = Workspace.find(workspace)
    log, name, other = _paired(space.state_dir / "experiments", one, two, experiment)
    comparison = compared(log, name, other, alpha, loss, bound)
    if comparison.versus.bound is None:
        raise LablineError(
            "LL-COMPARE-BOUND",
            f"{uncompared(comparison.versus)}: they are all the same, or beyond all bounds",
            "--bound with the largest error that is to count",
        )
    if as_json:
        typer.echo(json.dumps({"name": name, **comparison.versus.model_dump()}))
        return
    versus = comparison.versus
    typer.echo(sentence(name, versus, clock_of(log)))
    typer.echo(
        f"  difference {versus.difference:+.5f}, between {versus.low:+.5f} and "
        f"{versus.high:+.5f}; {versus.events:,} labelled events; "
        f"alpha {versus.alpha:g}"
    )
    if plot:
        typer.echo(drawn(comparison))


def sentence(name: str, versus: "Versus", clock: "Clock" = "recorded") -> str:
    """Return the verdict in one plain sentence.

    Examples
    --------
    >>> from labline.lab_replay.evaluation.result import Versus
    >>> print(sentence("linear", Versus(
    ...     other="tree", loss="brier", events=9_000, difference=-0.02, low=-0.03, high=-0.01,
    ...     alpha=0.05, verdict="better", decided_at=7_104, decided_ms=1_359_893_400_000)))
    linear is better than tree: its Brier score is 0.0200 lower on average, certain at 95 % since \
label 7,104 (2013-02-03 12:10 UTC).
    """
    from labline.lab_replay.evaluation.headline import loss_title
    from labline.lab_replay.evaluation.time_kind import minute_of

    title = loss_title(versus)
    if versus.decided_at is None or versus.decided_ms is None:
        return (
            f"Undecided: after {versus.events:,} labels, {name} and {versus.other} may have the"
            f" same {title}."
        )
    since = minute_of(versus.decided_ms, clock) + ("" if clock == "rows" else " UTC")
    way = "lower" if versus.verdict == "better" else "higher"
    return (
        f"{name} is {versus.verdict} than {versus.other}: its {title} is "
        f"{abs(versus.difference):.4f} {way} on average, certain at"
        f" {100 * (1 - versus.alpha):.4g} % since label {versus.decided_at:,} ({since})."
    )


def drawn(comparison: "Comparison") -> str:
    """Return the brackets as lines of text: one row a number of labels, 0 as a bar."""
    steps = comparison.steps
    if not len(steps.events):
        return "  too few labels to draw"
    last = len(steps.events) - 1
    picked = sorted({last * row // (PLOT_ROWS - 1) for row in range(PLOT_ROWS)})
    widest = max(
        abs(float(limit))
        for step in picked[len(picked) // 4 :]  # the first are as wide as can be
        for limit in (steps.low[step], steps.high[step])
    )

    def place(value: float) -> int:
        share = min(max(value / widest, -1.0), 1.0)
        return round((share + 1) / 2 * (PLOT_WIDTH - 1))

    rows = [f"  {'labels':>10}  {-widest:<+{PLOT_WIDTH // 2}.4f}0{widest:>+{PLOT_WIDTH // 2}.4f}"]
    for step in picked:
        cells = [" "] * PLOT_WIDTH
        low, high = place(float(steps.low[step])), place(float(steps.high[step]))
        cells[low : high + 1] = "─" * (high - low + 1)
        cells[place(0.0)] = "│"
        rows.append(f"  {int(steps.events[step]):>10,}  {''.join(cells).rstrip()}")
    return "\n".join(rows)


def _paired(
    folder: Path, one: str, two: str, experiment: str | None
) -> tuple["PredictionLog", str, str]:
    """Return a log that holds both candidates, and their names in it."""
    from labline.lab_replay.evaluation.compare import aligned

    (first, name), (second, other) = (_split(folder, each, experiment) for each in (one, two))
    log = _log(folder, first, name)
    if second == first:
        _log(folder, second, other)
        return log, name, other
    return aligned(log, name, _log(folder, second, other), other)


def _split(folder: Path, named: str, experiment: str | None) -> tuple[str, str]:
    """Return the experiment and the candidate that are meant."""
    if ":" in named:
        before, after = named.split(":", 1)
        return before, after
    known = _experiments(folder)
    if experiment is None and len(known) != 1:
        raise LablineError(
            "LL-EXPERIMENT-WHICH",
            f"{named} does not say of which experiment"
            if known
            else "no experiment has been run here",
            f"--experiment with one of: {', '.join(known)}" if known else "labline lab run",
        )
    return experiment or known[0], named


def _experiments(folder: Path) -> list[str]:
    """Return those whose predictions and result are both there."""
    from labline.lab_replay.evaluation.prediction_log import PREDICTIONS
    from labline.lab_replay.evaluation.result import RESULT

    return sorted(
        path.parent.name
        for path in folder.glob(f"*/{PREDICTIONS}")
        if (path.parent / RESULT).is_file()
    )


def _log(folder: Path, experiment: str, name: str) -> "PredictionLog":
    """Return an experiment's predictions after its warm-up, in which the candidate is."""
    from labline.lab_replay.evaluation.prediction_log import PREDICTIONS, PredictionLog
    from labline.lab_replay.evaluation.result import RESULT, ExperimentResult

    known = _experiments(folder)
    if experiment not in known:
        near = get_close_matches(experiment, known, n=1)
        raise LablineError(
            "LL-EXPERIMENT-UNKNOWN",
            f"there are no predictions of an experiment {experiment!r}",
            f"did you mean {near[0]}?" if near else "labline lab run makes them",
        )
    source = folder / experiment / RESULT
    result = ExperimentResult.from_json(source.read_text(encoding="utf-8"), str(source))
    log = PredictionLog.load(folder / experiment / PREDICTIONS).rows(slice(result.warm_up, None))
    if name not in log.scores:
        near = get_close_matches(name, log.names, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise LablineError(
            "LL-COMPARE-NAME",
            f"experiment {experiment} has no candidate {name!r}",
            f"{hint}it has: {', '.join(log.names)}",
        )
    return log
