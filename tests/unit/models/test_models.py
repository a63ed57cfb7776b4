"""Models: recipes as data, signed documents, the control topic's fold, the registry."""

import json
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from river import compose, linear_model, optim, preprocessing

from labline.engine.core.record import Record
from labline.engine.errors import LablineError
from labline.engine.models.control.control import Control, ModelRef, promotion
from labline.engine.models.control.envelope import canonical, seal, unseal
from labline.engine.models.control.registry import Registry
from labline.engine.models.control.signing import Signer, generate, load_public_keys
from labline.engine.models.estimators import Select
from labline.engine.models.learning.learner import cold
from labline.engine.models.recipes.language import ALLOWED, RECIPE_MAX_CHARACTERS, parse
from labline.engine.models.state import environment

ROOT = Path(__file__).parents[3]
SIGNER = Signer(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER = Signer(Ed25519PrivateKey.from_private_bytes(bytes(32)))
KEYS = SIGNER.public_keys()

#: A recipe for each estimator of binary lines that there was from the start.
RECIPES = {
    "BaseRate": "BaseRate()",
    "NoChange": "NoChange(0.75)",
    "Select": "Select('x', 'n') | StandardScaler() | LogisticRegression()",
    "ALMAClassifier": "Select('x', 'n') | StandardScaler() | ALMAClassifier(p=2, alpha=0.8)",
    "LogisticRegression": "Select('x') | LogisticRegression(optimizer=SGD(0.05), l2=0.001)",
    "PAClassifier": "Select('x', 'n') | StandardScaler() | PAClassifier(C=0.01, mode=1)",
    "Perceptron": "Select('x', 'n') | StandardScaler() | Perceptron()",
    "GaussianNB": "Select('x', 'n') | GaussianNB()",
    "AdaGrad": "Select('x') | LogisticRegression(optimizer=AdaGrad(0.1))",
    "Adam": "Select('x') | LogisticRegression(optimizer=Adam(0.01))",
    "SGD": "Select('x') | LogisticRegression(optimizer=SGD(0.1))",
    "MinMaxScaler": "Select('x', 'n') | MinMaxScaler() | LogisticRegression()",
    "OneHotEncoder": "Select('c', 'd') | OneHotEncoder() | LogisticRegression()",
    "StandardScaler": "Select('x', 'n') | StandardScaler() | LogisticRegression()",
    "HoeffdingAdaptiveTreeClassifier": "HoeffdingAdaptiveTreeClassifier(grace_period=20, seed=1)",
    "HoeffdingTreeClassifier": "HoeffdingTreeClassifier(grace_period=20, leaf_prediction='mc')",
}  # fmt: skip


def stream(count: int = 600) -> Iterator[tuple[dict[str, Any], bool]]:
    """Yield features and labels, the same ones every time; some features are missing."""
    state = 1
    for n in range(count):
        state = (1_103_515_245 * state + 12_345) % 2**31
        features: dict[str, Any] = {"c": "ABC"[state % 3], "d": f"d{state % 7}", "n": state % 24}
        if n % 5:
            features["x"] = (state % 1_000) / 37 - 12
        yield features, state % 11 < (6 if features["c"] == "A" else 3)


def bits(model: Any) -> list[bytes]:
    """Return what a model says prequentially over the stream, as the doubles' bytes."""
    said = []
    for features, label in stream():
        said.append(struct.pack("<d", model.predict_proba_one(dict(features)).get(True, -1.0)))
        model.learn_one(dict(features), label)
    return said


def refusal(recipe: str) -> LablineError:
    with pytest.raises(LablineError) as caught:
        parse(recipe)
    assert caught.value.code == "LL-RECIPE"
    return caught.value


def test_each_recipe_is_of_the_estimator_it_stands_for() -> None:
    assert RECIPES.keys() <= ALLOWED.keys()
    assert all(name in recipe for name, recipe in RECIPES.items())


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_every_estimator_scores_and_learns_and_two_of_a_recipe_are_equal(recipe: str) -> None:
    one, two = bits(parse(recipe)), bits(parse(recipe))
    assert one == two
    assert len(set(one)) > 1
    assert all(0.0 <= struct.unpack("<d", said)[0] <= 1.0 for said in one[2:])


@pytest.mark.slow
def test_results_do_not_depend_on_the_hash_seed() -> None:
    program = (
        "import hashlib; from tests.unit.models.test_models import RECIPES, bits, parse\n"
        "for r in RECIPES.values(): print(hashlib.sha256(b''.join(bits(parse(r)))).hexdigest())"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for seed in ("0", "4711")
    ]
    assert len(told[0]) == len(RECIPES)
    assert told[0] == told[1]


def test_the_parsed_pipeline_is_the_one_built_by_hand_bit_for_bit() -> None:
    text = (
        "(Select('c', 'd') | OneHotEncoder()) + (Select('x', 'n') | StandardScaler())"
        " | LogisticRegression(optimizer=SGD(0.02))"
    )
    by_hand = compose.Pipeline(
        compose.TransformerUnion(
            compose.Pipeline(Select("c", "d"), preprocessing.OneHotEncoder()),
            compose.Pipeline(Select("x", "n"), preprocessing.StandardScaler()),
        ),
        linear_model.LogisticRegression(optimizer=optim.SGD(0.02)),
    )
    right = bits(by_hand)
    assert bits(parse(text)) == right
    flat = text.replace("(Select('c'", "((Select('c'").replace("Scaler())", "Scaler()))")
    assert bits(parse(flat)) == right  # one more pair of parentheses changes nothing


def test_a_selection_keeps_the_order_of_its_names() -> None:
    recipe = "(Select('d', 'x', 'c') + Select('n')) | LogisticRegression()"
    union = parse(recipe).steps["TransformerUnion"]
    assert list(
        next(iter(union.transformers.values())).transform_one({"c": 1, "x": 2, "d": 3})
    ) == [
        "d",
        "x",
        "c",
    ]


@pytest.mark.parametrize(
    "recipe",
    [
        "LogisticRegression.__class__",
        "optim.SGD(0.1)",
        "BaseRate().__init__.__globals__",
        "lambda: BaseRate()",
        "[BaseRate() for _ in (1,)]",
        "{'a': 1}",
        "f'{BaseRate()}'",
        "__import__('os')",
        "__builtins__",
        "LogisticRegression(**{'l2': 1})",
        "Select(*'ab') | BaseRate()",
        "BaseRate()()",
        "BaseRate() if 1 else BaseRate()",
        "(x := BaseRate())",
        "BaseRate() or BaseRate()",
        "BaseRate() - BaseRate()",
        "Select('a')['a']",
        "Select(b'a') | BaseRate()",
        "NoChange(1j)",
        "NoChange(...)",
        "BaseRate(); BaseRate()",
        "BaseRate",
        "import os",
        "\x00",
        "",
        "Select('\ud800') | BaseRate()",
        "(" * 300 + "BaseRate()" + ")" * 300,
        "-" * 3_000 + "1",
        "BaseRate()" + " " * RECIPE_MAX_CHARACTERS,
        "0x" + "f" * 3_990,
    ],
)
def test_what_is_not_a_recipe_is_refused(recipe: str) -> None:
    refusal(recipe)


@pytest.mark.parametrize(
    "recipe",
    [
        "1",
        "'x'",
        "1 + 2",
        "'a' | BaseRate()",
        "SGD(0.1)",
        "Select('x')",
        "StandardScaler() + OneHotEncoder()",
        "BaseRate() | BaseRate()",
        "LogisticRegression() | StandardScaler()",
        "LogisticRegression(optimizer=1)",
        "LogisticRegression(optimizer=SGD('fast'))",
        "LogisticRegression(l2=BaseRate())",
        "LogisticRegression(no_such=1)",
        "HoeffdingTreeClassifier(splitter=1)",
        "HoeffdingTreeClassifier(grace_period='x')",
        "NoChange(2)",
        "NoChange()",
    ],
)
def test_what_could_not_score_and_learn_is_refused_before_a_scorer_has_it(recipe: str) -> None:
    refusal(recipe)


def test_a_refusal_names_the_nearest_estimator() -> None:
    assert refusal("StandardScalar() | BaseRate()").remedy == "did you mean StandardScaler?"
    assert "LogisticRegression" in refusal("Zzz()").remedy


def test_an_estimator_that_draws_needs_a_seed() -> None:
    assert "seed" in refusal("HoeffdingAdaptiveTreeClassifier()").message


@given(st.text(max_size=60) | st.text("()|+-.'\"[]{}*:=,_ abSelctBaseRate01\n", max_size=60))
@settings(deadline=None)
def test_any_text_is_a_recipe_or_refused(text: str) -> None:
    try:
        parse(text)
    except LablineError as error:
        told = error.code
    else:
        told = "LL-RECIPE"
    assert told == "LL-RECIPE"


def test_a_classifier_that_has_seen_no_label_has_no_opinion() -> None:
    assert cold("GaussianNB()").score({"x": 1.0}) == 0.5


# Envelopes


def test_a_sealed_document_is_read_back() -> None:
    document = {"b": [1, None, "é"], "a": {"x": 0.1}}
    assert unseal("control", seal("control", document, SIGNER), KEYS) == document


def test_every_flipped_bit_makes_an_envelope_void() -> None:
    envelope = seal("control", {"x": [1, True, None, "é"]}, SIGNER)
    for at in range(len(envelope)):
        for bit in range(8):
            flipped = bytearray(envelope)
            flipped[at] ^= 1 << bit
            assert isinstance(unseal("control", bytes(flipped), KEYS), str), (at, bit)


def test_another_key_another_kind_and_another_format_are_void() -> None:
    envelope = seal("control", {"x": 1}, SIGNER)
    assert unseal("control", envelope, OTHER.public_keys()) == "not signed by a trusted key"
    assert unseal("model", envelope, KEYS) == "not signed by a trusted key"
    outer = json.loads(envelope)
    for change in ({"format": 2}, {"format": None}, {"format": "1"}):
        found = unseal("control", canonical({**outer, **change}).encode(), KEYS)
        assert found == "of a format that this version does not read"
    posing = {**json.loads(seal("control", {"x": 1}, OTHER)), "key": SIGNER.key_id}
    assert unseal("control", canonical(posing).encode(), KEYS) == "not signed by a trusted key"


@pytest.mark.parametrize("payload", ["", "[", "[]", "1", "null", '"x"', "9" * 5_000, "[" * 100_000])
def test_a_signed_payload_that_is_no_document_is_void(payload: str) -> None:
    assert unseal("control", signed(payload), KEYS) == "not a document"


@given(st.binary(max_size=200) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["format", "key", "payload", "signature", "x"]), inner
    ),
).map(lambda document: json.dumps(document).encode()))  # fmt: skip
def test_any_bytes_are_void(envelope: bytes) -> None:
    assert isinstance(unseal("control", envelope, KEYS), str)


