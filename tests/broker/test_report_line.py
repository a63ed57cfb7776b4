import json
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from labline.engine.cli.main import app
from tests.broker.factory import Factory

pytestmark = pytest.mark.broker


def test_a_line_reports_what_its_topics_hold(broker: str, name: str, tmp_path: Path) -> None:
    with Factory(broker, name, tmp_path) as factory:
        factory.publish_days(date(2013, 1, 1), date(2013, 1, 2))
        revision = factory.promote()
        factory.finish(factory.scorer())
        place = ["report", name, "-w", str(factory.workspace.root), "--bootstrap", broker]
        page = tmp_path / "line.html"
        told = CliRunner().invoke(app, [*place, "--out", str(page), "--json"])
        assert told.exit_code == 0, told.output
        facts = json.loads(told.stdout)
        outcomes = factory.outcomes()
        assert facts["answers"] == outcomes["answers"] == sum(d["answers"] for d in facts["days"])
        dead = sum(facts["result"]["counts"]["dead_letters"].values())
        assert dead == outcomes["dead_letters"]
        assert facts["result"]["counts"]["label_outcomes"]["learned"] == outcomes["learned"]
        assert [(one["revision"], one["answers"]) for one in facts["revisions"]] == [
            (revision.offset, outcomes["answers"])
        ]
        for day in facts["days"]:
            assert day["right"] + day["wrong_yes"] + day["wrong_no"] == day["labelled"]
        names = {one["name"] for one in facts["result"]["candidates"]}
        assert names == {"champion", "base-rate", "dep-delay", "no-change"}
        text = page.read_text()
        assert "were answered rightly, against" in text
        assert "2013-01-01" in text
