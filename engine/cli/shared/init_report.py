"""What `labline init --from` tells about a CSV: what it guessed, and what a person should check."""

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from labline.engine.core.line import Kind
from labline.engine.workspace.columns import Column
from labline.engine.workspace.guess import FEATURES_MAX, Guess, Truth
from labline.engine.workspace.scaffold import SMALL_ROWS
from labline.engine.workspace.unused import to_mend, why_unused


def to_check(guess: Guess) -> list[str]:
    """Return what a person should look at before the schemas are released."""
    roles = guess.roles
    found = [f"times of {roles.time} are read as {guess.time_form}, zone {roles.zone}"]
    found[0] += " where they tell none" if guess.time_form == "iso" else ""
    if not guess.in_order:
        found.append("rows are not in order of time: publish --sort sends them so")
    if guess.truth:
        found.append(f"label {roles.label}: {_taken_for(guess.truth)}")
        if guess.truth.skip:
            words = " or ".join(repr(word) for word in guess.truth.skip)
            found.append(f"rows whose {roles.label} is {words} have no label")
        found += [
            f"{name} is no feature: it tells when the label came; --label-time {name!r}?"
            for name in guess.label_times
        ]
        if roles.label_time is None:
            found.append("a label counts as known at once; --label-time COL when it is not")
        elif not guess.labels_in_order:
            found.append(
                f"rows are not in order of {roles.label_time}: publish --sort sends the labels so;"
                " else one that came late would hold up all behind it"
            )
        found.append("lines/: take out features that are known only after the event")
    found += to_mend(c for c in guess.columns if not _uses(guess, c.header))
    if guess.ragged:
        found.append(f"{guess.ragged} rows have not as many cells as columns: to be rejected")
    if guess.rows < SMALL_ROWS:
        found.append(f"one partition, because {guess.rows:,} rows are few for several learners")
    if FEATURES_MAX in (len(guess.numeric), len(guess.categorical)):
        found.append(f"only the first {FEATURES_MAX} columns of a kind are features")
    found.append("schemas/: ranges stand there as suggestions, checked by nobody")
    return found


def _taken_for(truth: Truth) -> str:
    told = label_told(truth.kind, truth.classes)
    if truth.kind == "multiclass":
        return f"{told}; if one of them means yes, say --label-true"
    if truth.kind == "regression":
        return f"{told}; if its values are classes, say --kind multiclass"
    return f"yes is {', '.join(truth.true)}; no is {', '.join(truth.false)}"


def label_told(kind: Kind, classes: Sequence[str]) -> str:
    """Return what a label says, for a person.

    Examples
    --------
    >>> label_told("multiclass", ["a", "b"]), label_told("binary", [])
    ('one of the classes a, b', 'yes or no')
    """
    if kind == "multiclass":
        return f"one of the classes {', '.join(classes)}"
    return "a number" if kind == "regression" else "yes or no"


def guess_table(file: str, guess: Guess) -> Table:
    """Return what each column was taken for."""
    table = Table(title=f"{escape(file)}: {guess.rows:,} rows", title_justify="left")
    for heading in ("column", "field", "type", "use", "values"):
        table.add_column(heading)
    numeric, categorical = guess.numeric, guess.categorical
    for column in guess.columns:
        use = _uses(guess, column.header)
        if not use:
            use = ["feature" if column in numeric or column in categorical else _kept(column)]
        told = column.kind + (" or null" if column.missing else "")
        values = ""
        if column.low is not None:
            values = f"{column.low:g} to {column.high:g}"
        elif column.values is not None:
            values = f"{len(column.values)} different"
        missing = " ".join(word or "empty" for word in column.missing)
        values += f", null is {missing}" if missing else ""
        table.add_row(*map(escape, (column.header, column.name, told, ", ".join(use), values)))
    return table


def _kept(column: Column) -> str:
    if column.numeric or column.categorical:
        return "kept"  # there are too many features, or it tells when the label came
    return f"kept: {why_unused(column)}"


def _uses(guess: Guess, header: str) -> list[str]:
    roles = guess.roles
    uses = ["id"] if header in roles.id else []
    for name, what in (
        (roles.time, "event time"),
        (roles.key, "key"),
        (roles.label, "label"),
        (roles.label_time, "label's time"),
    ):
        uses += [what] if header == name else []
    if header == roles.key and guess.column(header) in guess.categorical:
        uses.append("feature")
    return uses
