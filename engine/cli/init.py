"""``labline init``: a new workspace that runs as it is."""

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labline.engine.cli.shared.options import (
    IdOption,
    KeyOption,
    KindOption,
    LabelOption,
    LabelTimeOption,
    LabelTrueOption,
    TimeFormatOption,
    TimeOption,
    ZoneOption,
)
from labline.engine.errors import LablineError

if TYPE_CHECKING:
    from labline.engine.tables.roles import Roles

NO_EXAMPLE = "none"


ExampleOption = Annotated[
    str, typer.Option("--example", help="flights, or none: a workspace that declares nothing.")
]
FileOption = Annotated[
    Path | None,
    typer.Option(
        "--from", metavar="FILE", help="Start from your own CSV, JSON lines or Parquet file."
    ),
]
LineOption = Annotated[
    str | None, typer.Option("--line", metavar="NAME", help="The folder's name unless given.")
]


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(init)


def init(
    folder: Annotated[Path, typer.Argument(help="Folder to make.", show_default=False)],
    example: ExampleOption = "flights",
    file: FileOption = None,
    identity: IdOption = None,
    key: KeyOption = None,
    time: TimeOption = None,
    time_format: TimeFormatOption = None,
    zone: ZoneOption = "UTC",
    label: LabelOption = None,
    label_true: LabelTrueOption = None,
    label_time: LabelTimeOption = None,
    kind: KindOption = None,
    line: LineOption = None,
) -> None:
    """Make a new workspace: the example, or --from your own file; what is not said is guessed."""
    if file is None and (identity or time or label or key):
        raise LablineError(
            "LL-INIT-ROLES", "columns were named, but no file", "say which: --from events.csv"
        )
    if file is None and example == NO_EXAMPLE:
        from labline.engine.workspace.scaffold import bare_workspace

        bare_workspace(folder, _name(line, folder))
        _make_keys(folder)
        _say(f"{folder} is a workspace. Next: declare schemas/NAME/v1.avsc and topics/NAME.toml")
        return
    if file is None:
        from labline.engine.workspace.example import make_workspace

        make_workspace(folder, example)
        _make_keys(folder)
        _say(f"{folder} is a workspace. Next: cd {folder} && labline up && labline topics apply")
        return
    from labline.engine.tables.roles import Roles

    said = Roles(
        tuple(identity or ()), time, key, label, label_time, label_true, kind, time_format, zone
    )
    _init_from(folder, file, said, _name(line, folder))


def _init_from(folder: Path, file: Path, said: "Roles", name: str) -> None:
    from rich.console import Console

    from labline.engine.cli.shared.file_report import init_checks, init_table
    from labline.engine.tables.proposal import propose
    from labline.engine.tables.scope import DECLARATION
    from labline.engine.tables.table import INIT, table_of
    from labline.engine.workspace.scaffold import next_commands, scaffold

    if not file.is_file():
        raise LablineError("LL-FILE-MISSING", f"there is no file {file}", "check the file's name")
    proposal, columns = propose(table_of(file, INIT), name, said, DECLARATION)
    scaffold(folder, file, proposal)
    _make_keys(folder)
    console = Console(stderr=True)
    console.print(init_table(file.name, proposal, columns))
    for number, what in enumerate(init_checks(proposal), start=1):
        console.print(f"check {number}: {what}", markup=False, highlight=False, soft_wrap=True)
    _say(f"{folder} is a workspace. Next:")
    for command in (f"cd {shlex.quote(str(folder))}", *next_commands(file.resolve(), proposal)):
        _say(f"  {command}")


def _name(line: str | None, folder: Path) -> str:
    """Return the name of the line: what was said, or what the folder's name gives."""
    plain = re.sub(r"[^a-z0-9._-]+", "-", folder.resolve().name.lower()).strip("._-")
    name = plain[:80] if line is None else line
    taken = name.split(".")[0] in ("lab", "labline")
    if taken or not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,79}", name):
        raise LablineError(
            "LL-INIT-NAME",
            f"a line cannot be called {name!r}",
            "say --line NAME: small letters, digits, dots, dashes; not lab or labline",
        )
    return name


def _make_keys(folder: Path) -> None:
    from labline.engine.workspace.workspace import Workspace

    try:
        from labline.engine.models.control.signing import generate
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != "cryptography":
            raise
        _say("no signing key was made: pip install 'labline[factory]', then labline models keygen")
        return
    space = Workspace(folder)
    generate(space.private_key, space.keys_dir / "operator.pub")


def _say(what: str) -> None:
    typer.echo(what, err=True)
