"""The settings of an embedded broker: one node, one replica, loopback only."""

from collections.abc import Mapping

HOST = "127.0.0.1"

#: Without its own listeners nobody finds the broker: an override comes beside them.
_LISTENERS = {"listeners", "advertised.listeners", "listener.security.protocol.map"}

LOG4J = """\
status = error
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
logger.kafka.name = kafka
logger.kafka.level = info
logger.apache.name = org.apache.kafka
logger.apache.level = info
logger.config.name = org.apache.kafka.common.config
logger.config.level = warn
logger.server.name = kafka.server.KafkaConfig
logger.server.level = warn
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yyyy-MM-dd HH:mm:ss,SSS} %p %m (%c{1})%n
"""


def settings(
    port: int, controller_port: int, overrides: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the broker's settings, `overrides` last; those of listeners add to its own.

    Examples
    --------
    >>> settings(1, 2)["advertised.listeners"]
    'CLIENT://127.0.0.1:1'
    >>> settings(1, 2, {"num.io.threads": "2"})["num.io.threads"]
    '2'
    >>> settings(1, 2, {"advertised.listeners": "OTHER://h:3"})["advertised.listeners"]
    'CLIENT://127.0.0.1:1,OTHER://h:3'
    """
    own = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "listeners": f"CLIENT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"CLIENT://{HOST}:{port}",
        "listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "CLIENT",
        "controller.listener.names": "CONTROLLER",
        # relative to the process's folder: a workspace may lie under any name, and be moved
        "log.dirs": "data",
        "auto.create.topics.enable": "false",
        "message.max.bytes": "1048588",
        # one node: nothing to replicate to, nobody to wait for
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        "broker.heartbeat.interval.ms": "500",
        # few partitions of its own: a quick start, and few files
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.num.partitions": "1",
        # a workspace that rested for a month goes on where it was
        "offsets.retention.minutes": "2147483647",
        # the default takes 128 MB of a small heap
        "log.cleaner.dedupe.buffer.size": "8388608",
    }
    more = dict(overrides or {})
    for name in _LISTENERS & more.keys():
        more[name] = f"{own[name]},{more[name]}"
    return own | more


def render(properties: Mapping[str, str]) -> str:
    r"""Return the text of a Java properties file.

    Examples
    --------
    >>> render({"a.b": "c:\\d é"})
    'a.b=c:\\\\d \\u00e9\n'
    """
    return "".join(f"{key}={_escaped(value)}\n" for key, value in properties.items())


def _escaped(value: str) -> str:
    # Java reads these files as Latin-1; beyond ASCII, UTF-16 units are written as \uXXXX
    text = value.replace("\\", "\\\\").replace("\n", "\\n")
    units = text.encode("utf-16-be")
    codes = [int.from_bytes(units[i : i + 2]) for i in range(0, len(units), 2)]
    return "".join(chr(code) if code < 128 else f"\\u{code:04x}" for code in codes)
