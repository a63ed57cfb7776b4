"""Calls that may never return, made from a thread that can be left behind."""

from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeAlias

from confluent_kafka import KafkaError, KafkaException

Call: TypeAlias = Callable[[], object]


class Patience:
    """Makes calls and waits for each no longer than told.

    librdkafka does not keep to the timeout of ``send_offsets_to_transaction`` (its issues 5456
    and 5511): after its broker was killed, that call never returns, and with it the process would
    stand still for good. Whoever waits no longer drops the producer; its successor fences it.

    Examples
    --------
    >>> patience = Patience()
    >>> patience.call(lambda: None, 1.0)
    >>> patience.call(SimpleQueue().get, 0.01)  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    KafkaException: KafkaError{code=_TIMED_OUT,val=-185,str="it does not return"}
    """

    def __init__(self) -> None:
        self._asked: SimpleQueue[Call | None] = SimpleQueue()
        self._told: SimpleQueue[BaseException | None] = SimpleQueue()
        arguments = (self._asked, self._told)
        Thread(target=_serve, args=arguments, name="patience", daemon=True).start()

    def call(self, what: Call, seconds: float) -> None:
        """Make a call and raise what it raises.

        Raises
        ------
        KafkaException
            ``_TIMED_OUT`` when it has not returned in time; nothing else is to be called then.
        """
        self._asked.put(what)
        try:
            raised = self._told.get(timeout=seconds)
        except Empty:
            error = KafkaError(KafkaError._TIMED_OUT, "it does not return")
            raise KafkaException(error) from None
        if raised is not None:
            raise raised

    def close(self) -> None:
        """Let the thread end, once its last call returns."""
        self._asked.put(None)


def _serve(asked: "SimpleQueue[Call | None]", told: "SimpleQueue[BaseException | None]") -> None:
    while (call := asked.get()) is not None:
        try:
            call()
        except BaseException as error:  # it is raised where it is waited for
            told.put(error)
        else:
            told.put(None)
