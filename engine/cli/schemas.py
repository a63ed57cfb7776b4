"""``labline schemas …``: versions of what events are; checked, released, shown, as Python types."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labline.engine.cli.shared.groups import group_of
from labline.engine.cli.shared.options import JsonOption, WorkspaceOption
from labline.engine.errors import LablineError

if TYPE_CHECKING:
    from rich.table import Table

    from labline.engine.broker.registry.schema_registry import SchemaRegistry
    from labline.engine.workspace.releasing import Finding
    from labline.engine.workspace.workspace import Workspace
    from labline.schemas.releases import Release

OutOption = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Write here; stdout without it.")
]
SubjectArgument = Annotated[
    str, typer.Argument(metavar="SUBJECT[@N]", help="A folder of schemas/; the latest version.")
]


def register(app: typer.Typer) -> None:
    """Add the group to the command line."""
    commands = group_of(app, "schemas")
    commands.command()(check)
    commands.command("register")(release_and_register)
    commands.command()(show)
    commands.command()(types)


def check(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Check every version against those before it, and by the registry; exit 1 on problems."""
    from labline.engine.workspace.releasing import check_schemas
    from labline.engine.workspace.workspace import Workspace

    space = Workspace.find(workspace)
    findings = check_schemas(space)
    if not findings and (registry := space.registry()):
        findings += _registry_findings(space, registry)
    for finding in findings:
        if as_json:
            typer.echo(json.dumps(finding._asdict()))
        else:
            typer.echo(f"{finding.code}: {finding.message}\n  remedy: {finding.remedy}")
    if findings:
        raise typer.Exit(1)
    if not as_json:
        for subject in space.subjects():
            typer.echo(f"{subject.name}: {_counted(subject.versions)}")


def release_and_register(workspace: WorkspaceOption = None) -> None:
    """Release the drafts that pass the check; register all versions where there is a registry."""
    from labline.engine.workspace.releasing import release_drafts, topics_of
    from labline.engine.workspace.workspace import Workspace
    from labline.schemas.values.formats import value_formats

    space = Workspace.find(workspace)
    subjects = [subject.name for subject in space.subjects()]
    done = release_drafts(space, subjects)
    for release in done:
        typer.echo(f"released {release}")
    if not done:
        typer.echo("no drafts", err=True)
    registry = space.registry()
    if registry is None:
        return
    for subject in space.subjects():
        for topic in topics_of(space, subject.name):
            if not value_formats()[topic.format].in_registry:
                continue
            for release in subject.versions:
                number = registry.register(topic.name, release.schema.document)
                typer.echo(f"registered {release} for {topic.name}: id {number}")
                if release.version == 1:  # a registry's rule is for a subject that is there
                    registry.set_compatibility(topic.name, topic.compatibility)


def show(
    subject: SubjectArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> None:
    """Show the fields of a schema, or its document."""
    from rich.console import Console

    from labline.engine.workspace.workspace import Workspace

    release = _release(Workspace.find(workspace), subject)
    if as_json:
        typer.echo(json.dumps(release.schema.document, indent=2))
    else:
        Console().print(_fields_table(release))


def types(out: OutOption = None, workspace: WorkspaceOption = None) -> None:
    """Write the latest version of every schema as typed Python models."""
    from labline.engine.workspace.workspace import Workspace
    from labline.schemas.source import source_of

    space = Workspace.find(workspace)
    source = source_of(subject.latest.schema for subject in space.subjects())
    if out is None:
        typer.echo(source, nl=False)
        return
    try:
        out.write_text(source, "utf-8")
    except OSError as error:
        raise LablineError(
            "LL-FILE-WRITE", f"cannot write {out}: {error.strerror}", "name another file"
        ) from error


def _registry_findings(space: "Workspace", registry: "SchemaRegistry") -> "list[Finding]":
    """Return what the registry has against the latest version of each topic's schema."""
    from labline.engine.workspace.releasing import Finding
    from labline.schemas.values.formats import value_formats

    return [
        Finding(
            topic.subject,
            latest.version,
            "LL-SCHEMA-INCOMPATIBLE",
            f"the registry refuses {latest} for {topic.name}: {problem}",
            "mend the draft, or change the registry's compatibility for it",
        )
        for topic in space.topics().values()
        if value_formats()[topic.format].in_registry
        for latest in (space.subject_of(topic).latest,)
        for problem in registry.incompatibilities(topic.name, latest.schema.document)
    ]


def _counted(versions: "tuple[Release, ...]") -> str:
    drafts = sum(not release.released for release in versions)
    text = f"{len(versions)} version{'s' if len(versions) > 1 else ''}"
    return f"{text}, {drafts} of them a draft: labline schemas register" if drafts else text


def _release(space: "Workspace", name_and_version: str) -> "Release":
    """Return the version that ``SUBJECT@N`` names, the latest without ``@N``."""
    from labline.engine.workspace.workspace import known

    name, at, number = name_and_version.partition("@")
    subjects = {subject.name: subject for subject in space.subjects()}
    versions = subjects[known(name, subjects, "SCHEMA", "schemas/")].versions
    by_number = {str(release.version): release for release in versions}
    return by_number[known(number, by_number, "VERSION", f"schemas/{name}")] if at else versions[-1]


def _fields_table(release: "Release") -> "Table":
    from rich.markup import escape
    from rich.table import Table

    from labline.schemas.shape import expand

    state = "released" if release.released else "draft"
    table = Table(title=f"{release} ({state}): {release.schema.name}", title_justify="left")
    for column in ("field", "type", "must be", "what it is"):
        table.add_column(column)
    for field in expand(release.schema.document)["fields"]:
        cells = (field["name"], _type(field["type"]), _must(field), str(field.get("doc", "")))
        table.add_row(*map(escape, cells))
    return table


def _type(avro: Any) -> str:
    """Return a type as people write it.

    Examples
    --------
    >>> _type(["null", {"type": "array", "items": "int"}])
    'null or array of int'
    """
    if isinstance(avro, list):
        return " or ".join(map(_type, avro))
    if isinstance(avro, str):
        return avro
    match avro["type"]:
        case "array":
            return f"array of {_type(avro['items'])}"
        case "map":
            return f"map of {_type(avro['values'])}"
        case "enum":
            return " | ".join(avro["symbols"])
        case "fixed":
            return f"{avro['size']} bytes"
    inner = ", ".join(f"{field['name']}: {_type(field['type'])}" for field in avro["fields"])
    return f"{avro['name']}({inner})"


def _must(field: dict[str, Any]) -> str:
    """Return a field's constraints, default and use as people write them.

    Examples
    --------
    >>> _must({"minimum": 0, "maximum": 9, "event_time": True}), _must({"default": None})
    ('the event time, minimum 0, maximum 9', 'default null')
    """
    words = ["the event time"] if field.get("event_time") else []
    words += [
        f"{word} {field[word]}"
        for word in ("minimum", "maximum", "max_length", "pattern")
        if field.get(word) is not None
    ]
    words += ["not always finite"] if field.get("finite") is False else []
    words += [f"default {json.dumps(field['default'])}"] if "default" in field else []
    return ", ".join(words)
