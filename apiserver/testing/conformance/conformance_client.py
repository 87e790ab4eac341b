"""Api: a client for any server, with full control over each request."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email.message import Message
from pathlib import Path
from typing import Any, Final, Literal, TypeVar
from urllib.parse import quote, urlsplit

from apiserver.client.kubeconfig_file import load_kubeconfig

T = TypeVar("T")

JSON: Final = "application/json"
YAML: Final = "application/yaml"
PROTOBUF: Final = "application/vnd.kubernetes.protobuf"
JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH: Final = "application/strategic-merge-patch+json"
APPLY_PATCH: Final = "application/apply-patch+yaml"
_SECONDS: Final = 30.0
_PAUSE: Final = 0.05


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request."""

    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        """The body as a document."""
        return json.loads(self.body)

    @property
    def warnings(self) -> str:
        """The header Warning."""
        return ", ".join(self.headers.get_all("Warning", []))


@dataclass(frozen=True, slots=True)
class Api:
    """A client of one user; ``headers`` are sent with every request."""

    url: str
    context: ssl.SSLContext
    headers: Mapping[str, str] = field(default_factory=dict)

    def send(
        self, method: str, path: str, body: Any = None, content_type: str = JSON, accept: str = JSON
    ) -> Answer:
        """Send a request, with a body that is bytes or a document; return the answer."""
        connection = self._connection()
        try:
            response = self._sent(connection, method, path, body, content_type, accept)
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, path: str, accept: str = JSON) -> Answer:
        """GET a path."""
        return self.send("GET", path, accept=accept)

    def read(self, path: str) -> Any:
        """Return the document at a path, which must be there."""
        answer = self.get(path)
        assert answer.status == 200, answer.body
        return answer.json

    def make(self, path: str, document: Any) -> Any:
        """Create an object, which must succeed; return it."""
        answer = self.send("POST", path, document)
        assert answer.status == 201, answer.body
        return answer.json

    @contextmanager
    def watch(self, path: str) -> Iterator[Iterator[Any]]:
        """Yield the events of a watch, which ends with the block."""
        connection = self._connection()
        try:
            response = self._sent(connection, "GET", path, None, JSON, JSON)
            assert response.status == 200, response.read()
            yield map(json.loads, iter(response.readline, b""))
        finally:
            connection.close()

    def impersonating(self, user: str) -> Api:
        """Return a client that acts as another user."""
        return replace(self, headers={**self.headers, "Impersonate-User": user})

    def wait_for(self, condition: Callable[[], T | Literal[False]]) -> T:
        """Return the first value of a condition that is true; it must come in 30 seconds."""
        deadline = time.monotonic() + _SECONDS
        while not (found := condition()):
            assert time.monotonic() < deadline, "waited for too long"
            time.sleep(_PAUSE)
        return found

    def _connection(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.url)
        host, port = parts.hostname or "", parts.port
        if parts.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=_SECONDS)
        return http.client.HTTPSConnection(host, port, timeout=_SECONDS, context=self.context)

    def _sent(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: Any,
        content_type: str,
        accept: str,
    ) -> http.client.HTTPResponse:
        headers = {"Accept": accept, "User-Agent": "conformance/1.0", **self.headers}
        data = body
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            headers["Content-Type"] = content_type
        connection.request(method, urlsplit(self.url).path.rstrip("/") + path, data, headers)
        return connection.getresponse()


def connect(server: str, token: str, kubeconfig: str) -> Api:
    """Return a client of the current context of a kubeconfig, or of a URL.

    A server that is given by its URL alone is not verified. Raises KubeconfigError and OSError.
    """
    if not kubeconfig:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return Api(server.rstrip("/"), context, headers)
    found = load_kubeconfig(Path(kubeconfig).expanduser())
    context = ssl.create_default_context(cadata=found.server.ca_bundle or None)
    if found.credentials.load is not None:
        found.credentials.load(context)
    authorization = f"Bearer {token}" if token else found.credentials.current_authorization()
    headers = {"Authorization": authorization} if authorization else {}
    return Api(server.rstrip("/") or found.server.url, context, headers)


def selecting(**parameters: str) -> str:
    """Return a query string."""
    return "?" + "&".join(f"{name}={quote(value)}" for name, value in parameters.items())
