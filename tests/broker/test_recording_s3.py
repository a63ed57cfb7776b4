from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic

from labline.engine.broker.clients import admin_client, producer_config
from labline.engine.core.record import Record
from labline.engine.errors import LablineError
from labline.lab_replay.recordings.container import BLOCK_RECORDS
from labline.lab_replay.recordings.recorder import record
from labline.lab_replay.recordings.recording import Recording
from tests.broker.s3_server import S3Server

pytestmark = pytest.mark.broker

COUNT = 3 * BLOCK_RECORDS
VALUE = b"x" * 1_500  # so that a file is more than one part of an upload


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with S3Server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def bucket(server: S3Server, name: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    s3fs = pytest.importorskip("s3fs")
    for variable, value in server.environment.items():
        monkeypatch.setenv(variable, value)
    s3fs.S3FileSystem.clear_instance_cache()
    return server.bucket(name)


@pytest.fixture
def topic(broker: str, name: str) -> str:
    admin = admin_client(broker)  # its futures end with it
    admin.create_topics([NewTopic(f"{name}.t", 1, 1)])[f"{name}.t"].result(30)
    producer = Producer(producer_config(broker))
    for n in range(COUNT):
        producer.produce(f"{name}.t", VALUE + b"%d" % n, b"k%d" % n, 0)
        producer.poll(0)
    assert producer.flush(60) == 0
    return f"{name}.t"


def held(recording: Recording, topic: str) -> list[Record]:
    return [record for batch in recording.records(topic, 0) for record in batch]


def test_a_bucket_holds_what_a_folder_holds(
    broker: str, topic: str, bucket: Path, tmp_path: Path
) -> None:
    url = f"s3://{bucket.name}/recordings/one"

    def interrupt(offsets: int) -> None:
        if offsets:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record(broker, [topic], url, progress=interrupt)
    with pytest.raises(LablineError, match="LL-RECORDING-UNFINISHED"):
        Recording.open(url)
    assert record(broker, [topic], url) == record(broker, [topic], tmp_path / "one")
    recording = Recording.open(url)
    assert held(recording, topic) == held(Recording.open(tmp_path / "one"), topic)
    with pytest.raises(LablineError, match="LL-RECORDING-EXISTS"):
        record(broker, [topic], url)
    file = bucket / "recordings" / "one" / topic / "0.avro"
    content = bytearray(file.read_bytes())
    content[-500] ^= 1
    file.write_bytes(content)
    batches = recording.records(topic, 0)
    assert [len(next(batches)) for _ in range(2)] == [len(b) for b in _first_two(recording, topic)]
    with pytest.raises(LablineError, match=f"offsets .* to {COUNT - 1} "):
        list(batches)


def _first_two(recording: Recording, topic: str) -> list[list[Record]]:
    batches = recording.records(topic, 0)
    return [next(batches), next(batches)]


def test_a_store_that_does_not_serve_is_told_without_secrets(
    server: S3Server, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import s3fs

    with pytest.raises(LablineError, match="LL-RECORDING-MISSING"):
        Recording.open(f"s3://{bucket.name}/nothing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(LablineError, match="LL-RECORDING-STORE") as caught:
        Recording.open(f"s3://{bucket.name}/nothing")
    assert server.environment["AWS_SECRET_ACCESS_KEY"] not in str(caught.value)
