"""Experiments as files: ``experiments/*.yaml``, which recipes to compare on which line."""

import difflib
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from engine.errors import LablineError
from engine.models.recipes import parse
from lab_replay.result import MEASURES
from schemas.declarations import checked

WINDOWS_MAX = 1_000

#: What people may call an experiment or a recipe: it is shown, and names files and columns.
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,59}$")]
Recipe = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class Experiment(BaseModel):
    """An experiment as declared.

    Parameters
    ----------
    name
        The file's stem when it is not given.
    recipes
        Name -> recipe, in the order in which they are shown.
    baselines
        Name -> recipe instead of the line's own; None leaves those.
    metrics
        The first decides which candidate is best.
    windows
        About how many points a curve over event time has.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: Name
    line: Name
    recipes: Annotated[dict[Name, Recipe], Field(min_length=1)]
    baselines: dict[Name, Recipe] | None = None
    metrics: Annotated[list[str], Field(min_length=1)] = list(MEASURES)
    windows: Annotated[int, Field(ge=1, le=WINDOWS_MAX)] = 60

    @field_validator("metrics")
    @classmethod
    def _known(cls, metrics: list[str]) -> list[str]:
        for metric in metrics:
            if metric not in MEASURES:
                near = difflib.get_close_matches(metric, MEASURES, n=1)
                hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(MEASURES)}"
                raise ValueError(f"unknown metric, {hint}")
        if len(set(metrics)) < len(metrics):
            raise ValueError("a metric is named twice")
        return metrics

    @model_validator(mode="after")
    def _distinct(self) -> "Experiment":
        both = sorted(self.recipes.keys() & (self.baselines or {}).keys())
        if both:
            raise ValueError(f"{both[0]} is a recipe and a baseline: name them differently")
        return self

    @classmethod
    def load(cls, path: Path) -> "Experiment":
        """Return the experiment in a file, every recipe understood.

        Raises
        ------
        LablineError
            ``LL-FILE-INVALID`` naming file and field.
        """
        document = _document(path)
        if isinstance(document, dict):
            document = {"name": path.stem, **document}
        experiment = checked(cls, document, str(path))
        for field in ("recipes", "baselines"):
            for name, recipe in (getattr(experiment, field) or {}).items():
                try:
                    parse(recipe)
                except LablineError as error:
                    message = f"{path}: {field}.{name}: {error.message}"
                    raise LablineError("LL-FILE-INVALID", message, error.remedy) from error
        return experiment


def of_recipes(line: str, recipes: Sequence[str]) -> Experiment:
    """Return the experiment that compares these recipes.

    Raises
    ------
    LablineError
        ``LL-RECIPE`` naming what is not understood.

    Examples
    --------
    >>> list(of_recipes("delays", ["BaseRate()", "NoChange(0.6)", "NoChange(0.9)"]).recipes)
    ['BaseRate-1', 'NoChange-2', 'NoChange-3']
    """
    named = {}
    for number, recipe in enumerate(recipes, 1):
        last = list(parse(recipe).steps.values())[-1] if "|" in recipe else parse(recipe)
        named[f"{type(last).__name__}-{number}"] = recipe
    return checked(Experiment, {"name": "replay", "line": line, "recipes": named}, "--recipe")


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
