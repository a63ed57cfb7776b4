"""An experiment's result as one page that opens offline: the answer first, then what is behind it.

`labline lab run` writes the page; `line_report` takes the same `view` for the parts that a line's
page shares with it. A result comes in, HTML goes out, and the same result gives the same text.
"""

from pathlib import Path
from typing import Any

from labline.engine.core.labels import (
    CONTRADICTING,
    CORRECTED,
    DUPLICATE,
    EVICTED,
    EXPIRED,
    LATE,
    LEARNED,
    NEGATIVE,
    ORPHAN,
    UNUSED,
)
from labline.engine.core.task import FORGOTTEN, LEARN_FAILED
from labline.lab_replay.evaluation.headline import (
    amount,
    figure,
    headline,
    loss_title,
    percent,
    saving,
    verdict,
)
from labline.lab_replay.evaluation.metrics import METRICS
from labline.lab_replay.evaluation.ranking import result_ranking
from labline.lab_replay.evaluation.result import Candidate, Costs, ExperimentResult, Figures, Part
from labline.lab_replay.evaluation.table import best_figures
from labline.lab_replay.evaluation.time_kind import Clock, minute_of
from labline.lab_replay.reports.report_charts import (
    CURVES_MAX,
    bar,
    calibration_spots,
    curves_of,
    drift_marks,
    interval,
    interval_scale,
    strip_spots,
    strokes,
    window_ends,
    window_times,
)
from labline.lab_replay.reports.report_page import json_in_html, page, write_page

CURVES_SHOWN, BASELINES_SHOWN = 6, 2  # at first; the others at a click
PLOTS_SHOWN = 3  # in still pictures, beside the best baseline
DRIFT_SHOWN = 40

OUTCOMES = {
    LEARNED: "learned",
    DUPLICATE: "came twice, the same",
    CONTRADICTING: "contradicted one that came before",
    ORPHAN: "of an event that nobody knows",
    LATE: "came after the horizon",
    CORRECTED: "corrected an expired one",
    UNUSED: "not learned: the line learns events",
    EXPIRED: "never came: the event expired",
    NEGATIVE: "never came: learned as no",
    EVICTED: "event given up: too many were waiting",
    FORGOTTEN: "history of a key forgotten: too many were remembered",
    LEARN_FAILED: "a model raised when it learned",
}


def write_report(path: Path, result: ExperimentResult, costs: Costs | None = None) -> None:
    """Write the page of a result, in place of one that was there."""
    write_page(path, render(result, costs))


def render(result: ExperimentResult, costs: Costs | None = None) -> str:
    """Return the page of a result as HTML; the same result gives the same text."""
    return page(
        "report.html.j2",
        {**view(result, costs), "answer": headline(result), "facts": _facts(result)},
    )


def view(result: ExperimentResult, costs: Costs | None = None) -> dict[str, Any]:
    """Return what the parts of a page show of a result."""
    drawn = strokes(result.candidates)
    candidates, baselines = result_ranking(result, "candidate"), result_ranking(result, "baseline")
    shown = [*candidates[:CURVES_SHOWN], *baselines[:BASELINES_SHOWN]]
    curved = [one for one in (*candidates[:CURVES_MAX], *baselines) if one.windows]
    pictured = [*candidates[:PLOTS_SHOWN], *baselines[:1]]
    return {
        "result": result,
        "ranked": result_ranking(result),
        "measures": METRICS,
        "best": best_figures(result),
        "strokes": drawn,
        "costs": costs,
        "spent": {} if costs is None else costs.candidates,
        "curves": json_in_html(
            curves_of(curved, shown, result.metrics, drawn, result.inputs_drift, result.clock)
        ),
        "curved": curved,
        "left_out": len(candidates) - len(candidates[:CURVES_MAX]),
        "curve_tables": _curve_tables(
            [one for one in shown if one.windows], result.metrics[0], result.clock
        ),
        "shown": [one for one in shown if one.windows],
        "learn_failed": any(one.learn_failed for one in result.candidates),
        "drift": drift_marks(result.candidates, result.inputs_drift, result.clock)[:DRIFT_SHOWN],
        "calibrated": [
            (one, calibration_spots(one.calibration)) for one in pictured if one.calibration
        ],
        "slices": _slices(result, pictured),
        "verdicts": _verdicts(candidates, result.clock),
        "costly": _costly(result),
        "other_way": "together" if result.learner == "per_partition" else "apart",
        "has_other": any(one.otherwise for one in result.candidates),
        "outcomes": _outcomes(result),
        "figure": figure,
        "amount": amount,
        "size": _size,
    }


