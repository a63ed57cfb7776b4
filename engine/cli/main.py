"""The command ``labline``: finds its commands, and is the one place where errors meet people.

The installed script and ``python -m labline.engine.cli.main`` come in here. Every module beside
this one is a command, or a few that belong together, and has ``register(app)``; to stand in the
folder is all that a new one needs. All of them are imported for ``labline --help``, so each
imports what is heavy only when its command runs.
"""

import pkgutil
import signal
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Annotated

import typer

from labline.engine import cli
from labline.engine.cli.shared.groups import Listing
from labline.engine.errors import LablineError

app = typer.Typer(
    name="labline",
    help="Event-driven streaming analytics on Apache Kafka: replay in the lab, run in the factory.",
    cls=Listing,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich takes longer to load than all of ours
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"labline {version('labline')}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    from labline.engine.logs import configure

    configure()


def command_modules() -> Iterator[str]:
    """Yield the names of the modules of commands: all that stand beside this one."""
    for module in pkgutil.iter_modules(cli.__path__):
        if module.name != "main" and not module.ispkg:
            yield f"{cli.__name__}.{module.name}"


for _name in command_modules():
    import_module(_name).register(app)


def main() -> None:
    """Run the command line; exit 0 done, 1 the answer is no or an error, 2 wrong usage."""
    # a shell's background job starts with it ignored; whoever sends one means it
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        app()
    except LablineError as error:
        _fail(error)
    except OSError as error:
        remedy = "look at the path, the rights to it and the room on its disk"
        _fail(LablineError("LL-SYSTEM", _reason(error), remedy))
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        from confluent_kafka import KafkaException  # only what failed pays for loading it

        from labline.engine.broker.clients import reason

        if not isinstance(error, KafkaException):
            raise
        message = f"Kafka refused or did not answer: {reason(error)}"
        remedy = "labline status, and look at the address and the topic's name"
        _fail(LablineError("LL-KAFKA", message, remedy))


def _fail(error: LablineError) -> None:
    sys.stderr.write(f"{error}\n")
    sys.exit(1)


def _reason(error: OSError) -> str:
    """Return what the operating system refused, and about which file.

    Examples
    --------
    >>> _reason(PermissionError(13, "Permission denied", "out/a"))
    'Permission denied: out/a'
    """
    names = [str(name) for name in (error.filename, error.filename2) if name is not None]
    return ": ".join([error.strerror or str(error), *names]) or type(error).__name__


if __name__ == "__main__":
    main()