def signed(payload: str) -> bytes:
    """Return the envelope of a payload that `seal` would never write."""
    signature = SIGNER.sign(b"labline/1/control\n" + payload.encode())
    outer = {"format": 1, "key": SIGNER.key_id, "payload": payload, "signature": signature}
    return canonical(outer).encode()


# Keys


def test_a_key_pair_is_made_once_and_read_back(tmp_path: Path) -> None:
    private, public = tmp_path / "state" / "operator.pem", tmp_path / "keys" / "operator.pub"
    made = generate(private, public)
    assert generate(private, public) == made == Signer.load(private).key_id
    assert private.stat().st_mode & 0o777 == 0o600
    envelope = seal("control", {"x": 1}, Signer.load(private))
    assert unseal("control", envelope, load_public_keys(public.parent)) == {"x": 1}


@pytest.mark.parametrize("text", ["", "no key", "AAAA", "é"])
def test_a_file_that_is_no_key_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.pub").write_text(text)
    (tmp_path / "a.pem").write_text(text)
    with pytest.raises(LablineError, match="LL-KEY-INVALID"):
        load_public_keys(tmp_path)
    with pytest.raises(LablineError, match="LL-KEY-INVALID"):
        Signer.load(tmp_path / "a.pem")
    with pytest.raises(LablineError, match="LL-KEY-MISSING"):
        Signer.load(tmp_path / "b.pem")


