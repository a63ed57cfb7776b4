"""A workspace made of what a file suggests: schemas, topics, a line, an experiment, next steps.

``labline init`` comes here, with a proposal or with nothing but a name; out come files. A folder
that is there and not empty is never touched.
"""

import json
import shlex
from pathlib import Path
from typing import Any

from labline.engine.core.kinds import KINDS
from labline.engine.errors import LablineError
from labline.engine.tables.proposal import Proposal
from labline.engine.tables.rows import COLUMNS, JSON_LINES
from labline.engine.tables.table import CSV, JSON
from labline.engine.workspace.first_experiment import first_experiment

SMALL_ROWS = 10_000  # below it one learner sees all: parts of it would be too little to learn from
PARTITIONS = 4


def scaffold(folder: Path, source: Path, proposal: Proposal) -> None:
    """Write a workspace into a new folder.

    Parameters
    ----------
    source
        The file that was looked at, for the texts.

    Raises
    ------
    LablineError
        ``LL-INIT-EXISTS`` when the folder is there and not empty; ``LL-INIT-FEATURES`` when
        anomalies are to be looked for and no column is a number.
    """
    name = str(proposal.line["name"])
    events, labels = f"{name}.events", f"{name}.labels"
    files = {
        **_bare(name),
        "README.md": _readme(source, proposal),
        f"schemas/{events}/v1.avsc": _avsc(proposal.event_schema, source),
        f"topics/{events}.toml": _topic(events, "The events.", proposal),
        f"lines/{name}.toml": _line(proposal),
    }
    if proposal.label_schema is not None:
        files[f"schemas/{labels}/v1.avsc"] = _avsc(proposal.label_schema, source)
        files[f"topics/{labels}.toml"] = _topic(
            labels, "The labels, keyed as the events: both meet in one partition.", proposal
        )
    if _learns(proposal):
        files[f"experiments/{name}.yaml"] = first_experiment(proposal.line)
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


def _avsc(document: dict[str, Any], source: Path) -> str:
    """Return a schema with a line for each field: what people read and change."""
    names = {"type": "record", "name": document["name"]}
    if source.suffix.lower() in JSON:
        names[JSON_LINES] = COLUMNS
    attributes = json.dumps(names)[1:-1]
    lines = ",\n".join("    " + json.dumps(f, ensure_ascii=False) for f in document["fields"])
    return f'{{\n  {attributes},\n  "fields": [\n{lines}\n  ]\n}}\n'


def _topic(topic: str, what: str, proposal: Proposal) -> str:
    partitions = 1 if proposal.rows < SMALL_ROWS else PARTITIONS
    return f"""\
# {what}
name = "{topic}"
schema = "{topic}"
key = "{proposal.key}"
partitions = {partitions}  # the unit of parallelism; cannot change later
replication = 1  # copies, one per broker; 3 on a real cluster
retention = "forever"  # or hours, days, weeks such as "30d"
"""


def _line(proposal: Proposal) -> str:
    line = proposal.line
    labels = ""
    if proposal.label_schema is not None:
        labels = f"""\
labels = "{line["labels"]}"
refers_to = "{line["refers_to"]}"
label = "{line["label"]}"
label_horizon = "{line["label_horizon"]}"  # in event time; what has no label by then is not learned
"""
    features = {name: json.dumps(names) for name, names in line["features"].items()}
    return f"""\
# Scores every event{_how_it_learns(proposal)}.
name = "{line["name"]}"
{_kind(line)}question = ""  # for people: what is asked, by whom, and the rule in use today
owner = ""
incumbent = ""
events = "{line["events"]}"
id = "{line["id"]}"
{labels}
[features]  # take out what is not known yet when an event is scored
numeric = {features["numeric"]}
categorical = {features["categorical"]}
time = {features["time"]}
optional = {features["optional"]}  # an event without another feature is a dead letter

{_decision(proposal.kind)}"""


def _learns(proposal: Proposal) -> bool:
    return proposal.label_schema is not None or not KINDS[proposal.kind].learns_labels


def _how_it_learns(proposal: Proposal) -> str:
    if not KINDS[proposal.kind].learns_labels:
        return ", then learns it: the higher the score, the odder"
    return "; learns from its label" if proposal.label_schema is not None else ""


def _kind(line: dict[str, Any]) -> str:
    if "kind" not in line:
        return ""
    classes = line.get("classes")
    listed = f"classes = {json.dumps(classes, ensure_ascii=False)}\n" if classes else ""
    return f'kind = "{line["kind"]}"\n{listed}'


def _decision(kind: str) -> str:
    if not KINDS[kind].probable:
        return "# [decision]\n# threshold = 1.0  # yes from this score on; without one never\n"
    whose = "probability" if KINDS[kind].decides else "probability of the best class"
    return f"[decision]\nthreshold = 0.5  # the answer is yes from this {whose} on\n"


def next_commands(source: Path, proposal: Proposal) -> list[str]:
    """Return what to type next, inside the workspace."""
    file, form = shlex.quote(str(source)), source.suffix.lower()
    name = proposal.line["name"]
    in_order = {f"{name}.events": proposal.in_order}
    if proposal.label_schema is not None:
        in_order[f"{name}.labels"] = proposal.labels_in_order
    topics = " ".join(in_order)
    replay = [f"labline lab run {name} --recording recording"] if _learns(proposal) else []
    if form not in (*CSV, *JSON):  # what publishing does not read, recording does
        release = "labline schemas register"
        return [release, f"labline record {topics} --file {file} --out recording", *replay]
    commands = ["labline up", "labline topics apply"]
    as_csv = " --format csv" if form == ".tsv" else ""
    for topic, ascending in in_order.items():
        sort = "" if ascending else " --sort"
        commands.append(f"labline publish {topic} {file}{as_csv}{sort}")
    commands.append(f"labline read {name}.events -n 5")
    record = [f"labline record {topics} --out recording"] if replay else []
    return [*commands, *record, *replay]


def _readme(source: Path, proposal: Proposal) -> str:
    name = proposal.line["name"]
    commands = "\n".join(next_commands(Path(source.name), proposal))
    return f"""\
# {name}

Made from `{source.name}`. In this folder:

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
