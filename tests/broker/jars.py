"""Programs in Java that only tests need, from Maven Central: fetched once, as the broker is."""

import shutil
from pathlib import Path

from labline.engine.broker.servers.jars import Package, kept_or_fetched

# Resolved together: what is named first decides on versions, as in a pom.
FETCH = """
import json, sys, jgo
print(json.dumps([str(jar) for jar in jgo.build("+".join(sys.argv[1:])).all_jars]))
"""
SIZE_MB = 50  # about


def fetched(folder: str, *coordinates: str) -> list[Path]:
    """Return the jars of these coordinates, and those that they need."""
    return kept_or_fetched(
        Package(
            title=folder,
            folder=folder,
            coordinates=list(coordinates),
            size_mb=SIZE_MB,
            script=FETCH,
            place=_place,
            code="LL-BROKER-DOWNLOAD",
            instead="leave out the tests that need it",
        )
    )


def _place(jars: list[Path], folder: Path) -> None:
    for jar in jars:
        shutil.copyfile(jar, folder / jar.name)
