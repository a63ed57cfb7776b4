"""A user's folder: ``labline.toml``, ``schemas/``, ``topics/``, ``lines/``, ``experiments/``."""

import os
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from labline.engine.core.line import Line
from labline.engine.errors import AbsentError, LablineError
from labline.engine.workspace.settings import SETTINGS_FILE, Settings
from labline.schemas.avro import Schema
from labline.schemas.releases import Subject, draft_error, subject_folders
from labline.topics.declaration import Topic

if TYPE_CHECKING:
    from labline.engine.broker.registry.schema_registry import SchemaRegistry
    from labline.engine.models.control.configuration import SpecOf

BOOTSTRAP_VARIABLE = "LABLINE_BOOTSTRAP_SERVERS"
REGISTRY_VARIABLE = "LABLINE_SCHEMA_REGISTRY"
STATE_FOLDER = ".labline"


class Workspace:
    """The declarations of one workspace, read when they are asked for.

    Parameters
    ----------
    root
        The folder that holds ``labline.toml``.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._subjects: dict[str, Subject] = {}

    @classmethod
    def find(cls, start: Path | None = None) -> Self:
        """Return the workspace that `start` (default: the current folder) is in.

        Raises
        ------
        LablineError
            ``LL-WORKSPACE-MISSING`` when neither it nor a folder above is one.
        """
        begin = (start or Path.cwd()).resolve()
        for folder in (begin, *begin.parents):
            if (folder / SETTINGS_FILE).is_file():
                return cls(folder)
        raise LablineError(
            "LL-WORKSPACE-MISSING",
            f"no {SETTINGS_FILE} in {begin} or a folder above it",
            "go into a workspace, name one with -w DIR, or make one: labline init DIR",
        )

    @property
    def state_dir(self) -> Path:
        """Where the embedded broker and what can be made again are kept."""
        return self.root / STATE_FOLDER

    @property
    def schemas_dir(self) -> Path:
        """Where each schema has a folder of its versions."""
        return self.root / "schemas"

    @property
    def keys_dir(self) -> Path:
        """Where the public keys lie whose signatures count here; kept in git."""
        return self.root / "keys"

    @property
    def private_key(self) -> Path:
        """Where the operator's signing key lies; never in git."""
        return self.state_dir / "keys" / "operator.pem"

    @property
    def snapshot_key(self) -> Path:
        """Where the key lies that vouches for snapshots; all hosts of a factory share it."""
        return self.state_dir / "keys" / "snapshots.key"

    @property
    def snapshots(self) -> str:
        """Where scorers keep snapshots of their state."""
        return self.settings.snapshots or str(self.state_dir / "snapshots")

    @property
    def models_dir(self) -> Path:
        """Where the registry keeps signed model versions."""
        return self.root / "models"

    @cached_property
    def settings(self) -> Settings:
        """What ``labline.toml`` says."""
        return Settings.load(self.root / SETTINGS_FILE)

    def topics(self) -> dict[str, Topic]:
        """Return the declared topics by name."""
        topics: dict[str, Topic] = {}
        for path in sorted((self.root / "topics").glob("*.toml")):
            topic = Topic.load(path)
            _once(topic.name, topics, path)
            topics[topic.name] = topic
        return topics

    def topic_of(self, topic: str | Topic) -> Topic:
        """Return a declared topic by its name."""
        if isinstance(topic, str):
            topics = self.topics()
            topic = topics[known(topic, topics, "TOPIC", "topics/")]
        return topic

    def subject_of(self, topic: str | Topic) -> Subject:
        """Return the versions of a declared topic's schema."""
        topic = self.topic_of(topic)
        if topic.subject not in self._subjects:
            folders = {folder.name: folder for folder in subject_folders(self.schemas_dir)}
            if topic.subject not in folders:
                raise LablineError(
                    "LL-SCHEMA-MISSING",
                    f"topic {topic.name} names the schema {topic.subject}, which is not there",
                    f"put it into schemas/{topic.subject}/v1.avsc or mend the name",
                )
            self._subjects[topic.subject] = Subject.load(folders[topic.subject])
        return self._subjects[topic.subject]

    def subjects(self) -> list[Subject]:
        """Return every subject in ``schemas/``, so also of topics not declared here."""
        return [Subject.load(folder) for folder in subject_folders(self.schemas_dir)]

    def schema_of(self, topic: str | Topic) -> Schema:
        """Return the latest version of a declared topic's schema: what reads its records."""
        topic = self.topic_of(topic)
        return self.subject_of(topic).latest.schema.written_as(topic.format)

    def released_schema_of(self, topic: str | Topic) -> Schema:
        """Return the latest version of a topic's schema to write records with.

        Raises
        ------
        LablineError
            ``LL-SCHEMA-DRAFT`` when it is not released yet.
        """
        latest = self.subject_of(topic).latest
        if not latest.released:
            raise draft_error(latest)
        return self.schema_of(topic)

    def forget_schemas(self) -> None:
        """Read schemas anew when they are asked for again."""
        self._subjects.clear()

    def schemas(self) -> list[Schema]:
        """Return every version of every schema, so also of topics not declared here."""
        return [release.schema for subject in self.subjects() for release in subject.versions]

    def lines(self) -> dict[str, Line]:
        """Return the declared lines by name."""
        lines: dict[str, Line] = {}
        for path in sorted((self.root / "lines").glob("*.toml")):
            line = Line.parse(_text(path), f"lines/{path.name}")
            _once(line.name, lines, path)
            lines[line.name] = line
        return lines

    def line(self, name: str) -> Line:
        """Return a declared line."""
        lines = self.lines()
        return lines[known(name, lines, "LINE", "lines/")]

    def experiment_path(self, name: str) -> Path:
        """Return the file of an experiment."""
        folder = self.root / "experiments"
        paths = {p.stem: p for p in sorted(folder.glob("*")) if p.suffix in (".toml", ".yaml")}
        return paths[known(name, paths, "EXPERIMENT", "experiments/")]

    def bootstrap(self, option: str | None = None) -> str:
        """Return which Kafka to talk to.

        The command's option, the variable ``LABLINE_BOOTSTRAP_SERVERS``, ``labline.toml``, the
        embedded broker of this workspace: the first that is there.
        """
        # only here: the others need no Java side
        from labline.engine.broker.servers.embedded import find

        if named := option or os.environ.get(BOOTSTRAP_VARIABLE) or self.settings.bootstrap:
            return named
        running = find(self.state_dir)
        if running is not None:
            return running.bootstrap
        raise no_broker()

    def registry(self) -> "SchemaRegistry | None":
        """Return the schema registry to ask; None when none was named, nor started here.

        The variable ``LABLINE_SCHEMA_REGISTRY``, ``labline.toml``, the embedded one of this
        workspace: the first that is there. It may be away: what it told before, it tells again.
        """
        from labline.engine.broker.registry.registry_connection import AUTH_VARIABLE
        from labline.engine.broker.registry.schema_registry import SchemaRegistry
        from labline.engine.broker.servers import apicurio

        told = os.environ.get(REGISTRY_VARIABLE) or self.settings.schema_registry
        if told:
            folder = self.state_dir / "known-schemas"
            return SchemaRegistry(told, folder, os.environ.get(AUTH_VARIABLE))
        url = apicurio.last_url(self.state_dir)
        return SchemaRegistry(url, apicurio.known_folder(self.state_dir)) if url else None

    def writers_of(self, topics: Iterable[str | None]) -> list[Schema]:
        """Return every released version of the schemas of topics: records of all are read."""
        return [
            version.schema
            for topic in topics
            if topic is not None
            for version in self.subject_of(topic).versions
            if version.released
        ]

    def spec_of(self) -> "SpecOf":
        """Return what makes a configuration of a revision, with what the registry knows."""
        from functools import partial

        from labline.engine.broker.registry.schema_registry import Writers
        from labline.engine.models.control.configuration import spec_of

        registry = self.registry()
        if registry is None:
            return spec_of
        return partial(spec_of, writers_of=partial(Writers, registry=registry))


