"""Free ports on the loopback interface."""

import errno
import secrets
import socket

from labline.engine.broker.servers.server_properties import HOST
from labline.engine.errors import LablineError, TakenError

# below the ports that systems give to outgoing connections, so that one stays free over a reboot
RANGE = range(20_000, 30_000)
ATTEMPTS = 200


def answers(port: int, timeout_s: float = 1.0) -> bool:
    """Tell whether something on this machine listens on `port`."""
    with socket.socket() as probe:
        probe.settimeout(timeout_s)
        return probe.connect_ex((HOST, port)) == 0


def is_free(port: int) -> bool:
    """Tell whether a server could listen on `port`."""
    if answers(port):  # macOS lets us bind beside a server that listens on every interface
        return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Java's servers do
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                return False
            raise
    return True


def choose(wished: int | None, taken: set[int]) -> int:
    """Return `wished` if it is free, else some free port that is not in `taken`.

    Raises
    ------
    LablineError
        ``LL-BROKER-PORT`` when no free port is found.
    """
    if wished and wished not in taken and is_free(wished):
        return wished
    for _ in range(ATTEMPTS):
        port = RANGE[secrets.randbelow(len(RANGE))]
        if port not in taken and is_free(port):
            return port
    raise LablineError(
        "LL-BROKER-PORT",
        f"found no free port between {RANGE.start} and {RANGE.stop}",
        "name a free one: labline up --port PORT",
    )


def demand(port: int) -> int:
    """Return `port`, which was asked for by name.

    Raises
    ------
    LablineError
        ``LL-BROKER-PORT`` when it is taken.
    """
    if not 0 < port < 65_536:
        raise LablineError(
            "LL-BROKER-PORT", f"{port} is no port", "a port is a number from 1 to 65535"
        )
    if not is_free(port):
        raise port_taken(port)
    return port


def port_taken(port: int) -> TakenError:
    """Return the error that says so."""
    return TakenError(
        "LL-BROKER-PORT",
        f"port {port} cannot be had: taken by another program, or reserved",
        "name another with labline up --port PORT, or leave --port out and one is chosen",
    )
