"""Scores laid out by hand are the bytes that fastavro writes."""

from hypothesis import given
from hypothesis import strategies as st

from engine.core.score import Place, answer_encoder, shadow_encoder, subject
from schemas.engine_schemas import engine_schema
from schemas.varint import varint

texts = st.text(st.characters(codec="utf-8"), max_size=200)
longs = st.integers(-(1 << 63), (1 << 63) - 1)
chances = st.floats(0, 1)
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
