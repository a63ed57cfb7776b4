"""What to write instead of a recipe that computes with text, ready to be pasted."""

import ast
from collections.abc import Callable, Sequence

from labline.engine.errors import LablineError
from labline.engine.models.recipes.arguments import arguments_of, steps_of
from labline.engine.models.recipes.dry_run import Make, failure, said
from labline.engine.models.recipes.features import NUMBER, TEXT, UNKNOWN, Inputs

SHOWN_MAX = 10
SHORTER_CHARACTERS = 600  # a longer recipe is no help in a message

#: Whether a recipe is one, and scores and learns the line's features.
Works = Callable[[str], bool]


def check_text(
    make: Make, body: ast.expr, kind: str, classes: Sequence[str], inputs: Inputs, works: Works
) -> None:
    """Say of a recipe that does not score and learn that text is why, and what works instead.

    Raises
    ------
    LablineError
        ``LL-RECIPE`` naming the features and the step.
    """
    if inputs.of_kind(UNKNOWN) or not inputs.of_kind(TEXT):
        return
    error = failure(make, inputs.events(), kind, classes)
    if error is None:
        return
    blamed = _blamed(make, kind, classes, inputs)
    if blamed:
        one = len(blamed) == 1
        names = ", ".join(blamed[:SHOWN_MAX]) + (" …" if len(blamed) > SHOWN_MAX else "")
        raise LablineError(
            "LL-RECIPE",
            f"{names} {'is' if one else 'are'} text, and {_step(error, body)} computes with numbers"
            f" ({said(error)})",
            _instead(body, blamed, inputs, works),
        )


def _blamed(make: Make, kind: str, classes: Sequence[str], inputs: Inputs) -> list[str]:
    """Return the texts that a model cannot take, though it could if they were numbers."""

    def fails(told: Inputs) -> bool:
        return failure(make, told.events(), kind, classes) is not None

    texts = inputs.of_kind(TEXT)
    for name in texts[:SHOWN_MAX]:
        if not fails(inputs.but(**{name: NUMBER})):
            return [name]
    numbers = inputs.but(**dict.fromkeys(texts, NUMBER))
    if fails(numbers):
        return []  # it is not the text alone
    return [name for name in texts if fails(numbers.but(**{name: TEXT}))]


def _step(error: Exception, body: ast.expr) -> str:
    """Return the innermost estimator of those in the recipe in which an exception was raised."""
    written = {node.id for node in ast.walk(body) if isinstance(node, ast.Name)}
    found, trace = "the recipe", error.__traceback__
    while trace is not None:
        name = type(trace.tb_frame.f_locals.get("self")).__name__
        found, trace = name if name in written else found, trace.tb_next
    return found


def _instead(body: ast.expr, texts: list[str], inputs: Inputs, works: Works) -> str:
    """Return the first of some recipes that works; without one, the idea."""
    for recipe in _ways(body, texts, inputs):
        if len(recipe) <= SHORTER_CHARACTERS and works(recipe):
            return f"write {recipe}"
    return f"put Discard({_quoted(texts[:SHOWN_MAX])}) before it, or Select(…) | OneHotEncoder()"


def _ways(body: ast.expr, texts: list[str], inputs: Inputs) -> list[str]:
    """Return recipes with the texts as categories beside the rest, and without the texts."""
    steps, seen = steps_of(body), list(inputs.kinds)
    pick = f"Discard({_quoted(texts)})"
    chosen = _selected(steps[0])
    if chosen is not None:
        steps, seen = steps[1:], chosen
        pick = f"Select({_quoted([name for name in chosen if name not in texts])})"
    *middle, last = [_written(step) for step in steps] or ["LogisticRegression()"]
    one_hot = f"Select({_quoted(texts)}) | OneHotEncoder()"
    if not set(seen) - set(texts):
        return [f"{one_hot} | {last}", " | ".join([one_hot, *middle, last])]
    rest = " | ".join([pick, *middle])
    beside = f"({f'({rest})' if middle else rest} + ({one_hot})) | {last}"
    return [beside, " | ".join([pick, *middle, last])]


def _selected(step: ast.expr) -> list[str] | None:
    """Return what a step selects by name; None: it is no selection."""
    if not (isinstance(step, ast.Call) and ast.unparse(step.func) == "Select"):
        return None
    names = [ast.literal_eval(name) for name in arguments_of(step).get("names", ())]
    return names or None


def _written(step: ast.expr) -> str:
    text = ast.unparse(step)
    return f"({text})" if isinstance(step, ast.BinOp) else text


def _quoted(names: list[str]) -> str:
    return ", ".join(map(repr, names))
