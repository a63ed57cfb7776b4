"""The past of a line of each kind: what if it had been otherwise, and what it did, as a page.

What would have been is told again by a plain loop over the same records with river's own models,
and every figure of it by river's own metrics.
"""

import csv
import json
import math
import secrets
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from river import anomaly, linear_model, metrics, optim, preprocessing
from typer.testing import CliRunner

from labline.engine.cli.main import app
from labline.engine.errors import LablineError
from tests.broker.test_kinds import (
    LABEL_DELAY_MS,
    SECOND_MS,
    SEGMENTS,
    TRIALS,
    Plant,
    Trial,
    as_floats,
)
from tests.broker.written import decoded

pytestmark = pytest.mark.broker

ODD_LABELS = "anomaly with labels"
KINDS = {name: name for name in TRIALS} | {ODD_LABELS: "anomaly"}
OTHER = {
    "anomaly": "MinMaxScaler() | HalfSpaceTrees(n_trees=20, seed=7)",
    "regression": "StandardScaler() | LinearRegression(optimizer=SGD(0.05))",
    "multiclass": "StandardScaler() | SoftmaxRegression(optimizer=SGD(0.1))",
}
DESK = "desk"


def another(kind: str) -> Any:
    """Return river's own model of `OTHER`."""
    last: dict[str, Any] = {
        "anomaly": anomaly.HalfSpaceTrees(n_trees=20, seed=7),
        "regression": linear_model.LinearRegression(optimizer=optim.SGD(0.05)),
        "multiclass": linear_model.SoftmaxRegression(optimizer=optim.SGD(0.1)),
    }
    return scaled(kind, last[kind])


def same(kind: str) -> Any:
    """Return river's own model of the line's recipe."""
    last: dict[str, Any] = {
        "anomaly": anomaly.HalfSpaceTrees(seed=42),
        "regression": linear_model.LinearRegression(),
        "multiclass": linear_model.SoftmaxRegression(),
    }
    return scaled(kind, last[kind])


def scaled(kind: str, last: Any) -> Any:
    first = preprocessing.MinMaxScaler() if kind == "anomaly" else preprocessing.StandardScaler()
    return first | last


def trial_of(name: str) -> Trial:
    if name != ODD_LABELS:
        return TRIALS[name]()
    trial = TRIALS["anomaly"]()
    rows = [(features, bool(truth)) for features, truth in trial.rows[:3_000]]
    return trial._replace(rows=rows, line='kind = "anomaly"', truth="boolean")


@dataclass
class Past:
    """A line's past.

    Attributes
    ----------
    scores
        By number of the event, as they were written.
    parts
        Numbers of the events by partition, in order.
    """

    name: str
    kind: str
    plant: Plant
    trial: Trial
    root: Path
    scores: dict[int, dict[str, Any]] = field(default_factory=dict)
    parts: dict[int, list[int]] = field(default_factory=dict)

    def run(self, *arguments: str) -> Any:
        place = ["-w", str(self.root), "--bootstrap", self.plant.bootstrap]
        return CliRunner().invoke(app, [*arguments, *place])

    def whatif(self, *arguments: str) -> dict[str, Any]:
        told = self.run("lab", "whatif", self.plant.line, "--json", *arguments)
        assert told.exit_code == 0, told.output
        found: dict[str, Any] = json.loads(told.stdout)
        return found

    def was(self, number: int) -> Any:
        score = self.scores[number]
        return score["probabilities"] if self.kind == "multiclass" else score["value"]


@pytest.fixture(scope="module", params=KINDS)
def past(
    broker: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Past]:
    """Give a line of each kind at rest; a tenth of its events are from a desk."""
    trial, root = trial_of(request.param), tmp_path_factory.mktemp("plant")
    with Plant(broker, f"t-{secrets.token_hex(4)}", root, trial) as plant:
        sent = [
            record._replace(headers=[("ce_source", DESK.encode())])
            if record.kind == "event" and from_desk(int((record.key or b"")[1:]))
            else record
            for record in plant.records(trial)
        ]
        plant.publish(sent)
        plant.promote(label=plant.register(trial.recipe))
        plant.finish(plant.scorer())
        found = Past(request.param, KINDS[request.param], plant, trial, root)
        for partition, records in plant.read(plant.topics().scores).items():
            told = [decoded(trial.schema, record[3]) for record in records]
            found.parts[partition] = [int(score["id"][1:]) for score in told]
            found.scores |= {int(score["id"][1:]): score for score in told}
        assert len(found.scores) == len(trial.rows)
        yield found


