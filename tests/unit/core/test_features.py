"""Features in the declared order: sums run in it, so it reaches the last bit of every score."""

from labline.engine.core.features import extractor
from labline.engine.core.line import Line
from labline.engine.models.estimators import Select
from labline.schemas.rejection import Rejection

NAMES = [f"n{number}" for number in (7, 3, 11, 0, 5, 2, 9, 1, 10, 4, 8, 6)]
LINE = {"name": "l", "events": "e", "id": "id"}


def line(**features: object) -> Line:
    return Line.parse({**LINE, "features": features})


def test_fields_come_as_declared_whatever_the_events_order() -> None:
    declared = line(numeric=NAMES[:6], categorical=NAMES[6:], time=["weekday", "hour"])
    datum = dict.fromkeys(sorted(NAMES), 1.0)
    features = extractor(declared)(datum, 0)
    assert list(features) == [*NAMES[6:], *NAMES[:6], "hour", "weekday"]


def test_a_selection_keeps_its_own_order() -> None:
    assert list(Select(*NAMES).transform_one(dict.fromkeys(sorted(NAMES), 1.0))) == NAMES


def test_a_missing_optional_field_is_left_out_and_a_required_one_rejects() -> None:
    extract = extractor(line(numeric=["a", "b"], optional=["b"]))
    assert extract({"a": 0.0, "b": None}, 0) == {"a": 0.0}
    rejected = extract({"a": None, "b": 1.0}, 0)
    assert isinstance(rejected, Rejection)
    assert (rejected.stage, rejected.reason) == ("features", "missing-feature")


def test_hour_and_weekday_before_1970_too() -> None:
    extract = extractor(line(time=["hour", "weekday"]))
    assert extract({}, 0) == {"hour": 0, "weekday": 3}  # a Thursday
    assert extract({}, -1) == {"hour": 23, "weekday": 2}
    assert extract({}, 1_357_034_400_000) == {"hour": 10, "weekday": 1}
