"""``labline init``: a new workspace that runs as it is."""

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from labline.engine.errors import LablineError

if TYPE_CHECKING:
    from labline.engine.core.line import Kind
    from labline.engine.workspace.guess import Roles

NO_EXAMPLE = "none"


ExampleOption = Annotated[
    str, typer.Option("--example", help="flights, or none: a workspace that declares nothing.")
]
CsvOption = Annotated[
    Path | None, typer.Option("--from", metavar="CSV", help="Start from your own data.")
]
IdOption = Annotated[
    list[str] | None,
    typer.Option("--id", metavar="COL", help="Names an event for good; several are joined."),
]
KeyOption = Annotated[
    str | None,
    typer.Option("--key", metavar="COL", help="What keeps its order; the id unless given."),
]
TimeOption = Annotated[str | None, typer.Option("--time", metavar="COL", help="When it happened.")]
TimeFormatOption = Annotated[
    str | None, typer.Option("--time-format", help="iso, epoch_s, _ms, _us, _ns, or like %d.%m.%Y.")
]
ZoneOption = Annotated[str, typer.Option("--zone", help="Of times that do not tell theirs.")]
LabelOption = Annotated[
    str | None, typer.Option("--label", metavar="COL", help="The truth that comes later.")
]
LabelTrueOption = Annotated[
    str | None, typer.Option("--label-true", metavar="VALUE", help="The label's yes.")
]
LabelTimeOption = Annotated[
    str | None, typer.Option("--label-time", metavar="COL", help="When the label was known.")
]
KindOption = Annotated[
    str | None,
    typer.Option("--kind", help="binary, multiclass, regression, anomaly; told from the label."),
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
    csv: CsvOption = None,
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
    """Make a new workspace: the example, or --from a CSV of your own."""
    if csv is None and (identity or time or label or key):
        raise LablineError(
            "LL-INIT-ROLES", "columns were named, but no file", "say which: --from events.csv"
        )
    if csv is None and example == NO_EXAMPLE:
        from labline.engine.workspace.scaffold import bare_workspace

        bare_workspace(folder, _name(line, folder))
        _make_keys(folder)
        _say(f"{folder} is a workspace. Next: declare schemas/NAME/v1.avsc and topics/NAME.toml")
        return
    if csv is None:
        from labline.engine.workspace.example import make_workspace

        make_workspace(folder, example)
        _make_keys(folder)
        _say(f"{folder} is a workspace. Next: cd {folder} && labline up && labline topics apply")
        return
    if not identity or time is None:
        raise LablineError(
            "LL-INIT-ROLES",
            "--from needs --id, which names an event, and --time, when it happened",
            f"the columns are {', '.join(_header(csv)[:30])}; where none of them is a time, "
            "add one to the file",
        )
    from labline.engine.workspace.guess import Roles

    roles = Roles(
        tuple(identity), time, key, label, label_time, label_true,
        _kind(kind, label, label_true), time_format, zone,
    )  # fmt: skip
    _init_from(folder, csv, roles, _name(line, folder))


def _kind(told: str | None, label: str | None, label_true: str | None) -> "Kind | None":
    from labline.engine.workspace.label_kind import KINDS

    known = next((kind for kind in KINDS if kind == told), None)
    if told is not None and known is None:
        raise LablineError(
            "LL-INIT-KIND", f"{told[:40]!r} is no kind of line", f"there are {', '.join(KINDS)}"
        )
    if known in ("multiclass", "regression") and label_true is not None:
        raise LablineError(
            "LL-INIT-KIND",
            f"--label-true is the yes of a label, and a {known} label has none",
            "leave out one of --label-true and --kind",
        )
    if known in ("multiclass", "regression") and label is None:
        raise LablineError(
            "LL-INIT-KIND", f"a {known} line learns from a label", "name its column: --label COL"
        )
    return known


def _init_from(folder: Path, csv: Path, roles: "Roles", name: str) -> None:
    from rich.console import Console

    from labline.engine.cli.shared.init_report import guess_table, to_check
    from labline.engine.workspace.csv_table import csv_table
    from labline.engine.workspace.inference import infer
    from labline.engine.workspace.scaffold import next_commands, scaffold

    with _opened(csv) as lines:
        guess = infer(csv_table(lines), roles)
    scaffold(folder, name, csv.name, guess)
    _make_keys(folder)
    console = Console(stderr=True)
    console.print(guess_table(csv.name, guess))
    for number, what in enumerate(to_check(guess), start=1):
        console.print(f"check {number}: {what}", markup=False, highlight=False, soft_wrap=True)
    _say(f"{folder} is a workspace. Next:")
    commands = next_commands(name, shlex.quote(str(csv.resolve())), guess)
    for command in (f"cd {shlex.quote(str(folder))}", *commands):
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


def _header(csv: Path) -> list[str]:
    from labline.engine.workspace.csv_table import csv_table

    with _opened(csv) as lines:
        _, header = next(csv_table(lines), (0, None))
    return header or []


@contextmanager
def _opened(csv: Path) -> Iterator[TextIO]:
    try:
        with csv.open(encoding="utf-8", newline="") as lines:
            yield lines
    except OSError as error:
        raise LablineError(
            "LL-FILE-MISSING", f"cannot read {csv}: {error.strerror}", "check the file's name"
        ) from error
    except UnicodeDecodeError as error:
        raise LablineError(
            "LL-INIT-CSV",
            f"{csv} is not UTF-8",
            f"turn it into it, such as with: iconv -f latin1 -t utf-8 {shlex.quote(str(csv))}",
        ) from error


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
