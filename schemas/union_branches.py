"""Which branch of a union takes a Python value, where its class alone decides: for the encoder.

Avro's writers choose by trying. The compiled encoder asks here for tests that are sure to choose as
they would; a class that more than one branch may take has none, and is left to them.
"""

from labline.schemas.shape import AvroType, kind_of

#: Python's classes, and the Avro types that may take their values.
_TAKERS = {
    "bool": {"boolean"}, "int": {"int", "long", "float", "double"}, "float": {"float", "double"},
    "str": {"string", "enum"}, "bytes": {"bytes", "fixed", "array"}, "list": {"array"},
    "dict": {"record", "map"},
}  # fmt: skip


def branch_tests(branches: list[AvroType], x: str) -> dict[int, str]:
    """Return for each branch that a class of values is sure to go to the code that tests for it.

    Floats go to double where there is one, whole numbers to int or long where that is first.

    Parameters
    ----------
    x
        The variable that holds the value.

    Examples
    --------
    >>> branch_tests(["string", "long", "double"], "v")
    {1: 'type(v) is int', 2: 'type(v) is float', 0: 'type(v) is str'}
    >>> branch_tests(["int", "long"], "v")
    {}
    """
    kinds = [kind_of(branch) for branch in branches]
    tests: dict[int, str] = {}
    for name, takers in _TAKERS.items():
        takes = [n for n, kind in enumerate(kinds) if kind in takers]
        if name == "float" and "double" in kinds:
            takes = [kinds.index("double")]
        if name == "int":
            whole = [n for n in takes if kinds[n] in ("int", "long")]
            takes = whole if takes[:1] == whole[:1] else []
        if len(takes) == 1:
            tests[takes[0]] = f"type({x}) is {name}"
    return tests
