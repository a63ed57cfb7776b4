"""The examples in Java, compiled and run on the wheel's JDK with jars from Maven Central."""

import os
import subprocess
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

from labline.engine.broker.servers.jars import java
from tests.broker.jars import fetched

EXAMPLES = Path(__file__).parents[2] / "examples" / "java"
POM = {"m": "http://maven.apache.org/POM/4.0.0"}
# The wheel carries a Java without javac; Eclipse's compiler needs no more than that to run.
COMPILER = "org.eclipse.jdt:ecj:3.46.100"
LEVEL = "-17"  # the pom's; `--release` needs files that only a JDK has
TIMEOUT_S = 120


class Done(NamedTuple):
    """How a program ended, and what it said."""

    code: int
    out: str
    err: str


class Programs:
    """The compiled examples."""

    def __init__(self, classes: Path) -> None:
        self._class_path = os.pathsep.join(map(str, [classes, *libraries()]))

    def run(self, name: str, *arguments: str | Path) -> Done:
        """Run a program to its end."""
        return _java("-XX:TieredStopAtLevel=1", "-cp", self._class_path, name, *arguments)


def compiled(classes: Path) -> Programs:
    """Compile the examples as their README says; the compiler must have nothing to remark."""
    (ecj,) = fetched("ecj", COMPILER)
    jars, sources = os.pathsep.join(map(str, libraries())), sorted(EXAMPLES.glob("*.java"))
    done = _java("-jar", ecj, LEVEL, "-cp", jars, "-d", classes, *sources)
    assert done == (0, "", "")
    return Programs(classes)


def dependencies() -> list[str]:
    """Return what the examples' pom asks for, as ``group:artifact:version``."""
    pom = ET.parse(EXAMPLES / "pom.xml")  # noqa: S314  # a file of this repository
    return [
        ":".join(found.findtext(f"m:{part}", "", POM) for part in PARTS)
        for found in pom.iterfind("m:dependencies/m:dependency", POM)
    ]


PARTS = ("groupId", "artifactId", "version")


def libraries() -> list[Path]:
    """Return the examples' jars, and those that they need."""
    return fetched("java-examples", *dependencies())


def _java(*arguments: str | Path) -> Done:
    done = subprocess.run(
        [str(java()), "-Xmx256m", *map(str, arguments)],
        capture_output=True, text=True, check=False, timeout=TIMEOUT_S, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return Done(done.returncode, done.stdout, done.stderr)
