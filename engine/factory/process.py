"""A scorer process: ``python -m engine.factory.process``, started by the worker's supervisor.

Errors of the world (the broker is away, a transaction failed) drop all memory and recover in
place. Errors that need a person end the process with a message. Bugs end it with a traceback.
"""

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException

from engine.errors import LablineError
from engine.factory.backoff import backoff_s
from engine.factory.exits import EXIT_FENCED, EXIT_HANDLED
from engine.factory.follower import ControlFollower
from engine.factory.scorer import Scorer
from engine.logs import configure
from engine.models.control import Revision
from engine.models.signing import PublicKeys, load_public_keys
from topics.naming import CONTROL_TOPIC

log = structlog.get_logger()

WAIT_S = 0.2
STABLE_S = 10.0  # a session that lived this long starts the backoff anew
FENCED = (
    KafkaError._FENCED,
    KafkaError.FENCED_INSTANCE_ID,
    KafkaError.INVALID_PRODUCER_EPOCH,
)


class Stop:
    """Whether to end: a signal came, or the supervisor is gone."""

    def __init__(self, supervisor: int) -> None:
        self._told = False
        self._supervisor = supervisor
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._tell)

    def _tell(self, *_: object) -> None:
        self._told = True

    def __call__(self) -> bool:
        """Tell whether it is time."""
        return self._told or os.getppid() != self._supervisor

    def wait(self, seconds: float) -> None:
        """Sleep, but not past the end."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self():
            time.sleep(min(WAIT_S, seconds))


def run(
    bootstrap: str,
    line: str,
    instance: str,
    keys: PublicKeys,
    batch_max: int | None,
    stop: Stop,
) -> None:
    """Score a line until told to stop."""
    failures = 0
    while not stop():
        started = time.monotonic()
        try:
            _session(bootstrap, line, instance, keys, batch_max, stop)
        except KafkaException as error:
            cause: Any = error.args[0]  # a KafkaError
            if cause.code() in FENCED:
                raise LablineError(
                    "LL-SCORER-FENCED",
                    f"another process took over the slot {instance} of line {line}",
                    "give each worker its own --slots, or end the other one",
                ) from error
            failures = 1 if time.monotonic() - started > STABLE_S else failures + 1
            pause_s = backoff_s(failures)
            log.warning("recovering", line=line, error=cause.str(), pause_s=pause_s)
            stop.wait(pause_s)


def _session(
    bootstrap: str,
    line: str,
    instance: str,
    keys: PublicKeys,
    batch_max: int | None,
    stop: Stop,
) -> None:
    """Score with one consumer and one producer, until they fail or it is time to stop."""
    follower = ControlFollower(bootstrap, CONTROL_TOPIC, keys)
    try:
        revision = _champion(follower, line, stop)
        if revision is None:
            return
        scorer = Scorer(bootstrap, follower, revision, instance, batch_max)
        try:
            scorer.run(stop)
        finally:
            scorer.close()
    finally:
        follower.close()


def _champion(follower: ControlFollower, line: str, stop: Stop) -> Revision | None:
    """Wait for the line's first promotion; None when it is time to stop."""
    told = False
    while not stop():
        revision = follower.revision(line)
        if revision is not None:
            return revision
        if not told:
            log.info("waiting for a champion", line=line, remedy="labline promote NAME@N")
            told = True
        stop.wait(WAIT_S)
        follower.poll()
    return None


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--line", required=True)
    parser.add_argument("--instance", required=True)
    parser.add_argument("--keys", required=True, type=Path)
    parser.add_argument("--batch-max", type=int)
    # told, not looked up: a supervisor may be gone before this process has got as far as here
    parser.add_argument("--supervisor", type=int, default=os.getppid(), help="its process id")
    options = parser.parse_args()
    configure()
    structlog.contextvars.bind_contextvars(instance=options.instance)
    try:
        keys = load_public_keys(options.keys)
        stop = Stop(options.supervisor)
        run(options.bootstrap, options.line, options.instance, keys, options.batch_max, stop)
    except LablineError as error:
        log.error(error.message, code=error.code, remedy=error.remedy, line=options.line)  # noqa: TRY400
        sys.exit(EXIT_FENCED if error.code == "LL-SCORER-FENCED" else EXIT_HANDLED)


if __name__ == "__main__":
    main()