def from_desk(number: int) -> bool:
    return number % 10 == 3


def folded(
    past: Past,
    make: Any,
    without: frozenset[int] = frozenset(),
    unlabelled: frozenset[int] = frozenset(),
) -> dict[int, Any]:
    """Return by number what a model would have answered, each partition on its own."""
    answers = {}
    for numbers in past.parts.values():
        model, due = make(past.kind), list[tuple[int, int]]()
        for number in numbers:
            if number in without:
                continue
            time_ms = number * SECOND_MS
            while due and due[0][0] < time_ms:
                features, truth = past.trial.rows[heappop(due)[1]]
                model.learn_one(as_floats(features), truth)
            features = as_floats(past.trial.rows[number][0])
            answers[number] = answer(past.kind, model, features)
            if past.kind == "anomaly":
                model.learn_one(features)
            elif number not in unlabelled:
                heappush(due, (time_ms + LABEL_DELAY_MS, number))
    return answers


def answer(kind: str, model: Any, features: dict[str, float]) -> Any:
    if kind == "anomaly":
        return model.score_one(features)
    if kind == "regression":
        return model.predict_one(features)
    told = model.predict_proba_one(features)
    return [told.get(name, 0.0) if told else 1 / len(SEGMENTS) for name in SEGMENTS]


def figures(past: Past, answers: dict[int, Any], labelled: list[int]) -> dict[str, float]:
    """Return a kind's figures by river's own metrics; the ranks by counting pairs."""
    pairs = [(past.trial.rows[number][1], answers[number]) for number in labelled]
    if past.kind == "anomaly":
        return {"roc_auc": ranked(pairs)}
    if past.kind == "regression":
        told: dict[str, Any] = {"mae": metrics.MAE(), "rmse": metrics.RMSE(), "r2": metrics.R2()}
        for metric in told.values():
            for truth, value in pairs:
                metric.update(truth, value)
        return {name: metric.get() for name, metric in told.items()}
    told = {"accuracy": metrics.Accuracy(), "macro_f1": metrics.MacroF1(),
            "kappa": metrics.CohenKappa()}  # fmt: skip
    for metric in told.values():
        for truth, shares in pairs:
            metric.update(truth, SEGMENTS[shares.index(max(shares))])
    losses = [
        -math.log(min(max(shares[SEGMENTS.index(truth)], 1e-15), 1 - 1e-15))
        for truth, shares in pairs
    ]
    return {"log_loss": fmean(losses), **{name: metric.get() for name, metric in told.items()}}


def ranked(pairs: list[tuple[bool, float]]) -> float:
    yes = [score for truth, score in pairs if truth]
    no = sorted(score for truth, score in pairs if not truth)
    above = sum((bisect_left(no, score) + bisect_right(no, score)) / 2 for score in yes)
    return above / (len(yes) * len(no))


def check(past: Past, found: dict[str, Any], now: dict[int, Any], labelled: list[int]) -> None:
    """Check what the command told of all events against the plain loop's answers."""
    total = found["total"]
    assert total["events"] == len(now)
    assert total["labelled"] == len(labelled)
    was = {number: past.was(number) for number in now}
    if past.kind == "multiclass":
        apart = [sum(abs(a - b) for a, b in zip(was[n], now[n], strict=True)) / 2 for n in now]
        others = sum(was[n].index(max(was[n])) != now[n].index(max(now[n])) for n in now)
        assert total["to_class"] == others
    else:
        apart = [abs(was[n] - now[n]) for n in now]
        assert total["to_class"] is None
        assert total["factual_mean"] == pytest.approx(fmean(was.values()), rel=1e-9)
        assert total["counterfactual_mean"] == pytest.approx(fmean(now.values()), rel=1e-9)
    assert total["shift"]["mean"] == pytest.approx(fmean(apart), rel=1e-9, abs=1e-12)
    assert total["shift"]["max"] == pytest.approx(max(apart), rel=1e-12, abs=1e-15)
    threshold = {"anomaly": 0.9, "regression": 40.0, "multiclass": 0.5}[past.kind]
    if past.name == ODD_LABELS:
        threshold = math.inf
    best = {n: max(a) if isinstance(a, list) else a for n, a in now.items()}
    flips = [
        best[n] >= threshold for n in now if past.scores[n]["answer"] != (best[n] >= threshold)
    ]
    assert (total["to_yes"], total["to_no"]) == (sum(flips), len(flips) - sum(flips))
    told = {one["name"]: one for one in total["measures"]}
    if not labelled:
        assert told == {}
        return
    before, after = figures(past, was, labelled), figures(past, now, labelled)
    assert list(told) == list(before)
    for name, one in told.items():
        assert one["factual"] == pytest.approx(before[name], rel=1e-6), name
        assert one["counterfactual"] == pytest.approx(after[name], rel=1e-6), name
        assert one["difference"] == pytest.approx(after[name] - before[name], rel=1e-6, abs=1e-9)
        if name in ("log_loss", "accuracy", "mae"):
            assert one["low"] < one["difference"] < one["high"], name
        else:
            assert one["low"] is None