# The control topic


def record(previous: int, *, line: str = "l", slot: str = "champion", **more: Any) -> bytes:
    """Return a control record that promotes ``m@1``."""
    model = ModelRef("m", 1, "BaseRate()", "00")
    declaration = {"line": {"name": line}, "event_schema": {}, "label_schema": None}
    told = {"previous": previous, "line": line, "slot": slot, "model": model}
    return promotion(**{**told, "declaration": declaration, "signer": SIGNER, **more})


def applied(*values: bytes | None) -> Control:
    """Return the fold of a control topic with these values, each ten offsets on."""
    control = Control()
    records: list[Record] = [(10 * n, 0, None, value, None) for n, value in enumerate(values)]
    control.apply(records, KEYS)
    return control


def test_records_that_name_the_last_revision_are_obeyed() -> None:
    second = ModelRef("m", 2, "BaseRate()", "00")
    control = applied(
        record(-1), record(0, line="k"), record(10, model=second), record(20, slot="challenger")
    )
    assert (control.void, control.revision) == ([], 30)
    assert sorted(control.history) == [0, 10, 20, 30]
    now = {slot: model.label for slot, model in control.lines["l"].slots.items()}
    assert now == {"champion": "m@2", "challenger": "m@1"}
    assert control.history[0].slots["champion"].label == "m@1"  # history stays as it was
    assert control.lines["k"].offset == 10


