"""What stands before the real registry: it counts what is asked, and adds what Apicurio lacks.

Confluent's registry names schemas by GUIDs too; Apicurio 3.3 does not, so the proxy keeps them.
"""

import http.client
import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

GUIDS = "/schemas/guids/"


class Proxy(ThreadingHTTPServer):
    """A registry's address with GUIDs, a count, and a lock on the door if wanted."""

    daemon_threads = False

    def __init__(self, registry: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind = urlsplit(registry)
        self.asked: list[tuple[str, str]] = []
        self.lets_in: str | None = None  # the only value of Authorization, when there is one
        self._ids: dict[str, int] = {}

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.server_port}"

    def passed_on(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        """Return what the registry answers, with a GUID beside each id."""
        guid = path.partition("?")[0].removeprefix(GUIDS)
        if path.startswith(GUIDS):
            path = f"/schemas/ids/{self._ids.get(guid, 2**31 - 1)}"
        connection = http.client.HTTPConnection(self.behind.netloc, timeout=10)
        try:
            headers = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
            connection.request(method, self.behind.path + path, body or None, headers)
            answer = connection.getresponse()
            status, content = answer.status, answer.read()
        finally:
            connection.close()
        document: Any = json.loads(content or b"null")
        if isinstance(document, dict) and "id" in document:
            document["guid"] = str(uuid.uuid5(uuid.NAMESPACE_OID, str(document["id"])))
            self._ids[document["guid"]] = document["id"]
        return status, json.dumps(document).encode()


class _Handler(BaseHTTPRequestHandler):
    server: Proxy

    def answer(self) -> None:
        path = self.path.partition("?")[0]
        self.server.asked.append((self.command, path))
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        wanted = self.server.lets_in
        if wanted is not None and self.headers.get("Authorization") != wanted:
            status, content = 401, b'{"error_code": 401, "message": "no"}'
        else:
            status, content = self.server.passed_on(self.command, self.path, body)
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = answer  # noqa: N815  # http.server's names

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@contextmanager
def proxy(registry: str) -> Iterator[Proxy]:
    """Stand before a registry while the block runs."""
    with Proxy(registry) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
