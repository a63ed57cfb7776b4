"""The command ``labline``: every command group, and the one place where errors meet people."""

import signal
import sys
from typing import Annotated

import typer
from confluent_kafka import KafkaException

from labline.engine.cli import (
    broker,
    compare,
    demo,
    dlq,
    doctor,
    factory,
    init,
    lab,
    lag,
    models,
    parity,
    publish,
    read,
    record,
    report,
    republish,
    schemas,
    topics,
    upgrade,
    whatif,
)
from labline.engine.errors import LablineError

app = typer.Typer(
    name="labline",
    help="Event-driven streaming analytics on Apache Kafka: replay in the lab, run in the factory.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
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
    pass


app.command()(broker.up)
app.command()(broker.down)
app.command()(broker.status)
app.command()(init.init)
app.command()(doctor.doctor)
app.add_typer(schemas.schemas, name="schemas")
app.add_typer(topics.topics, name="topics")
app.command("publish")(publish.publish)
app.command("read")(read.read)
app.command("record")(record.record)
app.command("report")(report.report)
app.command("republish")(republish.republish)
lab.lab.command("compare")(compare.compare)
lab.lab.command("parity")(parity.parity)
lab.lab.command("whatif")(whatif.whatif)
app.add_typer(lab.lab, name="lab")
app.add_typer(models.models, name="models")
app.command("promote")(models.promote)
app.add_typer(factory.factory, name="factory")
app.add_typer(upgrade.upgrade, name="upgrade")
app.command("lag")(lag.show_lag)
letters = typer.Typer(help="The dead-letter inbox of a line.")
letters.command("list")(dlq.list_letters)
letters.command("show")(dlq.show_letter)
app.add_typer(letters, name="dlq")
app.command("demo")(demo.demo)


def main() -> None:
    """Run the command line; exit 0 done, 1 the answer is no or an error, 2 wrong usage."""
    # a shell's background job starts with it ignored; whoever sends one means it
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        app()
    except LablineError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)
    except KafkaException as error:
        sys.stderr.write(
            f"LL-KAFKA: Kafka refused or did not answer: {error.args[0]}\n"
            "  remedy: labline status, and look at the address and the topic's name\n"
        )
        sys.exit(1)
    except OSError as error:
        sys.stderr.write(
            f"LL-SYSTEM: {_told(error)}\n"
            "  remedy: look at the path, the rights to it and the room on its disk\n"
        )
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _told(error: OSError) -> str:
    """Return what the operating system refused, and about which file.

    Examples
    --------
    >>> _told(PermissionError(13, "Permission denied", "out/a"))
    'Permission denied: out/a'
    """
    named = [str(name) for name in (error.filename, error.filename2) if name is not None]
    return ": ".join([error.strerror or str(error), *named]) or type(error).__name__


if __name__ == "__main__":
    main()