def test_a_record_that_lost_a_race_is_void_and_the_next_one_names_the_winner() -> None:
    control = applied(record(-1), record(-1, line="k"), record(0, line="k"), record(10))
    assert control.void == [
        (10, "its previous revision is not the last valid one"),
        (30, "its previous revision is not the last valid one"),
    ]
    assert (control.revision, sorted(control.lines)) == (20, ["k", "l"])


def test_unsigned_and_strangers_records_are_void_and_change_nothing() -> None:
    control = applied(record(-1), record(0, signer=OTHER), b"", None, b"text", record(0))
    assert [offset for offset, _ in control.void] == [10, 20, 30, 40]
    assert control.revision == 50


def test_folding_in_parts_is_folding() -> None:
    values = [record(-1), b"?", record(0), record(7)]
    parts = Control()
    for n, value in enumerate(values):
        parts.apply([(10 * n, 0, None, value, None)], KEYS)
    assert parts == applied(*values)


def test_a_challenger_without_a_champion_and_a_line_under_anothers_name_are_void() -> None:
    other = {"line": {"name": "k"}, "event_schema": {}, "label_schema": None}
    control = applied(record(-1, slot="challenger"), record(-1, declaration=other))
    assert control.void == [
        (0, "its line has no champion yet"),
        (10, "it declares another line than it names"),
    ]


DOCUMENT: dict[str, Any] = json.loads(json.loads(record(-1))["payload"])
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@pytest.mark.parametrize("missing", DOCUMENT)
def test_a_signed_record_without_one_of_its_parts_is_void(missing: str) -> None:
    document = {name: value for name, value in DOCUMENT.items() if name != missing}
    assert len(applied(signed(json.dumps(document))).void) == 1


@given(st.sampled_from([*DOCUMENT, "model.name", "model.version", "model.extra", "extra"]), JUNK)
def test_no_signed_record_raises(place: str, junk: Any) -> None:
    """A trusted key vouches for who wrote a record, not for what is in it."""
    document = json.loads(json.dumps(DOCUMENT))
    holder, _, name = place.rpartition(".")
    (document[holder] if holder else document)[name] = junk
    payload = json.dumps(document)
    control = applied(signed(payload), record(-1))
    assert len(control.void) == 1
    if control.lines["l"].offset == 0:  # what was put in fits: text for a text
        assert {type(value) for value in control.lines["l"].slots["champion"]} == {str, int}


@pytest.mark.parametrize(
    "change",
    [
        {"previous": True}, {"previous": -1.0}, {"previous": None}, {"line": 1}, {"line": "\ud800"},
        {"slot": "baseline"}, {"slot": ["champion"]}, {"model": []}, {"format": 2}, {"kind": "pay"},
        {"model": {**DOCUMENT["model"], "version": "1"}},
        {"model": {**DOCUMENT["model"], "more": 1}},
        {"declaration": []}, {"declaration": {"line": {"name": "l"}}},
        {"declaration": {**DOCUMENT["declaration"], "event_schema": "Flight"}},
    ],
)  # fmt: skip
def test_a_signed_record_of_another_form_is_void(change: dict[str, Any]) -> None:
    control = applied(signed(json.dumps({**DOCUMENT, **change})), record(-1))
    assert [offset for offset, _ in control.void] == [0]


# The registry


