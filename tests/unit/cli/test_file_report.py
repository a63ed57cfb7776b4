import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from labline.engine.cli.main import app

pytest.importorskip("river")


def replay(csv: Path, recipe: str, *told: str) -> str:
    arguments = ["lab", "replay", str(csv), "--recipe", recipe, "--json", *told]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("{")  # what is told does not mix with the result
    return result.stderr


@pytest.fixture
def csv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "rides.csv"
    rows = (
        f"2013-01-01T{n:02}:00:00Z,{n % 7},{'ab'[n % 2]},,{n % 3},no {n % 2},2013-02-{n + 1:02}"
        for n in range(24)
    )
    path.write_text("\n".join(["time,x,city,gap,late,word,paid_at", *rows]))
    return path


def test_what_was_understood_of_a_file_is_told(csv: Path) -> None:
    told = replay(csv, "ClassShares()", "--label", "late", "--label-time", "paid_at")
    assert told.splitlines()[:8] == [
        "rides.csv: 24 rows, taken as a multiclass line",
        "  id: the row's number",
        "  time: time (guessed), read as iso",
        "  label: late, one of the classes 0, 1, 2",
        "  label time: paid_at, read as iso",
        "  features, numbers: x",
        "  features, categories: city, word",
        "  left out: gap (empty)",
    ]


def test_what_nobody_named_is_told(csv: Path) -> None:
    told = replay(csv, "MeanValue()", "--label", "late", "--kind", "regression")
    assert "  label: late, a number\n" in told
    assert "label time: none: a label counts as known right after its event; --label-time" in told
    csv.write_text(csv.read_text().replace("2013-01-01T05", "soon"))
    told = replay(csv, "ClassShares()", "--label", "late")
    assert "time: the row's number, so nothing is told by hours or days; --time COL" in told
    assert "left out: time (is no time in line 7 ('soon:00:00Z')); gap (empty)\n" in told
    assert "check 1: time is no time in line 7 ('soon:00:00Z'): mend it" in told


def test_slices_are_asked_for_by_the_columns_own_names(csv: Path) -> None:
    csv.write_text(csv.read_text().replace("city", "city-of-start"))
    told = ["lab", "replay", str(csv), "--recipe", "ClassShares()", "--label", "late", "--json"]
    for name in ("city-of-start", "city_of_start"):
        result = CliRunner().invoke(app, [*told, "--slice", name], catch_exceptions=False)
        (one, *_) = json.loads(result.stdout)["candidates"]
        assert {part["value"] for part in one["slices"]["city_of_start"]} == {"a", "b"}
    result = CliRunner().invoke(app, [*told, "--slice", "town"])
    assert "has no feature town" in str(result.exception)


def test_a_replay_counts_each_event_once(csv: Path) -> None:
    """However many passes there are, and labels beside them."""
    told = replay(csv, "ClassShares()", "--label", "late")
    assert re.search(r"^replaying events: 24 in [0-9.]+ s$", told, re.MULTILINE)


@pytest.mark.parametrize(
    ("told", "clock"),
    [
        (["--label-time", "paid_at"], "recorded"),
        ([], "events"),
        (["--label-time", "paid_at", "--delay", "none"], "recorded"),
    ],
)
def test_a_result_says_what_its_times_are(csv: Path, told: list[str], clock: str) -> None:
    arguments = ["lab", "replay", str(csv), "--recipe", "ClassShares()", "--label", "late"]
    result = CliRunner().invoke(app, [*arguments, "--json", *told], catch_exceptions=False)
    assert json.loads(result.stdout)["clock"] == clock
    without = csv.with_name("without.csv")
    without.write_text(csv.read_text().replace("time,", "when_it_was,", 1))
    arguments[2] = str(without)
    result = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
    assert json.loads(result.stdout)["clock"] == "rows"
    costs = json.loads((csv.parent / ".labline/experiments/replay/costs.json").read_text())
    assert {cost["lag_max_s"] for cost in costs["candidates"].values()} == {None}  # no traffic
