import base64
import hashlib
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from labline.engine.errors import LablineError
from labline.lab_replay.evaluation.headline import headline
from labline.lab_replay.evaluation.ranking import result_ranking
from labline.lab_replay.evaluation.result import (
    Bin,
    Candidate,
    Cost,
    Costs,
    Counts,
    Drift,
    ExperimentResult,
    Money,
    Part,
    Versus,
    Window,
)
from labline.lab_replay.evaluation.table import best_figures, result_table
from labline.lab_replay.reports.report import render, write_report
from labline.lab_replay.reports.report_page import json_in_html

EVIL = "</script><img src=x onerror=alert(1)>\"'&"


def candidate(name: str, kind: str, loss: float | None, auc: float | None) -> Candidate:
    windows = tuple(
        Window(
            middle_ms=1_357_000_000_000 + n * 86_400_000,
            end_ms=1_357_040_000_000 + n * 86_400_000,
            events=9,
            metrics={"roc_auc": auc, "log_loss": loss},
            so_far={"roc_auc": auc, "log_loss": loss and loss / (n + 1)},
        )
        for n in range(3)
    )
    return Candidate(
        name=name,
        recipe=f"Recipe('{name}')",
        kind=kind,
        metrics={"log_loss": loss, "roc_auc": auc},
        events=1_234,
        windows=windows,
    )


def result(
    *candidates: Candidate, question: str = "Which are late?", **told: Any
) -> ExperimentResult:
    return ExperimentResult(
        **{"metrics": ("log_loss", "roc_auc"), **told},
        name="year",
        line="flights-delay",
        question=question,
        recording="ab" * 32,
        environment={"river": "0.26.1"},
        candidates=candidates,
        counts=Counts(events=2_000, labelled=1_234, dead_letters={"decode: truncated": 7}),
    )


TREE = candidate("tree", "candidate", 0.4, 0.8)
LINEAR = candidate("linear", "candidate", 0.25, 0.9)
RATE = candidate("rate", "baseline", 0.5, 0.5)


class Elements(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.scripts += [""] * (tag == "script")

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] == "script":
            self.scripts[-1] += data


def test_the_headline_answers_in_figures() -> None:
    assert headline(result(TREE, LINEAR, RATE)) == (
        "Over 1,234 labelled events, linear answers best, ahead of the best baseline, rate: "
        "log loss 0.2500 against 0.5000 (50.0% lower) and ROC AUC 0.9000 against 0.5000."
    )
    beaten = headline(result(TREE, candidate("rate", "baseline", 0.2, None)))
    assert "no candidate beats the best baseline, rate; the nearest is tree" in beaten
    assert "(100.0% higher)" in beaten
    assert "ROC AUC 0.8000 against –" in beaten
    assert "tree answers best: log loss 0.4000" in headline(result(TREE))
    # a tie is no win
    assert "no candidate beats" in headline(result(TREE, candidate("r", "baseline", 0.4, 0.8)))


def test_numbers_of_rows_are_called_rows() -> None:
    """A file without times: nothing in the page is a day of 1970."""
    sure = Versus(other="rate", loss="brier", events=1_234, difference=-0.1, low=-0.2, high=-0.01,
                  alpha=0.05, verdict="better", decided_at=736, decided_ms=736)  # fmt: skip
    window = LINEAR.windows[0].model_copy(update={"middle_ms": 1_111, "end_ms": 2_222})
    drift = Drift(what="error", event_time_ms=3_333)
    told = {"windows": (window,), "versus": (sure,), "drift": (drift,)}
    one = result(LINEAR.model_copy(update=told), RATE.model_copy(update={"windows": ()}),
                 clock="rows")  # fmt: skip
    assert headline(one).endswith(", certain after 736 labels (row 736).")
    html = render(one)
    assert "1970" not in html
    for words in (
        "Over the rows", "middle of the window</th>", ">row 1,111</th>", ">row 2,222</th>",
        "<dt>row 3,333</dt>", "certain after 736 labels (row 736)",
        "each label was known right after its event", "labels: right after their events",
    ):  # fmt: skip
        assert words in html
    curves = next(text for text in Elements(html).scripts if '"times"' in text)
    drawn = json.loads(curves)
    assert (drawn["clock"], drawn["times"], drawn["ends"]) == ("rows", [1_111], [2_222])
    assert drawn["marks"][0]["at"] == 3_333


def test_when_labels_came_is_told_as_it_was() -> None:
    texts = {
        ("recorded", "recorded"): "each label came when it really came",
        ("recorded", "events"): "each label was known right after its event, because the recording",
        ("6h", "events"): "each label came 6h after its event",
        ("none", "rows"): "each label came at once",
    }
    for (delay, clock), text in texts.items():
        html = render(result(LINEAR, RATE, delay=delay, clock=clock))
        assert [other in html for other in texts.values()] == [
            other == text for other in texts.values()
        ]