def test_a_version_is_registered_once_and_kept(tmp_path: Path) -> None:
    registry = Registry(tmp_path, KEYS)
    first = registry.register("delays", "BaseRate()", {"experiment": "a"}, SIGNER)
    again = registry.register("delays", "BaseRate()", {"experiment": "a"}, SIGNER)
    second = registry.register("delays", "NoChange(0.7)", {"experiment": "a"}, SIGNER)
    assert (first, first.label, second.label) == (again, "delays@1", "delays@2")
    assert registry.get("delays@1") == first
    assert registry.manifest("delays@2")["recipe"] == "NoChange(0.7)"
    assert (registry.names(), registry.versions("delays")) == (["delays"], [1, 2])


def test_two_who_register_at_once_do_not_overwrite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(tmp_path, KEYS)
    first = registry.register("m", "BaseRate()", {}, SIGNER)
    monkeypatch.setattr(Registry, "versions", lambda *_: [])  # as seen before the other one wrote
    with pytest.raises(FileExistsError):
        registry.register("m", "NoChange(0.7)", {}, SIGNER)
    assert registry.get("m@1") == first


def test_a_tampered_moved_or_foreign_manifest_is_refused(tmp_path: Path) -> None:
    registry = Registry(tmp_path, KEYS)
    registry.register("m", "BaseRate()", {}, SIGNER)
    path = tmp_path / "m" / "1.json"
    right = path.read_bytes()
    for wrong in (right.replace(b"BaseRate", b"NoChange"), right[:-1], b"", b"{}", right + b"x"):
        path.write_bytes(wrong)
        with pytest.raises(LablineError, match="LL-MODEL-SIGNATURE"):
            registry.get("m@1")
    (tmp_path / "m" / "2.json").write_bytes(right)  # signed, but for another place
    (tmp_path / "n").mkdir()
    (tmp_path / "n" / "1.json").write_bytes(right)
    path.write_bytes(seal("model", {"format": 2, "name": "m", "version": 1}, SIGNER))
    for label in ("m@1", "m@2", "n@1"):
        with pytest.raises(LablineError, match="LL-MODEL-SIGNATURE"):
            registry.get(label)
    path.write_bytes(right)
    assert registry.get("m@1").recipe == "BaseRate()"
    with pytest.raises(LablineError, match="LL-MODEL-SIGNATURE"):
        Registry(tmp_path, OTHER.public_keys()).get("m@1")


@pytest.mark.parametrize(
    "label",
    [
        "../x@1",
        "..@1",
        "/etc/x@1",
        "a/b@1",
        "m@0",
        "m@01",
        "m@-1",
        "m@x",
        "m",
        "@1",
        "M@1",
        "m@1\n",
    ],
)
def test_a_label_is_a_plain_name_and_a_number(tmp_path: Path, label: str) -> None:
    outside = tmp_path / "x"
    outside.mkdir()
    registry = Registry(tmp_path / "models", KEYS)
    with pytest.raises(LablineError, match="LL-MODEL-NAME"):
        registry.get(label)


@pytest.mark.parametrize("name", ["../x", "..", ".", "", "a/b", "/abs", "A", "x" * 101, "x\n", "é"])
def test_a_name_that_could_leave_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(LablineError, match="LL-MODEL-NAME"):
        Registry(tmp_path / "models", KEYS).register(name, "BaseRate()", {}, SIGNER)
    assert list(tmp_path.iterdir()) == []


def test_a_version_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    registry = Registry(tmp_path, KEYS)
    with pytest.raises(LablineError, match="known: none"):
        registry.get("m@1")
    registry.register("m", "BaseRate()", {}, SIGNER)
    with pytest.raises(LablineError, match=r"LL-MODEL-UNKNOWN[^@]+m@2\n.*known: m@1"):
        registry.get("m@2")


# The environment


def test_the_environments_digest_changes_with_each_of_its_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = environment.environment()
    digests = {environment.environment_digest()}
    for name in known:
        environment.environment_digest.cache_clear()
        monkeypatch.setattr(environment, "environment", lambda n=name: {**known, n: "other"})
        digests.add(environment.environment_digest())
    monkeypatch.undo()
    environment.environment_digest.cache_clear()
    assert len(digests) == 1 + len(known)
    assert environment.environment_digest() in digests
    assert all(len(digest) == 16 for digest in digests)
