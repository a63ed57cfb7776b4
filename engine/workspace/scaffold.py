"""A workspace made of a guess: schemas, topics, a line, an experiment, and what to do next."""

import json
from pathlib import Path
from typing import Any

from labline.engine.core.line import PROBABLE
from labline.engine.errors import LablineError
from labline.engine.workspace.columns import Column
from labline.engine.workspace.first_experiment import first_experiment
from labline.engine.workspace.guess import EVENT_TIME, Guess
from labline.engine.workspace.times import EPOCHS, ISO, has_clock

SMALL_ROWS = 10_000  # below it one learner sees all: parts of it would be too little to learn from
PARTITIONS = 4
LABEL_TYPES = {
    "binary": "boolean",
    "multiclass": "string",
    "regression": "double",
    "anomaly": "boolean",
}
DAY_MS = 86_400_000
HORIZON_DAYS = 2

Field = dict[str, Any]


def scaffold(folder: Path, name: str, csv_name: str, guess: Guess) -> None:
    """Write a workspace into a new folder.

    Parameters
    ----------
    name
        Of the workspace, of its line, and the beginning of its topics' names.
    csv_name
        The file that was looked at, for the texts.

    Raises
    ------
    LablineError
        ``LL-INIT-EXISTS`` when the folder is there and not empty; ``LL-INIT-FEATURES`` when
        nothing is left to learn from.
    """
    files = {
        **_bare(name),
        "README.md": _readme(name, csv_name, guess),
        f"schemas/{name}.events/v1.avsc": _avsc(event_schema(name, guess)),
        f"topics/{name}.events.toml": _topic(f"{name}.events", "The events.", guess),
        f"lines/{name}.toml": _line(name, guess),
    }
    if guess.truth:
        files[f"schemas/{name}.labels/v1.avsc"] = _avsc(label_schema(name, guess))
        files[f"topics/{name}.labels.toml"] = _topic(
            f"{name}.labels", "The labels, keyed as the events: both meet in one partition.", guess
        )
    if guess.truth or guess.kind == "anomaly":
        files[f"experiments/{name}.yaml"] = first_experiment(name, guess, time_features(guess))
    _write(folder, files)


def bare_workspace(folder: Path, name: str) -> None:
    """Write a workspace that declares nothing yet."""
    _write(folder, _bare(name))
    for part in ("schemas", "topics", "lines", "experiments"):
        (folder / part).mkdir()


def _bare(name: str) -> dict[str, str]:
    return {
        "labline.toml": f'# Everything that labline is told about, as files.\nname = "{name}"\n',
        ".gitignore": ".labline/\n",
    }


def _write(folder: Path, files: dict[str, str]) -> None:
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise LablineError(
                "LL-INIT-EXISTS", f"{folder} is not empty", "name a folder that is not there yet"
            )
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, "utf-8")
    except OSError as error:
        raise LablineError(
            "LL-FILE-WRITE", f"cannot write {folder}: {error.strerror}", "name another folder"
        ) from error


def event_schema(name: str, guess: Guess) -> dict[str, Any]:
    """Return the schema of the events: every column but the label's."""
    roles = guess.roles
    gone = {roles.time, roles.key, roles.label, roles.label_time}
    gone |= {*roles.id} if len(roles.id) == 1 else set()  # what an id is joined of stays, too
    fields = _names_of_an_event(guess)
    fields += [_field(column) for column in guess.columns if column.header not in gone]
    return {"type": "record", "name": _record_name(name, "Event"), "fields": fields}


