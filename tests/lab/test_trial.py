"""What an experiment cannot be measured by is refused before it is replayed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labline import lab
from labline.engine.core.line import Costs
from labline.engine.errors import LablineError
from labline.lab_replay.experiments.experiment import Experiment
from labline.lab_replay.experiments.run import trial_of
from tests.lab.past import EVENT, LABEL, LINE, MODELS, recorded

PRICED = LINE.decision.model_copy(update={"costs": Costs(), "incumbent": "base-rate"})


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"metrics": ["mae"]}, "LL-FILE-INVALID"),
        ({"baselines": {"rate": "BaseRate()"}}, "LL-INCUMBENT-UNKNOWN"),
    ],
)
def test_what_would_be_refused_at_the_end_is_refused_at_the_start(
    tmp_path: Path, settings: dict[str, Any], code: str
) -> None:
    line = LINE.model_copy(update={"decision": PRICED})
    declared = Experiment.of(LINE.name, {"linear": MODELS["linear"]}, **settings)
    with pytest.raises(LablineError, match=code):
        trial_of(declared, line, (EVENT, LABEL), recorded(tmp_path))


def test_a_delay_is_counted_in_what_the_history_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six hours would be 21,600,000 rows: nothing would be learned, and nobody would know why."""
    monkeypatch.chdir(tmp_path)
    for name, header, column in (("rows", "", [""] * 60), ("times", "at,", list(minutes(60)))):
        cells = (f"{n},{at}{n % 5},{int(n % 5 > 2)}\n" for n, at in enumerate(column))
        Path(f"{name}.csv").write_text(f"id,{header}x,y\n{''.join(cells)}")
    rows = lab.load("rows.csv", label="y", id="id")
    times = lab.load("times.csv", label="y", id="id", time="at")
    recipes = {"linear": "StandardScaler() | LogisticRegression()"}
    for history, wrong, right, told in (
        (rows, "6h", "40 rows", 0.040), (times, "40 rows", "40m", 2_400),
    ):  # fmt: skip
        with pytest.raises(LablineError, match="LL-FILE-INVALID") as caught:
            lab.run(history, recipes, cores=1, delay=wrong)
        assert "such as" in caught.value.remedy
        frame = lab.run(history, recipes, cores=1, delay=right).predictions()
        late = (frame["label_time"] - frame["event_time"]).dt.total_milliseconds()
        assert set(late) == {told * 1_000}


def minutes(count: int) -> Iterator[str]:
    return (f"2013-01-01T00:{n:02}:00Z," for n in range(count))
