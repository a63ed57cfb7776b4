"""A connection to a schema registry: bounded in time, plain in errors, silent about secrets.

`SchemaRegistry` passes every request through `ask`, and gets the answer or a `Refusal`. A registry
that is away is an error that passes by itself; credentials appear in no message.
"""

import weakref
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from labline.engine.errors import LablineError, PassingError

TIMEOUT_S = 5.0  # of one try; there are two
RETRY_MS = 200
AUTH_VARIABLE = "LABLINE_SCHEMA_REGISTRY_AUTH"
MESSAGE_MAX_CHARACTERS = 300

T = TypeVar("T")


class Refusal(NamedTuple):
    """What a registry answers instead of what it was asked for.

    Attributes
    ----------
    status
        The status of HTTP.
    code
        Confluent's own error code; -1 without one.
    """

    status: int
    code: int
    message: str


class RegistryConnection:
    """What asks a registry.

    Parameters
    ----------
    url
        Where it answers; without credentials.
    auth
        ``user:secret``.
    """

    def __init__(self, url: str, auth: str | None) -> None:
        self.url = _checked(url)
        if auth is not None and ":" not in auth:
            raise LablineError(
                "LL-REGISTRY-AUTH",
                "the schema registry's credentials have no colon",
                f"{AUTH_VARIABLE}=user:secret",
            )
        self._auth = auth
        self._client: Any = None  # confluent-kafka's types lack half of it

    def __reduce__(self) -> tuple[type["RegistryConnection"], tuple[str, str | None]]:
        return RegistryConnection, (self.url, self._auth)  # another process connects by itself

    def ask(self, call: Callable[[Any], T]) -> T | Refusal:
        """Return what the registry answers to confluent-kafka's client.

        Raises
        ------
        LablineError
            ``LL-REGISTRY-AWAY``, ``-AUTH``, ``-ANSWER`` or ``-EXTRA``.
        """
        client = self._connected()
        import httpx2
        from confluent_kafka.schema_registry import SchemaRegistryError

        try:
            return call(client)
        except httpx2.HTTPError as error:
            raise self._away(type(error).__name__) from None  # its text may quote the request
        except SchemaRegistryError as error:
            status = int(error.http_status_code)
            if status in (401, 403):
                raise self._unauthorized(status) from None
            if status in (408, 429) or status >= 500:
                raise self._away(f"HTTP status {status}") from None
            message = str(error.error_message)[:MESSAGE_MAX_CHARACTERS]
            return Refusal(status, error.error_code or -1, message)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise self.strange("no JSON of its API") from error

    def strange(self, reason: str) -> LablineError:
        """Return the error of an answer that no registry gives."""
        return LablineError(
            "LL-REGISTRY-ANSWER",
            f"what answers at {self.url} is no schema registry: {reason}",
            "mend the address; some registries have theirs under a path, as /apis/ccompat/v7",
        )

    def _connected(self) -> Any:
        if self._client is None:
            try:
                from confluent_kafka.schema_registry import SchemaRegistryClient
            except ImportError as missing:
                raise LablineError(
                    "LL-REGISTRY-EXTRA",
                    "a schema registry needs the extra 'registry', which is not installed",
                    'pip install "labline[registry]"',
                ) from missing
            settings: dict[str, Any] = {
                "url": self.url,
                "timeout": TIMEOUT_S,  # without it the client waits for ever
                "max.retries": 1,
                "retries.wait.ms": RETRY_MS,
            }
            if self._auth is not None:
                settings["basic.auth.user.info"] = self._auth
            self._client = SchemaRegistryClient(settings)
            weakref.finalize(self, self._client.close)  # its sockets go when we do
        return self._client

    def _away(self, reason: str) -> PassingError:
        return PassingError(
            "LL-REGISTRY-AWAY",
            f"the schema registry at {self.url} does not answer: {reason}",
            "start it (the embedded one: labline up --registry) or mend its address; "
            "NO_PROXY names what a proxy is not for",
        )

    def _unauthorized(self, status: int) -> LablineError:
        return LablineError(
            "LL-REGISTRY-AUTH",
            f"the schema registry at {self.url} does not let us in: HTTP status {status}",
            f"{AUTH_VARIABLE}=user:secret",
        )


def _checked(urls: str) -> str:
    for url in urls.split(","):
        try:
            parts = urlsplit(url.strip())
            named, whole = bool(parts.username or parts.password), bool(parts.hostname)
            whole = whole and parts.scheme in ("http", "https") and parts.port != 0
        except ValueError:  # such as a port that is no number
            named = whole = False
        if named:
            raise LablineError(
                "LL-REGISTRY-URL",
                "the schema registry's address has credentials in it",
                f"take them out; {AUTH_VARIABLE}=user:secret is the place for them",
            )
        if not whole:
            raise LablineError(
                "LL-REGISTRY-URL",
                f"{url!r} is no address of a schema registry",
                "write it as http://HOST:PORT",
            )
    return urls
