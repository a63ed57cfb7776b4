"""Model versions as signed manifests in the workspace: ``models/<name>/<N>.json``, append-only."""

import hashlib
import re
from pathlib import Path
from typing import Any

from labline.engine.disk.whole_files import create_whole
from labline.engine.errors import LablineError
from labline.engine.models.control.control import ModelRef
from labline.engine.models.control.envelope import seal, unseal
from labline.engine.models.control.signing import PublicKeys, Signer
from labline.engine.models.recipes.functions import is_name, refuse_name

FORMAT = 1
KIND = "model"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
LABEL = re.compile(rf"({NAME.pattern})@([1-9][0-9]{{0,8}})")


class Registry:
    """The model versions of a workspace.

    Parameters
    ----------
    folder
        The workspace's ``models/``.
    keys
        Whose signatures count.
    """

    def __init__(self, folder: Path, keys: PublicKeys) -> None:
        self._folder = folder
        self._keys = keys

    def register(self, name: str, recipe: str, lineage: dict[str, Any], signer: Signer) -> ModelRef:
        """Write a new version, or return the newest when recipe and lineage are the same.

        Raises
        ------
        LablineError
            ``LL-RECIPE`` for a function's name: there is nothing that a signature could vouch for.
        """
        if is_name(recipe):
            raise refuse_name(recipe)
        if not NAME.fullmatch(name):
            raise LablineError(
                "LL-MODEL-NAME", f"{name!r} is no model name", "small letters, digits, . _ -"
            )
        versions = self.versions(name)
        if versions:
            newest = self._read(name, versions[-1])
            if newest["recipe"] == recipe and newest["lineage"] == lineage:
                return self.get(f"{name}@{versions[-1]}")
        version = versions[-1] + 1 if versions else 1
        manifest = {
            "format": FORMAT,
            "name": name,
            "version": version,
            "recipe": recipe,
            "state": None,  # cold: the factory learns it from the log's start
            "lineage": lineage,
        }
        create_whole(self._path(name, version), seal(KIND, manifest, signer))
        return self.get(f"{name}@{version}")

    def get(self, label: str) -> ModelRef:
        """Return the version called ``name@N``, its signature checked.

        Raises
        ------
        LablineError
            ``LL-MODEL-UNKNOWN`` or ``LL-MODEL-SIGNATURE``.
        """
        match = LABEL.fullmatch(label)
        if not match:
            raise LablineError(
                "LL-MODEL-NAME", f"{label!r} is no model version", "write NAME@N, such as delay@1"
            )
        name, version = match[1], int(match[2])
        manifest = self._read(name, version)
        sha256 = hashlib.sha256(self._path(name, version).read_bytes()).hexdigest()
        return ModelRef(name, version, manifest["recipe"], sha256)

    def names(self) -> list[str]:
        """Return the names of all models."""
        return sorted(path.name for path in self._folder.glob("*") if path.is_dir())

    def versions(self, name: str) -> list[int]:
        """Return a model's version numbers in order."""
        found = (self._folder / name).glob("*.json")
        return sorted(int(path.stem) for path in found if path.stem.isdecimal())

    def manifest(self, label: str) -> dict[str, Any]:
        """Return a version's manifest, its signature checked."""
        reference = self.get(label)
        return self._read(reference.name, reference.version)

    def _path(self, name: str, version: int) -> Path:
        return self._folder / name / f"{version}.json"

    def _read(self, name: str, version: int) -> dict[str, Any]:
        path = self._path(name, version)
        if not path.is_file():
            known = ", ".join(f"{n}@{v}" for n in self.names() for v in self.versions(n)) or "none"
            raise LablineError(
                "LL-MODEL-UNKNOWN",
                f"there is no model version {name}@{version}",
                f"labline lab run EXPERIMENT registers versions; known: {known}",
            )
        manifest = unseal(KIND, path.read_bytes(), self._keys)
        if isinstance(manifest, str):
            raise LablineError(
                "LL-MODEL-SIGNATURE",
                f"{name}@{version} is void: {manifest}",
                "register it again with a key of this workspace",
            )
        if manifest.get("format") != FORMAT or (manifest["name"], manifest["version"]) != (
            name,
            version,
        ):
            raise LablineError(
                "LL-MODEL-SIGNATURE",
                f"{name}@{version} holds another version's manifest, or a newer format",
                "restore the file from git",
            )
        return manifest
