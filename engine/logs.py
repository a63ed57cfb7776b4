"""Logs: one line a fact, on stderr; for people on a terminal, JSON otherwise.

`configure` is called once by whoever owns the process: the command line, a scorer process. Modules
log through ``structlog.get_logger()``; those that also run in an application that never heard of
structlog (the clients' own lines) ask `logger` here. What must stay true: never a payload or a
secret, nothing on stdout, and what says the same again and again is folded (`Folding`).
"""

import logging
import sys
import time
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import structlog  # it loads rich: publishers do without until there is something to write

FOLD_S = 30.0
FOLD_MAX_KEYS = 256


def configure(level: int = logging.INFO) -> None:
    """Send this process's structured logs to stderr, in the form that fits where they go."""
    import structlog

    structlog.configure(
        processors=_processors(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_Stderr,
        cache_logger_on_first_use=True,
    )


def logger() -> Any:
    """Return structlog's logger as the process has it; ours where nobody configured one."""
    import structlog

    if structlog.is_configured():
        return structlog.get_logger()
    wrapper = structlog.make_filtering_bound_logger(logging.INFO)
    return structlog.wrap_logger(_Stderr(), processors=_processors(), wrapper_class=wrapper)


def standard_logging(level: int) -> dict[str, Any]:
    """Return a configuration of Python's `logging` that writes through ours, for ``dictConfig``.

    Parameters
    ----------
    level
        What is less urgent is dropped: one of `logging`'s levels.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"labline": {"()": StandardHandler}},
        "root": {"handlers": ["labline"], "level": level},
    }


class Folding:
    """Lets a line through once in a while, and counts those that said the same meanwhile.

    Parameters
    ----------
    every_s
        Seconds for which a line that was let through holds back its like.

    Examples
    --------
    >>> seconds = iter([0.0, 1.0, 2.0, 40.0])
    >>> folding = Folding(clock=lambda: next(seconds))
    >>> [folding.count(line) for line in ("refused", "refused", "refused", "refused")]
    [0, None, None, 2]
    """

    def __init__(
        self, every_s: float = FOLD_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._every_s, self._clock = every_s, clock
        self._lines: dict[Hashable, tuple[float, int]] = {}  # until when, how many held back

    def count(self, key: Hashable) -> int | None:
        """Return how many like this one were held back; None when this one is held back too."""
        now_s = self._clock()
        until_s, held_back = self._lines.get(key, (now_s, 0))
        if now_s < until_s:
            self._lines[key] = until_s, held_back + 1
            return None
        if len(self._lines) >= FOLD_MAX_KEYS:
            self._lines.clear()
        self._lines[key] = now_s + self._every_s, 0
        return held_back


def write(level: int, event: str, repeated: int, **facts: Any) -> None:
    """Write a line of somebody else's log through ours.

    Parameters
    ----------
    repeated
        How many like it were held back since the last one; said only when there were some.
    """
    if repeated:
        facts["repeated"] = repeated
    known = min(max(level // 10 * 10, logging.DEBUG), logging.CRITICAL)  # libraries invent others
    logger().log(known, event, **facts)


class StandardHandler(logging.Handler):
    """Writes what libraries log with Python's `logging` (Faust, aiokafka) through ours."""

    def __init__(self) -> None:
        super().__init__()
        self._folding = Folding()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record; what was logged from the same line of code is folded."""
        repeated = self._folding.count((record.name, record.levelno, str(record.msg)))
        if repeated is None:
            return
        try:
            facts = {"exc_info": record.exc_info} if record.exc_info else {}
            write(record.levelno, record.getMessage(), repeated, logger=record.name, **facts)
        except Exception:
            self.handleError(record)


class _Stderr:
    """Where lines go: whatever stderr is at that moment."""

    def __init__(self, *_: Any) -> None:
        pass

    def msg(self, line: str) -> None:
        # a log that cannot be written has nowhere to say so, and must not stop what it speaks of
        with suppress(OSError, ValueError):
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    debug = info = warning = warn = error = critical = fatal = exception = failure = log = msg


def _processors() -> "list[structlog.typing.Processor]":
    import structlog

    chain: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if sys.stderr.isatty():
        return [*chain, structlog.dev.ConsoleRenderer()]
    return [*chain, structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