def test_who_answered_less_cannot_lead() -> None:
    picky = candidate("picky", "candidate", 0.1, 0.99).model_copy(update={"events": 400})
    one = result(picky, TREE, RATE)
    assert [found.name for found in result_ranking(one)] == ["tree", "rate", "picky"]
    assert "tree answers best, ahead of the best baseline" in headline(one)
    best = best_figures(one)["log_loss"]
    assert best is not None
    assert best.name == "tree"
    assert headline(result(picky, RATE)) == (
        "Over 1,234 labelled events, no candidate answered all; picky answered 400:"
        " log loss 0.1000, which cannot be held against rate's 0.5000 over 1,234."
    )
    given_up = picky.model_copy(update={"stopped_at": 320})
    console = Console(width=200, file=io.StringIO())
    console.print(result_table(result(given_up, TREE, RATE)))
    assert "picky, given up after 320 labels" in console.file.getvalue()  # type: ignore[attr-defined]
    stumbling = TREE.model_copy(update={"learn_failed": 12})
    assert headline(result(stumbling, RATE)).endswith("It raised 12 times when it learned.")
    early = result(candidate("a", "candidate", None, None), warm_up=9_000).model_copy(
        update={"counts": Counts(events=2_000, labelled=0)}
    )
    assert headline(early).endswith("the warm-up of 9,000 events leaves no label to count.")


def test_json_round_trip() -> None:
    one = result(TREE, LINEAR, RATE)
    assert ExperimentResult.from_json(one.to_json()) == one
    assert ExperimentResult.from_json(one.to_json()).to_json() == one.to_json()
    for bad in ("", "{}", one.to_json().replace('"format": 3', '"format": 2')):
        with pytest.raises(LablineError, match="LL-RESULT-INVALID: x"):
            ExperimentResult.from_json(bad, "x")
    with pytest.raises(ValueError, match="finite"):
        candidate("a", "candidate", float("nan"), None)


def test_the_page_is_the_same_each_time_and_loads_nothing(tmp_path: Path) -> None:
    one = result(TREE, LINEAR, RATE)
    write_report(tmp_path / "pages" / "year.html", one)
    page = (tmp_path / "pages" / "year.html").read_text()
    assert page == render(one)
    for tag, attributes in Elements(page).tags:
        assert tag not in {"link", "img", "iframe", "object", "base", "form"}
        assert not {"src", "href", "style", "srcset"} & attributes.keys()
        assert not any(name.startswith("on") for name in attributes)
    assert "linear answers best" in page
    assert page.index("linear answers best") < page.index("<table")


def test_scripts_and_styles_are_those_of_the_policy() -> None:
    page = render(result(TREE, RATE))
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    assert "unsafe" not in policy[1]
    blocks = re.findall(r"<(?:script|style)>(.*?)</(?:script|style)>", page, re.DOTALL)
    assert len(blocks) == 4
    for block in blocks:
        digest = base64.b64encode(hashlib.sha256(block.encode()).digest()).decode()
        assert f"sha256-{digest}".replace("+", "&#43;") in policy[1].replace("+", "&#43;")


def test_whatever_people_write_stays_text() -> None:
    hostile = candidate(EVIL, "candidate", 0.1, 0.9)
    page = render(result(hostile, RATE, question=EVIL))
    elements = Elements(page)
    assert "img" not in [tag for tag, _ in elements.tags]
    assert len(elements.scripts) == 3
    data = json.loads(elements.scripts[0])
    assert data["series"][0]["name"] == EVIL
    assert data["series"][0]["values"]["log_loss"] == [0.1, 0.1, 0.1]
    assert "<" not in json_in_html({"a": ["<!--", "<script"]})


def test_without_windows_there_is_no_script() -> None:
    bare = Candidate(name="a", recipe="", kind="candidate", metrics={"log_loss": None})
    assert "<script" not in render(result(bare))


def test_a_curve_ends_where_its_candidate_was_given_up() -> None:
    short = TREE.model_copy(update={"windows": TREE.windows[:1], "stopped_at": 500})
    page = render(result(LINEAR, short))
    data = json.loads(Elements(page).scripts[0])
    assert [one["values"]["log_loss"] for one in data["series"]] == [[0.25] * 3, [0.4, None, None]]
    assert "given up after 500 labels" in page


def test_curves_are_by_window_or_so_far_and_their_figures_stand_below() -> None:
    page = render(result(LINEAR, RATE))
    data = json.loads(Elements(page).scripts[0])
    assert [end - middle for middle, end in zip(data["times"], data["ends"], strict=True)] == [
        40_000
    ] * 3
    assert data["series"][0]["values"]["log_loss"] == [0.25, 0.25, 0.25]
    assert data["series"][0]["so_far"]["log_loss"] == [0.25, 0.125, 0.0833333]
    assert "log loss by window, as a table" in page
    so_far = page[page.index("log loss so far, as a table") :]
    rows = re.findall(r"<tr><th scope=\"row\">([^<]+)</th>(.*?)</tr>", so_far)[:3]
    assert [(when, re.findall(r"<td>([^<]+)</td>", cells)[0]) for when, cells in rows] == [
        ("2013-01-01 11:33", "0.2500"),
        ("2013-01-02 11:33", "0.1250"),
        ("2013-01-03 11:33", "0.0833"),
    ]


