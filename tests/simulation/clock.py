"""A clock that stands still until somebody moves it: in place of `time` in the engine's modules."""

from collections.abc import Callable

BEGIN_S = 1_700_000_000.0


class Clock:
    """What the engine uses of `time`."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.moved: Callable[[], None] = lambda: None

    def advance(self, seconds: float) -> None:
        """Move on, and let happen what happens with time."""
        self.now_s += seconds
        self.moved()

    def monotonic(self) -> float:
        """Return seconds since some moment."""
        return self.now_s

    def time_ms(self) -> int:
        """Return milliseconds since 1970."""
        return round((BEGIN_S + self.now_s) * 1_000)

    def time_ns(self) -> int:
        """Return nanoseconds since 1970."""
        return self.time_ms() * 1_000_000

    def sleep(self, seconds: float) -> None:
        """Move on."""
        self.advance(seconds)
