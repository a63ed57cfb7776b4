"""A result in plain sentences, and its figures as people read them."""

from collections.abc import Mapping

from labline.engine.core.kinds import KINDS
from labline.lab_replay.evaluation.metrics import METRICS
from labline.lab_replay.evaluation.ranking import is_whole, most_answered, ranking, result_ranking
from labline.lab_replay.evaluation.result import Candidate, ExperimentResult, Money, Versus
from labline.lab_replay.evaluation.time_kind import Clock, day_of

LOSS_TITLES = {"brier": "Brier score", "log_loss": "log loss", "absolute": "absolute error"}
LITTLE = 0.001  # the least share that people are told


def figure(metrics: Mapping[str, float | None], metric: str) -> str:
    """Return a metric as people read it.

    Examples
    --------
    >>> figure({"roc_auc": 0.91236}, "roc_auc"), figure({}, "roc_auc")
    ('0.9124', '–')
    """
    value = metrics.get(metric)
    return "–" if value is None else f"{value:.{METRICS[metric].digits}f}"


def headline(result: ExperimentResult) -> str:
    """Return what answers the line's question: who does best, how well, against what, how surely.

    One sentence; a second says what its decisions would have cost, where the line has prices.
    """
    best = next(iter(result_ranking(result, "candidate")), None)
    bar = next(iter(result_ranking(result, "baseline")), None)
    deciding = result.metrics[0]
    if best is None or best.metrics.get(deciding) is None:
        title, why = METRICS[deciding].title, _why_none(result, deciding)
        return f"{_scope(result)}, no candidate has a {title}: {why}."
    if is_whole(best, most_answered(result)):
        said = f"{_scope(result)}, {_lead(result, best, bar)}."
    else:
        said = f"{_scope(result)}, {_part(result, best, bar)}."
    if best.learn_failed:
        said += f" It raised {best.learn_failed:,} times when it learned."
    return f"{said} {money_sentence(result, best)}".strip()


def money_sentence(result: ExperimentResult, best: Candidate) -> str:
    """Return what a candidate's decisions would have cost against the rule in use today.

    Examples
    --------
    >>> result = ExperimentResult(name="x", line="x", question="", recording="", environment={},
    ...     candidates=(), counts={"events": 1, "labelled": 1}, incumbent="Nothing is late.")
    >>> best = Candidate(name="tree", recipe="", kind="candidate", metrics={},
    ...     money={"total": 60, "incumbent": 100, "unit": "EUR"})
    >>> print(money_sentence(result, best))
    Its decisions at the threshold of 0.5 would have cost 60 EUR; today's rule (Nothing is late)
    100 EUR: 40.0% less.
    """
    if best.money is None:
        return ""
    told = result.incumbent.rstrip(". ")
    rule = f"today's rule ({told})" if told else "today's rule"
    money = best.money
    return (
        f"Its decisions at the threshold of {result.threshold:g} would have cost"
        f" {amount(money.total, money.unit)}; {rule} {amount(money.incumbent, money.unit)}:"
        f" {saving(money)}."
    )


def amount(value: float, unit: str) -> str:
    """Return an amount of money or minutes.

    Examples
    --------
    >>> amount(12_345.6, "EUR"), amount(0.25, "")
    ('12,346 EUR', '0.25')
    """
    text = f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:,.2f}"
    return f"{text} {unit}".strip()


def saving(money: Money) -> str:
    """Return how much less, or more, decisions would have cost than those of today's rule."""
    if money.total == money.incumbent:
        return "as much"
    more = money.total > money.incumbent
    if not money.incumbent:
        return "more"
    return f"{_apart(money.total, money.incumbent)} {'more' if more else 'less'}"


def percent(share: float) -> str:
    """Return a share as people read it.

    Examples
    --------
    >>> percent(0.934)
    '93.4%'
    """
    return f"{share:.1%}"


def loss_title(versus: Versus) -> str:
    """Return which loss is compared, and up to which size it counts where it has no limit itself.

    Examples
    --------
    >>> print(loss_title(Versus(other="mean", loss="absolute", events=9_000, difference=-0.2,
    ...     low=-0.3, high=-0.1, alpha=0.05, verdict="better", bound=45)))
    absolute error (counted up to 45)
    """
    title = LOSS_TITLES[versus.loss]
    if versus.loss == "brier" or versus.bound is None:
        return title
    return f"{title} (counted up to {versus.bound:.4g})"


def verdict(versus: Versus, clock: Clock = "recorded") -> str:
    """Return a paired comparison in words.

    Examples
    --------
    >>> print(verdict(Versus(other="base-rate", loss="brier", events=9_000, difference=-0.02,
    ...     low=-0.03, high=-0.01, alpha=0.05, verdict="better", decided_at=3_210,
    ...     decided_ms=1_358_000_000_000)))
    better than base-rate, certain after 3,210 labels (12 Jan 2013)
    """
    if not versus.events:
        return f"not compared with {versus.other}: {uncompared(versus)}"
    if versus.verdict == "undecided":
        return f"undecided against {versus.other} after {versus.events:,} labels"
    words = f"{versus.verdict} than {versus.other}"
    if versus.decided_at is None:
        return words
    when = "" if versus.decided_ms is None else f" ({day_of(versus.decided_ms, clock)})"
    return f"{words}, certain after {versus.decided_at:,} labels{when}"


