"""What is said of a file: by ``lab replay`` in a few lines, by ``init`` as a table with checks.

Both show one `Proposal`: what was said, guessed, taken and left out. Nothing is decided here.
"""

from collections.abc import Iterator, Mapping, Sequence

from rich.markup import escape
from rich.table import Table

from labline.engine.core.kinds import KINDS
from labline.engine.tables.columns import Column
from labline.engine.tables.proposal import Proposal
from labline.engine.workspace.scaffold import SMALL_ROWS

NAMES_MAX = 20
ROW_NUMBER = "the row's number"


def replay_lines(file: str, proposal: Proposal) -> Iterator[str]:
    """Yield in a few lines what was understood of a file."""
    roles, features = proposal.roles, proposal.line["features"]
    yield f"{file}: {proposal.rows:,} rows, taken as a {proposal.kind} line"
    yield f"  id: {_column(proposal, 'id') or ROW_NUMBER}"
    yield f"  time: {_time(proposal)}"
    if roles.label is not None:
        yield f"  label: {_column(proposal, 'label')}, {label_in_words(proposal)}"
        yield f"  label time: {_label_time(proposal)}"
    for what, names in (("numbers", features["numeric"]), ("categories", features["categorical"])):
        if names:
            yield f"  features, {what}: {_some(names)}"
    if proposal.left_out:
        left_out = [f"{name} ({why})" for name, why in proposal.left_out.items()]
        yield f"  left out: {_some(left_out, '; ')}"
    for number, remark in enumerate(proposal.remarks, start=1):
        yield f"  check {number}: {remark}"


def init_checks(proposal: Proposal) -> list[str]:
    """Return what a person should look at before the schemas are released."""
    roles = proposal.roles
    guesses = [
        f"{role.replace('_', ' ')}: {_column(proposal, role)}; "
        f"--{role.replace('_', '-')} names another column"
        for role in proposal.guessed
    ]
    checks = [*guesses, *([] if roles.id else [f"id: {ROW_NUMBER}; --id COL when there is one"])]
    if proposal.time_form is None:
        checks.append(f"time: {_time(proposal)}")
    else:
        zone = f"zone {roles.zone}" + (" where they tell none" * (proposal.time_form == "iso"))
        checks.append(f"times of {roles.time} are read as {proposal.time_form}, {zone}")
    if not proposal.in_order:
        checks.append("rows are not in order of time: publish --sort sends them so")
    if proposal.label_schema is not None:
        checks += _label_checks(proposal)
    checks += proposal.remarks
    if proposal.rows < SMALL_ROWS:
        checks.append(f"one partition, because {proposal.rows:,} rows are few for several learners")
    return [*checks, "schemas/: ranges stand there as suggestions, checked by nobody"]


def init_table(file: str, proposal: Proposal, columns: Mapping[str, Column]) -> Table:
    """Return what each column was taken for."""
    table = Table(title=f"{escape(file)}: {proposal.rows:,} rows", title_justify="left")
    for heading in ("column", "field", "type", "use", "values"):
        table.add_column(heading)
    for column in columns.values():
        kind = column.kind + (" or null" if column.missing else "")
        values = ""
        if column.low is not None:
            values = f"{column.low:g} to {column.high:g}"
        elif column.values is not None:
            values = f"{len(column.values)} different"
        missing = " ".join(word or "empty" for word in column.missing)
        values += f", null is {missing}" if missing else ""
        use = ", ".join(_uses(proposal, column.header))
        table.add_row(*map(escape, (column.header, column.name, kind, use, values)))
    return table


def label_in_words(proposal: Proposal) -> str:
    """Return what a label says, for a person."""
    kind = KINDS[proposal.kind]
    if kind.has_classes:
        return f"one of the classes {', '.join(proposal.line['classes'])}"
    return "a number" if kind.predicts_number else "yes or no"


def _label_checks(proposal: Proposal) -> Iterator[str]:
    assert proposal.label_schema is not None
    roles, words = proposal.roles, label_in_words(proposal)
    kind = KINDS[proposal.kind]
    if kind.has_classes:
        words += "; if one of them means yes, say --label-true"
    elif kind.predicts_number:
        words += "; if its values are classes, say --kind multiclass"
    else:
        csv = proposal.label_schema["fields"][-1]["csv"]
        words = f"yes is {', '.join(csv['true'])}; no is {', '.join(csv['false'])}"
    yield f"label {roles.label}: {words}"
    if roles.label_time is None:
        yield "a label counts as known at once; --label-time COL when it is not"
    elif not proposal.labels_in_order:
        yield (
            f"rows are not in order of {roles.label_time}: publish --sort sends the labels so;"
            " else one that came late would hold up all behind it"
        )
    yield "lines/: take out features that are known only after the event"


def _uses(proposal: Proposal, header: str) -> list[str]:
    roles = proposal.roles
    uses = ["id"] if header in roles.id else []
    for name, what in (
        (roles.time, "event time"),
        (roles.key, "key"),
        (roles.label, "label"),
        (roles.label_time, "label's time"),
    ):
        uses += [what] if header == name else []
    if header in proposal.features:
        uses.append("feature")
    return uses or [f"kept: {proposal.left_out[header]}"]


def _column(proposal: Proposal, role: str) -> str | None:
    named = getattr(proposal.roles, role)
    name = " and ".join(named) if role == "id" else named
    if named == "":
        name = "the column without a name"
    return f"{name} (guessed)" if role in proposal.guessed else name


def _time(proposal: Proposal) -> str:
    if proposal.time_form is None:
        return f"{ROW_NUMBER}, so nothing is told by hours or days; --time COL when there is one"
    return f"{_column(proposal, 'time')}, read as {proposal.time_form}"


def _label_time(proposal: Proposal) -> str:
    if proposal.label_form is None:
        return "none: a label counts as known right after its event; --label-time COL when not so"
    return f"{_column(proposal, 'label_time')}, read as {proposal.label_form}"


def _some(names: Sequence[str], joint: str = ", ") -> str:
    more = len(names) - NAMES_MAX
    return joint.join(names[:NAMES_MAX]) + (f"{joint}and {more} more" if more > 0 else "")
