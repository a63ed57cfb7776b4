"""The groups of commands: ``labline lab …``, ``labline topics …``.

Every module of `labline.engine.cli` that puts a command into a group asks for the group here, in
its `register`; whoever asks first makes it. So a command of a group may stand in a module of its
own. A group that has no line in `GROUPS` is a mistake and raises `KeyError`.
"""

from typing import Any

import typer
from typer.core import TyperGroup

SENTENCE_MAX = 200

#: What each group is for, as ``labline --help`` says it.
GROUPS = {
    "dlq": "The dead-letter inbox of a line.",
    "factory": "Promoted models, running as stream processors.",
    "lab": "Replay history, compare learners, re-run the factory's past.",
    "models": "The registry of signed model versions.",
    "schemas": "What events are: versions, checked, released and shown.",
    "topics": "Declared topics, and those that Kafka has.",
    "upgrade": "Go on with other versions of labline, Python or the libraries.",
}


class Listing(TyperGroup):
    """Lists commands and groups together, by name, each with the whole first sentence."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the order in which they are shown."""
        return sorted(super().list_commands(ctx))

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list: the base class cuts what is longer than a line, this one wraps it."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name, self.commands[name].get_short_help_str(SENTENCE_MAX))
                    for name in self.list_commands(ctx)
                ]
            )


def group_of(app: typer.Typer, name: str) -> typer.Typer:
    """Return the group of `app` that is called `name`.

    Examples
    --------
    >>> app = typer.Typer()
    >>> group_of(app, "lab") is group_of(app, "lab")
    True
    """
    for member in app.registered_groups:
        if member.name == name and member.typer_instance is not None:
            return member.typer_instance
    made = typer.Typer(help=GROUPS[name], cls=Listing)
    app.add_typer(made, name=name)
    return made
