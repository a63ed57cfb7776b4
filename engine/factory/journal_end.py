"""The end of a task's journal, and its entries from an offset on.

Called by recovery and by `offsets`. What must stay true: the end is found from the log's own end,
whatever the journal's length, and only committed entries count.
"""

from typing import TypeAlias

from labline.engine.broker.reader import partition_offsets, read_range
from labline.engine.core.journal import Entry, decode_entry
from labline.engine.rerun.kafka_refold import read_journal
from labline.topics.naming import line_topics

TAIL_OFFSETS = 64  # read first to find the last entry; markers and aborted records are among them
WIDER = 16

#: Per input (events, labels, retry) an offset; -1: none.
InputOffsets: TypeAlias = tuple[int, ...]
NO_OFFSETS: InputOffsets = (-1, -1, -1)


def last_entry(bootstrap: str, line: str, partition: int) -> Entry | None:
    """Return the last entry of a task's journal that is stable; None: it has none."""
    topic = line_topics(line).journal
    log = partition_offsets(bootstrap, [topic])[topic][partition]
    width = TAIL_OFFSETS
    while True:
        begin = max(log.start, log.stable - width)
        last = None
        for batch in read_range(bootstrap, topic, partition, begin, log.stable):
            last = batch[-1] if batch else last
        if last is not None:
            return decode_entry(last[3], last[0])
        if begin == log.start:
            return None
        width *= WIDER


def end_is_hidden(bootstrap: str, line: str, partition: int) -> bool:
    """Tell whether a transaction that is not over hides the end of a task's journal."""
    topic = line_topics(line).journal
    log = partition_offsets(bootstrap, [topic])[topic][partition]
    return log.stable < log.end


def entries_up_to(
    last: Entry, bootstrap: str, line: str, partition: int, start: int
) -> list[Entry]:
    """Return a task's entries from an offset of the journal topic (-1: its start) up to `last`.

    None, when that offset is not in the journal: read there would be an error of the world.
    """
    topic = line_topics(line).journal
    begin = partition_offsets(bootstrap, [topic])[topic][partition].start
    if start >= 0 and not begin <= start <= last.offset:
        return []
    entries = read_journal(bootstrap, topic, partition, max(start, begin))
    return [entry for entry in entries if entry.sequence <= last.sequence]
