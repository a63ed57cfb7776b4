"""What `labline init --from` tells about a CSV: what it guessed, and what a person should check."""

from rich.markup import escape
from rich.table import Table

from engine.workspace.guess import FEATURES_MAX, Guess
from engine.workspace.scaffold import SMALL_ROWS


def to_check(guess: Guess) -> list[str]:
    """Return what a person should look at before the schemas are released."""
    roles = guess.roles
    found = [f"times of {roles.time} are read as {guess.time_form}, zone {roles.zone}"]
    found[0] += " where they tell none" if guess.time_form == "iso" else ""
    if not guess.in_order:
        found.append("rows are not in order of time: publish --sort sends them so")
    if guess.truth:
        yes, no = ", ".join(guess.truth.true), ", ".join(guess.truth.false)
        found.append(f"label {roles.label}: yes is {yes}; no is {no}")
        if guess.truth.skip:
            words = " or ".join(repr(word) for word in guess.truth.skip)
            found.append(f"rows whose {roles.label} is {words} have no label")
        if roles.label_time is None:
            found.append("a label counts as known at once; --label-time COL when it is not")
        found.append("lines/: take out features that are known only after the event")
    if guess.ragged:
        found.append(f"{guess.ragged} rows have not as many cells as columns: to be rejected")
    if guess.rows < SMALL_ROWS:
        found.append(f"one partition, because {guess.rows:,} rows are few for several learners")
    if FEATURES_MAX in (len(guess.numeric), len(guess.categorical)):
        found.append(f"only the first {FEATURES_MAX} columns of a kind are features")
    found.append("schemas/: ranges stand there as suggestions, checked by nobody")
    return found


def guess_table(file: str, guess: Guess) -> Table:
    """Return what each column was taken for."""
    table = Table(title=f"{escape(file)}: {guess.rows:,} rows", title_justify="left")
    for heading in ("column", "field", "type", "use", "values"):
        table.add_column(heading)
    numeric, categorical = guess.numeric, guess.categorical
    for column in guess.columns:
        use = _uses(guess, column.header)
        if not use:
            use = ["feature"] if column in numeric or column in categorical else ["kept"]
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