def label_schema(name: str, guess: Guess) -> dict[str, Any]:
    """Return the schema of the labels: id, time, key, and the truth."""
    assert guess.truth is not None
    assert guess.roles.label is not None
    label = guess.column(guess.roles.label)
    truth = guess.truth
    words = {"true": [*truth.true], "false": [*truth.false]} if truth.true else {}
    skip = {"skip": [*guess.truth.skip]} if guess.truth.skip else {}
    csv = {"columns": [label.header], **words, **skip}
    fields = _names_of_an_event(guess, guess.roles.label_time)
    kind = LABEL_TYPES[truth.kind]
    fields.append({"name": label.name, "type": kind, "csv": csv, "doc": "The truth."})
    return {"type": "record", "name": _record_name(name, "Label"), "fields": fields}


def _names_of_an_event(guess: Guess, label_time: str | None = None) -> list[Field]:
    """Return the fields that events and labels both have."""
    roles = guess.roles
    form = guess.label_time_form if label_time else guess.time_form
    zone = {} if form in EPOCHS else {"zone": roles.zone}
    csv = {"columns": [label_time or roles.time], "time": form, **zone}
    fields = [
        _text(guess, guess.id_name, roles.id, "Names the event for good."),
        {"name": EVENT_TIME, "type": "long", "event_time": True, "csv": csv,
         "doc": "When it happened, milliseconds UTC."},
    ]  # fmt: skip
    if guess.key_name != guess.id_name:
        assert roles.key is not None
        fields.append(_text(guess, guess.key_name, (roles.key,), "The topic's key."))
    return fields


def _text(guess: Guess, name: str, headers: tuple[str, ...], doc: str) -> Field:
    """Return a field that takes cells as they are, and must be there."""
    missing = sorted({"", *(word for h in headers for word in guess.column(h).missing)})
    columns = [guess.column(header) for header in headers]
    suggested: Field = {"max_length": sum(c.longest for c in columns) + len(columns) - 1}
    if len(columns) == 1 and columns[0].pattern:
        suggested["pattern"] = columns[0].pattern
    csv = {"columns": list(headers), "missing": missing}
    return {"name": name, "type": "string", "csv": csv, "suggested": suggested, "doc": doc}


def _field(column: Column) -> Field:
    told: Field = {"name": column.name, "type": column.kind}
    csv: Field = {}
    if column.missing:
        told["type"] = ["null", column.kind]
    if column.header != column.name:
        csv["columns"] = [column.header]
    if words := [word for word in column.missing if word]:
        csv["missing"] = words
    if csv:
        told["csv"] = csv
    if column.low is not None:
        told["suggested"] = {"minimum": column.low, "maximum": column.high}
    elif column.kind == "string" and column.longest:
        told["suggested"] = {"max_length": column.longest}
        if column.pattern:
            told["suggested"]["pattern"] = column.pattern
    return told


def _avsc(document: dict[str, Any]) -> str:
    """Return a schema with a line for each field: what people read and change."""
    lines = ",\n".join("    " + json.dumps(f, ensure_ascii=False) for f in document["fields"])
    return (
        f'{{\n  "type": "record", "name": "{document["name"]}",\n  "fields": [\n{lines}\n  ]\n}}\n'
    )


def _record_name(name: str, kind: str) -> str:
    words = "".join(letter if letter.isalnum() else " " for letter in name).split()
    plain = "".join(word.capitalize() for word in words) + kind
    return plain if plain[0].isalpha() else f"W{plain}"


def _topic(topic: str, what: str, guess: Guess) -> str:
    return f"""\
# {what}
name = "{topic}"
schema = "{topic}"
key = "{guess.key_name}"
partitions = {partitions(guess)}  # the unit of parallelism; cannot change later
replication = 1  # copies, one per broker; 3 on a real cluster
retention = "forever"  # or hours, days, weeks such as "30d"
"""


def partitions(guess: Guess) -> int:
    """Return how many partitions the topics get."""
    return 1 if guess.rows < SMALL_ROWS else PARTITIONS


def time_features(guess: Guess) -> list[str]:
    """Return what of the event time may tell something."""
    if guess.time_form == "%Y":
        return []
    clock = has_clock(guess.time_form)
    if guess.time_form == ISO:
        clock = (guess.column(guess.roles.time).longest) > len("2013-12-28")
    return ["hour", "weekday"] if clock else ["weekday"]


