"""Whether somebody still runs a line: the members of its consumer group.

Called before something is done that a running line would not survive: setting its offsets, folding
its past under other versions.
"""

import time
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from labline.engine.broker.clients import admin_client
from labline.engine.broker.commits import when_loaded
from labline.engine.errors import LablineError

GONE_S = 15.0  # a scorer that was stopped or killed stays a member until its session ends
AGAIN_S = 0.2
TIMEOUT_S = 30.0


def await_no_members(bootstrap: str, line: str, deadline_s: float = GONE_S) -> None:
    """Wait until a line's group is empty; members that stay are running.

    Raises
    ------
    LablineError
        ``LL-GROUP-BUSY`` when some stay.
    """
    admin = admin_client(bootstrap)
    deadline = time.monotonic() + deadline_s
    while count := _members(admin, f"labline.{line}"):
        if time.monotonic() > deadline:
            raise LablineError(
                "LL-GROUP-BUSY",
                f"line {line} runs: its group has {count} members",
                "stop every worker of the line first; the last one's session ends some seconds"
                " later",
            )
        time.sleep(AGAIN_S)


def _members(admin: AdminClient, group: str) -> int:
    try:
        description: Any = when_loaded(
            lambda: admin.describe_consumer_groups([group])[group].result(TIMEOUT_S)
        )
    except KafkaException as error:
        cause: Any = error.args[0]  # a KafkaError
        if cause.code() == KafkaError.GROUP_ID_NOT_FOUND:
            return 0
        raise
    return len(description.members)
