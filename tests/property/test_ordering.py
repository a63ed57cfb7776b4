"""The merge against its specification: one head at a time, the smallest first."""

from hypothesis import given
from hypothesis import strategies as st

from labline.engine.core.ordering import NO_TIME, Buffer, merge
from labline.engine.core.record import INPUTS

times = st.lists(st.none() | st.integers(0, 20), max_size=12)


def expected(
    inputs: tuple[list[int | None], ...], at_end: tuple[bool, ...], limit: int
) -> list[tuple[int, int]]:
    """Take heads one by one, as the design says it."""
    high, at, taken = [NO_TIME] * 3, [0] * 3, []
    while len(taken) < limit:
        heads = []
        for which in INPUTS:
            if at[which] == len(inputs[which]):
                if not at_end[which]:
                    return taken
                continue
            time = inputs[which][at[which]]
            heads.append((high[which] if time is None else max(high[which], time), which))
        if not heads:
            return taken
        head = min(heads)
        high[head[1]] = head[0]
        at[head[1]] += 1
        taken.append(head)
    return taken


@given(st.tuples(times, times, times), st.tuples(*[st.booleans()] * 3), st.integers(0, 40))
def test_merge(inputs: tuple[list[int | None], ...], at_end: tuple[bool, ...], limit: int) -> None:
    buffers = [Buffer(NO_TIME) for _ in INPUTS]
    for which in INPUTS:
        for offset, time in enumerate(inputs[which]):
            buffers[which].push(time, which, (offset, 0, None, b"", None), {})
    taken = merge(buffers, at_end, limit)
    assert [head[:2] for head in taken] == expected(inputs, at_end, limit)
    for which in INPUTS:  # each input in its own order, without a gap
        offsets = [head[2][0] for head in taken if head[1] == which]
        assert offsets == list(range(len(offsets)))
