"""Experiments as files: ``experiments/*.yaml``, which recipes to compare on which line."""

import re
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    field_validator,
    model_validator,
)

from labline.engine.core.duration import Duration, parse_duration_ms
from labline.engine.drift.declaration import declared_detector
from labline.engine.drift.detector import Detector
from labline.engine.errors import LablineError
from labline.engine.named_modules import nearest
from labline.lab_replay.evaluation.metrics import METRICS
from labline.schemas.declarations import checked

WINDOWS_MAX = 1_000
CANDIDATES_MAX = 500

#: What people may call an experiment or a recipe: it is shown, and names files and columns.
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.=-]{0,99}$")]
Recipe = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Value = str | int | float | bool | None
DeclaredDetector = Annotated[Detector, BeforeValidator(declared_detector), PlainSerializer(str)]
_ROWS = re.compile(r"([1-9][0-9]{0,11}) rows?")


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Wanted(_Declared):
    """A recipe; with places in braces and what to put there, every combination is a candidate."""

    recipe: Recipe
    grid: dict[str, Annotated[list[Value], Field(min_length=1)]] = {}

    @model_validator(mode="before")
    @classmethod
    def _of_text(cls, told: object) -> object:
        if isinstance(told, str):
            return {"recipe": told}
        if not isinstance(told, dict):
            raise ValueError("write a recipe, or recipe: and grid:")  # noqa: TRY004  # pydantic's
        return told


class Detection(_Declared):
    """Which drift detectors look for changes: by name, or as a mapping with parameters.

    Parameters
    ----------
    inputs
        Of each numeric feature (and text, where the detector can watch any value).
    errors
        Of each candidate's bounded loss, as means of 64 labels.
    """

    inputs: DeclaredDetector = Field(
        default_factory=lambda: declared_detector("population_stability")
    )
    errors: DeclaredDetector = Field(default_factory=lambda: declared_detector("adwin"))

    @model_validator(mode="after")
    def _of_their_values(self) -> "Detection":
        if self.inputs.values == "shares":
            raise ValueError(f"inputs: {self.inputs} watches shares from 0 to 1, as errors: are")
        return self


class Range(_Declared):
    """Which stretch of the line's topics to record first; a time, or none: as far as there is."""

    since: Annotated[str | None, Field(alias="from")] = None
    until: Annotated[str | None, Field(alias="to")] = None


def _as_text(value: object) -> object:
    """Take YAML's own dates as text."""
    isoformat = getattr(value, "isoformat", None)
    return isoformat() if isoformat is not None else value


