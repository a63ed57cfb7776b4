"""Options that many commands share. What is said of a file is the same for all that take one."""

from pathlib import Path
from typing import Annotated

import typer

BootstrapOption = Annotated[
    str | None,
    typer.Option(
        "--bootstrap",
        metavar="HOST:PORT",
        help="The Kafka cluster; without it LABLINE_BOOTSTRAP_SERVERS, labline.toml, "
        "or the embedded broker.",
    ),
]
WorkspaceOption = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        "-w",
        metavar="DIR",
        help="The workspace's folder; without it the nearest one that holds a labline.toml.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]

IdOption = Annotated[
    list[str] | None,
    typer.Option(
        "--id",
        metavar="COL",
        help="Of a file: what names an event for good; several are joined. Else the row's number.",
    ),
]
TimeOption = Annotated[
    str | None, typer.Option("--time", metavar="COL", help="Of a file: when an event happened.")
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--key", metavar="COL", help="Of a file: what keeps its order; the id unless given."
    ),
]
LabelOption = Annotated[
    str | None, typer.Option("--label", metavar="COL", help="Of a file: the truth.")
]
LabelTimeOption = Annotated[
    str | None,
    typer.Option("--label-time", metavar="COL", help="Of a file: when the label was known."),
]
LabelTrueOption = Annotated[
    str | None, typer.Option("--label-true", metavar="VALUE", help="Of a file: the label's yes.")
]
KindOption = Annotated[
    str | None,
    typer.Option("--kind", help="Of a file: binary, multiclass, regression or anomaly."),
]
TimeFormatOption = Annotated[
    str | None,
    typer.Option("--time-format", help="Of a file: iso, epoch_s, _ms, _us, _ns, or like %d.%m.%Y."),
]
ZoneOption = Annotated[
    str, typer.Option("--zone", help="Of a file: the zone of times that do not tell theirs.")
]
