"""A CSV's columns, and what each is for, as a guess that a person then checks. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches

from labline.engine.core.line import Kind
from labline.engine.errors import LablineError
from labline.engine.workspace.columns import (
    CATEGORIES_MAX,
    MISSING_WORDS,
    Column,
    Seen,
    field_names,
    free_name,
)
from labline.engine.workspace.guess import EVENT_TIME, Guess, Roles, Truth
from labline.engine.workspace.label_kind import FALSE_WORDS, TRUE_WORDS, label_kind
from labline.engine.workspace.times import FORMS, fitting_forms, time_reader, twin

IDS_MAX = 2_000_000  # so many ids are compared
ORDER_MAX = 1_000_000  # so many rows are looked at for their order in time


@dataclass
class _Walk:
    """What one pass over the rows notices."""

    seen: list[Seen]
    time_at: int
    label_time_at: int
    forms: list[str]
    label_forms: list[str]
    ids: dict[str, int] = field(default_factory=dict)
    times: list[tuple[str, str]] = field(default_factory=list)
    rows: int = 0
    ragged: int = 0


def infer(table: Iterable[tuple[int, list[str] | None]], roles: Roles) -> Guess:
    """Return what a CSV seems to be.

    Parameters
    ----------
    table
        Line numbers and cells, the header first; None for a line that is not CSV.

    Raises
    ------
    LablineError
        ``LL-INIT-CSV``, ``-COLUMN``, ``-TIME``, ``-ID`` or ``-LABEL``, with what was found.

    Examples
    --------
    >>> table = [(1, ["day", "temp", "rain"]), (2, ["2012-01-01", "12.8", "no"]),
    ...     (3, ["2012-01-02", "", "yes"])]
    >>> guess = infer(table, Roles(id=("day",), time="day", label="rain"))
    >>> guess.time_form, guess.truth.true, [(c.name, c.kind, c.missing) for c in guess.numeric]
    ('iso', ('yes',), [])
    """
    rows = iter(table)
    _, header = next(rows, (0, None))
    header = _header(header, roles)
    walk = _walked(rows, header, roles)
    if not walk.rows:
        raise _bad("CSV", "the file has no rows below its first line", "name another file")
    names = field_names(header, [EVENT_TIME])
    columns = tuple(seen.column(name) for seen, name in zip(walk.seen, names, strict=True))
    time_form = _form(walk.forms, roles, roles.time)
    label_column = roles.label_time or roles.time
    label_form = _form(walk.label_forms, roles, label_column)
    in_order, labels_in_order, lag_ms = _order(walk.times, roles, time_form, label_form)
    by_header = {column.header: column.name for column in columns}
    joined = free_name("id", list(by_header.values()))
    id_name = by_header[roles.id[0]] if len(roles.id) == 1 else joined
    return Guess(
        roles=roles,
        rows=walk.rows,
        ragged=walk.ragged,
        columns=columns,
        id_name=id_name,
        key_name=by_header[roles.key] if roles.key else id_name,
        time_form=time_form,
        label_time_form=label_form,
        in_order=in_order,
        labels_in_order=labels_in_order,
        label_lag_max_ms=lag_ms,
        truth=next((_truth(c, roles) for c in columns if c.header == roles.label), None),
    )


def _walked(rows: Iterator[tuple[int, list[str] | None]], header: list[str], roles: Roles) -> _Walk:
    places = {name: place for place, name in enumerate(header)}
    forms = [roles.time_format] if roles.time_format else list(FORMS)
    walk = _Walk(
        [Seen(name) for name in header],
        places[roles.time],
        places[roles.label_time or roles.time],
        forms,
        list(forms) if roles.label_time else forms,
    )
    id_places = [places[name] for name in roles.id]
    for line, cells in rows:
        if cells is None or len(cells) != len(header):
            walk.ragged += 1
            continue
        walk.rows += 1
        for seen, cell in zip(walk.seen, cells, strict=True):
            seen.add(cell)
        _take_times(walk, cells, line, roles)
        _take_id(walk, [cells[place] for place in id_places], line, roles)
    return walk


def _take_times(walk: _Walk, cells: list[str], line: int, roles: Roles) -> None:
    time, label_time = cells[walk.time_at], cells[walk.label_time_at]
    if len(walk.times) < ORDER_MAX:
        walk.times.append((time, label_time))
    looked_at = [(roles.time, time, walk.forms)]
    if roles.label_time:
        looked_at.append((roles.label_time, label_time, walk.label_forms))
    for name, cell, forms in looked_at:
        if cell in MISSING_WORDS:
            continue
        forms[:] = fitting_forms([cell], forms)
        if not forms:
            raise _bad(
                "TIME",
                f"line {line}: {cell[:40]!r} in {name} is no time that fits the rows before",
                f"mend it, name another column with --time, or tell how times are written "
                f"there: --time-format {roles.time_format or '%d.%m.%Y'!r}",
            )


def _take_id(walk: _Walk, parts: list[str], line: int, roles: Roles) -> None:
    if len(walk.ids) >= IDS_MAX or any(part in MISSING_WORDS for part in parts):
        return
    first = walk.ids.setdefault("/".join(parts), line)
    if first != line:
        raise _bad(
            "ID",
            f"{' and '.join(roles.id)} {'is' if len(roles.id) == 1 else 'are'} the same in "
            f"lines {first} and {line}, but an id names one event",
            "name the columns that tell events apart, as many as it takes: "
            + " ".join(f"--id {name!r}" for name in roles.id)
            + " --id ANOTHER",
        )


def _header(header: list[str] | None, roles: Roles) -> list[str]:
    if not header:
        raise _bad("CSV", "the first line names no columns", "put the columns' names there")
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise _bad("CSV", f"two columns are called {twice!r}", "give each its own name")
    named = (*roles.id, roles.time, roles.key, roles.label, roles.label_time)
    for name in named:
        if name == "":
            raise _bad("COLUMN", "a column without a name has no role", "name it in the file")
        if name is not None and name not in header:
            near = get_close_matches(name, header, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there is {', '.join(header[:20])}"
            raise _bad("COLUMN", f"the file has no column {name!r}", hint)
    if roles.label in (*roles.id, roles.time, roles.key) and roles.label is not None:
        raise _bad(
            "COLUMN",
            f"{roles.label!r} cannot be the label and something else",
            "an event does not know its label: name another column",
        )
    return header


def _form(forms: list[str], roles: Roles, name: str) -> str:
    form = forms[0]
    if len(forms) == len(FORMS):
        raise _bad("TIME", f"{name} has no time in any row", "name another column with --time")
    if roles.time_format is None and form != twin(form) and twin(form) in forms:
        raise _bad(
            "TIME",
            f"{name} does not tell day from month: {form} and {twin(form)} both fit",
            f"say which: --time-format '{form}' or --time-format '{twin(form)}'",
        )
    return form


def _order(
    times: list[tuple[str, str]], roles: Roles, form: str, label_form: str
) -> tuple[bool, bool, int]:
    """Return whether times never fall, nor labels' times, and how late a label came at most."""
    read, read_label = time_reader(form, roles.zone), time_reader(label_form, roles.zone)
    in_order = labels_in_order = True
    latest_ms = label_latest_ms = None
    lag_ms = 0
    for time, label_time in times:
        if time in MISSING_WORDS:
            continue
        time_ms = read(time)
        in_order = in_order and (latest_ms is None or time_ms >= latest_ms)
        latest_ms = time_ms
        if roles.label_time and label_time not in MISSING_WORDS:
            label_ms = read_label(label_time)
            labels_in_order &= label_latest_ms is None or label_ms >= label_latest_ms
            label_latest_ms = label_ms
            lag_ms = max(lag_ms, label_ms - time_ms)
    return in_order, labels_in_order if roles.label_time else in_order, lag_ms


