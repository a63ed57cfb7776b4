"""``labline lag``: what the groups of a cluster have yet to read."""

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated

import typer

from labline.engine.cli.read import write_lines
from labline.engine.cli.shared.options import BootstrapOption, JsonOption, WorkspaceOption

WATCH_EVERY_S = 2.0


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("lag")(show_lag)


def show_lag(
    group: Annotated[
        list[str] | None, typer.Option("--group", help="Only this group; may be repeated.")
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Look again every two seconds, until Ctrl-C.")
    ] = False,
    bootstrap: BootstrapOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how far consumer groups are behind; works on any cluster, without a workspace."""
    from rich.console import Console
    from rich.live import Live

    from labline.engine.cli.shared.lag_view import lag_json, lag_view
    from labline.engine.ops.lag_facts import lags
    from labline.engine.workspace.workspace import bootstrap_anywhere

    broker = bootstrap_anywhere(bootstrap, workspace)
    if not watch:
        groups = lags(broker, group)
        if as_json:
            write_lines([lag_json(groups)])
        else:
            Console().print(lag_view(groups))
    elif as_json:
        write_lines((lag_json(lags(broker, group)) for _ in _rounds()), flush=True)
    else:
        with suppress(KeyboardInterrupt), Live(lag_view(lags(broker, group))) as live:
            for _ in _rounds(wait_first=True):
                live.update(lag_view(lags(broker, group)), refresh=True)


def _rounds(*, wait_first: bool = False) -> Iterator[None]:
    """Yield for ever, with a pause between."""
    if wait_first:
        time.sleep(WATCH_EVERY_S)
    while True:
        yield
        time.sleep(WATCH_EVERY_S)
