"""Scores laid out by hand are the bytes that fastavro writes, and are read again as they were."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from labline.engine.core.kinds import KINDS
from labline.engine.core.score_encoders import (
    Place,
    answer_encoder,
    class_answer_encoder,
    class_shadow_encoder,
    shadow_encoder,
    subject,
)
from labline.engine.core.scores import Answer, Shadow, SlotScore, decode_answer, decode_shadow
from labline.schemas.engine_schemas import engine_schema
from labline.schemas.rejection import Rejection
from labline.schemas.varint import varint

BINARY, REGRESSION, MULTICLASS = (KINDS[n] for n in ("binary", "regression", "multiclass"))
texts = st.text(st.characters(codec="utf-8"), max_size=200)
longs = st.integers(-(1 << 63), (1 << 63) - 1)
chances = st.floats(0, 1)
numbers = st.floats(allow_nan=False, allow_infinity=False)
places = st.builds(Place, texts, st.integers(0, (1 << 31) - 1), longs)


@given(texts, longs, longs, chances, st.booleans(), texts, texts, places)
def test_answers(
    identity: str,
    time_ms: int,
    offset: int,
    probability: float,
    decision: bool,
    slot: str,
    model: str,
    place: Place,
) -> None:
    value = answer_encoder(slot, model, place)(
        subject(identity, time_ms), varint(offset), probability, decision
    )
    assert value == engine_schema("labline.Score").encode(
        {
            "id": identity, "event_time_ms": time_ms, "answer": decision,
            "probability": probability, "value": None, "slot": slot, "model": model,
            "revision": place.revision, "topic": place.topic, "partition": place.partition,
            "offset": offset, "propensity": None, "interval_low": None, "interval_high": None,
        }
    )  # fmt: skip
    assert decode_answer(value) == Answer(
        identity, time_ms, decision, probability, None, slot, model, place.revision, place.topic,
        place.partition, offset, None, None, None,
    )  # fmt: skip


def test_records_have_the_fields_of_their_schemas_in_their_order() -> None:
    for kind in KINDS.values():
        names = engine_schema(kind.schemas.answer).field_names
        assert Answer._fields[: len(names)] == names
        schema = engine_schema(kind.schemas.shadow)
        assert Shadow._fields == schema.field_names
        slots = [f["name"] for f in schema.document["fields"][-1]["type"]["items"]["fields"]]
        assert list(SlotScore._fields[: len(slots)]) == slots
    assert Answer._fields == engine_schema("labline.ClassScore").field_names


def test_the_score_of_another_kind_of_line_is_none_of_ones_own() -> None:
    place, about, at = Place("t", 0, 1), subject("e", 5), varint(9)
    written = {
        BINARY: answer_encoder("champion", "m", place)(about, at, 0.5, True),
        REGRESSION: answer_encoder("champion", "m", place, probable=False)(about, at, 7.0, True),
        MULTICLASS: class_answer_encoder("champion", "m", place, "ab")(about, at, (0.5, 0.5), True),
    }
    scores = {BINARY: (0.5,), REGRESSION: (7.0,), MULTICLASS: [0.5, 0.5]}
    for kind, value in written.items():
        answer = decode_answer(value)
        assert isinstance(answer, Answer)
        for reader, score in scores.items():
            assert answer.score(reader) == (score if reader is kind else ())


@given(
    texts,
    longs,
    longs,
    st.lists(st.tuples(texts, texts, st.none() | chances), max_size=5),
    places,
)
def test_shadow_scores(
    identity: str,
    time_ms: int,
    offset: int,
    slots: list[tuple[str, str, float | None]],
    place: Place,
) -> None:
    encode = shadow_encoder([slot[:2] for slot in slots], place)
    value = encode(subject(identity, time_ms), varint(offset), [slot[2] for slot in slots])
    assert engine_schema("labline.Shadow").decode(value) == {
        "id": identity, "event_time_ms": time_ms, "topic": place.topic,
        "partition": place.partition, "offset": offset, "revision": place.revision,
        "scores": [
            {"slot": slot, "model": model, "probability": probability, "value": None}
            for slot, model, probability in slots
        ],
    }  # fmt: skip
    shadow = decode_shadow(value)
    assert isinstance(shadow, Shadow)
    about = (identity, time_ms, place.topic, place.partition, offset, place.revision)
    assert shadow == (*about, [SlotScore(*slot, None) for slot in slots])
    found = [one.score(BINARY) for one in shadow.scores]
    assert found == [() if chance is None else (chance,) for _, _, chance in slots]


@given(texts, longs, longs, numbers, st.booleans(), texts, texts, places)
def test_values(
    identity: str, time_ms: int, offset: int, number: float, decision: bool,
    slot: str, model: str, place: Place,
) -> None:  # fmt: skip
    about, at = subject(identity, time_ms), varint(offset)
    value = answer_encoder(slot, model, place, probable=False)(about, at, number, decision)
    schema = engine_schema("labline.Score")
    told = schema.decode(value)
    assert isinstance(told, dict)
    assert (told["value"], told["probability"], told["answer"]) == (number, None, decision)
    assert schema.encode(told) == value
    shadow = shadow_encoder([(slot, model)] * 2, place, probable=False)(about, at, [number, None])
    schema = engine_schema("labline.Shadow")
    told = schema.decode(shadow)
    assert isinstance(told, dict)
    assert [(s["probability"], s["value"]) for s in told["scores"]] == [
        (None, number),
        (None, None),
    ]
    assert schema.encode(told) == shadow


vectors = st.lists(chances, min_size=2, max_size=100)


@given(texts, longs, longs, vectors, st.booleans(), texts, texts, places)
def test_classes(
    identity: str, time_ms: int, offset: int, probabilities: list[float], decision: bool,
    slot: str, model: str, place: Place,
) -> None:  # fmt: skip
    about, at = subject(identity, time_ms), varint(offset)
    classes = [f"class {number}" for number in range(len(probabilities))]
    encode = class_answer_encoder(slot, model, place, classes)
    best = max(probabilities)
    named = {
        "probability": best, "value": None, "label": classes[probabilities.index(best)],
        "probabilities": probabilities,
    }  # fmt: skip
    where = {
        "id": identity, "event_time_ms": time_ms, "revision": place.revision, "topic": place.topic,
        "partition": place.partition, "offset": offset,
    }  # fmt: skip
    reserved = dict.fromkeys(("propensity", "interval_low", "interval_high"))
    by = {"slot": slot, "model": model}
    value = encode(about, at, probabilities, decision)
    written = {**where, **by, **named, "answer": decision, **reserved}
    assert value == engine_schema("labline.ClassScore").encode(written)
    answer = decode_answer(value)
    assert isinstance(answer, Answer)
    assert answer._asdict() == written
    assert answer.score(MULTICLASS) == probabilities
    shadow = class_shadow_encoder([(slot, model)] * 2, place, classes)
    nothing = {"probability": None, "value": None, "label": None, "probabilities": []}
    value = shadow(about, at, [probabilities, None])
    found = engine_schema("labline.ClassShadow").decode(value)
    assert found == {**where, "scores": [{**by, **named}, {**by, **nothing}]}
    read = decode_shadow(value)
    assert isinstance(read, Shadow)
    assert [one._asdict() for one in read.scores] == [{**by, **named}, {**by, **nothing}]
    assert [one.score(MULTICLASS) for one in read.scores] == [probabilities, []]


@st.composite
def broken_bytes(draw: st.DrawFn) -> bytes:
    """Return a score record, or what is left of one after a few bytes were changed."""
    classes, place = ["a", "b", "c"], Place("flights", draw(st.integers(0, 100)), 7)
    about, at = subject(draw(texts), draw(longs)), varint(draw(longs))
    chance, number = draw(st.none() | chances), draw(numbers)
    vector = draw(st.none() | st.tuples(chances, chances, chances))
    best = vector or (1.0, 0.0, 0.0)
    slots = [("challenger", "b@2"), ("baseline", "mean")][: draw(st.integers(0, 2))]
    value = draw(st.sampled_from([
        answer_encoder("champion", "m@1", place)(about, at, chance or 0.0, draw(st.booleans())),
        answer_encoder("champion", "m@1", place, probable=False)(about, at, number, True),
        shadow_encoder(slots, place)(about, at, [chance] * len(slots)),
        shadow_encoder(slots, place, probable=False)(about, at, [number] * len(slots)),
        class_answer_encoder("champion", "m@1", place, classes)(about, at, best, True),
        class_shadow_encoder(slots, place, classes)(about, at, [vector] * len(slots)),
    ]))  # fmt: skip
    changed = bytearray(value)
    for _ in range(draw(st.integers(0, 3))):
        changed[draw(st.integers(0, len(changed) - 1))] = draw(st.integers(0, 255))
    return bytes(changed[: draw(st.none() | st.integers(0, len(changed)))])


@settings(max_examples=300, deadline=None)
@given(broken_bytes())
def test_scores_are_read_as_their_schema_reads_them_whatever_the_bytes(value: bytes) -> None:
    for decode, names in (
        (decode_answer, ("labline.Score", "labline.ClassScore")),
        (decode_shadow, ("labline.Shadow", "labline.ClassShadow")),
    ):
        record: Any = decode(value)
        data = [engine_schema(name).decode(value) for name in names]
        expected = next((datum for datum in data if isinstance(datum, dict)), None)
        if expected is None:
            assert isinstance(record, Rejection)
            continue
        fields = record._asdict()
        if isinstance(record, Shadow):
            fields["scores"] = [slot._asdict() for slot in record.scores]
            for slot, written in zip(fields["scores"], expected["scores"], strict=True):
                assert repr({name: slot[name] for name in written}) == repr(written)
        else:
            assert repr({name: fields[name] for name in expected}) == repr(expected)


def test_nothing_is_no_score() -> None:
    for value in (None, b"", b"x", b"x" * 300_000):
        answer, shadow = decode_answer(value), decode_shadow(value)
        assert isinstance(answer, Rejection)
        assert answer == shadow
