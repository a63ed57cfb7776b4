"""A scorer process; the worker's supervisor starts ``python -m labline.engine.factory.process``.

What comes in are its arguments; what goes out is its exit code (`exits`), by which the supervisor
decides whether to start it again. Errors of the world (the broker is away, a transaction failed)
drop all memory and recover in place. Errors that need a person end the process with a message. Bugs
end it with a traceback.
"""

import argparse
import os
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import structlog
from confluent_kafka import KafkaError, KafkaException

from labline.engine.broker.registry.registry_connection import AUTH_VARIABLE
from labline.engine.broker.registry.schema_registry import SchemaRegistry, Writers
from labline.engine.errors import LablineError, PassingError, TakenError
from labline.engine.factory.backoff import backoff_s
from labline.engine.factory.exits import EXIT_FENCED, EXIT_HANDLED
from labline.engine.factory.follower import ControlFollower
from labline.engine.factory.scorer import Scorer
from labline.engine.factory.stopping import WAIT_S, Stop
from labline.engine.logs import configure
from labline.engine.models.control.configuration import SpecOf, spec_of
from labline.engine.models.control.control import Revision
from labline.engine.models.control.signing import PublicKeys, load_public_keys
from labline.engine.models.learning.snapshot_store import SnapshotStore, load_key
from labline.topics.naming import CONTROL_TOPIC

log = structlog.get_logger()

STABLE_S = 10.0  # a session that lived this long starts the backoff anew
FENCED_MAX = 3  # short sessions in a row that ended so
FENCED = (
    KafkaError._FENCED,
    KafkaError.FENCED_INSTANCE_ID,
    KafkaError.INVALID_PRODUCER_EPOCH,
)


class Options(NamedTuple):
    """How a scorer process runs.

    Attributes
    ----------
    instance : str
        Stable name of its worker slot.
    keys : PublicKeys
        Whose signatures count on the control topic.
    batch_max : int or None
        Records taken per transaction; None: the line's own limit.
    store : SnapshotStore or None
        Where snapshots are kept; None: nowhere.
    """

    bootstrap: str
    line: str
    instance: str
    keys: PublicKeys
    batch_max: int | None
    store: SnapshotStore | None
    spec_of: SpecOf


def run(options: Options, stop: Stop) -> None:
    """Score a line until it is time to stop.

    Raises
    ------
    LablineError
        When a person has to do something; ``LL-SCORER-FENCED`` when another process has the slot.
    """
    failures = 0
    while not stop():
        started = time.monotonic()
        try:
            _session(options, stop)
        except PassingError as error:
            failures = _pause(options, stop, error.message, failures, started)
        except KafkaException as error:
            cause: Any = error.args[0]  # a KafkaError
            # a member whose broker came back may be fenced by its own repeated request: try again
            again_and_again = cause.code() == KafkaError._FATAL and failures >= FENCED_MAX
            if cause.code() in FENCED or again_and_again:
                raise TakenError(
                    "LL-SCORER-FENCED",
                    f"another process took over the slot {options.instance} of line {options.line}",
                    "give each worker its own --slots, or end the other one",
                ) from error
            failures = _pause(options, stop, cause.str(), failures, started)


def _pause(options: Options, stop: Stop, error: str, failures: int, started: float) -> int:
    """Wait before a new try, longer each time; return how many there were in a row."""
    failures = 1 if time.monotonic() - started > STABLE_S else failures + 1
    pause_s = backoff_s(failures)
    log.warning("recovering", line=options.line, error=error, pause_s=pause_s)
    stop.wait(pause_s)
    return failures


def _session(options: Options, stop: Stop) -> None:
    """Score with one consumer and one producer, until they fail or it is time to stop."""
    follower = ControlFollower(options.bootstrap, CONTROL_TOPIC, options.keys)
    try:
        revision = _champion(follower, options.line, stop)
        if revision is None:
            return
        scorer = Scorer(
            options.bootstrap,
            follower,
            revision,
            options.instance,
            options.batch_max,
            options.store,
            options.spec_of,
        )
        try:
            scorer.run(stop)
        finally:
            scorer.close()
    finally:
        follower.close()


def _champion(follower: ControlFollower, line: str, stop: Stop) -> Revision | None:
    """Wait for the line's first promotion; None when it is time to stop."""
    is_said = False
    while not stop():
        revision = follower.revision(line)
        if revision is not None:
            return revision
        if not is_said:
            log.info("waiting for a champion", line=line, remedy="labline promote NAME@N")
            is_said = True
        stop.wait(WAIT_S)
        follower.poll()
    return None


def _spec_of(registry: str | None, known_schemas: Path) -> SpecOf:
    if registry is None:
        return spec_of
    auth = os.environ.get(AUTH_VARIABLE)  # never an argument: those can be read by anybody
    client = SchemaRegistry(registry, known_schemas, auth)
    return partial(spec_of, writers_of=partial(Writers, registry=client))


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--line", required=True)
    parser.add_argument("--instance", required=True)
    parser.add_argument("--keys", required=True, type=Path)
    parser.add_argument("--batch-max", type=int)
    parser.add_argument("--registry", help="URL of a schema registry")
    parser.add_argument("--known-schemas", type=Path, help="folder of what it told before")
    parser.add_argument("--snapshots", help="folder or URL; without it none are kept")
    parser.add_argument("--snapshot-key", type=Path, help="file of the key for their MACs")
    # an argument, not looked up: a supervisor may be gone before this process gets as far as here
    parser.add_argument("--supervisor", type=int, default=os.getppid(), help="its process id")
    options = parser.parse_args()
    configure()
    structlog.contextvars.bind_contextvars(instance=options.instance)
    try:
        keys = load_public_keys(options.keys)
        store = None
        if options.snapshots is not None:
            store = SnapshotStore(options.snapshots, load_key(options.snapshot_key))
        scorer_options = Options(
            bootstrap=options.bootstrap,
            line=options.line,
            instance=options.instance,
            keys=keys,
            batch_max=options.batch_max,
            store=store,
            spec_of=_spec_of(options.registry, options.known_schemas),
        )
        run(scorer_options, Stop(options.supervisor))
    except LablineError as error:
        log.error(error.message, code=error.code, remedy=error.remedy, line=options.line)  # noqa: TRY400
        sys.exit(EXIT_FENCED if isinstance(error, TakenError) else EXIT_HANDLED)


if __name__ == "__main__":
    main()
