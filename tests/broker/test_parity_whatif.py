"""The past of two lines: one had rebalances, a kill and a promotion, the other can be told by hand.

Shared by all tests here, which only read it. What differs and by how much is counted again from
the oracle's answers, with plain dicts and sorted lists.
"""

import json
import math
import secrets
import signal
import statistics
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from labline.engine.cli.main import app
from labline.engine.core.line import Costs
from labline.engine.core.record import Record
from labline.engine.errors import LablineError
from labline.engine.models.control.control import Control
from labline.lab_replay.parity.differences.sketch import ACCURACY, EXACT_MAX
from labline.lab_replay.parity.differences.table import HOUR_MS, FieldHour
from labline.lab_replay.parity.parity import Parity, parity
from labline.lab_replay.whatif.change import Change, OffsetRange
from labline.lab_replay.whatif.whatif import PartitionWhatIf, whatif
from labline.schemas.engine_schemas import engine_schema
from tests.broker import oracle
from tests.broker.copied import copy_line
from tests.broker.factory import PARTITIONS, RATE, RECIPE, Factory
from tests.broker.process import until
from tests.broker.written import decoded

FIRST, LAST = date(2013, 1, 1), date(2013, 1, 3)
BATCH = 60
NEXT_RATE = math.nextafter(RATE, 1.0)
OTHER_RATE = 0.05
Place = tuple[str, int, int]
Scores = dict[Place, dict[str, Any]]


@dataclass(frozen=True)
class Past:
    """Both lines, and what the oracle says of the calm one."""

    factory: Factory
    calm: str
    control: Control
    scores: Scores

    def oracle(self, rate: float) -> "Told":
        """Return what the calm line would have answered with another rate, with each label."""
        topics, root = (self.factory.events, self.factory.labels), self.factory.workspace.root
        told = Told({}, {})
        patch = pytest.MonkeyPatch()
        real = oracle.pipeline
        patch.setattr(oracle, "pipeline", lambda rate: Noting(real(rate), told))
        with patch.context():
            revision = self.control.lines[self.calm].offset
            found = oracle.answers(
                self.factory.bootstrap, topics, root / "schemas", "delay@1", revision, rate
            )
        patch.undo()
        told.scores.update(found.scores)
        told.outcomes = found.outcomes
        return told

    def parity(self, **more: Any) -> Parity:
        """Return parity of the calm line."""
        return parity(self.factory.bootstrap, self.calm, self.control, **more)

    def whatif(self, change: Change, **more: Any) -> tuple[Any, list[PartitionWhatIf]]:
        """Return what would have been of the calm line."""
        return whatif(self.factory.bootstrap, self.calm, self.control, change, **more)


class Told:
    """An oracle's answers by place, and the labels by the place of their event."""

    def __init__(self, scores: Scores, labels: dict[int, bool]) -> None:
        self.scores, self.by_number, self.outcomes = scores, labels, Counter[str]()

    def labelled(self) -> list[tuple[dict[str, Any], bool, Place]]:
        """Return each labelled answer with its label."""
        places = list(self.scores)
        return [(self.scores[places[n]], y, places[n]) for n, y in self.by_number.items()]


class Noting:
    """A learner that notes which of all scored events a label belongs to."""

    def __init__(self, inner: Any, told: Told) -> None:
        self._inner, self._told = inner, told
        self._number: list[dict[str, Any]] = told.__dict__.setdefault("seen", [])

    def predict_proba_one(self, x: dict[str, Any]) -> Any:
        self._number.append(x)
        return self._inner.predict_proba_one(x)

    def learn_one(self, x: dict[str, Any], y: bool) -> None:
        number = next(n for n, seen in enumerate(self._number) if seen is x)
        self._told.by_number[number] = y
        self._inner.learn_one(x, y)


