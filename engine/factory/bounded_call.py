"""Calls that may never return, made from a thread that can be left behind.

Called by `transactions` for the client's calls that ignore their own timeout. What must stay true:
whoever waits is back in time, whatever the call does; and one that did not return is the last.
"""

from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeAlias

from confluent_kafka import KafkaError, KafkaException

Call: TypeAlias = Callable[[], object]
Calls: TypeAlias = "SimpleQueue[Call | None]"  # None: there are no more
Ends: TypeAlias = "SimpleQueue[BaseException | None]"  # None: the call returned


class BoundedCall:
    """Makes calls, one after another, and waits for each no longer than allowed.

    librdkafka does not keep to the timeout of ``send_offsets_to_transaction`` (its issues 5456
    and 5511): after its broker was killed, that call never returns, and with it the process would
    stand still for good. Whoever waits no longer drops the producer; its successor fences it.

    Examples
    --------
    >>> bounded = BoundedCall()
    >>> bounded.call(lambda: None, 1.0)
    >>> bounded.call(SimpleQueue().get, 0.01)  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    KafkaException: KafkaError{code=_TIMED_OUT,val=-185,str="it does not return"}
    """

    def __init__(self) -> None:
        self._calls: Calls = SimpleQueue()
        self._ends: Ends = SimpleQueue()
        arguments = (self._calls, self._ends)
        Thread(target=_serve, args=arguments, name="bounded-call", daemon=True).start()

    def call(self, what: Call, timeout_s: float) -> None:
        """Make a call and raise what it raises.

        Raises
        ------
        KafkaException
            ``_TIMED_OUT`` when it has not returned in time; nothing else is to be called then.
        """
        self._calls.put(what)
        try:
            error = self._ends.get(timeout=timeout_s)
        except Empty:
            late = KafkaError(KafkaError._TIMED_OUT, "it does not return")
            raise KafkaException(late) from None
        if error is not None:
            raise error

    def close(self) -> None:
        """Let the thread end, once its last call returns."""
        self._calls.put(None)


def _serve(calls: Calls, ends: Ends) -> None:
    while (call := calls.get()) is not None:
        try:
            call()
        except BaseException as error:  # it is raised where it is waited for
            ends.put(error)
        else:
            ends.put(None)
