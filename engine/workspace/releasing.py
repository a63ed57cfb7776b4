"""Checking and releasing the schema versions of a workspace, by what its topics declare."""

from collections.abc import Iterable
from typing import NamedTuple

from labline.engine.errors import LablineError
from labline.engine.workspace.workspace import Workspace
from labline.schemas.evolution import Level, strictest
from labline.schemas.releases import Release, Subject, forbidden, release, subject_folders
from labline.topics.declaration import Topic


class Finding(NamedTuple):
    """What is wrong with a subject, or with one version of it."""

    subject: str
    version: int | None
    code: str
    message: str
    remedy: str


def topics_of(workspace: Workspace, subject: str) -> list[Topic]:
    """Return the topics whose values a subject describes."""
    return [topic for topic in workspace.topics().values() if topic.subject == subject]


def level_of(workspace: Workspace, subject: str) -> Level:
    """Return which other versions a version must get on with, for all topics that use it."""
    return strictest(topic.compatibility for topic in topics_of(workspace, subject))


def check_schemas(workspace: Workspace) -> list[Finding]:
    """Return what is wrong with any version, released or draft, of any subject."""
    findings: list[Finding] = []
    for folder in subject_folders(workspace.schemas_dir):
        try:
            subject = Subject.load(folder)
        except LablineError as error:
            findings.append(Finding(folder.name, None, error.code, error.message, error.remedy))
            continue
        level = level_of(workspace, subject.name)
        for version in subject.versions:
            if found := forbidden(subject, version, level):
                findings.append(
                    Finding(subject.name, version.version, found.code, found.message, found.remedy)
                )
    return findings


def release_drafts(workspace: Workspace, subjects: Iterable[str] | None = None) -> list[Release]:
    """Release the drafts of some subjects, or of all that topics declare; return what was new.

    All are checked before the first is released.

    Raises
    ------
    LablineError
        ``LL-SCHEMA-INCOMPATIBLE``, and all that reading a workspace's schemas raises.
    """
    if subjects is None:
        subjects = {topic.subject for topic in workspace.topics().values()}
        for topic in workspace.topics().values():
            workspace.subject_of(topic)  # or it says which topic names what is not there
    folders = [workspace.schemas_dir / subject for subject in sorted(subjects)]
    for folder in folders:
        subject = Subject.load(folder)
        for draft in subject.drafts:
            if found := forbidden(subject, draft, level_of(workspace, subject.name)):
                raise found
    done = [each for f in folders for each in release(f, level_of(workspace, f.name))]
    workspace.forget_schemas()
    return done
