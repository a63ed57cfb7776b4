"""Putting a model version in a slot: one signed record on the control topic."""

from confluent_kafka import Message, Producer

from labline.engine.broker.clients import producer_config
from labline.engine.broker.reader import partition_offsets, read_range
from labline.engine.core.line import Line
from labline.engine.errors import LablineError
from labline.engine.models.control.configuration import CHAMPION, declaration, spec_of
from labline.engine.models.control.control import Control, Revision, promotion
from labline.engine.models.control.registry import Registry
from labline.engine.models.control.signing import PublicKeys, Signer, load_public_keys
from labline.engine.models.recipes.check import baselines_by_place, check_recipes
from labline.engine.workspace.check import check_line
from labline.engine.workspace.workspace import Workspace
from labline.topics.naming import CONTROL_TOPIC

TIMEOUT_S = 30.0
SLOTS = (CHAMPION, "challenger")
#: What may change under a line's trained state: words for people, and what only reads scores.
CHANGEABLE = frozenset({"question", "owner", "incumbent", "decision", "baselines"})


def read_control(bootstrap: str, keys: PublicKeys) -> Control:
    """Return the control topic folded."""
    control = Control()
    offsets = partition_offsets(bootstrap, [CONTROL_TOPIC])[CONTROL_TOPIC][0]
    for batch in read_range(bootstrap, CONTROL_TOPIC, 0, offsets.start, offsets.stable):
        control.apply(batch, keys)
    return control


def promote(
    workspace: Workspace, bootstrap: str, label: str, line_name: str, slot: str = CHAMPION
) -> Revision:
    """Put the model version called `label` in a slot of a line.

    The record carries the line's declaration and schemas by content, so what the factory does
    follows from the control topic alone.

    Returns
    -------
    Revision
        As every reader now has it in force.

    Raises
    ------
    LablineError
        When the version, the line or the key is not there or not sound; ``LL-PROMOTE-RACE``
        when somebody else's record came first.
    """
    if slot not in SLOTS:
        raise LablineError("LL-SLOT-UNKNOWN", f"no slot {slot!r}", f"one of {', '.join(SLOTS)}")
    keys = load_public_keys(workspace.keys_dir)
    signer = Signer.load(workspace.private_key)
    model = Registry(workspace.models_dir, keys).get(label)
    line = workspace.line(line_name)
    for finding in check_line(line, workspace.topics(), workspace.schema_of):
        raise finding
    labels = workspace.released_schema_of(line.labels) if line.labels else None
    events = workspace.released_schema_of(line.events)
    check_recipes({label: model.recipe, **baselines_by_place(line)}, line, events)
    declared = declaration(line, events, labels, workspace.writers_of((line.events, line.labels)))
    control = read_control(bootstrap, keys)
    slots = {slot: model}
    if line_name in control.lines:
        _refuse_other_line(Line.parse(control.lines[line_name].declaration["line"]), line)
        slots = {**control.lines[line_name].slots, slot: model}
    elif slot != CHAMPION:
        raise LablineError(
            "LL-SLOT-NO-CHAMPION", f"line {line_name} has no champion yet", "promote one first"
        )
    # a configuration that cannot be built must not wait for the factory to say so
    spec_of(Revision(control.revision, line_name, declared, slots))
    record = promotion(
        previous=control.revision,
        line=line_name,
        slot=slot,
        model=model,
        declaration=declared,
        signer=signer,
    )
    offset = _append(bootstrap, line_name, record)
    revision = read_control(bootstrap, keys).history.get(offset)
    if revision is None:
        raise LablineError(
            "LL-PROMOTE-RACE",
            "another control record came first, so this one is void",
            "look at it and promote again",
        )
    return revision


def _refuse_other_line(before: Line, now: Line) -> None:
    """Refuse changes under which the trained state would mean something else."""
    old, new = before.model_dump(mode="json"), now.model_dump(mode="json")
    changed = sorted(name for name in new if new[name] != old.get(name) and name not in CHANGEABLE)
    if changed:
        raise LablineError(
            "LL-LINE-CHANGED",
            f"line {now.name} runs with other {', '.join(changed)}: its state does not fit them",
            "give the changed line a name of its own; it learns from the log's start",
        )


def _append(bootstrap: str, key: str, value: bytes) -> int:
    """Append a control record; return its offset once it is acknowledged."""
    delivered: list[Message] = []
    failed: list[str] = []

    def report(error: object, message: Message) -> None:
        if error is None:
            delivered.append(message)
        else:
            failed.append(str(error))

    producer = Producer(producer_config(bootstrap))
    producer.produce(CONTROL_TOPIC, value, key.encode(), 0, on_delivery=report)
    producer.flush(TIMEOUT_S)
    if not delivered:
        why = failed[0] if failed else "no acknowledgement came"
        raise LablineError(
            "LL-CONTROL-WRITE", f"the control record was not written: {why}", "labline status"
        )
    offset = delivered[0].offset()
    assert offset is not None
    return offset