def _truth(label: Column, roles: Roles) -> Truth:
    """Return what the label's words mean: the same as `labline lab replay` takes them for."""
    words = sorted(label.values or ())
    if roles.label_true is not None:
        true = tuple(word for word in words if word == roles.label_true)
        false = tuple(word for word in words if word != roles.label_true)
        if not true or not false:
            raise _label_words(label, roles, "is to be yes or no")
        kind: Kind = "anomaly" if roles.kind == "anomaly" else "binary"
        return Truth(kind, label.missing, true, false)
    found = label_kind(label, roles.kind)
    if isinstance(found, str):
        raise _label_words(label, roles, found)
    if found.kind not in ("binary", "anomaly"):
        return Truth(found.kind, label.missing, classes=found.classes)
    true = tuple(word for word in words if word.lower() in TRUE_WORDS)
    false = tuple(word for word in words if word.lower() in FALSE_WORDS)
    if not true or not false:
        raise _label_words(label, roles, "is to be yes or no")
    return Truth(found.kind, label.missing, true, false)


def _label_words(label: Column, roles: Roles, wanted: str) -> LablineError:
    words = sorted(label.values or ())
    more = ", …" if len(words) > 10 else ""
    found = ", ".join(repr(word[:30]) for word in words[:10]) + more
    if label.values is None:
        found = f"more than {CATEGORIES_MAX} different values"
    return _bad(
        "LABEL",
        f"the label {roles.label} {wanted}, but there is {found or 'nothing'}",
        f"say which one is yes: --label-true {words[0][:30] if words else 'VALUE'!r}, all others"
        " that are there now are no; or name another column; more classes are written by hand, in"
        ' lines/NAME.toml: kind = "multiclass", classes = [...], the label a string',
    )


def _bad(what: str, message: str, remedy: str) -> LablineError:
    return LablineError(f"LL-INIT-{what}", message, remedy)