def uncompared(versus: Versus) -> str:
    """Return why not one event was compared."""
    if versus.loss == "absolute" and versus.bound is None:
        return "the labels do not say how large an error can count"
    return "there is no labelled event that both answered"


def _why_none(result: ExperimentResult, metric: str) -> str:
    """Return why no candidate has a metric."""
    answered = [c.events for c in result.candidates if c.kind == "candidate"]
    if not answered:
        return "there is none"
    if result.warm_up and not result.counts.labelled:
        return f"the warm-up of {result.warm_up:,} events leaves no label to count"
    if not result.counts.labelled:
        return "no event has a label"
    if not any(answered):
        return "none had a valid answer to any of them"
    return METRICS[metric].undefined


def _scope(result: ExperimentResult) -> str:
    if not KINDS[result.kind].learns_labels and not result.counts.labelled:
        return f"Over {result.counts.events:,} events, none of them with a label"
    return f"Over {result.counts.labelled:,} labelled events"


def _lead(result: ExperimentResult, best: Candidate, bar: Candidate | None) -> str:
    """Return who answers best and how well, in the terms of the line's kind."""
    deciding = result.metrics[0]
    quality = _quality(result, best)
    shown = [
        metric
        for metric in dict.fromkeys((deciding, "log_loss", "roc_auc"))
        if metric == deciding or metric in result.metrics
    ][:2]
    figures = _joined([f"{METRICS[m].title} {figure(best.metrics, m)}" for m in shown])
    if bar is None or bar.metrics.get(deciding) is None:
        return f"{best.name} answers best{quality}: {figures}"
    if not is_whole(bar, most_answered(result)):
        return (
            f"{best.name} answers best{quality}: {figures}; no baseline answered all,"
            f" and {bar.name}'s {_over_its_own(bar, deciding)} cannot be held against it"
        )
    against = _joined([_against(best, bar, metric) for metric in shown])
    if best is ranking([bar, best], deciding)[0]:
        return (
            f"{best.name} answers best{quality}, ahead of the best baseline, {bar.name}:"
            f" {against}{_certainty(best, bar, result.clock)}"
        )
    return (
        f"no candidate beats the best baseline, {bar.name};"
        f" the nearest is {best.name}{quality}: {against}"
    )


def _part(result: ExperimentResult, best: Candidate, bar: Candidate | None) -> str:
    """Return what the best did where none answered all: figures over other events say little."""
    deciding = result.metrics[0]
    told = f"{METRICS[deciding].title} {figure(best.metrics, deciding)}"
    said = f"no candidate answered all; {best.name} answered {best.events:,}: {told}"
    if bar is None or bar.metrics.get(deciding) is None:
        return said
    return f"{said}, which cannot be held against {bar.name}'s {_over_its_own(bar, deciding)}"


def _over_its_own(bar: Candidate, metric: str) -> str:
    """Return a baseline's figure, and over how many events it is."""
    return f"{figure(bar.metrics, metric)} over {bar.events:,}"


def _quality(result: ExperimentResult, best: Candidate) -> str:
    """Return how well a candidate does in words that need no statistics."""
    metrics, kind = best.metrics, KINDS[result.kind]
    if kind.probable and metrics.get("accuracy") is not None:
        return f" and is right in {percent(metrics['accuracy'] or 0.0)} of them"
    if kind.predicts_number and metrics.get("mae") is not None:
        return f" and is off by {figure(metrics, 'mae')} on average"
    if not kind.learns_labels and metrics.get("roc_auc") is not None:
        share = percent(metrics["roc_auc"] or 0.0)
        return f" and ranks an odd event above an ordinary one {share} of the time"
    return ""


def _against(best: Candidate, bar: Candidate, metric: str) -> str:
    part = f"{METRICS[metric].title} {figure(best.metrics, metric)}"
    part += f" against {figure(bar.metrics, metric)}"
    ours, theirs = best.metrics.get(metric), bar.metrics.get(metric)
    if METRICS[metric].lower_is_better and ours is not None and theirs:
        way = "lower" if ours < theirs else "higher"
        part += " (the same)" if ours == theirs else f" ({_apart(ours, theirs)} {way})"
    return part


def _apart(ours: float, theirs: float) -> str:
    """Return by which share two unequal figures differ, without ever calling it none.

    Examples
    --------
    >>> _apart(60, 100), _apart(99.99, 100)
    ('40.0%', 'under 0.1%')
    """
    share = abs(1 - ours / theirs)
    return percent(share) if share >= LITTLE else f"under {percent(LITTLE)}"


def _certainty(best: Candidate, bar: Candidate, clock: Clock) -> str:
    """Return since when it is certain that the best candidate beats the best baseline."""
    found = [v for v in best.versus if v.other == bar.name]
    if not found or found[0].verdict != "better" or found[0].decided_at is None:
        return ""
    decided_ms = found[0].decided_ms
    when = "" if decided_ms is None else f" ({day_of(decided_ms, clock)})"
    return f", certain after {found[0].decided_at:,} labels{when}"


def _joined(parts: list[str]) -> str:
    return " and ".join(parts)
