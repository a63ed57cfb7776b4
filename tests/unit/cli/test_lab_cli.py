"""What the lab's commands show of a result."""

from pathlib import Path

import pytest

from labline.engine.cli.lab import _show
from labline.lab_replay.evaluation.result import Candidate, Costs, Counts, ExperimentResult, Money
from labline.lab_replay.experiments.run import COSTS


@pytest.mark.parametrize("rule", ["late if [/rule]", "in [15, 30] or [desk]", "smile :smile:"])
def test_what_people_wrote_is_shown_as_they_wrote_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rule: str
) -> None:
    tree = Candidate(
        name="tree", recipe="", kind="candidate", metrics={"accuracy": 0.9}, events=9,
        money=Money(total=1, incumbent=2, unit="EUR [net]"),
    )  # fmt: skip
    result = ExperimentResult(
        name="x", line="l", question=rule, incumbent=rule, recording="", environment={},
        metrics=("accuracy",), candidates=(tree,), counts=Counts(events=9, labelled=9),
    )  # fmt: skip
    (tmp_path / COSTS).write_text(Costs().model_dump_json())
    _show(result, tmp_path, as_json=False)
    shown = " ".join(capsys.readouterr().out.split())
    assert shown.count(rule) == 2
    assert "1 EUR [net]" in shown