def _line(name: str, guess: Guess) -> str:
    numeric, categorical = guess.numeric, guess.categorical
    if not numeric and not categorical and not time_features(guess):
        raise LablineError(
            "LL-INIT-FEATURES",
            "no column is a number or a text with few values that come again",
            "a learner needs at least one: add a column",
        )
    optional = [c.name for c in (*numeric, *categorical) if c.missing]
    labels = ""
    if guess.roles.label is not None:
        days = max(HORIZON_DAYS, -(-2 * guess.label_lag_max_ms // DAY_MS))
        labels = f"""\
labels = "{name}.labels"
refers_to = "{guess.id_name}"
label = "{guess.column(guess.roles.label).name}"
label_horizon = "{days}d"  # in event time; what has no label by then is not learned
"""
    return f"""\
# Scores every event{_learns(guess)}.
name = "{name}"
{_kind(guess)}question = ""  # for people: what is asked, by whom, and the rule in use today
owner = ""
incumbent = ""
events = "{name}.events"
id = "{guess.id_name}"
{labels}
[features]  # take out what is not known yet when an event is scored
numeric = {json.dumps([c.name for c in numeric])}
categorical = {json.dumps([c.name for c in categorical])}
time = {json.dumps(time_features(guess))}
optional = {json.dumps(optional)}  # an event without another feature is a dead letter

{_decision(guess.kind)}"""


def _learns(guess: Guess) -> str:
    if guess.kind == "anomaly":
        return ", then learns it: the higher the score, the odder"
    return "; learns from its label" if guess.truth else ""


def _kind(guess: Guess) -> str:
    if guess.kind == "binary":
        return ""
    classes = list(guess.truth.classes) if guess.truth else []
    listed = f"classes = {json.dumps(classes, ensure_ascii=False)}\n" if classes else ""
    return f'kind = "{guess.kind}"\n{listed}'


def _decision(kind: str) -> str:
    if kind not in PROBABLE:
        return "# [decision]\n# threshold = 1.0  # yes from this score on; without one never\n"
    whose = "probability" if kind == "binary" else "probability of the best class"
    return f"[decision]\nthreshold = 0.5  # the answer is yes from this {whose} on\n"


def next_commands(name: str, csv: str, guess: Guess) -> list[str]:
    """Return what to type next, inside the workspace."""
    in_order = {f"{name}.events": guess.in_order}
    if guess.truth:
        in_order[f"{name}.labels"] = guess.labels_in_order
    topics = list(in_order)
    commands = ["labline up", "labline topics apply"]
    for topic, ascending in in_order.items():
        commands.append(f"labline publish {topic} {csv}{'' if ascending else ' --sort'}")
    commands.append(f"labline read {name}.events -n 5")
    if guess.truth or guess.kind == "anomaly":
        commands.append(f"labline record {' '.join(topics)} --out recording")
        commands.append(f"labline lab run {name} --recording recording")
    return commands


def _readme(name: str, csv_name: str, guess: Guess) -> str:
    commands = "\n".join(next_commands(name, csv_name, guess))
    return f"""\
# {name}

Made from `{csv_name}`. In this folder:

```sh
{commands}
```

| file | what it declares |
|---|---|
| `schemas/*/v1.avsc` | what values are, and which columns they come from (`csv`) |
| `topics/*.toml` | topics: schema, key, partitions, retention |
| `lines/{name}.toml` | what is asked, of which topics, with which features |
| `experiments/*.yaml` | recipes to compare on it |

A schema is a draft until `labline topics apply` or `labline schemas register` releases it: check
it before. `suggested` in it is what the file happens to hold, and checked by nobody; to make it a
rule, write it as the field's own: `"minimum": 0`. After that, a change is a new version: `v2.avsc`.
"""
