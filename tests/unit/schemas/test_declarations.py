from typing import Annotated

import pytest
from pydantic import BaseModel, Field

from labline.engine.errors import LablineError
from labline.schemas.declarations import checked, fields_at


class Slot(BaseModel, extra="forbid", frozen=True, strict=True):
    model: str
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.5


class Settings(BaseModel, extra="forbid", frozen=True, strict=True):
    name: str
    subject: str = Field(alias="schema", default="x")
    slots: dict[str, Slot] = {}
    listed: list[Slot] | None = None


def refusal(document: object) -> LablineError:
    with pytest.raises(LablineError) as caught:
        checked(Settings, document, "lines/x.toml")
    return caught.value


def test_a_misspelt_field_names_the_nearest() -> None:
    error = refusal({"name": "x", "schem": "y"})
    assert error.code == "LL-FILE-INVALID"
    assert error.message == "lines/x.toml: schem: no such field, did you mean schema?"
    assert error.remedy == "fields: name, schema, slots, listed"


def test_fields_within_tables_and_lists() -> None:
    error = refusal({"name": "x", "slots": {"champion": {"modle": "a"}}})
    assert "slots.champion.modle: no such field, did you mean model?" in error.message
    assert "slots.champion.model: missing" in error.message
    assert error.remedy == "fields of slots.champion: model, threshold"
    error = refusal({"name": "x", "listed": [{"model": "a"}, {"model": "b", "x": 1}]})
    assert "listed[1].x: no such field" in error.message
    assert error.remedy == "fields of listed[1]: model, threshold"


def test_a_missing_field_and_a_value_out_of_range_quote_no_values() -> None:
    error = refusal({"slots": {"champion": {"model": "s3cret", "threshold": 7.25}}})
    assert "name: missing" in error.message
    assert "slots.champion.threshold: input should be less than or equal to 1" in error.message
    assert "s3cret" not in str(error)
    assert "7.25" not in str(error)


def test_what_is_no_table_at_all() -> None:
    assert refusal(None).message.startswith("lines/x.toml: the file: input should be")
    assert refusal(["a"]).remedy == "fields: name, schema, slots, listed"


def test_many_faults_are_cut() -> None:
    assert refusal(dict.fromkeys("abcdefg", 1)).message.endswith("; and 5 more")


def test_what_is_right_passes() -> None:
    assert checked(Settings, {"name": "x", "schema": "a"}, "x").subject == "a"
    assert fields_at(Settings, ("name", "x")) == []
