"""A result as one page that opens offline: nothing is loaded, and its scripts are pinned."""

import base64
import hashlib
import json
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from lab_replay.result import MEASURES, Candidate, ExperimentResult, figure, headline
from lab_replay.table import best_figures

COLOURS = 6  # --s0 to --s5 in report.css: told apart by people who do not see red or green
GREYS = 3  # --b0 to --b2
DASHES = ("solid", "dashed", "dotted")
_STYLES = ("vendor/uPlot.min.css", "report.css")
_SCRIPTS = ("vendor/uPlot.iife.min.js", "report.js")


class Stroke(NamedTuple):
    """How a model's curve is drawn: a colour of the style sheet and a dash."""

    line: str
    dash: str


def write_report(path: Path, result: ExperimentResult) -> None:
    """Write the page of a result, in place of one that was there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(render(result), encoding="utf-8", newline="\n")
    partial.replace(path)


def render(result: ExperimentResult) -> str:
    """Return the page of a result as HTML; the same result gives the same text."""
    styles, scripts = [_asset(name) for name in _STYLES], [_asset(name) for name in _SCRIPTS]
    drawn = strokes(result.candidates)
    curved = [candidate for candidate in result.candidates if candidate.windows]
    times_ms = [window.middle_ms for window in curved[0].windows] if curved else []
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            result=result,
            answer=headline(result),
            facts=_facts(result),
            measures=MEASURES,
            best=best_figures(result),
            costs=any(candidate.cost_us is not None for candidate in result.candidates),
            strokes=drawn,
            curved=curved,
            times=[_utc(time_ms) for time_ms in times_ms],
            outcomes=_outcomes(result),
            curves=json_in_html(_curves(curved, times_ms, drawn)),
            policy=_policy(styles, scripts),
            # ours and vendored, not data: they are not escaped, and the policy pins their digests
            styles=[Markup(style) for style in styles],  # noqa: S704
            scripts=[Markup(script) for script in scripts],  # noqa: S704
            figure=figure,
            number=lambda value: "–" if value is None else f"{value:.4f}",
        )
    )


def strokes(candidates: tuple[Candidate, ...]) -> dict[str, Stroke]:
    """Return how each model is drawn: candidates in colours, baselines in grey and broken.

    Examples
    --------
    >>> def one(name, kind):
    ...     return Candidate(name=name, recipe="", kind=kind, metrics={})
    >>> strokes((one("a", "candidate"), one("rate", "baseline")))
    {'a': Stroke(line='s0', dash='solid'), 'rate': Stroke(line='b0', dash='dashed')}
    """
    drawn = {}
    seen = {"candidate": 0, "baseline": 0}
    for candidate in candidates:
        turn = seen[candidate.kind]
        seen[candidate.kind] += 1
        if candidate.kind == "candidate":
            dash = DASHES[turn // COLOURS % len(DASHES)]
            drawn[candidate.name] = Stroke(f"s{turn % COLOURS}", dash)
        else:
            dash = DASHES[1 + turn % 2]
            drawn[candidate.name] = Stroke(f"b{turn % GREYS}", dash)
    return drawn


def json_in_html(document: object) -> Markup:
    r"""Return `document` as JSON that no script element can be ended from.

    Examples
    --------
    >>> print(json_in_html({"name": "</script>&"}))
    {"name":"\u003c/script\u003e\u0026"}
    """
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704


def _curves(
    curved: list[Candidate], times_ms: list[int], drawn: dict[str, Stroke]
) -> dict[str, Any]:
    """Return what the charts draw; uPlot counts time in seconds."""
    if any([window.middle_ms for window in one.windows] != times_ms for one in curved):
        raise ValueError("curves with different times")
    return {
        "times": [time_ms / 1_000 for time_ms in times_ms],
        "series": [
            {
                "name": candidate.name,
                "kind": candidate.kind,
                **drawn[candidate.name]._asdict(),
                "log_loss": [window.log_loss for window in candidate.windows],
                "roc_auc": [window.roc_auc for window in candidate.windows],
            }
            for candidate in curved
        ],
    }


def _facts(result: ExperimentResult) -> list[tuple[str, str]]:
    counts = result.counts
    dead = sum(counts.dead_letters.values())
    return [
        ("events", f"{counts.events:,}"),
        ("with a label", f"{counts.labelled:,}"),
        ("dead letters", f"{dead:,}"),
        ("candidates", f"{len([c for c in result.candidates if c.kind == 'candidate'])}"),
        ("baselines", f"{len([c for c in result.candidates if c.kind == 'baseline'])}"),
    ]


def _outcomes(result: ExperimentResult) -> list[tuple[str, str, list[tuple[str, int]]]]:
    tables = [
        (
            "Dead letters",
            "Records that could not be scored, by reason; no model saw them.",
            sorted(result.counts.dead_letters.items(), key=lambda item: (-item[1], item[0])),
        ),
        (
            "What became of the labels",
            "Every label that came has one outcome.",
            list(result.counts.label_outcomes.items()),
        ),
    ]
    return [table for table in tables if table[2]]


def _policy(styles: list[str], scripts: list[str]) -> str:
    """Return a content security policy under which only these styles and scripts run."""

    def pins(texts: list[str]) -> str:
        digests = (hashlib.sha256(text.encode()).digest() for text in texts)
        return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)

    return (
        f"default-src 'none'; script-src {pins(scripts)}; style-src {pins(styles)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _utc(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M")


@cache
def _asset(name: str) -> str:
    return (files("lab_replay") / "templates" / name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    return Environment(
        loader=FunctionLoader(_asset), autoescape=True, undefined=StrictUndefined, trim_blocks=False
    )
