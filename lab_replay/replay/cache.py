"""What was replayed once is not replayed again: columns by digest of all that they depend on."""

import hashlib
import json
import secrets
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from labline.engine.disk.whole_files import whole_file
from labline.engine.errors import LablineError
from labline.engine.models.recipes.functions import is_name
from labline.lab_replay.evaluation.prediction_log import Slices
from labline.lab_replay.evaluation.result import Drift
from labline.lab_replay.replay.rows import Columns
from labline.lab_replay.replay.units import Outcome, Unit, Walk, Walked

_TOLD = ("slices", "drift")  # of columns, what is no array


class Rows(NamedTuple):
    """What a pass over a partition gave beside the candidates' scores."""

    columns: Columns
    counts: dict[str, int]
    pass_s: float


class Cache:
    """The columns of a trial's candidates on disk.

    Parameters
    ----------
    folder
        Of this trial alone.
    marks_digest
        Of what watches the inputs: the rows of a partition hold its marks.
    """

    def __init__(self, folder: Path, marks_digest: str) -> None:
        self._folder, self._marks_digest = folder, marks_digest
        self._once = secrets.token_hex(8)

    def missing(self, unit: Unit) -> Unit | None:
        """Return the unit with the models that must be walked; None: all are there."""
        left = {n: recipe for n, recipe in unit.models.items() if not self._path(unit, n).is_file()}
        rows = all(self._rows_path(partition).is_file() for partition in unit.partitions)
        if not left and rows:
            return None
        if not left:  # only the rows are missing
            return replace(unit, models={}, reference=None)
        if unit.reference is not None:  # what others are measured by is walked with them
            left = {unit.reference: unit.models[unit.reference], **left}
        return replace(unit, models=left)

    def put(self, unit: Unit, outcome: Outcome) -> None:
        """Keep what a unit gave; its rows come last."""
        for name, walked in outcome.walked:
            _save(self._path(unit, name), {"scores": walked.scores}, walked.walk._asdict())
        for partition, columns in outcome.columns.items():
            self._put_rows(partition, columns, outcome)

    def each(self, units: Iterable[Unit], name: str) -> Iterator[Walked]:
        """Yield what a candidate gave, unit by unit in the order of partitions."""
        having = {unit.partitions: unit for unit in units if name in unit.models}
        for _, unit in sorted(having.items()):
            arrays, told = _load(self._path(unit, name))
            yield Walked(arrays["scores"], Walk(**told))

    def rows(self, partition: int) -> Rows:
        """Return what is known of a partition beside the candidates."""
        arrays, told = _load(self._rows_path(partition))
        slices = {
            name: Slices(arrays.pop(f"slice-{number}"), tuple(names))
            for number, (name, names) in enumerate(told["slices"].items())
        }
        drift = tuple(Drift(**mark) for mark in told["drift"])
        return Rows(Columns(**arrays, slices=slices, drift=drift), told["counts"], told["pass_s"])

    def _put_rows(self, partition: int, columns: Columns, outcome: Outcome) -> None:
        path, share = self._rows_path(partition), len(outcome.columns)
        if path.is_file():
            return
        arrays = {name: value for name, value in columns._asdict().items() if name not in _TOLD}
        for number, slices in enumerate(columns.slices.values()):
            arrays[f"slice-{number}"] = slices.codes
        told = {
            "slices": {name: slices.names for name, slices in columns.slices.items()},
            "counts": outcome.counts[partition],
            "pass_s": outcome.pass_s / share,
            "drift": [mark.model_dump() for mark in columns.drift],
        }
        _save(path, arrays, told)

    def _rows_path(self, partition: int) -> Path:
        return self._folder / f"rows-{partition}-{self._marks_digest}.npz"

    def _path(self, unit: Unit, name: str) -> Path:
        recipe = unit.models[name]
        if is_name(recipe):  # its code may change under the same name
            recipe += self._once
        return self._folder / unit.scope / f"{_digest(recipe)}.npz"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _save(path: Path, arrays: Mapping[str, NDArray[Any]], told: Mapping[str, Any]) -> None:
    with whole_file(path) as file:
        np.savez(file, allow_pickle=False, told=np.array(json.dumps(told)), **arrays)


def _load(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
            arrays = {name: found[name] for name in found.files if name != "told"}
            return arrays, json.loads(str(found["told"]))
    except (OSError, KeyError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        path.unlink(missing_ok=True)
        raise LablineError(
            "LL-LAB-CACHE",
            f"{path} was damaged, and is removed",
            "the same command again makes it anew",
        ) from error
