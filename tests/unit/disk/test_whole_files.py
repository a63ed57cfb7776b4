"""Files that are there whole or not at all."""

import os
import threading
from pathlib import Path

import pytest

from labline.engine.disk.whole_files import (
    create_whole,
    partial_files,
    sync,
    whole_file,
    write_whole,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_writer_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_whole(path, "old")

    def fail() -> None:
        with whole_file(path) as file:
            file.write(b"ne")
            assert path.read_text() == "old"
            assert len(partial_files(tmp_path)) == 1
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a"]


def test_one_of_several_creates(tmp_path: Path) -> None:
    path, created = tmp_path / "new" / "key", list[int]()

    def create(number: int) -> None:
        try:
            create_whole(path, str(number), mode=0o600)
        except FileExistsError:
            return
        created.append(number)

    threads = [threading.Thread(target=create, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [path.read_text()] == [str(number) for number in created]
    assert path.stat().st_mode & 0o777 == 0o600
    assert names(path.parent) == ["key"]


def test_writers_at_once_never_leave_a_half(tmp_path: Path) -> None:
    path, contents = tmp_path / "a", [b"a" * 100_000, b"b" * 200_000]

    def write(content: bytes) -> None:
        for _ in range(50):
            write_whole(path, content)
            assert path.read_bytes() in contents

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names(tmp_path) == ["a"]


def test_a_durable_file_is_synced_before_its_name_and_its_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[str, int, bool]] = []
    real, path = os.fsync, tmp_path / "a"

    def fsync(descriptor: int) -> None:
        stat = os.fstat(descriptor)
        what = "folder" if os.path.samestat(stat, tmp_path.stat()) else "file"
        synced.append((what, stat.st_size if what == "file" else 0, path.exists()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    write_whole(path, "ten bytes.", durable=True)
    assert synced == [("file", 10, False), ("folder", 0, True)]
    write_whole(path, "again")
    assert len(synced) == 2, "only what must survive a power cut waits for the disk"


def test_what_has_no_disk_is_not_synced() -> None:
    with Path(os.devnull).open("w") as file:
        file.write("gone")
        sync(file)
