"""How a partition gets into its file; a list stands for the broker."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from labline.engine.core.record import Record
from labline.engine.errors import LablineError
from labline.lab_replay.recordings import recorder, unfinished
from labline.lab_replay.recordings.container import BLOCK_RECORDS
from labline.lab_replay.recordings.ranges import bound, resolve
from labline.lab_replay.recordings.recorder import record
from labline.lab_replay.recordings.recording import Recording
from labline.lab_replay.recordings.redact import Redactor
from labline.lab_replay.recordings.unfinished import Asked
from labline.schemas.avro import Schema
from labline.schemas.values.formats import reader_of
from tests.broker.recorded import held

PERSON = Schema.parse(
    {"type": "record", "name": "Person", "fields": [{"name": "mail", "type": ["null", "string"]}]}
)
Log = list[Record]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    """Return a topic of one partition; its first record is where the log begins."""
    kept: Log = []

    def read_range(_: str, __: str, ___: int, start: int, end: int) -> Iterator[Log]:
        assert start >= end or start >= kept[0][0], "not in the log"
        found = [record for record in kept if start <= record[0] < end]
        for at in range(0, len(found), 300):
            yield found[at : at + 300]

    def asked_of(_: str, topics: list[str], *bounds: tuple[str, ...]) -> Asked:
        redacted = {t: (r.summary.fields, r.summary.keys) for t, r in dict(bounds[2]).items()}
        return Asked(cluster="c", topics=tuple(topics), since=(), until=(), redacted=redacted)

    monkeypatch.setattr(recorder, "read_range", read_range)
    monkeypatch.setattr(recorder, "asked_of", asked_of)
    monkeypatch.setattr(unfinished, "resolve", lambda *_: {"t": {0: (kept[0][0], kept[-1][0] + 1)}})
    return kept


def values(count: int, first: int = 0) -> Log:
    return [(n, n, b"k", b"%d" % n, None) for n in range(first, first + count)]


def test_a_value_that_is_unreadable_is_counted_once_though_it_is_read_again(
    log: Log, tmp_path: Path
) -> None:
    good = PERSON.encode({"mail": "a@b.c"})
    log += [(n, n, b"k", good, None) for n in range(2_500)]
    log[BLOCK_RECORDS - 1] = (BLOCK_RECORDS - 1, 0, b"k", b"no frame", None)
    log[1_700] = (1_700, 0, b"k", b"no frame", None)

    def redactors() -> dict[str, Redactor]:
        return {"t": Redactor(reader_of(PERSON), ["mail"])}

    def cut(offsets: int) -> None:
        told.append(offsets)
        if sum(told) > 1_300:
            raise KeyboardInterrupt

    told: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        record("b", ["t"], tmp_path / "cut", redactors=redactors(), progress=cut)
    went_on = record("b", ["t"], tmp_path / "cut", redactors=redactors())
    whole = record("b", ["t"], tmp_path / "whole", redactors=redactors())
    assert whole.redacted["t"].unreadable == 2
    assert went_on == whole


@pytest.mark.parametrize("cut_at", [None, 500, 1_500, 2_100])
def test_a_recording_is_continued_with_what_the_log_has_no_more(
    log: Log, tmp_path: Path, cut_at: int | None
) -> None:
    log += values(1_250)
    record("b", ["t"], tmp_path / "first")
    log += values(1_000, first=1_250)
    whole = record("b", ["t"], tmp_path / "whole")
    del log[:1_100]
    first, told = Recording.open(tmp_path / "first"), list[int]()

    def cut(offsets: int) -> None:
        told.append(offsets)
        if cut_at is not None and sum(told) > cut_at:
            raise KeyboardInterrupt

    if cut_at is not None:
        with pytest.raises(KeyboardInterrupt):
            record("b", ["t"], tmp_path / "longer", extends=first, progress=cut)
    assert record("b", ["t"], tmp_path / "longer", extends=first) == whole
    assert held(Recording.open(tmp_path / "longer"), "t", 0) == values(2_250)


def test_what_was_lost_in_between_is_a_gap(log: Log, tmp_path: Path) -> None:
    log += values(100)
    record("b", ["t"], tmp_path / "first")
    log += values(100, first=100)
    del log[:150]
    manifest = record("b", ["t"], tmp_path / "longer", extends=Recording.open(tmp_path / "first"))
    assert (manifest.topics["t"][0].start, manifest.topics["t"][0].end) == (0, 200)
    records = held(Recording.open(tmp_path / "longer"), "t", 0)
    assert records == [*values(100), *values(50, first=150)]


def test_bounds_that_contradict_themselves_are_refused() -> None:
    with pytest.raises(LablineError, match="LL-RECORDING-BOUND: --to gives two offsets of t/0"):
        bound(["t/0=1", "t/1=1", "t/0=7"], "--to")
    since, until = bound(["t/0=500"]), bound(["t/0=200"], "--to")
    with pytest.raises(LablineError, match="LL-RECORDING-RANGE: --from t/0=500 is behind --to 200"):
        resolve("nobody:1", ["t"], since, until)  # before anybody is asked
