"""What the log gives and what the fold gives back: plain tuples, for their cost."""

from typing import TypeAlias

Headers: TypeAlias = list[tuple[str, bytes | None]] | None

#: offset, timestamp in ms (append time), key, value, headers
Record: TypeAlias = tuple[int, int, bytes | None, bytes | None, Headers]

EVENTS, LABELS, RETRY = 0, 1, 2  # a task's inputs; equal event times are taken in this order
INPUTS = (EVENTS, LABELS, RETRY)

ANSWER, SHADOW, DEAD_LETTER = "a", "s", "d"  # kinds of what is emitted

#: kind, key, value, headers
Emission: TypeAlias = tuple[str, bytes | None, bytes | None, Headers]

TRACE_HEADER = "traceparent"  # W3C trace context: an answer belongs to its event's trace


def trace(headers: list[tuple[str, bytes | None]]) -> Headers:
    """Return the trace context among an event's headers, for its answer."""
    return [header for header in headers if header[0] == TRACE_HEADER] or None