class Experiment(_Declared):
    """An experiment as declared.

    Parameters
    ----------
    name
        The file's stem when it is not given.
    recording
        Folder or URL of a recording; ``--recording`` comes before it.
    history
        Instead of a recording, a stretch of the line's topics: recorded when it is first wanted.
    recipes
        Name -> recipe or recipe and grid, in the order in which they are shown.
    baselines
        Name -> recipe instead of the line's own; None leaves those.
    metrics
        The first decides which candidate is best. None: the usual ones of the line's kind.
    slices
        Features by whose values figures are told apart.
    windows
        About how many points a curve over event time has.
    delay
        When labels come: ``recorded``: when they came; ``none``: at once; or a duration. Where the
        history has no times, so many rows later: ``500 rows``.
    learner
        Whether partitions learn apart or together; None: as the line says.
    otherwise
        Whether the other way is replayed, too: the price of partitioning.
    label_horizon
        Instead of the line's: how long an event waits for its label.
    warm_up
        How many events at the start are learned but not counted.
    early_stop
        Whether a candidate that is certainly worse than a baseline is given up.
    drift
        What looks for changes of the inputs, and of the candidates' errors.
    """

    name: Name
    line: Name
    recording: Annotated[str | None, Field(min_length=1)] = None
    history: Range | None = None
    recipes: Annotated[dict[Name, Wanted], Field(min_length=1)]
    baselines: dict[Name, Recipe] | None = None
    metrics: Annotated[list[str], Field(min_length=1)] | None = None
    slices: list[str] = []
    windows: Annotated[int, Field(ge=1, le=WINDOWS_MAX)] = 60
    delay: Annotated[str, BeforeValidator(lambda value: _delay(value))] = "recorded"
    learner: Literal["per_partition", "single"] | None = None
    otherwise: bool = True
    label_horizon: Duration | None = None
    warm_up: Annotated[int, Field(ge=0)] = 0
    early_stop: bool = False
    drift: Detection = Field(default_factory=Detection)

    @field_validator("metrics")
    @classmethod
    def _known(cls, metrics: list[str] | None) -> list[str] | None:
        for metric in metrics or ():
            if metric not in METRICS:
                raise ValueError(f"unknown metric {metric}, {nearest(metric, METRICS)}")
        if len(set(metrics or ())) < len(metrics or ()):
            raise ValueError("a metric is named twice")
        return metrics

    @model_validator(mode="after")
    def _fits_together(self) -> "Experiment":
        both = sorted(self.recipes.keys() & (self.baselines or {}).keys())
        if both:
            raise ValueError(f"{both[0]} is a recipe and a baseline: name them differently")
        if self.recording is not None and self.history is not None:
            raise ValueError("recording and history: give one of them")
        return self

    @property
    def delay_rows(self) -> int | None:
        """Return `delay` as a number of rows; None: it is none."""
        told = _ROWS.fullmatch(self.delay)
        return None if told is None else int(told[1])

    @property
    def delay_ms(self) -> int | None:
        """Return `delay` in the history's own time: milliseconds, or rows; None: as recorded."""
        if self.delay == "recorded":
            return None
        if self.delay_rows is not None:
            return self.delay_rows
        return 0 if self.delay == "none" else parse_duration_ms(self.delay)

    @classmethod
    def load(cls, path: Path) -> "Experiment":
        """Return the experiment in a file; whether it fits its line is seen by `models_of`.

        Raises
        ------
        LablineError
            ``LL-FILE-INVALID`` naming file and field.
        """
        document = _document(path)
        if isinstance(document, dict):
            document = {"name": path.stem, **document}
            if isinstance(document.get("history"), dict):
                document["history"] = {k: _as_text(v) for k, v in document["history"].items()}
        return checked(cls, document, str(path))

    @classmethod
    def of(cls, line: str, recipes: Mapping[str, str], **settings: Any) -> "Experiment":
        """Return the experiment that compares these recipes.

        Examples
        --------
        >>> Experiment.of("delays", {"rate": "BaseRate()"}, delay="6h").delay_ms
        21600000
        """
        document = {"name": "replay", "line": line, "recipes": dict(recipes), **settings}
        return checked(cls, document, "the experiment")


def _delay(value: object) -> object:
    if value is None:  # YAML's own none
        return "none"
    if isinstance(value, str) and (value in ("recorded", "none") or _ROWS.fullmatch(value)):
        return value
    try:
        parse_duration_ms(str(value))
    except (LablineError, ValueError) as error:
        raise ValueError("write recorded, none, a duration such as 6h, or 500 rows") from error
    return value


class _Loader(yaml.SafeLoader):
    """YAML without surprises: a key that is there twice is an error, not the last one's victory."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                break  # refused below
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key} is there twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def _document(path: Path) -> object:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 (it is a SafeLoader)
    except FileNotFoundError as error:
        raise LablineError(
            "LL-FILE-MISSING", f"there is no file {path}", "see experiments/ in the workspace"
        ) from error
    except UnicodeDecodeError as error:
        raise _unreadable(path, "not UTF-8") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}: " if mark else ""
        raise _unreadable(path, f"{place}{error.problem}") from error
    except yaml.YAMLError as error:
        raise _unreadable(path, str(error).splitlines()[0]) from error


def _unreadable(path: Path, why: str) -> LablineError:
    return LablineError("LL-FILE-INVALID", f"{path}: {why}", "write YAML; quote recipes")
