"""Errors that people see: a code, a sentence, a remedy; and the table of all codes.

Raised everywhere; `labline.engine.cli.main` prints them, the doctor lists them as findings, and
scorers log them. What must stay true: a code means one thing for good, since people search for it;
every code stands in ``errors.toml`` with its cause, and what is caught is caught by class, never
by comparing codes. There are few classes, by what whoever catches one can do about it.

``python -m labline.engine.errors`` prints ``docs/errors.md``, which is made of that table.
"""

import sys
from pathlib import Path
from typing import NamedTuple

TABLE = Path(__file__).with_suffix(".toml")


class LablineError(Exception):
    """Something that a person can mend.

    Parameters
    ----------
    code
        A stable name to search for, such as ``LL-BROKER-START``.
    message
        What happened, in one sentence, without secrets or payloads.
    remedy
        What to do about it.

    Examples
    --------
    >>> print(LablineError("LL-LINE-UNKNOWN", "no line 'x'", "labline init makes one"))
    LL-LINE-UNKNOWN: no line 'x'
      remedy: labline init makes one
    """

    def __init__(self, code: str, message: str, remedy: str) -> None:
        super().__init__(code, message, remedy)
        self.code = code
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.code}: {self.message}\n  remedy: {self.remedy}"


class PassingError(LablineError):
    """An error of the world that passes by itself: whoever has time may simply try again."""


class AbsentError(LablineError):
    """What was asked for by its name is not there: it can be made, or be done without."""


class TakenError(LablineError):
    """Another process has what this one wanted: another can be chosen, or this one gives way."""


class Entry(NamedTuple):
    """What the table says of a code.

    Attributes
    ----------
    cause
        What it means, in a sentence.
    remedy
        What to do, where the error itself is not more specific.
    passes
        Whether it passes by itself; else it needs a person.
    """

    cause: str
    remedy: str
    passes: bool = False


def table() -> dict[str, dict[str, Entry]]:
    """Return every code's entry, by the title of the part of labline that it belongs to.

    Examples
    --------
    >>> table()["The factory"]["LL-SCORER-FENCED"].cause
    "Another process took over the scorer's slot."
    """
    import tomllib  # every command imports this module, and none of them reads the table

    rooms = tomllib.loads(TABLE.read_text(encoding="utf-8")).values()
    return {room.pop("title"): {code: Entry(**room[code]) for code in room} for room in rooms}


def page() -> str:
    """Return ``docs/errors.md``."""
    parts = [
        "# Errors",
        "Whatever labline cannot do, it says with a code, a sentence and a remedy. The sentence and"
        " the\nremedy of the error itself are about your case; this page says what each code means"
        " in general, and\nwhether it passes by itself. It is made of `engine/errors.toml` by"
        " `make errors`.",
    ]
    for title, entries in table().items():
        parts.append(f"## {title}")
        for code, entry in sorted(entries.items()):
            passing = " *Passes by itself.*" if entry.passes else ""
            parts.append(f"### {code}\n\n{entry.cause}{passing}\\\n→ {entry.remedy}")
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
