from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import LablineError
from lab_replay.prediction_log import PredictionLog, merge

ROWS = st.lists(
    st.tuples(
        st.text(max_size=8),
        st.integers(-(2**62), 2**62),
        st.sampled_from([-1, 0, 1]),
        st.floats(0, 1) | st.just(float("nan")),
    ),
    max_size=20,
)


def log(rows: list[tuple[str, int, int, float]], name: str = "linear") -> PredictionLog:
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []]
    ids, times, label, p = columns
    return PredictionLog(ids, np.array(times, np.int64), np.array(label), {name: np.array(p)})


def same(one: PredictionLog, two: PredictionLog) -> bool:
    return (
        one.ids == two.ids
        and one.names == two.names
        and one.event_time_ms.tobytes() == two.event_time_ms.tobytes()
        and one.label.tobytes() == two.label.tobytes()
        and all(one.probabilities[n].tobytes() == two.probabilities[n].tobytes() for n in one.names)
    )


@given(ROWS, st.text(min_size=1, max_size=5).filter(lambda t: "\0" not in t))
def test_what_was_saved_is_loaded(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, int, int, float]], name: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "log.npz"
    written = log(rows, name)
    written.save(path)
    assert same(PredictionLog.load(path), written)
    before = path.read_bytes()
    written.save(path)
    assert path.read_bytes() == before


def test_a_damaged_or_foreign_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.npz"
    log([("a", 1, 1, 0.5)] * 50).save(path)
    data = path.read_bytes()
    np.savez(tmp_path / "pickled.npz", format=np.array([{}], dtype=object))
    np.save(tmp_path / "array.npy", np.zeros(3))
    bad = [
        data[:-30],
        b"",
        b"\x80\x04K\x01.",
        data[:900] + b"?" + data[901:],
        (tmp_path / "pickled.npz").read_bytes(),
        (tmp_path / "array.npy").read_bytes(),
    ]
    for content in bad:
        path.write_bytes(content)
        with pytest.raises(LablineError, match="LL-PREDICTIONS-DAMAGED"):
            PredictionLog.load(path)
    with pytest.raises(LablineError, match="LL-PREDICTIONS-DAMAGED"):
        PredictionLog.load(tmp_path / "none.npz")


def test_merging_orders_by_event_time_and_keeps_ties() -> None:
    one = log([("a", 5, 1, 0.1), ("b", 7, 0, 0.2)])
    two = log([("c", 5, -1, 0.3), ("d", 1, 1, 0.4)])
    merged = merge([one, two])
    assert merged.ids == ["d", "a", "c", "b"]
    assert merged.labelled().ids == ["d", "a", "b"]
    assert merged.between(5, 7).ids == ["a", "c"]
    with pytest.raises(ValueError, match="different candidates"):
        merge([one, log([], "other")])


def test_columns_have_one_length() -> None:
    with pytest.raises(ValueError, match="lengths"):
        PredictionLog(["a"], np.array([1]), np.array([1]), {"x": np.array([0.1, 0.2])})
