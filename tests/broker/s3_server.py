"""A real server that speaks S3: S3Proxy over a folder, on loopback, run by the wheel's Java."""

import secrets
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from labline.engine.broker.servers import ports
from labline.engine.broker.servers.jars import java
from labline.engine.broker.servers.java_process import java_environment
from labline.engine.broker.servers.server_properties import HOST
from tests.broker.jars import fetched

VERSION = "4.1.0"
READY_TIMEOUT_S = 60.0
POLL_S = 0.05
QUIET = '<configuration><root level="OFF"/></configuration>'


class S3Server:
    """Serves a folder's subfolders as buckets while its block runs.

    Attributes
    ----------
    environment
        What clients need to find it and to be let in.
    """

    def __init__(self, folder: Path) -> None:
        self._data, self._folder = folder / "buckets", folder
        self._port = ports.choose(None, set())
        self.environment = {
            "AWS_ENDPOINT_URL": f"http://{HOST}:{self._port}",
            "AWS_ACCESS_KEY_ID": secrets.token_hex(8),
            "AWS_SECRET_ACCESS_KEY": secrets.token_hex(16),
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def bucket(self, name: str) -> Path:
        """Make a bucket; return the folder in which its objects are files."""
        path = self._data / name
        path.mkdir(parents=True)
        return path

    def __enter__(self) -> Self:
        self._data.mkdir(parents=True, exist_ok=True)
        jars = fetched(f"s3proxy-{VERSION}", f"org.gaul:s3proxy:{VERSION}")
        settings = self._folder / "s3proxy.properties"
        settings.write_text(self._settings())
        logging = self._folder / "logback.xml"
        logging.write_text(QUIET)
        self._process = subprocess.Popen(
            [
                str(java()),
                "-Xmx256m",
                f"-Dlogback.configurationFile={logging}",
                "org.gaul.s3proxy.Main",
                "--properties",
                str(settings),
            ],
            env=java_environment(jars),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline_s = time.monotonic() + READY_TIMEOUT_S
        while not ports.answers(self._port):
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                self._stop()
                raise RuntimeError("S3Proxy did not start")
            time.sleep(POLL_S)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        self._process.kill()  # it keeps nothing in memory
        self._process.wait()

    def _settings(self) -> str:
        told = {
            "s3proxy.endpoint": self.environment["AWS_ENDPOINT_URL"],
            "s3proxy.authorization": "aws-v2-or-v4",
            "s3proxy.identity": self.environment["AWS_ACCESS_KEY_ID"],
            "s3proxy.credential": self.environment["AWS_SECRET_ACCESS_KEY"],
            "jclouds.provider": "filesystem-nio2",
            "jclouds.filesystem.basedir": str(self._data),
            "jclouds.identity": "none",
            "jclouds.credential": "none",
        }
        return "".join(f"{name}={value}\n" for name, value in told.items())
