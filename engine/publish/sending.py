"""Sending a file's rows: at a pace, stoppable, and always knowing which rows are done with.

``labline publish`` makes a `Tally`, a `Pace` and a `Stop` and lets a `Sender` send the rows. What
must stay true: a row counts as settled only when Kafka has acknowledged it, or when it was rejected
or left out, so that ``--continue`` after any interruption sends the others and only those.
"""

import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from types import FrameType, TracebackType
from typing import Any, Self, TypeAlias

from labline.engine.publish.progress_file import Progress, Settled
from labline.engine.publish.publisher import DELIVERY_TIMEOUT_MS, Publisher
from labline.engine.tables.rows import Row
from labline.schemas.rejection import Rejection, SchemaViolation

LOOK_S = 0.5  # between two looks at how far it is
BEYOND_MAX = 200_000  # rows settled out of order that are remembered
DRAIN_AT = 1_000
CATCH_UP_S = 0.1  # a pace makes up for so much delay, not for more: a rate is no burst

OnReject: TypeAlias = Callable[[Row, Rejection], None]


class Tally:
    """What has become of the rows.

    Attributes
    ----------
    complete
        Whether the last row was reached.
    touched
        Whether any row was taken.
    """

    def __init__(self, before: Progress | None = None) -> None:
        self.settled = Settled(before.mark, before.beyond) if before else Settled()
        self.published = before.published if before else 0
        self.rejected = before.rejected if before else 0
        self.skipped = before.skipped if before else 0
        self.sent = 0
        self.complete = self.touched = False
        self._published_before = self.published
        # filled by the client's callbacks; appending is one step, which Ctrl-C cannot cut in two
        self._acknowledged: deque[int] = deque()

    @property
    def unknown(self) -> int:
        """Records that were sent and are not acknowledged."""
        return self.sent - (self.published - self._published_before)

    def delivery(self, row: int) -> Callable[[int, int], None]:
        """Return what the publisher calls when Kafka has acknowledged a row."""
        acknowledged = self._acknowledged

        def note(partition: int, offset: int) -> None:
            del partition, offset
            acknowledged.append(row)

        return note

    def drain(self, at_least: int = 1) -> None:
        """Count what was acknowledged, when it is enough to be worth it."""
        if len(self._acknowledged) < at_least:
            return
        while self._acknowledged:
            self.settled.add(self._acknowledged.popleft())
            self.published += 1

    def progress(self, topic: str, file: str, *, ended: bool) -> Progress:
        """Return what to write down."""
        return Progress(
            topic=topic,
            file=file,
            mark=self.settled.mark,
            beyond=sorted(self.settled.beyond),
            published=self.published,
            rejected=self.rejected,
            skipped=self.skipped,
            unknown=self.unknown,
            ended=ended,
        )


class Stop:
    """Ctrl-C as a wish: heard between two rows, or at once while nothing is in hand.

    A second one ends the waiting for what is on its way.
    """

    def __init__(self) -> None:
        self.wanted = False
        self.idle = False  # waiting for input or for the time to send
        self._before: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._told)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _told(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self.wanted or self.idle:
            self.wanted = True
            raise KeyboardInterrupt
        self.wanted = True


class Pace:
    """Waits so that rows go out evenly.

    Parameters
    ----------
    rate
        Rows a second; None is as fast as it goes.
    """

    def __init__(self, rate: float | None) -> None:
        self._step_s = 1 / rate if rate else 0.0
        self._due_s = time.monotonic()

    def wait(self) -> None:
        """Return when the next row is due."""
        if not self._step_s:
            return
        now_s = time.monotonic()
        if self._due_s > now_s:
            time.sleep(self._due_s - now_s)
        self._due_s = max(self._due_s, now_s - CATCH_UP_S) + self._step_s


class Sender:
    """Sends rows with a publisher, and keeps the tally.

    Parameters
    ----------
    on_reject
        Told of every row that is not sent.
    look
        Called about twice a second, and only when nothing is half done.
    stuck_s
        When so long nothing was settled that must have been, sending on would only lose more.
    """

    def __init__(
        self,
        publisher: Publisher,
        tally: Tally,
        on_reject: OnReject,
        look: Callable[[], None],
        pace: Pace,
        stuck_s: float = DELIVERY_TIMEOUT_MS / 1000,
    ) -> None:
        self._publisher = publisher
        self._tally = tally
        self._on_reject = on_reject
        self._look = look
        self._pace = pace
        self._stuck_s = stuck_s
        self._moved = (0, time.monotonic())  # the mark, and when it was first there

    def send_all(self, rows: Iterable[Row], stop: Stop) -> None:
        """Send the rows that are not settled, until the last one or until a stop is wanted.

        Leaving the publisher's ``with`` block then waits for what is on its way.

        Raises
        ------
        UndeliveredError
            When Kafka does not take the records.
        """
        numbered = iter(enumerate(rows, start=1))
        look_s = time.monotonic() + LOOK_S
        try:
            while not stop.wanted:
                stop.idle = True
                number, row = next(numbered, (0, None))
                if row is not None and number not in self._tally.settled:
                    self._pace.wait()
                stop.idle = False
                if row is None:
                    self._tally.complete = True
                    return
                self._take(number, row)
                if time.monotonic() >= look_s:
                    self._look_up()
                    look_s = time.monotonic() + LOOK_S
        except KeyboardInterrupt:
            if not stop.wanted:
                raise
        finally:
            stop.idle = False

    def _look_up(self) -> None:
        self._tally.drain()
        self._look()
        mark, since_s = self._moved
        if self._tally.settled.mark > mark or not self._tally.unknown:
            self._moved = (self._tally.settled.mark, time.monotonic())
        elif time.monotonic() - since_s > self._stuck_s:
            self._publisher.flush()  # by now what was lost is known, and it says so

    def _take(self, number: int, row: Row) -> None:
        tally = self._tally
        if number in tally.settled:
            return
        tally.touched = True
        if isinstance(row.datum, dict):
            try:
                self._publisher.send(row.datum, tally.delivery(number))
            except SchemaViolation as violation:
                self._reject(number, row, violation.rejection)
            else:
                tally.sent += 1
        elif row.datum is None:
            tally.skipped += 1
            tally.settled.add(number)
        else:
            self._reject(number, row, row.datum)
        tally.drain(DRAIN_AT)
        if len(tally.settled.beyond) > BEYOND_MAX:
            self._publisher.flush()

    def _reject(self, number: int, row: Row, why: Rejection) -> None:
        self._on_reject(row, why)
        self._tally.rejected += 1
        self._tally.settled.add(number)