def test_what_raised_when_it_learned_is_told_where_there_is_any() -> None:
    raised = LINEAR.model_copy(update={"learn_failed": 4_321})
    for candidates, told in (((LINEAR, RATE), False), ((raised, RATE), True)):
        console = Console(width=100, record=True, file=io.StringIO(), color_system=None)
        console.print(result_table(result(*candidates)))
        for text in (console.export_text(), render(result(*candidates))):
            assert ("4,321" in text) is told
            assert ("raised" in text) is told


def full(name: str, total: float) -> Candidate:
    versus = Versus(
        other="rate", loss="brier", events=1_234, difference=-0.02, low=-0.03, high=-0.01,
        alpha=0.05, verdict="better", decided_at=321, decided_ms=1_358_000_000_000,
    )  # fmt: skip
    return candidate(name, "candidate", 0.25, 0.9).model_copy(
        update={
            "calibration": (Bin(predicted=0.1, observed=0.2, events=7),),
            "slices": {EVIL: (Part(value=EVIL, events=5, metrics={"log_loss": 0.3}),)},
            "versus": (versus,),
            "otherwise": {"log_loss": 0.2222},
            "money": Money(total=total, incumbent=100, unit="EUR"),
            "drift": (Drift(what="error rose", event_time_ms=1_357_900_000_000),),
            "state_bytes": 12_345,
        }
    )


def test_everything_that_is_known_is_on_the_page() -> None:
    costs = Costs(
        pass_us_per_event=14.25,
        candidates={"full": Cost(us_per_event=20.5, lag_max_s=1.5, lag_records_max=4_321)},
    )
    drift = (Drift(what="temp rose", event_time_ms=1_357_950_000_000),)
    one = result(full("full", 60), RATE, incumbent="Nothing is late.", inputs_drift=drift)
    page = render(one, costs)
    for told in (
        "better than rate, certain after 321 labels (12 Jan 2013)",
        "learning together",
        "0.2222",
        "60 EUR",
        "40.0% less",
        "12.3 kB",
        "20.5",
        "4,321",
        "14.2",
        "said 0.10, was 0.20, 7 events",
        "full: error rose",
        "temp rose",
        "decode: truncated",
    ):
        assert told in page, told
    elements = Elements(page)
    assert "img" not in [tag for tag, _ in elements.tags]
    marks = json.loads(elements.scripts[0])["marks"]
    assert [(mark["who"], mark["what"]) for mark in marks] == [
        ("full", "error rose"),
        (None, "temp rose"),
    ]
    for tag, attributes in elements.tags:
        assert "style" not in attributes, tag
        assert tag != "svg" or "aria-label" in attributes or "aria-hidden" in attributes


def test_the_headline_says_what_decisions_cost_and_since_when_it_is_certain() -> None:
    said = headline(result(full("full", 60), RATE, incumbent="Nothing is late."))
    assert "against 0.5000, certain after 321 labels (12 Jan 2013)." in said
    assert said.endswith(
        "would have cost 60 EUR; today's rule (Nothing is late) 100 EUR: 40.0% less."
    )
    assert headline(result(full("full", 130))).endswith("today's rule 100 EUR: 30.0% more.")
    assert headline(result(full("full", 100))).endswith("today's rule 100 EUR: as much.")


def test_the_headline_speaks_of_each_kind_in_its_own_terms() -> None:
    def one(name: str, kind: str, **metrics: float) -> Candidate:
        return Candidate(name=name, recipe="", kind=kind, metrics=metrics)

    several = {"kind": "multiclass", "classes": ("a", "b"), "metrics": ("log_loss", "accuracy")}
    said = headline(result(one("tree", "candidate", log_loss=0.5, accuracy=0.75), **several))
    assert "tree answers best and is right in 75.0% of them: log loss 0.5000." in said
    number = {"kind": "regression", "metrics": ("mae",)}
    models = (one("tree", "candidate", mae=1.5), one("mean", "baseline", mae=3.0))
    assert (
        "tree answers best and is off by 1.5000 on average, ahead of the best baseline, mean: "
        "MAE 1.5000 against 3.0000 (50.0% lower)."
    ) in headline(result(*models, **number))
    odd = {"kind": "anomaly", "metrics": ("roc_auc",)}
    said = headline(result(one("trees", "candidate", roc_auc=0.99), **odd))
    assert "ranks an odd event above an ordinary one 99.0% of the time" in said
    assert "1.5000" in render(result(*models, **number))


def test_the_table_of_the_terminal() -> None:
    console = Console(width=100, record=True, file=io.StringIO(), color_system=None)
    console.print(result_table(result(TREE, RATE, candidate("[red]x", "candidate", None, None))))
    text = console.export_text()
    assert "0.4000" in text
    assert "[red]x" in text
    assert "µs" not in text
    assert text.index("tree") < text.index("rate") < text.index("[red]x")
