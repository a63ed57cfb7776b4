"""The prediction log: columns on disk, one row an event."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labline.engine.errors import LablineError
from labline.lab_replay.evaluation.prediction_log import NEVER, PredictionLog, Slices

NAN = float("nan")
ROWS = st.lists(
    st.tuples(
        st.integers(-(2**62), 2**62),
        st.sampled_from([NAN, 0.0, 1.0]),
        st.floats(0, 1) | st.just(NAN),
        st.integers(-1, 1),
    ),
    max_size=20,
)


def log(rows: list[tuple[int, float, float, int]], name: str = "linear") -> PredictionLog:
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []]
    times, label, score, codes = columns
    slices = {"carrier": Slices(np.array(codes, np.int32), ("AA", "UA"))}
    return PredictionLog(np.array(times, np.int64), np.array(label), {name: score}, slices=slices)


def same(one: PredictionLog, two: PredictionLog) -> bool:
    return (
        one.names == two.names
        and (one.kind, one.classes) == (two.kind, two.classes)
        and one.event_time_ms.tobytes() == two.event_time_ms.tobytes()
        and one.label.tobytes() == two.label.tobytes()
        and one.label_order.tobytes() == two.label_order.tobytes()
        and one.slices["carrier"].names == two.slices["carrier"].names
        and one.slices["carrier"].codes.tobytes() == two.slices["carrier"].codes.tobytes()
        and all(one.scores[n].tobytes() == two.scores[n].tobytes() for n in one.names)
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS, st.text(min_size=1, max_size=5))
def test_what_was_saved_is_loaded(
    tmp_path: Path, rows: list[tuple[int, float, float, int]], name: str
) -> None:
    written = log(rows, name)
    written.save(tmp_path)
    assert same(PredictionLog.load(tmp_path), written)


def test_the_bytes_depend_on_the_content_alone(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        log([(1, 1.0, 0.5, 0)] * 9).save(tmp_path / folder)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == sorted(path.name for path in (tmp_path / "two").iterdir())
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_damaged_or_foreign_folder_is_refused(tmp_path: Path) -> None:
    log([(1, 1.0, 0.5, 0)] * 50).save(tmp_path)
    column = tmp_path / "score-0.npy"
    good = column.read_bytes()
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    bad = [good[:-30], b"", good[:20], (tmp_path / "objects.npy").read_bytes()]
    for data in bad:
        column.write_bytes(data)
        with pytest.raises(LablineError, match="LL-PREDICTIONS-DAMAGED"):
            PredictionLog.load(tmp_path)
    column.write_bytes(good)
    index = tmp_path / "log.json"
    for text in ("", "{}", index.read_text().replace('"format": 2', '"format": 3')):
        index.write_text(text)
        with pytest.raises(LablineError, match="LL-PREDICTIONS-DAMAGED"):
            PredictionLog.load(tmp_path)
    with pytest.raises(LablineError, match="LL-PREDICTIONS-DAMAGED"):
        PredictionLog.load(tmp_path / "none")


def test_rows_can_be_chosen() -> None:
    found = log([(5, 1.0, 0.1, 0), (6, NAN, 0.2, 1), (7, 0.0, 0.3, -1)])
    assert found.labelled().event_time_ms.tolist() == [5, 7]
    assert found.label_order.tolist() == [0, NEVER, 1]
    assert found.between(6, 8).scores["linear"].tolist() == [0.2, 0.3]
    late_first = PredictionLog([5, 7], [1, 0], {}, label_order=np.array([1, 0]))
    assert late_first.event_time_ms[late_first.label_rows()].tolist() == [7, 5]
    assert found.only().names == ()


def test_columns_of_different_lengths_are_a_bug() -> None:
    with pytest.raises(ValueError, match="different lengths"):
        PredictionLog([1, 2], [1, 0], {"linear": np.array([0.5])})