def _curve_tables(
    shown: list[Candidate], metric: str, clock: Clock
) -> list[tuple[str, str, list[tuple[str, list[str]]]]]:
    """Return the deciding metric's figures by window and so far: the text behind the curves."""
    by_middle = [{w.middle_ms: w.metrics for w in one.windows} for one in shown]
    by_end = [{w.end_ms: w.so_far for w in one.windows} for one in shown]
    return [
        ("by window", "middle of the window", _rows(by_middle, window_times(shown), metric, clock)),
        ("so far", "up to", _rows(by_end, window_ends(shown), metric, clock)),
    ]


def _rows(
    by_candidate: list[dict[int, Figures]], times_ms: list[int], metric: str, clock: Clock
) -> list[tuple[str, list[str]]]:
    return [
        (minute_of(time_ms, clock), [figure(one.get(time_ms, {}), metric) for one in by_candidate])
        for time_ms in times_ms
    ]


def _slices(result: ExperimentResult, compared: list[Candidate]) -> list[dict[str, Any]]:
    """Return per slice its parts, with the deciding metric of the best candidates."""
    metric = result.metrics[0]
    tables = []
    for title in dict.fromkeys(title for one in compared for title in one.slices):
        having = [one for one in compared if title in one.slices]
        by_value = [{part.value: part for part in one.slices[title]} for one in having]
        rows = []
        for value in dict.fromkeys(part.value for one in having for part in one.slices[title]):
            parts = [part_of.get(value) for part_of in by_value]
            rows.append(
                (value, max(p.events for p in parts if p), [_value(p, metric) for p in parts])
            )
        known = [v for _, _, values in rows for v in values if v is not None]
        low, high = min(known, default=0.0), max(known, default=1.0)
        tables.append(
            {
                "title": title,
                "models": having,
                "rows": [
                    (value, events, values, _best(values, metric), strip_spots(values, low, high))
                    for value, events, values in rows
                ],
            }
        )
    return tables


def _value(part: Part | None, metric: str) -> float | None:
    return None if part is None else part.metrics.get(metric)


def _best(values: list[float | None], metric: str) -> float | None:
    known = [value for value in values if value is not None]
    return (min if METRICS[metric].lower_is_better else max)(known, default=None)


def _verdicts(candidates: list[Candidate], clock: Clock) -> list[dict[str, Any]]:
    scale = interval_scale([one for candidate in candidates for one in candidate.versus])
    return [
        {
            "candidate": candidate,
            "versus": one,
            "words": verdict(one, clock),
            "strip": interval(one, scale),
            "loss": loss_title(one),
        }
        for candidate in candidates
        for one in candidate.versus
    ]


def _costly(result: ExperimentResult) -> list[tuple[Candidate, float, float, str]]:
    """Return what decisions would have cost, the dearest filling the strip, and today's place."""
    priced = [one for one in result_ranking(result) if one.money is not None]
    most = max((max(c.money.total, c.money.incumbent) for c in priced if c.money), default=1.0)
    return [
        (one, bar(one.money.total, most), bar(one.money.incumbent, most), saving(one.money))
        for one in priced
        if one.money
    ]


def _facts(result: ExperimentResult) -> list[tuple[str, str]]:
    counts = result.counts
    kinds = [candidate.kind for candidate in result.candidates]
    share = counts.labelled / counts.events if counts.events else 0.0
    return [
        ("events", f"{counts.events:,}"),
        ("with a label", f"{counts.labelled:,} ({percent(share)})"),
        ("dead letters", f"{sum(counts.dead_letters.values()):,}"),
        ("candidates", f"{kinds.count('candidate')}"),
        ("baselines", f"{kinds.count('baseline')}"),
    ]


def _outcomes(result: ExperimentResult) -> list[tuple[str, str, list[tuple[str, int]]]]:
    tables = [
        (
            "Dead letters",
            "Records that could not be used; no model saw them.",
            sorted(result.counts.dead_letters.items(), key=lambda item: (-item[1], item[0])),
        ),
        (
            "What became of the labels",
            "Every label that came has one outcome; beside them, what never came or was given up.",
            [(OUTCOMES.get(name, name), n) for name, n in result.counts.label_outcomes.items()],
        ),
    ]
    return [table for table in tables if table[2]]


def _size(count: int | None) -> str:
    """Return bytes as people read them.

    Examples
    --------
    >>> _size(1_536), _size(None), _size(12)
    ('1.5 kB', '–', '12 B')
    """
    if count is None:
        return "–"
    value, units = float(count), ["B", "kB", "MB", "GB"]
    while value >= 1_000 and len(units) > 1:
        value /= 1_000
        units.pop(0)
    return f"{value:.0f} {units[0]}" if units[0] == "B" else f"{value:.1f} {units[0]}"
