"""The table of fields and hours, against what a plain loop counts; pairing by source."""

import math
import pickle
import random
from collections import defaultdict, deque
from typing import Any

import pytest

from labline.engine.core.dead_letter import ERROR_PREFIX
from labline.engine.core.record import DEAD_LETTER, Emission, Record
from labline.engine.rerun import source_pairs
from labline.lab_replay.parity.differences import sketch as sketches
from labline.lab_replay.parity.differences import table as tables
from labline.lab_replay.parity.differences.alignment import Alignment, comparable_fields
from labline.lab_replay.parity.differences.sketch import ACCURACY, EXACT_MAX, Sketch
from labline.lab_replay.parity.differences.table import HOUR_MS, DifferenceTable, FieldHour
from labline.schemas.framing import Headers


@pytest.mark.parametrize("count", [1, 2, EXACT_MAX, EXACT_MAX + 1, 5_000])
@pytest.mark.parametrize("spread", [0.1, 5.0])
def test_percentiles_are_exact_while_few_and_near_beyond(count: int, spread: float) -> None:
    chance = random.Random(count)
    numbers = [math.exp(chance.gauss(-3, spread)) for _ in range(count)] + [0.0] * (count // 10)
    sketch = Sketch()
    for number in numbers:
        sketch.add(number)
    numbers.sort()
    for share in (0.5, 0.95, 0.99, 1.0):
        exact = numbers[math.ceil(share * len(numbers)) - 1]
        near = exact if len(numbers) <= EXACT_MAX else pytest.approx(exact, rel=ACCURACY * 1.001)
        assert sketch.quantile(share) == near
    assert (sketch.count, sketch.max) == (len(numbers), numbers[-1])


def test_sketches_put_together_are_one() -> None:
    chance = random.Random(3)
    numbers = [chance.random() for _ in range(1_000)]
    for cut in (0, 10, EXACT_MAX + 5, 1_000):
        one, other, whole = Sketch(), Sketch(), Sketch()
        for at, number in enumerate(numbers):
            (one if at < cut else other).add(number)
            whole.add(number)
        one.merge(pickle.loads(pickle.dumps(other)))  # noqa: S301  # as from another process
        told_ = [[s.quantile(q) for q in (0.1, 0.5, 0.99)] for s in (one, whole)]
        assert told_[0] == told_[1]
        assert (one.count, one.max) == (whole.count, whole.max)


def test_a_sketch_stays_small_and_its_top_stays_right() -> None:
    sketch = Sketch()
    numbers = [10.0**-power for power in range(300)] * 20
    for number in [*numbers, math.inf]:
        sketch.add(number)
    assert len(sketch._buckets) <= sketches.BUCKETS_MAX
    assert sketch.quantile(1.0) == math.inf
    assert sketch.quantile(0.95) == pytest.approx(sorted(numbers)[5_700], rel=0.05)


def pairs(seed: int, count: int) -> list[tuple[int, dict[str, Any] | None, dict[str, Any] | None]]:
    chance = random.Random(seed)

    def side() -> dict[str, Any] | None:
        if chance.random() < 0.1:
            return None
        number = None if chance.random() < 0.2 else chance.choice([0.0, -0.0, 0.5, 0.25, -1.0])
        return {"p": number, "flag": chance.random() < 0.5}

    found = [(chance.randrange(5 * HOUR_MS), side(), side()) for _ in range(count)]
    return [(at, one, other) for at, one, other in found if one or other]


def plain(rows: list[tuple[Any, Any]]) -> tuple[Any, ...]:
    """Count a field's values the slow way."""
    both = [(a, b) for a, b in rows if a is not None and b is not None]
    numbers = [(a, b) for a, b in both if not isinstance(a, bool)]
    unequal = [(a, b) for a, b in both if repr(a) != repr(b)]
    errors = [2 * abs(a - b) / (abs(a) + abs(b)) if abs(a) + abs(b) else 0.0 for a, b in numbers]
    apart = sorted(abs(a - b) for a, b in unequal if not isinstance(a, bool))
    return (
        len(rows),
        sum(a is None and b is None for a, b in rows),
        sum(a is None and b is not None for a, b in rows),
        sum(a is not None and b is None for a, b in rows),
        len(unequal),
        pytest.approx(sum(errors) / len(errors)) if errors else None,
        *(
            apart[max(1, math.ceil(q * len(apart))) - 1] if apart else None
            for q in (0.5, 0.95, 0.99, 1.0)
        ),
    )


@pytest.mark.parametrize("seed", range(20))
def test_the_table_is_what_a_plain_loop_counts(seed: int) -> None:
    """Also in two halves put together, as partitions are."""
    told_ = pairs(seed, 200)
    table, half = DifferenceTable(), DifferenceTable()
    wanted: dict[tuple[str, int], list[tuple[Any, Any]]] = defaultdict(list)
    for at, (time_ms, one, other) in enumerate(told_):
        (table if at % 2 else half).add("answer", time_ms, one, other)
        for name in ("p", "flag"):
            pair = (one or {}).get(name), (other or {}).get(name)
            wanted[f"answer {name}", time_ms // HOUR_MS * HOUR_MS].append(pair)
    table.merge(half)
    found = {(row.field, row.hour_ms): row[2:] for row in table.rows()}
    assert found == {key: plain(rows) for key, rows in wanted.items()}
    totals = {row.field: row[2:7] for row in table.totals()}
    for name in ("answer p", "answer flag"):
        sums = [
            sum(c) for c in zip(*(f[:5] for k, f in found.items() if k[0] == name), strict=True)
        ]
        assert list(totals[name]) == sums


def test_hours_without_end_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Event times are the producers': they may say anything, and memory stays bounded."""
    monkeypatch.setattr(tables, "CELLS_MAX", 10)
    table = DifferenceTable()
    for hour in range(-3, 1_000):
        table.add("answer", hour * HOUR_MS, {"p": 1.0}, {"p": 2.0})
    rows = table.rows()
    assert len(rows) == 11
    assert sum(row.pairs for row in rows) == 1_003
    assert {row.hour_ms: row.pairs for row in rows}[None] == 993


class Log:
    """What `LineOutputs` is for an alignment."""

    def __init__(self, records: list[Record], cut: bool = False) -> None:
        self._records, self._cut, self.deleted = deque(records), cut, 0

    def next(self, kind: str) -> Record | None:
        return self._records.popleft() if kind == DEAD_LETTER and self._records else None

    def is_cut(self, kind: str) -> bool:
        return self._cut and kind == DEAD_LETTER

    def end_cut(self, kind: str) -> None:
        assert kind
        self._cut = False


def letter(offset: int, value: bytes = b"v") -> Emission:
    place = [("topic", b"e"), ("partition", b"0"), ("offset", b"%d" % offset)]
    return DEAD_LETTER, b"k", value, [(ERROR_PREFIX + name, text) for name, text in place]


def record(emission: Emission) -> Record:
    return 0, 0, emission[1], emission[2], emission[3]


def aligned(log: Log, refolded: list[Emission], **ends: int) -> FieldHour:
    table = DifferenceTable()
    found = Alignment(log, table, {})  # type: ignore[arg-type]
    for emission in refolded:
        found.add([emission])
    found.finish(ends, read_on=True)
    (row,) = table.totals()
    return row


def counts(row: FieldHour) -> tuple[int, int, int, int]:
    return row.pairs, row.written_missing, row.refolded_missing, row.unequal


def test_what_either_side_lacks_does_not_shift_the_rest() -> None:
    """Lost, doubled, altered, moved and foreign records: each is counted as what it is."""
    refolded = [letter(at) for at in range(5_000)]
    written = [record(e) for e in refolded]
    del written[1_000:1_003]
    written[2_000] = record(letter(2_003, b"other"))  # three are gone before it
    written[3_000], written[3_010] = written[3_010], written[3_000]
    written.insert(7, record(letter(10**9)))
    written.insert(4_000, record(letter(5)))
    assert counts(aligned(Log(written), refolded)) == (5_002, 3, 2, 1)


def test_more_intruders_than_can_be_held_do_not_hide_what_follows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(source_pairs, "LOOKAHEAD_MAX", 20)
    refolded = [letter(at) for at in range(100, 600)]
    intruders = [record(letter(1)) for _ in range(60)]
    written = [*intruders[:30], *(record(e) for e in refolded[:250]), *intruders[30:]]
    written += [record(e) for e in refolded[250:]]
    assert counts(aligned(Log(written), refolded)) == (560, 0, 60, 0)


def test_what_retention_took_is_deleted_not_missing() -> None:
    refolded = [letter(at) for at in range(100)]
    log = Log([record(e) for e in refolded[40:]], cut=True)
    assert counts(aligned(log, refolded)) == (60, 0, 0, 0)
    assert log.deleted == 40


def test_what_newer_entries_account_for_is_not_extra() -> None:
    refolded = [letter(at) for at in range(10)]
    log = Log([record(letter(at)) for at in range(15)])
    assert counts(aligned(log, refolded, e=10)) == (10, 0, 0, 0)


def test_what_is_seldom_another_is_told_as_one() -> None:
    why: Headers = [("mine", b"1"), (f"{ERROR_PREFIX}reason", b"future")]
    record = (("key", b"k"), ("value", b"v"), (f"{ERROR_PREFIX}reason", b"future"))
    assert comparable_fields(DEAD_LETTER, b"k", b"v", why) == {"record": record}
