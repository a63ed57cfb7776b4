"""``labline doctor``: what is wrong, and what mends it."""

import json
from collections import Counter
from typing import TYPE_CHECKING

import typer

from labline.engine.cli.shared.options import BootstrapOption, JsonOption, WorkspaceOption

if TYPE_CHECKING:
    from rich.console import Group
    from rich.text import Text

    from labline.engine.ops.health import Finding, Severity

SIGNS: "dict[Severity, tuple[str, str]]" = {
    "ok": ("✓", "green"),
    "warn": ("!", "yellow"),
    "error": ("✗", "red"),
}


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(doctor)


def doctor(
    bootstrap: BootstrapOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check files, schemas, broker, topics and where live keys lie; each finding with its fix.

    Changes nothing, and joins no group. Exit 1 when an error was found.
    """
    from rich.console import Console

    from labline.engine.ops.doctor import diagnose
    from labline.engine.ops.doctor_facts import fetch_facts
    from labline.engine.workspace.workspace import Workspace

    space = Workspace.find(workspace)
    with Console(stderr=True).status("looking …"):
        findings = diagnose(fetch_facts(space, bootstrap))
    if as_json:
        typer.echo(json.dumps(doctor_json(findings)))
    else:
        Console().print(doctor_view(findings))
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(1)


def doctor_json(findings: "list[Finding]") -> dict[str, object]:
    """Return the findings with their numbers."""
    counts = Counter(finding.severity for finding in findings)
    return {
        "errors": counts["error"],
        "warnings": counts["warn"],
        "findings": [finding._asdict() for finding in findings],
    }


def doctor_view(findings: "list[Finding]") -> "Group":
    """Return a line for each finding, with its fix below, and one that sums up."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    area = None
    for finding in findings:
        sign, style = SIGNS[finding.severity]
        said = Text(finding.sentence)
        if finding.severity != "ok":
            said.append(f"  {finding.code}", style="dim")
        if finding.fix:
            said.append("\n→ ", style=style).append(finding.fix, style="cyan")
        table.add_row(Text(sign, style=style), finding.area if finding.area != area else "", said)
        area = finding.area
    return Group(table, _summary(findings))


def _summary(findings: "list[Finding]") -> "Text":
    from rich.text import Text

    counts = Counter(finding.severity for finding in findings)
    parts = [Text(f"{counts['ok']} fine", style="green")]
    if counts["warn"]:
        parts.insert(0, _counted(counts["warn"], "warning", "bold yellow"))
    if counts["error"]:
        parts.insert(0, _counted(counts["error"], "error", "bold red"))
    if len(parts) == 1:
        return Text("\nAll is well.", style="bold green")
    return Text("\n").append_text(Text(" · ").join(parts))


def _counted(count: int, what: str, style: str) -> "Text":
    from rich.text import Text

    return Text(f"{count} {what}{'s' * (count > 1)}", style=style)