@pytest.fixture(scope="module")
def past(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    """Give both lines, at rest."""
    name = f"t-{secrets.token_hex(4)}"
    with Factory(broker, name, tmp_path_factory.mktemp("past")) as factory:
        calm = factory.add_line(f"{name}.calm")
        factory.publish_days(FIRST, LAST)
        factory.promote(name, calm)
        killed = factory.scorer(batch_max=BATCH, stops=("written", 12, "SIGKILL"))
        alone = factory.scorer(calm)
        assert killed.ended() == -signal.SIGKILL, killed.said()
        first = factory.scorer(batch_max=BATCH, stops=("after-commit", 20, "SIGSTOP"))
        first.await_freeze()
        factory.promote(rate=OTHER_RATE)
        second = factory.scorer(instance="1", batch_max=BATCH)
        first.send(signal.SIGCONT)
        until("a rebalance", lambda: '"assigned"' in second.said() or "assigned" in second.said())
        factory.finish(first, second)
        factory.finish(alone, lines=[calm])
        made = Past(factory, calm, factory.control(), {})
        yield Past(factory, calm, made.control, made.oracle(RATE).scores)


def test_parity_is_equal_over_kills_rebalances_and_a_promotion(past: Past) -> None:
    """The disturbed line's past is one past."""
    factory = past.factory
    assert {len({e.revision for e in es}) for es in factory.journal().values()} == {2}
    found = parity(factory.bootstrap, factory.line, past.control)
    assert (found.verdict, found.first, found.totals, found.hours) == ("equal", None, (), ())
    answers = sum(map(len, factory.read(factory.topics().scores).values()))
    letters = sum(map(len, factory.read(factory.topics().dlq).values()))
    assert found.total("records") == 2 * answers + letters
    assert found.total("after") == 0


def test_the_table_counts_what_differs_by_field_and_hour(past: Past) -> None:
    """The smallest other recipe: every figure of the table, counted again from the oracle."""
    found = past.parity(recipe=RECIPE.format(rate=NEXT_RATE))
    judged = past.oracle(NEXT_RATE).scores
    pairs = after_first_difference(past.scores, judged)
    assert found.verdict == "different"
    assert sum(map(len, pairs.values())) > 1_000
    told = {row.hour_ms: row for row in found.hours if row.field == "answer probability"}
    assert set(told) == set(pairs)
    for hour_ms, both in pairs.items():
        check_row(told[hour_ms], both)
    (total,) = (row for row in found.totals if row.field == "answer probability")
    check_row(total, [pair for both in pairs.values() for pair in both])
    shadows = [row for row in found.totals if row.field.startswith("shadow score baseline")]
    assert len(shadows) == 2 * 3
    assert {(r.pairs, r.differing) for r in shadows} == {(total.pairs, 0)}
    assert {r.both_missing for r in shadows if r.field.endswith("value")} == {total.pairs}
    flips = sum((a >= 0.5) != (b >= 0.5) for both in pairs.values() for a, b in both)
    (answers,) = (row for row in found.totals if row.field == "answer answer")
    assert (answers.pairs, answers.unequal, answers.max) == (total.pairs, flips, None)


def after_first_difference(one: Scores, other: Scores) -> dict[int, list[tuple[float, float]]]:
    """Return by hour the probabilities of each partition from its first differing event on."""
    found: dict[int, list[tuple[float, float]]] = defaultdict(list)
    begun: set[int] = set()
    for place, score in sorted(one.items()):
        pair = score["probability"], other[place]["probability"]
        if pair[0] != pair[1]:
            begun.add(place[1])
        if place[1] in begun:
            found[score["event_time_ms"] // HOUR_MS * HOUR_MS].append(pair)
    return found


def check_row(row: FieldHour, pairs: list[tuple[float, float]]) -> None:
    """Check a row against its pairs."""
    apart = sorted(abs(a - b) for a, b in pairs if a != b)
    assert (row.pairs, row.unequal, row.both_missing) == (len(pairs), len(apart), 0)
    assert (row.written_missing, row.refolded_missing) == (0, 0)
    error = statistics.fmean(2 * abs(a - b) / (a + b) for a, b in pairs)
    assert row.symmetric_relative_error == pytest.approx(error, rel=1e-9)
    if not apart:
        assert (row.p50, row.max) == (None, None)
        return
    assert row.max == apart[-1]
    for share, figure in ((0.5, row.p50), (0.95, row.p95), (0.99, row.p99)):
        exact = apart[max(1, math.ceil(share * len(apart))) - 1]
        assert figure == (exact if len(apart) <= EXACT_MAX else pytest.approx(exact, rel=ACCURACY))


def test_planted_differences_are_named_exactly(past: Past) -> None:
    """One unit in a score, a shadow score that is gone, a dead letter twice: and nothing else."""
    copy, planted = f"{past.calm}.copy", Planted()
    control = copy_line(past.factory, past.calm, copy, planted)
    found = parity(past.factory.bootstrap, copy, control)
    first, second, third, fourth = found.partitions
    assert (found.verdict, first.difference, first.after) == ("different", None, 0)
    topics = past.factory.topics(copy)

    altered, there = planted.score, second.difference
    assert there is not None
    assert (there.what, there.topic, there.partition) == ("answer", topics.scores, 1)
    assert (there.field, there.refolded) == ("probability", repr(altered["probability"]))
    assert there.written == repr(math.nextafter(altered["probability"], 1.0))
    assert there.source == f"{altered['topic']}[1]@{altered['offset']} id {altered['id']}"
    assert len(there.state_before) == 64

    gone, there = planted.shadow, third.difference
    assert there is not None
    assert (there.what, there.partition) == ("shadow score", 2)
    assert there.source == f"{gone['topic']}[2]@{gone['offset']} id {gone['id']}"

    assert fourth.difference is not None
    assert (fourth.difference.what, fourth.difference.partition) == ("dead letter", 3)
    differing = {r.field: (r.written_missing, r.refolded_missing, r.unequal) for r in found.totals
                 if r.differing}  # fmt: skip
    shadows = {row.field for row in found.totals if row.field.startswith("shadow score")}
    with_value = {name for name in shadows if not name.endswith(" value")}
    assert differing == {
        "answer probability": (0, 0, 1),
        "dead letter record": (0, 1, 0),
        **dict.fromkeys(with_value, (1, 0, 0)),
    }
    (row,) = (r for r in found.hours if r.field == "answer probability" and r.differing)
    assert row.hour_ms == altered["event_time_ms"] // HOUR_MS * HOUR_MS
    ulp = math.ulp(altered["probability"])
    assert (row.p50, row.max) == (pytest.approx(ulp), pytest.approx(ulp))


def test_reasons_and_what_no_journal_accounts_for_are_looked_at(past: Past) -> None:
    """Another reason on a dead letter; a partition whose journal has nothing, its outputs all."""
    copy = f"{past.calm}.bare"

    def altered(name: str, partition: int, at: int, record: Record) -> Iterator[Record]:
        *rest, headers = record
        if (name, partition) == ("journal", 0):
            return
        if (name, partition, at) == ("dlq", 2, 0):
            headers = [(n, b"other" if n.endswith(".reason") else v) for n, v in headers or ()]
        yield *rest, headers  # type: ignore[misc]

    control = copy_line(past.factory, past.calm, copy, altered)
    found = parity(past.factory.bootstrap, copy, control)
    first, second, third, fourth = found.partitions
    assert (found.verdict, second.difference, fourth.difference) == ("different", None, None)
    assert first.difference is not None
    assert (first.entries, first.difference.sequence) == (0, 0)
    assert third.difference is not None
    assert third.difference.field == "labline.error.reason"
    assert third.difference.written == "b'other'"


class Planted:
    """Alters a record of each kind in the middle of a partition."""

    def __init__(self) -> None:
        self.score: dict[str, Any] = {}
        self.shadow: dict[str, Any] = {}

    def __call__(self, name: str, partition: int, at: int, record: Record) -> Iterator[Record]:
        offset, time_ms, key, value, headers = record
        if (name, partition, at) == ("scores", 1, 200):
            self.score = decoded("labline.Score", value)
            nearly = math.nextafter(self.score["probability"], 1.0)
            value = engine_schema("labline.Score").encode({**self.score, "probability": nearly})
        if (name, partition, at) == ("shadow", 2, 150):
            self.shadow = decoded("labline.Shadow", value)
            return
        yield offset, time_ms, key, value, headers
        if (name, partition, at) == ("dlq", 3, 5):
            yield offset, time_ms, key, value, headers


def test_the_same_recipe_again_would_have_changed_nothing(past: Past) -> None:
    """A check of the check: what if nothing had been otherwise."""
    found, _ = past.whatif(Change(recipe=RECIPE.format(rate=RATE)))
    total = found.total
    assert (total.events, total.to_yes, total.to_no) == (len(past.scores), 0, 0)
    assert (total.gone, total.added, total.unwritten, total.left_out) == (0, 0, 0, 0)
    assert set(total.shift.values()) == {0.0}
    assert {
        (m.name, m.factual - m.counterfactual, m.difference, m.low, m.high) for m in total.measures
    } == {
        ("roc_auc", 0.0, 0.0, None, None),
        *((name, 0.0, 0.0, 0.0, 0.0) for name in ("log_loss", "brier", "accuracy", "cost")),
    }
    assert {name: was for name, (was, _) in found.outcomes.items()} == {
        name: now for name, (_, now) in found.outcomes.items()
    }


def test_another_model_is_what_the_oracle_says(past: Past) -> None:
    """Every figure of what would have been, from the oracle's answers and labels."""
    told = past.oracle(OTHER_RATE)
    costs = Costs(false_positive=10.0, false_negative=25.0, unit="minutes")
    change = Change(recipe=RECIPE.format(rate=OTHER_RATE), threshold=0.3)
    found, folded = past.whatif(change, costs=costs, with_ids=True)
    was, now = past.scores, told.scores
    flips = Counter(
        "yes" if now[p]["probability"] >= 0.3 else "no"
        for p in was
        if was[p]["answer"] != (now[p]["probability"] >= 0.3)
    )
    total = found.total
    assert (total.events, total.to_yes, total.to_no) == (len(was), flips["yes"], flips["no"])
    shift = sorted(abs(now[p]["probability"] - was[p]["probability"]) for p in was)
    assert total.shift["mean"] == pytest.approx(statistics.fmean(shift), rel=1e-12)
    assert total.shift["p95"] == shift[math.ceil(0.95 * len(shift)) - 1]
    assert total.shift["max"] == shift[-1]
    labelled = told.labelled()
    assert total.labelled == len(labelled) == found.outcomes["learned"][1]
    assert found.outcomes["learned"][0] == told.outcomes["learned"]
    check_measures(found, labelled, was, costs)
    rows = {
        (past.factory.events, part.partition, offset): (
            part.ids[at], part.pairs.factual[at], part.pairs.counterfactual[at]
        )
        for part in folded
        for at, offset in enumerate(part.pairs.offset)
    }  # fmt: skip
    assert rows == {p: (was[p]["id"], was[p]["probability"], now[p]["probability"]) for p in was}


def check_measures(found: Any, labelled: list[Any], was: Scores, costs: Costs) -> None:
    def mean(figure: Callable[[float, bool, bool], float], then: bool) -> float:
        return statistics.fmean(
            figure(was[p]["probability"], was[p]["answer"], y)
            if then
            else figure(s["probability"], s["probability"] >= 0.3, y)
            for s, y, p in labelled
        )

    figures: dict[str, Callable[[float, bool, bool], float]] = {
        "log_loss": lambda p, _, y: -math.log(clipped(p) if y else 1 - clipped(p)),
        "roc_auc": lambda *_: math.nan,  # no mean over events
        "brier": lambda p, _, y: (p - y) ** 2,
        "accuracy": lambda _, a, y: float(a == y),
        "cost": lambda _, a, y: (
            costs.false_positive * (a and not y) + costs.false_negative * (y and not a)
        ),
    }
    assert [m.name for m in found.total.measures] == list(figures)
    for measure in found.total.measures:
        if measure.name == "roc_auc":
            check_ranks(measure, labelled, was)
            continue
        then, now = mean(figures[measure.name], True), mean(figures[measure.name], False)
        assert measure.factual == pytest.approx(then, rel=1e-9)
        assert measure.counterfactual == pytest.approx(now, rel=1e-9)
        assert measure.difference == pytest.approx(now - then, rel=1e-6, abs=1e-12)
        assert measure.low < measure.difference < measure.high


def clipped(probability: float) -> float:
    """Return a probability as river's log loss takes it."""
    return min(max(probability, 1e-15), 1 - 1e-15)


def check_ranks(measure: Any, labelled: list[Any], was: Scores) -> None:
    """Count the pairs of an event that was so and one that was not, one by one."""

    def ranked(score: Callable[[Any, Place], float]) -> float:
        yes = sorted(score(s, p) for s, y, p in labelled if y)
        no = sorted(score(s, p) for s, y, p in labelled if not y)
        above = sum((bisect_left(no, one) + bisect_right(no, one)) / 2 for one in yes)
        return above / (len(yes) * len(no))

    assert measure.factual == pytest.approx(ranked(lambda _, p: was[p]["probability"]), rel=1e-12)
    assert measure.counterfactual == pytest.approx(ranked(lambda s, _: s["probability"]), rel=1e-12)
    assert (measure.difference, measure.low) == (measure.counterfactual - measure.factual, None)


def test_labels_left_out_are_not_learned(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    """From an offset on without labels: the rest's order is as the oracle's without them."""
    labels, real = past.factory.labels, oracle.read
    end = past.factory.ends(labels)[labels, 0]
    cut = end // 2

    def without(bootstrap: str, topic: str) -> Any:
        found = real(bootstrap, topic)
        if topic == labels:
            found[0] = [entry for entry in found[0] if entry[0] < cut]
        return found

    monkeypatch.setattr(oracle, "read", without)
    told = past.oracle(RATE)
    found, folded = past.whatif(Change(ranges=(OffsetRange(labels, 0, cut, end),)))
    assert found.total.left_out == found.partitions[0].left_out == end - cut
    assert {n: now for n, (_, now) in found.outcomes.items() if now} == told.outcomes
    events = past.factory.events
    for part in folded:
        now = [told.scores[events, part.partition, o]["probability"] for o in part.pairs.offset]
        assert list(part.pairs.counterfactual) == now
    moved = [part.shift["max"] > 0 for part in found.partitions]
    assert moved == [True] + [False] * (PARTITIONS - 1)


def test_without_a_producer_its_events_are_not_answered(past: Past) -> None:
    """Who sent a record is its header; a source that nobody has is a typing error."""
    factory = past.factory
    records = [
        (topic, partition, record)
        for topic in (factory.events, factory.labels)
        for partition, found in factory.read(topic).items()
        for record in found
    ]
    theirs = [(t, p, r[0]) for t, p, r in records if ("ce_source", b"desk") in (r[4] or [])]
    found, _ = past.whatif(Change(sources=("desk",)))
    assert found.total.left_out == len(theirs) > 10
    assert found.total.gone == sum(place in past.scores for place in theirs)
    assert found.total.events == len(past.scores) - found.total.gone
    with pytest.raises(LablineError, match="sources seen: desk, unknown"):
        past.whatif(Change(sources=("dsek",)))


def test_the_command_tells_it_and_refuses_what_cannot_be_told(past: Past, tmp_path: Path) -> None:
    """Through the door that people use, on the line that had a promotion."""
    factory, out = past.factory, tmp_path / "differences.jsonl"
    common = ["-w", str(factory.workspace.root), "--bootstrap", factory.bootstrap, "--json"]

    def run(*arguments: str) -> Any:
        return CliRunner().invoke(app, ["lab", "whatif", factory.line, *arguments, *common])

    done = run("--threshold", "0.3", "--out", str(out))
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    scores = [
        decoded("labline.Score", record[3])
        for records in factory.read(factory.topics().scores).values()
        for record in records
    ]
    flips = {
        (s["partition"], s["offset"]): s["probability"]
        for s in scores
        if 0.3 <= s["probability"] < 0.5
    }
    assert (told["total"]["to_yes"], told["total"]["to_no"]) == (len(flips), 0)
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    told_flips = {(e["partition"], e["offset"]): e["factual_probability"] for e in lines}
    assert told_flips == flips
    assert {(line["factual_answer"], line["counterfactual_answer"]) for line in lines} == {
        (False, True)
    }
    assert 0 < sum(event["label"] is not None for event in lines) <= len(flips)
    for arguments, code in {
        (): "LL-WHATIF-NOTHING",
        ("--threshold", "1.5"): "LL-WHATIF-THRESHOLD",
        ("--without", "x"): "LL-WHATIF-RANGE",
        ("--without", f"{factory.events}/9=0:5"): "LL-WHATIF-RANGE",
        ("--threshold", "0.3", "--out", str(out)): "LL-WHATIF-OUT",
        ("--recipe", "Nonsense()"): "LL-RECIPE",
    }.items():
        refused = run(*arguments)
        assert isinstance(refused.exception, LablineError), (arguments, refused.output)
        assert refused.exception.code == code
