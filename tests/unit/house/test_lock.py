"""The lock fits pyproject.toml, names no address, and leaves nothing unhashed."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[3]
LOCK = (ROOT / "requirements.lock").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
REMEDY = "run make lock"
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", re.MULTILINE)


def required() -> Iterator[Requirement]:
    project = PROJECT["project"]
    texts = [*PROJECT["build-system"]["requires"], *project["dependencies"]]
    for extra in project["optional-dependencies"].values():
        texts += extra
    for requirement in map(Requirement, texts):
        if canonicalize_name(requirement.name) != project["name"]:  # extras made of extras
            yield requirement


def locked() -> dict[str, list[Version]]:
    """Return the versions of each package: several where platforms differ."""
    versions: dict[str, list[Version]] = {}
    for name, version in PINNED.findall(LOCK):
        versions.setdefault(canonicalize_name(name), []).append(Version(version))
    return versions


@pytest.mark.parametrize("requirement", list(required()), ids=str)
def test_every_requirement_is_locked_within_its_range(requirement: Requirement) -> None:
    versions = locked().get(canonicalize_name(requirement.name))
    assert versions, f"{requirement.name} is not in requirements.lock: {REMEDY}"
    outside = [str(v) for v in versions if v not in requirement.specifier]
    assert not outside, f"{requirement} is locked at {outside}: {REMEDY}"


def test_extras_of_requirements_are_locked() -> None:
    # aiokafka's extras are the compressions; a publisher's choice must not stop a worker
    assert "cramjam" in locked()


def test_the_lock_names_no_address_and_not_ourselves() -> None:
    assert "://" not in LOCK
    assert not re.search(r"^(-|/|\.)", LOCK, re.MULTILINE)
    assert PROJECT["project"]["name"] not in locked()


def test_everything_locked_has_a_hash() -> None:
    entries = [e for e in re.split(r"^(?=[A-Za-z0-9])", LOCK, flags=re.MULTILINE) if "==" in e]
    assert len(entries) > len(list(required()))
    bare = [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry]
    assert bare == []


def test_what_an_editable_install_builds_with_is_locked() -> None:
    assert {"hatchling", "editables"} <= set(locked())
