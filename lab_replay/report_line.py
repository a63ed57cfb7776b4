"""What a line did for the business, as a page in the look of the lab's reports."""

from pathlib import Path

from lab_replay.headline import money_sentence, percent
from lab_replay.line_facts import CHAMPION, LineFacts
from lab_replay.report import view
from lab_replay.report_page import page, write_page

DAYS_SHOWN = 400


def line_headline(facts: LineFacts) -> str:
    """Return what the line did, in plain sentences: how often right, against what, what it cost."""
    result = facts.result
    right = sum(day.right for day in facts.days)
    labelled = sum(day.labelled for day in facts.days)
    if not labelled:
        return f"{facts.answers:,} events were answered; none of them has a label yet."
    said = (
        f"{facts.answers:,} events were answered; of the {labelled:,} whose truth is known"
        f" {percent(right / labelled)} were answered rightly"
    )
    bar = next(iter(result.ranked("baseline")), None)
    share = None if bar is None else bar.metrics.get("accuracy")
    if bar is not None and share is not None:
        said += f", against {percent(share)} by the best baseline, {bar.name}"
    champion = next(one for one in result.candidates if one.name == CHAMPION)
    return f"{said}. {money_sentence(result, champion)}".strip()


def render_line(facts: LineFacts) -> str:
    """Return the page of what a line did."""
    counts = facts.result.counts
    told = [
        ("answers", f"{facts.answers:,}"),
        ("with a label", f"{counts.labelled:,}"),
        ("said yes", f"{sum(day.yes for day in facts.days):,}"),
        ("dead letters", f"{sum(counts.dead_letters.values()):,}"),
        ("days", f"{len(facts.days):,}"),
    ]
    return page(
        "line.html.j2",
        {
            **view(facts.result),
            "answer": line_headline(facts),
            "facts": told,
            "days": facts.days[-DAYS_SHOWN:],
            "days_total": len(facts.days),
            "revisions": facts.revisions,
        },
    )


def write_line_report(path: Path, facts: LineFacts) -> None:
    """Write the page of what a line did, in place of one that was there."""
    write_page(path, render_line(facts))
