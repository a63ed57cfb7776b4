"""Released versions of a schema: ``<subject>/v1.avsc, v2.avsc …``, written once, then only read.

Records of a version may lie in Kafka for ever, so its file must never change again. It is
released once its digest is in ``<subject>/released.json``; until then it is a draft.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from labline.engine.disk.whole_files import write_whole
from labline.engine.errors import LablineError
from labline.schemas.avro import Schema
from labline.schemas.declarations import checked
from labline.schemas.evolution import Level, check_evolution

RELEASED_FILE = "released.json"
REASONS_SHOWN = 5

_VERSION = re.compile(r"v([1-9][0-9]{0,5})\.avsc")


class _Released(BaseModel):
    """What ``released.json`` holds: version -> SHA-256 of its file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    versions: dict[
        Annotated[str, Field(pattern=r"^[1-9][0-9]{0,5}$")],
        Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")],
    ] = {}


@dataclass(frozen=True)
class Release:
    """One version of a schema, released or still a draft."""

    subject: str
    version: int
    schema: Schema
    released: bool
    path: Path

    def __str__(self) -> str:
        return f"{self.subject}@{self.version}"


@dataclass(frozen=True)
class Subject:
    """All versions of one schema, from the first to the last."""

    name: str
    versions: tuple[Release, ...]

    @property
    def latest(self) -> Release:
        """The last version, which may be a draft."""
        return self.versions[-1]

    @property
    def drafts(self) -> tuple[Release, ...]:
        """The versions that are not released yet."""
        return tuple(release for release in self.versions if not release.released)

    def before(self, release: Release) -> list[Schema]:
        """Return the schemas of the versions before one."""
        return [older.schema for older in self.versions[: release.version - 1]]

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a subject's folder.

        Raises
        ------
        LablineError
            ``LL-SCHEMA-CHANGED`` when a released version is not what it was;
            ``LL-SCHEMA-LAYOUT`` when the versions are not v1, v2, v3 …; ``LL-SCHEMA-FILE`` or
            ``LL-SCHEMA-REFUSED`` for one that is no schema.
        """
        digests = _digests(folder)
        paths = _versions(folder)
        for number, digest in digests.items():
            path = paths.get(number)
            if path is None or _sha256(path) != digest:
                raise _changed(folder, number, "is missing" if path is None else "was changed")
        if sorted(digests) != list(range(1, len(digests) + 1)):
            raise _changed(folder, min(set(range(1, max(digests))) - set(digests)), "lost its seal")
        if not paths or sorted(paths) != list(range(1, len(paths) + 1)):
            raise _layout(f"schemas/{folder.name} does not hold v1.avsc, v2.avsc … without a gap")
        return cls(
            folder.name,
            tuple(
                Release(folder.name, number, _load(paths[number]), number in digests, paths[number])
                for number in sorted(paths)
            ),
        )


def release(folder: Path, compatibility: Level) -> list[Release]:
    """Release the drafts of a subject, if they may follow what was released, and return them.

    Raises
    ------
    LablineError
        ``LL-SCHEMA-INCOMPATIBLE``, before anything is written.
    """
    subject = Subject.load(folder)
    for draft in subject.drafts:
        if error := forbidden(subject, draft, compatibility):
            raise error
    if not subject.drafts:
        return []
    digests = {str(each.version): _sha256(each.path) for each in subject.versions}
    target = folder / RELEASED_FILE
    try:
        write_whole(target, json.dumps({"versions": digests}, indent=2) + "\n")
    except OSError as error:
        raise LablineError(
            "LL-SCHEMA-FILE", f"cannot write {_place(target)}: {error.strerror}", "make room for it"
        ) from error
    done = {draft.version for draft in subject.drafts}
    return [each for each in Subject.load(folder).versions if each.version in done]


def subject_folders(folder: Path) -> list[Path]:
    """Return the folders of the subjects in a workspace's ``schemas/``.

    Raises
    ------
    LablineError
        ``LL-SCHEMA-LAYOUT`` for schemas that lie flat, as they did before they had versions.
    """
    for flat in sorted(folder.glob("*.avsc")):
        raise LablineError(
            "LL-SCHEMA-LAYOUT",
            f"schemas/{flat.name} lies beside the folders: a schema has one for its versions",
            f"move it to schemas/{flat.stem}/v1.avsc; in topics/*.toml, "
            f'write schema = "{flat.stem}"',
        )
    return sorted(path for path in folder.glob("[!.]*") if path.is_dir())


def forbidden(subject: Subject, version: Release, level: Level) -> LablineError | None:
    """Return the error of a version that may not follow the ones before it, None when it may."""
    before = [schema.document for schema in subject.before(version)]
    reasons = check_evolution(level, version.schema.document, before)
    if not reasons:
        return None
    more = f"; and {len(reasons) - REASONS_SHOWN} more" if len(reasons) > REASONS_SHOWN else ""
    return LablineError(
        "LL-SCHEMA-INCOMPATIBLE",
        f"{_place(version.path)} breaks {level}: {'; '.join(reasons[:REASONS_SHOWN])}{more}",
        "mend it, or declare another compatibility for the topics that use it",
    )


def draft_error(draft: Release) -> LablineError:
    """Return the error of publishing with a version that may still change."""
    return LablineError(
        "LL-SCHEMA-DRAFT",
        f"{_place(draft.path)} is a draft: records of it could become unreadable",
        "labline schemas register releases it",
    )


def _digests(folder: Path) -> dict[int, str]:
    path = folder / RELEASED_FILE
    if not path.exists():
        return {}
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise LablineError(
            "LL-FILE-SYNTAX", f"{_place(path)}: {error}", "take it back from version control"
        ) from error
    released = checked(_Released, document, _place(path))
    return {int(version): digest for version, digest in released.versions.items()}


def _versions(folder: Path) -> dict[int, Path]:
    paths: dict[int, Path] = {}
    for path in sorted(folder.glob("*.avsc")):
        match = _VERSION.fullmatch(path.name)
        if match is None:
            raise _layout(f"{_place(path)} is no version")
        paths[int(match[1])] = path
    return paths


def _load(path: Path) -> Schema:
    try:
        return Schema.load(path)
    except LablineError as error:
        message = f"schemas/{path.parent.name}/{error.message}"
        raise LablineError(error.code, message, error.remedy) from error


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise LablineError(
            "LL-SCHEMA-FILE", f"{_place(path)}: {error.strerror}", "mend it"
        ) from error


def _place(path: Path) -> str:
    """Return a version's path as a person finds it in the workspace."""
    return f"schemas/{path.parent.name}/{path.name}"


def _layout(message: str) -> LablineError:
    return LablineError(
        "LL-SCHEMA-LAYOUT", message, "name a subject's versions v1.avsc, v2.avsc, v3.avsc …"
    )


def _changed(folder: Path, version: int, what: str) -> LablineError:
    return LablineError(
        "LL-SCHEMA-CHANGED",
        f"schemas/{folder.name}/v{version}.avsc {what}, but it is released: "
        "records written with it may be anywhere",
        "take it back from version control, and put what is new into a new version",
    )
