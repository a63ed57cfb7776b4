"""The engine's own schemas: scores, shadow scores, journal, vitals.

They ship with labline as ``.avsc`` files and are parsed once for each process. Their bytes are
formats that outlive it, so a change to one is a new version.
"""

import json
from functools import cache
from importlib.resources import files

from labline.engine.errors import LablineError
from labline.schemas.avro import Schema


@cache
def engine_schema(name: str) -> Schema:
    """Return a schema that ships with labline.

    Examples
    --------
    >>> engine_schema("labline.Score").field_names[:3]
    ('id', 'event_time_ms', 'answer')
    """
    path = files("labline.schemas") / "avsc" / f"{name}.avsc"
    if not path.is_file():
        raise LablineError("LL-SCHEMA-UNKNOWN", f"labline has no schema {name}", "check the name")
    return Schema.parse(json.loads(path.read_text("utf-8")))
