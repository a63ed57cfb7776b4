"""The workspace's own settings: ``labline.toml``."""

import tomllib
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from labline.engine.errors import LablineError
from labline.schemas.declarations import explain

SETTINGS_FILE = "labline.toml"


class Settings(BaseModel):
    """What holds for the whole workspace.

    Attributes
    ----------
    name
        What this workspace is called.
    bootstrap
        ``host:port`` of a Kafka cluster; without it, the embedded broker of ``labline up``.
    snapshots
        Where scorers keep their state: a folder or URL (``s3://…``) that all hosts of a factory
        share; without it, a folder beside the embedded broker.
    schema_registry
        Where a schema registry answers, as ``http://host:port``; without it, the embedded one of
        ``labline up --registry``, where that was started. Credentials come by a variable.

    Examples
    --------
    >>> Settings(name="flights").bootstrap is None
    True
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")]
    bootstrap: Annotated[str, Field(min_length=1)] | None = None
    snapshots: Annotated[str, Field(min_length=1)] | None = None
    schema_registry: Annotated[str, Field(min_length=1)] | None = None

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read ``labline.toml``."""
        try:
            return cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except ValidationError as error:
            raise explain(error, path.name, cls) from error
        except (OSError, ValueError) as error:
            raise LablineError(
                "LL-FILE-SYNTAX", f"{path.name}: {error}", "mend the text at that place"
            ) from error


def workspace_folder(workspace: Path | None) -> Path:
    """Return the folder of the workspace, which need not be a workspace yet.

    Raises
    ------
    LablineError
        ``LL-WORKSPACE-MISSING`` when `workspace` is no folder.
    """
    if workspace is None:
        here = Path.cwd()
        return next((f for f in (here, *here.parents) if (f / SETTINGS_FILE).is_file()), here)
    if not workspace.is_dir():
        raise LablineError(
            "LL-WORKSPACE-MISSING",
            f"there is no folder {workspace}",
            "name an existing folder, or make a workspace with labline init",
        )
    return workspace.resolve()