def test_another_model(past: Past, tmp_path: Path) -> None:
    """The same past with another recipe, and the file of what differs."""
    out = tmp_path / "differences.csv"
    found = past.whatif("--recipe", OTHER[past.kind], "--out", str(out))
    now = folded(past, another)
    check(past, found, now, list(now) if past.trial.truth else [])
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    differing = [n for n in now if now[n] != past.was(n)]
    assert len(rows) == len(differing) > 0
    for row in rows:
        number = int(row["id"][1:])
        told, truth = now[number], past.trial.rows[number][1]
        if past.kind == "multiclass":
            assert float(row["counterfactual_probability"]) == max(told)
            assert row["counterfactual_class"] == SEGMENTS[told.index(max(told))]
            assert row["factual_class"] == past.scores[number]["label"]
            assert row["label"] == truth
        else:
            assert (
                float(row["factual_value"]),
                float(row["counterfactual_value"]),
            ) == (past.was(number), told)
            assert row["label"] == (str(truth) if past.trial.truth else "")
    labels = {
        n: told["counterfactual"] for n, told in found["outcomes"].items() if told["counterfactual"]
    }
    name = "unused" if past.kind == "anomaly" else "learned"
    assert labels == ({name: len(past.trial.rows)} if past.trial.truth else {})
    assert all(told["factual"] == told["counterfactual"] for told in found["outcomes"].values())


def test_the_same_model_again_changes_nothing(past: Past) -> None:
    """A check of the check."""
    found = past.whatif("--recipe", past.trial.recipe)
    assert set(found["total"]["shift"].values()) == {0.0}
    assert (found["total"]["to_yes"], found["total"]["to_no"]) == (0, 0)
    assert folded(past, same) == {number: past.was(number) for number in past.scores}


def test_without_a_producer(past: Past) -> None:
    """Its events are neither answered nor learned from."""
    found = past.whatif("--without-source", DESK)
    theirs = frozenset(filter(from_desk, past.scores))
    assert found["total"]["left_out"] == found["total"]["gone"] == len(theirs) > 0
    now = folded(past, same, without=theirs)
    check(past, found, now, list(now) if past.trial.truth else [])


def test_without_a_range_of_offsets(past: Past) -> None:
    """Of labels where a line learns them, else of events."""
    partition = max(past.parts, key=lambda part: len(past.parts[part]))
    numbers = past.parts[partition]
    until = len(numbers) // 2
    learns = past.kind != "anomaly"
    topic = past.plant.labels if learns else past.plant.events
    found = past.whatif("--without", f"{topic}/{partition}=0:{until}")
    assert found["total"]["left_out"] == until
    gone = frozenset(
        int(decoded_id(past, topic, record)) for record in past.plant.read(topic)[partition][:until]
    )
    if learns:
        now = folded(past, same, unlabelled=gone)
        check(past, found, now, [number for number in now if number not in gone])
    else:
        now = folded(past, same, without=gone)
        check(past, found, now, list(now) if past.trial.truth else [])


def decoded_id(past: Past, topic: str, record: Any) -> str:
    kind = "labels" if topic == past.plant.labels else "events"
    told: Any = past.plant.schemas[kind].decode(record[3])
    return str(told["id"][1:])


def test_another_threshold(past: Past) -> None:
    """Where there is one: what was written is decided anew; else what to write is said."""
    threshold = {"anomaly": 0.95, "regression": 42.5, "multiclass": 0.7}[past.kind]
    if past.name == ODD_LABELS:
        refused = past.run("lab", "whatif", past.plant.line, "--threshold", "0.95")
        assert isinstance(refused.exception, LablineError)
        assert refused.exception.code == "LL-WHATIF-THRESHOLD"
        assert "--recipe" in refused.exception.remedy
        return
    total = past.whatif("--threshold", str(threshold))["total"]
    yes = {
        n: (max(told) if isinstance(told := past.was(n), list) else told) >= threshold
        for n in past.scores
    }
    flips = [yes[n] for n, score in past.scores.items() if score["answer"] != yes[n]]
    assert (total["to_yes"], total["to_no"]) == (sum(flips), len(flips) - sum(flips))
    assert flips
    assert set(total["shift"].values()) == {0.0}
    told = {one["name"]: one["difference"] for one in total["measures"]}
    assert set(told.values()) <= {0.0}, "no metric of these kinds looks at the threshold"


