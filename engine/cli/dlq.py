"""``labline dlq``: the dead letters of a line."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from labline.engine.cli.read import decoder_of, write_lines
from labline.engine.cli.shared.groups import group_of
from labline.engine.cli.shared.options import BootstrapOption, JsonOption, WorkspaceOption

if TYPE_CHECKING:
    from rich.table import Table

    from labline.engine.ops.dead_letters import DeadLetter, Group
    from labline.engine.ops.decoding import Decoder

LineArgument = Annotated[str, typer.Argument(metavar="LINE", help="Name of the line.")]


def register(app: typer.Typer) -> None:
    """Add the group to the command line."""
    commands = group_of(app, "dlq")
    commands.command("list")(list_letters)
    commands.command("show")(show_letter)


def list_letters(
    line: LineArgument,
    bootstrap: BootstrapOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Count a line's dead letters by stage, reason, model and schema."""
    from rich.console import Console

    from labline.engine.ops.dead_letters import group_letters, read_letters
    from labline.engine.workspace.workspace import bootstrap_anywhere

    groups = group_letters(read_letters(bootstrap_anywhere(bootstrap, workspace), line))
    if as_json:
        total = sum(group.letters for group in groups)
        document = {"line": line, "letters": total, "groups": [group._asdict() for group in groups]}
        write_lines([json.dumps(document)])
        return
    if not groups:
        Console(stderr=True).print(f"{line} has no dead letters")
        return
    Console().print(letters_table(line, groups))
    partition, offset = groups[0].sample
    Console(stderr=True).print(
        f"labline dlq show {line} --partition {partition} --offset {offset}", markup=False
    )


def show_letter(
    line: LineArgument,
    partition: Annotated[int, typer.Option("--partition", min=0, help="Of the DLQ topic.")],
    offset: Annotated[int, typer.Option("--offset", min=0, help="In that partition.")],
    bootstrap: BootstrapOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one dead letter: why, from where, and its original bytes."""
    from rich.console import Console
    from rich.table import Table

    from labline.engine.ops.dead_letters import read_letter
    from labline.engine.workspace.workspace import bootstrap_anywhere

    letter = read_letter(bootstrap_anywhere(bootstrap, workspace), line, partition, offset)
    letter_document = letter_as_json(letter, decoder_of(workspace))
    if as_json:
        write_lines([json.dumps(letter_document)])
        return
    table = Table.grid(padding=(0, 2))
    for name, value in letter_document.items():
        shown = value if isinstance(value, str) else json.dumps(value)
        table.add_row(name, _plain(shown))
    Console(markup=False, highlight=False).print(table)


def letter_as_json(letter: "DeadLetter", decoder: "Decoder") -> dict[str, object]:
    """Return a dead letter in JSON's terms; its bytes as hex, and decoded where that works."""
    from labline.engine.core.dead_letter import TIMESTAMP_HEADER
    from labline.engine.ops.decoding import Shown, key_text

    shown = decoder.decode(letter.value) if letter.value else Shown(None, "null")
    return {
        "partition": letter.partition,
        "offset": letter.offset,
        "timestamp_ms": letter.timestamp_ms,
        "stage": letter.stage,
        "reason": letter.reason,
        "message": letter.message,
        "source": letter.source,
        "model": letter.model,
        "schema": letter.schema,
        "attempt": letter.attempt,
        "source_timestamp_ms": next(
            (key_text(value) for name, value in letter.headers or () if name == TIMESTAMP_HEADER),
            None,
        ),
        "headers": [[name, key_text(value)] for name, value in letter.headers or ()],
        "key_hex": None if letter.key is None else letter.key.hex(),
        "key": key_text(letter.key),
        "value_hex": None if letter.value is None else letter.value.hex(),
        "value": shown.value if shown.undecoded is None else None,
        "form": shown.form,
        "undecoded": shown.undecoded,
    }


def letters_table(line: str, groups: "list[Group]") -> "Table":
    """Return groups of dead letters as a table."""
    from rich.table import Table

    from labline.engine.core.moment import moment_of

    total = sum(group.letters for group in groups)
    table = Table(title=f"{line}: {total} dead letters", title_justify="left")
    for name in ("stage", "reason", "model", "schema"):
        table.add_column(name, overflow="fold")
    table.add_column("count", justify="right")
    for name in ("first source", "last source", "last seen (UTC)", "sample"):
        table.add_column(name, overflow="fold")
    for group in groups:
        seen = moment_of(group.last_ms)
        texts = map(_plain, (group.stage, group.reason, group.model, group.schema))
        sources = map(_plain, (group.first, group.last))
        sample = "{}@{}".format(*group.sample)
        clock = f"{seen.date} {seen.hour_minute}:{seen.second}"
        table.add_row(*texts, str(group.letters), *sources, clock, sample)
    return table


def _plain(text: str) -> str:
    """Return a foreign writer's text with what a terminal would obey written out."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text).replace("[", r"\[")
