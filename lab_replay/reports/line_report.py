"""What a line did for the business, as a page in the look of the lab's reports.

`labline report` writes the page and prints its headline. A line's facts come in, HTML or a sentence
goes out; the parts that an experiment's page has too are those of `report.view`.
"""

from pathlib import Path
from typing import Any, TypeAlias

from labline.engine.core.kinds import KINDS
from labline.engine.core.moment import in_words
from labline.lab_replay.evaluation.headline import figure, money_sentence, percent
from labline.lab_replay.evaluation.ranking import is_whole, most_answered, result_ranking
from labline.lab_replay.evaluation.result import Candidate, ExperimentResult
from labline.lab_replay.evaluation.time_kind import day_of
from labline.lab_replay.reports.line_answers import CHAMPION
from labline.lab_replay.reports.line_charts import HEIGHT_PX, LEFT_PX, RIGHT_PX, WIDTH_PX, pictures
from labline.lab_replay.reports.line_figures import LineFacts
from labline.lab_replay.reports.report import view
from labline.lab_replay.reports.report_page import page, write_page

DAYS_SHOWN = 400
CLASSES_SHOWN = 30
FRAME_PX = {"width": WIDTH_PX, "height": HEIGHT_PX, "left": LEFT_PX, "right": WIDTH_PX - RIGHT_PX}
#: By name of a stretch's figure: what heads its column. Days have those of the line's kind.
COLUMNS = {
    "answers": "answers",
    "yes": "said yes",
    "middle": "median score",
    "high": "99th percentile",
    "labelled": "with a label",
    "right": "right",
    "wrong_yes": "wrong yes",
    "wrong_no": "wrong no",
    "truth": "mean truth",
    "error": "mean error",
}
#: Of a binary line the scores are probabilities, which the other parts of the page show.
LEFT_OUT = {"binary": ("middle", "high"), "regression": ("high",)}
Mixed: TypeAlias = tuple[str, int, float | None, list[tuple[int, int]]]
UNITS_MS = ((86_400_000, "days"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"))


def line_headline(facts: LineFacts) -> str:
    """Return what the line did, in plain sentences: how often right, against what, what it cost."""
    answered = f"{facts.answers:,} events were answered"
    labelled = facts.result.counts.labelled
    if not KINDS[facts.result.kind].learns_labels:
        answered += f"; {_odd(facts)}"
        return f"{answered}. {_ranks(facts)}".strip() if labelled else f"{answered}."
    if not labelled:
        answered += _yes(facts)
        return f"{answered}; none of them has a label yet." if facts.has_labels else f"{answered}."
    result, champion = facts.result, _champion(facts)
    quality = f"{answered}; of the {labelled:,} whose truth is known {_quality(facts, champion)}"
    return f"{quality}. {money_sentence(result, champion)}".strip()


def _champion(facts: LineFacts) -> Candidate:
    return next(one for one in facts.result.candidates if one.name == CHAMPION)


def _yes(facts: LineFacts) -> str:
    if facts.threshold is None:
        return ""
    yes = sum(one.yes or 0 for one in facts.days)
    return f", {yes:,} of them ({percent(yes / facts.answers)}) with yes"


def _odd(facts: LineFacts) -> str:
    """Return how many events were odd, and when most; without a threshold how the scores lie."""
    if facts.threshold is None:
        spread = next(one for one in facts.spread if one.name == CHAMPION)
        return (
            f"half of the scores lie below {spread.p50:.4g} and one in a hundred above"
            f" {spread.p99:.4g}; no threshold says from where on an event is odd"
        )
    yes = sum(one.yes or 0 for one in facts.days)
    odd = (
        f"{yes:,} of them ({percent(yes / facts.answers)}) were odd, with a score of at least"
        f" {facts.threshold:g}"
    )
    most = max(facts.days, key=lambda one: one.yes or 0)
    if len(facts.days) < 3 or not yes:  # of one or two days most is no news
        return odd
    return f"{odd}, most on {in_words(most.day)}: {most.yes:,} of {most.answers:,}"


def _ranks(facts: LineFacts) -> str:
    share = _champion(facts).metrics.get("roc_auc")
    labelled = facts.result.counts.labelled
    if share is None:
        return f"The {labelled:,} whose truth is known are all of one sort."
    return (
        f"Of the {labelled:,} whose truth is known, an odd one had a higher score than an ordinary"
        f" one {percent(share)} of the time."
    )


def _quality(facts: LineFacts, champion: Candidate) -> str:
    """Return how well the champion did and the best baseline, in words without statistics.

    The best baseline is the one with the best figure of those in the sentence, so that none did
    better than it says.
    """
    result, kind = facts.result, KINDS[facts.result.kind]
    if kind.predicts_number:
        if champion.metrics["mae"] is None:
            return "the errors are beyond all numbers"
        bar = _best_baseline(result, "mae")
        how_well = f"the answer was off by {figure(champion.metrics, 'mae')} on average"
        against = bar and figure(bar.metrics, "mae")
    else:
        bar = _best_baseline(result, "accuracy")
        right = sum(one.right or 0 for one in facts.days)
        how = "were answered rightly" if kind.decides else "were given the right class"
        how_well = f"{percent(right / result.counts.labelled)} {how}"
        against = bar and percent(bar.metrics["accuracy"] or 0.0)
    return (
        how_well
        if bar is None
        else f"{how_well}, against {against} by the best baseline, {bar.name}"
    )


def _best_baseline(result: ExperimentResult, metric: str) -> Candidate | None:
    """Return the baseline with the best figure, of those that have one over all of the events."""
    best = next(iter(result_ranking(result, "baseline", metric)), None)
    if best is None or best.metrics.get(metric) is None:
        return None
    return best if is_whole(best, most_answered(result)) else None


def render_line(facts: LineFacts) -> str:
    """Return the page of what a line did."""
    counts = facts.result.counts
    counted = [("answers", f"{facts.answers:,}")]
    if facts.has_labels:
        counted.append(("with a label", f"{counts.labelled:,}"))
    if facts.threshold is not None:
        counted.append((_yes_title(facts), f"{sum(one.yes or 0 for one in facts.days):,}"))
    counted.append(("dead letters", f"{sum(counts.dead_letters.values()):,}"))
    if facts.latency is not None:
        counted.append(("median latency", duration(facts.latency.p50_ms)))
    counted.append(("days", f"{len(facts.days):,}"))
    shown = _columns(facts)
    return page(
        "line.html.j2",
        {
            **view(facts.result),
            "answer": line_headline(facts),
            "facts": counted,
            "line": facts,
            "pictures": pictures(facts),
            "frame": FRAME_PX,
            "headings": shown,
            "days": [_cells(facts, at, list(shown)) for at in _last_days(facts)],
            "days_total": len(facts.days),
            "mixed": _mixed(facts),
            "duration": duration,
            "day": day_of,
        },
    )


def _yes_title(facts: LineFacts) -> str:
    kind = KINDS[facts.result.kind]
    if not kind.learns_labels:
        return "odd"
    return "said yes" if kind.decides else f"at {facts.threshold:g} or above"


def _columns(facts: LineFacts) -> dict[str, str]:
    """Return the figures that some day has, and what heads their columns."""
    out = LEFT_OUT.get(facts.result.kind, ())
    return {
        name: _yes_title(facts) if name == "yes" else title
        for name, title in COLUMNS.items()
        if name not in out
        and (name != "labelled" or facts.has_labels)
        and any(getattr(one, name) is not None for one in facts.days)
    }


def _last_days(facts: LineFacts) -> range:
    return range(max(0, len(facts.days) - DAYS_SHOWN), len(facts.days))


def _cells(facts: LineFacts, at: int, names: list[str]) -> tuple[str, list[tuple[Any, str]]]:
    """Return a day's name, and its figures as they sort and as they read."""
    one = facts.days[at]
    return one.day, [(value, _shown(value)) for value in (getattr(one, name) for name in names)]


def _shown(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _mixed(facts: LineFacts) -> list[Mixed]:
    """Return each class: its events, the share recognised, and what they were taken for.

    The second number of a cell says how dark it is: a tenth of its row's share, of ten.
    """
    rows: list[Mixed] = []
    for name, row in zip(facts.result.classes, facts.mixed, strict=False):
        events = sum(row)
        share = row[len(rows)] / events if events else None
        rows.append((name, events, share, [(n, round(10 * n / (events or 1))) for n in row]))
    return rows if len(rows) <= CLASSES_SHOWN else []


def duration(time_ms: int) -> str:
    """Return a stretch of time as people read it.

    Examples
    --------
    >>> duration(12), duration(1_500), duration(7_200_000)
    ('12 ms', '1.5 s', '2 h')
    """
    for unit_ms, name in UNITS_MS:
        if time_ms >= unit_ms:
            return f"{time_ms / unit_ms:.3g} {name}"
    return f"{time_ms} ms"


def write_line_report(path: Path, facts: LineFacts) -> None:
    """Write the page of what a line did, in place of one that was there."""
    write_page(path, render_line(facts))