def test_in_words(past: Past) -> None:
    """The command without --json."""
    told = past.run("lab", "whatif", past.plant.line, "--recipe", OTHER[past.kind])
    assert told.exit_code == 0, told.output
    said = {
        "anomaly": "the score would have been",
        "regression": "the value would have been",
        "multiclass": "events would have been another class",
    }
    assert said[past.kind] in told.stdout
    if past.trial.truth:
        metric = {"anomaly": "ROC AUC", "regression": "MAE", "multiclass": "log loss"}[past.kind]
        assert f"{metric}: " in told.stdout
    else:
        assert "whether that had been better is not known" in told.stdout


def test_the_report_counts_what_the_topics_hold(past: Past, tmp_path: Path) -> None:
    """Days, figures of all slots, dead letters, latency and versions, and a sentence first."""
    page = tmp_path / "line.html"
    told = past.run("report", past.plant.line, "--json", "--out", str(page))
    assert told.exit_code == 0, told.output
    facts, text = json.loads(told.stdout), page.read_text()
    assert facts["answers"] == len(past.scores) == sum(day["answers"] for day in facts["days"])
    yes = sum(score["answer"] for score in past.scores.values())
    labelled = len(past.scores) if past.trial.truth else 0
    assert facts["result"]["counts"]["labelled"] == labelled
    declared = past.name != ODD_LABELS
    assert sum(day["yes"] or 0 for day in facts["days"]) == (yes if declared else 0)
    assert (facts["threshold"] is None) == (not declared)
    (revision,) = facts["revisions"]
    assert revision["answers"] == len(past.scores)
    assert revision["slots"]["champion"].endswith("@1")
    check_latency(past, facts["latency"])
    if labelled:
        told_by_river = figures(past, {n: past.was(n) for n in past.scores}, list(past.scores))
        models = {one["name"]: one for one in facts["result"]["candidates"]}
        baseline = {"anomaly": "constant", "regression": "mean", "multiclass": "class-shares"}
        assert set(models) == {"champion", baseline[past.kind]}
        for name, value in told_by_river.items():
            assert models["champion"]["metrics"][name] == pytest.approx(value, rel=1e-6), name
    if past.kind == "multiclass":
        mixed = facts["mixed"]
        assert sum(map(sum, mixed)) == labelled
        right = sum(mixed[place][place] for place in range(len(SEGMENTS)))
        assert right == sum(day["right"] for day in facts["days"])
    else:
        spread = next(one for one in facts["spread"] if one["name"] == "champion")
        ascending = sorted(past.was(number) for number in past.scores)
        assert spread["p50"] == ascending[math.ceil(0.5 * len(ascending)) - 1]
        assert spread["max"] == ascending[-1]
    check_page(past, text)


def check_latency(past: Past, latency: dict[str, int]) -> None:
    """From the broker's own times of both records."""
    appended = {
        (partition, record[0]): record[1]
        for partition, records in past.plant.read(past.plant.events).items()
        for record in records
    }
    found = sorted(
        record[1] - appended[partition, decoded(past.trial.schema, record[3])["offset"]]
        for partition, records in past.plant.read(past.plant.topics().scores).items()
        for record in records
    )
    assert latency["answers"] == len(found)
    assert (latency["p50_ms"], latency["max_ms"]) == (
        found[math.ceil(0.5 * len(found)) - 1], found[-1],
    )  # fmt: skip


def check_page(past: Past, text: str) -> None:
    said = {
        "anomaly": "were odd, with a score of at least 0.9",
        ODD_LABELS: "no threshold says from where on an event is odd",
        "regression": "the answer was off by",
        "multiclass": "were given the right class, against",
    }
    assert said[past.name] in text
    assert ("<h2>Who answered" in text) == bool(past.trial.truth)
    assert ("<h2>Which class was taken" in text) == (past.kind == "multiclass")
    assert ('class="over-time"' in text) is True
    for title in ("Day by day", "How long an answer took", "Who was in charge"):
        assert f"<h2>{title}" in text
