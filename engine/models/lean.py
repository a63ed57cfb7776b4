"""river without the libraries that it would only read other people's data with.

`river.stream` imports scikit-learn and SQLAlchemy when they happen to be installed, and MLflow
brings both: 90 MB and a second for each process that loads a model. Only processes of our own do
without; in a person's notebook river is as they know it.
"""

import sys

_READERS = ("sklearn", "sqlalchemy")


def import_river() -> None:
    """Import `river.stream` as if nobody had installed what it reads data with."""
    if "river.stream" in sys.modules:
        return
    hidden = [name for name in _READERS if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # so Python says: import halted
    try:
        import river.stream  # noqa: F401
    except ModuleNotFoundError:
        pass  # whoever needs river says that it is missing
    finally:
        for name in hidden:
            del sys.modules[name]
