"""Files that people write, checked: what is wrong in them is said in one clear line.

Everything that loads TOML or YAML of a workspace passes it here with a pydantic model, and gets the
model or an error that names the file, the place and the nearest known name.
"""

import difflib
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, TypeGuard, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from labline.engine.errors import LablineError

_M = TypeVar("_M", bound=BaseModel)

FAULTS_SHOWN = 3


def checked(model: type[_M], document: object, source: str) -> _M:
    """Return `document` as a `model`.

    Parameters
    ----------
    document
        What the file's parser gave.
    source
        The file's name, for people.

    Raises
    ------
    LablineError
        ``LL-FILE-INVALID``, see `explain`.
    """
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise explain(error, source, model) from error


def explain(error: ValidationError, source: str, model: type[BaseModel]) -> LablineError:
    """Return pydantic's complaint about a file as one that a person can mend.

    The message names file, field and fault, for a misspelt field the nearest known one; values
    are not quoted. The remedy lists the fields that exist at that place.

    Examples
    --------
    >>> class Window(BaseModel, extra="forbid"):
    ...     events: int
    >>> class File(BaseModel, extra="forbid"):
    ...     window: Window
    >>> try:
    ...     File.model_validate({"window": {"evens": 3, "events": 3}})
    ... except ValidationError as error:
    ...     print(explain(error, "x.yaml", File))
    LL-FILE-INVALID: x.yaml: window.evens: no such field, did you mean events?
      remedy: fields of window: events
    """
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    lines = [_fault(fault["type"], fault["loc"], fault["msg"], model) for fault in faults]
    shown = "; ".join(lines[:FAULTS_SHOWN])
    if len(lines) > FAULTS_SHOWN:
        shown += f"; and {len(lines) - FAULTS_SHOWN} more"
    parent = faults[0]["loc"][:-1]
    known = fields_at(model, parent)
    place = f" of {_path(parent)}" if parent and known else ""
    known = known or fields_at(model, ())
    return LablineError(
        "LL-FILE-INVALID", f"{source}: {shown}", f"fields{place}: {', '.join(known)}"
    )


def fields_at(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """Return the names of the fields at `path` as a file spells them; none when it is open.

    Examples
    --------
    >>> from pydantic import Field
    >>> class Inner(BaseModel):
    ...     subject: str = Field(alias="schema")
    >>> class Outer(BaseModel):
    ...     inner: dict[str, Inner] | None = None
    >>> fields_at(Outer, ("inner", "x"))
    ['schema']
    >>> fields_at(Outer, ("inner",))
    []
    """
    places: list[object] = [model]
    for step in path:
        places = [inner for place in places for inner in _inner(place, step)]
    models = [place for place in places if _is_model(place)]
    return list(dict.fromkeys(_name(at, field) for at in models for field in at.model_fields))


def _fault(kind: str, loc: tuple[int | str, ...], text: str, model: type[BaseModel]) -> str:
    if loc[-1:] == ("[key]",):  # pydantic's way to say that a name is wrong, not what it names
        return _fault(kind, loc[:-1], f"as a name, {text[:1].lower()}{text[1:]}", model)
    path = _path(loc) or "the file"
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(loc[-1]), fields_at(model, loc[:-1]), n=1)
        return f"{path}: no such field" + (f", did you mean {near[0]}?" if near else "")
    if kind == "missing":
        return f"{path}: missing"
    said = text.removeprefix("Value error, ")
    return f"{path}: {said[:1].lower()}{said[1:]}"


def _path(loc: tuple[int | str, ...]) -> str:
    r"""Return a path as people write it.

    Examples
    --------
    >>> _path(("labels", 0, "name"))
    'labels[0].name'
    """
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in loc)
    return text.removeprefix(".")


def _inner(place: object, step: int | str) -> Iterator[object]:
    """Yield the types, unions taken apart, that a step from `place` leads to."""
    if _is_model(place):
        for field, info in place.model_fields.items():
            if step in (field, _name(place, field)):
                yield from _alternatives(info.annotation)
    elif arguments := get_args(place):  # dict[str, T], list[T], tuple[T, ...]
        yield from _alternatives(next(a for a in reversed(arguments) if a is not Ellipsis))


def _alternatives(annotation: object) -> Iterator[object]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _alternatives(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for argument in get_args(annotation):
            yield from _alternatives(argument)
    else:
        yield annotation


def _is_model(place: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(place, type) and issubclass(place, BaseModel)


def _name(place: type[BaseModel], field: str) -> str:
    info = place.model_fields[field]
    return str(info.validation_alias or info.alias or field)
