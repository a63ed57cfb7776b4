import os
from pathlib import Path

import pytest

from labline.engine.disk import locks
from labline.lab_replay.recordings import cached as kept
from labline.lab_replay.recordings.recording_format import Manifest, write_manifest


def made(folder: Path) -> Path:
    write_manifest(folder, Manifest.of("c", {}))
    return folder


def test_the_newest_whole_one_is_replayed_and_older_ones_go(tmp_path: Path) -> None:
    place = tmp_path / "line-start-end-0a1b"
    made(tmp_path / "line-start-end-0a1b2")  # of another stretch
    assert kept.newest(place) is None
    assert kept.following(place) == place
    made(place)
    second = kept.following(place)
    assert second.name == "line-start-end-0a1b~2"
    second.mkdir()  # begun
    assert (kept.newest(place), kept.following(place)) == (place, second)
    kept.remove_older(place)
    assert place.exists()
    made(second)
    assert kept.newest(place) == second
    tenth = made(place.with_name(f"{place.name}~10"))
    assert kept.newest(place) == tenth
    kept.remove_older(place)
    assert sorted(path.name for path in tmp_path.glob("[!.]*")) == [
        "line-start-end-0a1b2", tenth.name,
    ]  # fmt: skip


def test_what_is_replayed_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []
    monkeypatch.setattr(locks, "_shared", held)
    place = made(tmp_path / "line")
    kept.hold(place)
    newest = made(kept.following(place))
    kept.remove_older(place)
    assert place.exists()
    os.close(held[0])
    kept.remove_older(place)
    assert (place.exists(), newest.exists()) == (False, True)
