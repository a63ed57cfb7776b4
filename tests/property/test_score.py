"""Scores laid out by hand are the bytes that fastavro writes."""

from hypothesis import given
from hypothesis import strategies as st

from labline.engine.core.class_score import class_answer_encoder, class_shadow_encoder
from labline.engine.core.score import Place, answer_encoder, shadow_encoder, subject
from labline.schemas.engine_schemas import engine_schema
from labline.schemas.varint import varint

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
    assert encode(about, at, probabilities, decision) == engine_schema("labline.ClassScore").encode(
        {**where, **by, **named, "answer": decision, **reserved}
    )
    shadow = class_shadow_encoder([(slot, model)] * 2, place, classes)
    nothing = {"probability": None, "value": None, "label": None, "probabilities": []}
    found = engine_schema("labline.ClassShadow").decode(shadow(about, at, [probabilities, None]))
    assert found == {**where, "scores": [{**by, **named}, {**by, **nothing}]}
