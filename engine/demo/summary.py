"""The demo's outcome, as people read it and as JSON, with what must be true after it.

`labline demo` prints `view`, or `document` when it is asked for JSON, and ends with 1 when one of
the `checks` does not hold. Everything is made from a `Demo` and the facts in it.
"""

from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from labline.engine.demo.facts import CHAMPION
from labline.engine.demo.run import Demo
from labline.lab_replay.evaluation.metrics import METRICS
from labline.lab_replay.evaluation.table import result_table

BURSTS_SHOWN = 3


def checks(demo: Demo) -> dict[str, bool]:
    """Return what must be true after the demo, by what it says."""
    facts = demo.facts
    outcomes = sum(
        n for name, n in facts.label_outcomes.items() if name not in ("expired", "evicted")
    )
    champion = facts.late[CHAMPION].metrics["log_loss"]
    baselines = [s.metrics["log_loss"] for name, s in facts.late.items() if name != CHAMPION]
    return {
        "answers + dead letters = events": (
            facts.answers + sum(facts.dead_letters.values()) == facts.events
        ),
        "every event has exactly one": facts.answered_twice == facts.unanswered == 0,
        "every label has one counted outcome": outcomes + facts.dead_labels == facts.labels,
        "champion beats all baselines (log loss, late)": champion is not None
        and all(other is None or champion < other for other in baselines),
        "lag is zero": demo.lag.verdict == "caught up",
        "parity is equal": demo.parity.verdict == "equal",
    }


def document(demo: Demo) -> dict[str, Any]:
    """Return the outcome as JSON-able data."""
    return {
        "folder": str(demo.folder),
        "bootstrap": demo.bootstrap,
        "month": demo.month,
        "sent": demo.sent,
        "champion": demo.champion,
        "facts": {
            **demo.facts.document(),
            "whole": {name: scored._asdict() for name, scored in demo.facts.whole.items()},
            "late": {name: scored._asdict() for name, scored in demo.facts.late.items()},
        },
        "latency": asdict(demo.latency),
        "bursts": demo.bursts,
        "lag": {"records": demo.lag.records, "verdict": demo.lag.verdict},
        "parity": demo.parity.verdict,
        "checks": checks(demo),
        "report": str(demo.report),
    }


def view(demo: Demo) -> RenderableType:
    """Return the summary for a terminal."""
    lab = result_table(demo.lab)
    parts: list[RenderableType] = [lab, _counts(demo), _scores(demo), _speed(demo)]
    return Group(*parts, _checks(demo), Text(f"report: {demo.report}", overflow="fold"))


def _counts(demo: Demo) -> Table:
    facts = demo.facts
    table = _table("published and answered", "count")
    table.add_row("events (departures, and 200 broken records)", f"{facts.events:,}")
    table.add_row("answers", f"{facts.answers:,}")
    for reason, count in sorted(facts.dead_letters.items(), key=lambda item: -item[1]):
        table.add_row(f"dead letters: {reason}", f"{count:,}")
    table.add_section()
    table.add_row("labels (landings)", f"{facts.labels:,}")
    for outcome, count in sorted(facts.label_outcomes.items()):
        title = "answered events that got no label" if outcome == "expired" else f"label {outcome}"
        table.add_row(title, f"{count:,}")
    return table


def _scores(demo: Demo) -> Table:
    late = "December" if demo.month is None else "the live days"
    table = Table(title="from the score and label topics", title_justify="left", box=None)
    table.add_column("")
    for scope in ("all days", late):
        for metric in ("log_loss", "roc_auc"):
            table.add_column(f"{METRICS[metric].title}\n{scope}", justify="right")
    for name in sorted(
        demo.facts.whole, key=lambda n: demo.facts.whole[n].metrics["log_loss"] or 9
    ):
        cells = [
            _figure(scored[name].metrics[metric])
            for scored in (demo.facts.whole, demo.facts.late)
            for metric in ("log_loss", "roc_auc")
        ]
        title = f"{demo.champion} (champion)" if name == CHAMPION else f"{name} (baseline)"
        table.add_row(Text(title, style="bold" if name == CHAMPION else ""), *cells)
    return table


def _speed(demo: Demo) -> Table:
    table = _table("speed, on this machine", "")
    table.add_row("catching up", f"{demo.facts.catch_up_events_per_s:,.0f} events/s")
    table.add_row("live", f"{demo.latency.events_per_s:,.0f} events/s")
    table.add_row("publish to visible answer, p50", f"{demo.latency.p50_ms:.1f} ms")
    table.add_row("publish to visible answer, p99", f"{demo.latency.p99_ms:.1f} ms")
    shown = ", ".join(str(burst["airport"]) for burst in demo.bursts[:BURSTS_SHOWN])
    more = f" ({shown} …)" if shown else ""
    table.add_row("bursts of predicted delays (Faust agent)", f"{len(demo.bursts)}{more}")
    return table


def _checks(demo: Demo) -> Table:
    table = _table("and so", "")
    for text, true in checks(demo).items():
        table.add_row(text, Text("yes", style="green") if true else Text("NO", style="bold red"))
    return table


def _table(title: str, second: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, show_header=False)
    table.add_column("", min_width=48)
    table.add_column(second, justify="right")
    return table


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
