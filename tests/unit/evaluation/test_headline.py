"""The sentence that answers the question, where it must not say more than is known."""

from typing import Any

import pytest

from labline.lab_replay.evaluation.headline import headline, money_sentence, verdict
from labline.lab_replay.evaluation.ranking import result_ranking
from labline.lab_replay.evaluation.result import Candidate, Counts, ExperimentResult, Versus

MANY = 1_000_000


def one(name: str, kind: str, loss: float | None, events: int = MANY, **told: Any) -> Candidate:
    metrics = {"log_loss": loss, "roc_auc": None if loss is None else 0.7}
    return Candidate(name=name, recipe="", kind=kind, metrics=metrics, events=events, **told)


def result(*candidates: Candidate, labelled: int = MANY, **told: Any) -> ExperimentResult:
    return ExperimentResult(
        **{"metrics": ("log_loss", "roc_auc"), **told},
        name="x", line="l", question="", recording="", environment={}, candidates=candidates,
        counts=Counts(events=MANY, labelled=labelled),
    )  # fmt: skip


BASE = one("base", "baseline", 0.6)


def test_where_none_answered_all_the_one_that_answered_most_is_named() -> None:
    found = result(one("gave-up", "candidate", 0.3, 1_000, stopped_at=1_000),
                   one("ran", "candidate", 0.5, 998_000), BASE)  # fmt: skip
    assert [c.name for c in result_ranking(found)] == ["base", "ran", "gave-up"]
    assert headline(found) == (
        "Over 1,000,000 labelled events, no candidate answered all; ran answered 998,000:"
        " log loss 0.5000, which cannot be held against base's 0.6000 over 1,000,000."
    )


def test_a_baseline_that_answered_a_part_is_nothing_to_be_ahead_of() -> None:
    assert headline(result(one("good", "candidate", 0.5), one("p", "baseline", 0.1, 500_000))) == (
        "Over 1,000,000 labelled events, good answers best: log loss 0.5000 and ROC AUC 0.7000;"
        " no baseline answered all, and p's 0.1000 over 500,000 cannot be held against it."
    )


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (result(one("a", "candidate", None, 0), BASE), "none had a valid answer to any of them."),
        (result(one("a", "candidate", None, 0), labelled=0), "no event has a label."),
        (
            result(one("a", "candidate", None, 0), labelled=0, warm_up=9_000),
            "the warm-up of 9,000 events leaves no label to count.",
        ),
        (result(BASE), "there is none."),
        (
            result(one("a", "candidate", None), metrics=("roc_auc",)),
            "no candidate has a ROC AUC: all labels are of one class.",
        ),
        (
            result(one("a", "candidate", None), kind="regression", metrics=("rmse",)),
            "no candidate has a RMSE: errors are beyond all numbers.",
        ),
    ],
)
def test_why_there_is_no_figure_is_said(found: ExperimentResult, why: str) -> None:
    assert headline(found).endswith(why)


def test_a_tie_and_a_hair_are_called_so() -> None:
    said = headline(result(one("good", "candidate", 0.6), BASE))
    assert "no candidate beats the best baseline, base" in said
    assert "log loss 0.6000 against 0.6000 (the same)" in said
    assert "(under 0.1% lower)" in headline(result(one("good", "candidate", 0.59999), BASE))
    priced = one("good", "candidate", 0.5, money={"total": 99.99, "incumbent": 100, "unit": "EUR"})
    assert money_sentence(result(), priced).endswith("100 EUR: under 0.1% less.")


def test_certain_is_only_what_the_sentence_says() -> None:
    """By bounded losses a model may be better whose plain loss, now and then huge, is worse."""
    sure = Versus(other="base", loss="log_loss", events=MANY, difference=-0.3, low=-0.4, high=-0.2,
                  alpha=0.05, verdict="better", decided_at=321)  # fmt: skip
    assert headline(result(one("a", "candidate", 0.5, versus=(sure,)), BASE)).endswith(
        "ROC AUC 0.7000 against 0.7000, certain after 321 labels."
    )
    worse = headline(result(one("a", "candidate", 1.2, versus=(sure,)), BASE))
    assert "no candidate beats" in worse
    assert "certain" not in worse


def test_what_was_not_compared_is_not_called_undecided() -> None:
    none = Versus(other="base", loss="brier", events=0, difference=0, low=-1, high=1, alpha=0.05,
                  verdict="undecided", bound=1)  # fmt: skip
    assert verdict(none) == (
        "not compared with base: there is no labelled event that both answered"
    )
