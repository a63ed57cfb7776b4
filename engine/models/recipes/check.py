"""Whether recipes fit a line in all that can be said before a record is read."""

from collections.abc import Mapping

from labline.engine.core.line import Line
from labline.engine.errors import LablineError
from labline.engine.models.recipes.features import inputs_of
from labline.engine.models.recipes.language import parse
from labline.schemas.avro import Schema


def check_recipes(
    recipes: Mapping[str, str], line: Line, schema: Schema | None = None, *, named: bool = False
) -> None:
    """Parse recipes for a line: its kind, its features, which of them are text.

    Parameters
    ----------
    recipes
        By what to call them in an error.
    schema
        Of the line's events.
    named
        As `parse` takes it.

    Raises
    ------
    LablineError
        ``LL-RECIPE`` beginning with the recipe's name.

    Examples
    --------
    >>> line = Line.parse({"name": "l", "events": "e", "id": "id", "features": {"numeric": ["x"]}})
    >>> check_recipes({"champion": "Select('y') | GaussianNB()"}, line)
    Traceback (most recent call last):
    labline.engine.errors.LablineError: LL-RECIPE: champion: Select: line l has no feature y
      remedy: known there: x
    """
    inputs = inputs_of(line, schema)
    for name, recipe in recipes.items():
        try:
            parse(recipe, line.kind, line.classes, named=named, inputs=inputs)
        except LablineError as error:
            raise LablineError(error.code, f"{name}: {error.message}", error.remedy) from error


def baselines_by_place(line: Line) -> dict[str, str]:
    """Return a line's baselines by what to call them in an error."""
    return {f"line {line.name}: baselines.{name}": r for name, r in line.baselines.items()}