def bootstrap_anywhere(option: str | None, start: Path | None = None) -> str:
    """Return which Kafka to talk to, for commands that need no workspace."""
    if named := option or os.environ.get(BOOTSTRAP_VARIABLE):
        return named
    try:
        workspace = Workspace.find(start)
    except LablineError as error:
        raise no_broker() from error
    return workspace.bootstrap()


def no_broker() -> LablineError:
    """Return the error of not knowing any broker."""
    return LablineError(
        "LL-BROKER-UNKNOWN",
        "no Kafka was named and none runs here",
        f"labline up starts one; or --bootstrap HOST:PORT, {BOOTSTRAP_VARIABLE}, "
        f"or bootstrap in {SETTINGS_FILE}",
    )


def known(name: str, names: Iterable[str], what: str, place: str) -> str:
    """Return `name` when it is one of `names`.

    Raises
    ------
    LablineError
        ``LL-<what>-UNKNOWN``, with the nearest known name.

    Examples
    --------
    >>> known("delais", ["delays"], "LINE", "lines/")
    Traceback (most recent call last):
    ...
    labline.engine.errors.AbsentError: LL-LINE-UNKNOWN: no line 'delais' in lines/
      remedy: did you mean delays?
    """
    known_names = sorted(names)
    if name in known_names:
        return name
    near = get_close_matches(name, known_names, n=1)
    if near:
        remedy = f"did you mean {near[0]}?"
    elif known_names:
        remedy = f"there is {', '.join(known_names[:10])}"
    else:
        remedy = f"nothing is in {place} yet"
    raise AbsentError(f"LL-{what}-UNKNOWN", f"no {what.lower()} {name!r} in {place}", remedy)


def _once(name: str, names: Iterable[str], path: Path) -> None:
    """Refuse a name declared by two files."""
    if name in names:
        raise LablineError(
            "LL-FILE-TWICE",
            f"{path.parent.name}/{path.name} declares {name!r}, as another file there does",
            "give each its own name",
        )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LablineError(
            "LL-FILE-SYNTAX", f"{path.name}: {error}", "make it a readable UTF-8 text"
        ) from error
