"""Requests of the harness itself, as an administrator. No fault hits them, no log shows them."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from typing import Any, Final
from urllib.parse import urlsplit

from apiserver.testing.harness_agent import USER_AGENT

_SECONDS: Final = 60.0
_PATCH: Final = "application/merge-patch+json"
_APPLY: Final = "application/apply-patch+yaml"


class RequestRefused(Exception):
    """The server answered with a Status of a failure: ``code``, and the whole ``status``."""

    def __init__(self, method: str, path: str, code: int, status: Any) -> None:
        message = status.get("message", "") if isinstance(status, dict) else status
        super().__init__(f"{method} {path}: {code}: {message}")
        self.code = code
        self.status = status


class RestClient:
    """One connection to a server, kept open; threads may share it."""

    def __init__(self, url: str, authority: str, token: str) -> None:
        parts = urlsplit(url)
        self._context = ssl.create_default_context(cadata=authority)
        self._connection = http.client.HTTPSConnection(
            parts.hostname or "", parts.port, timeout=_SECONDS, context=self._context
        )
        self._token = token
        self._lock = threading.Lock()

    def request(self, method: str, path: str, body: Any = None, content_type: str = "") -> Any:
        """Send a request with a JSON body; return the document of the answer.

        The content type of a PATCH is a merge patch's, if no other one is given. Raises
        RequestRefused for every status from 400.
        """
        headers = {"Authorization": f"Bearer {self._token}", "User-Agent": USER_AGENT}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            usual = _PATCH if method == "PATCH" else "application/json"
            headers["Content-Type"] = content_type or usual
        with self._lock:
            code, answer = self._send(method, path, data, headers)
        document = json.loads(answer) if answer.startswith((b"{", b"[")) else answer.decode()
        if code >= http.client.BAD_REQUEST:
            raise RequestRefused(method, path, code, document)
        return document

    def apply(self, path: str, document: Any, manager: str) -> Any:
        """Apply a document, server-side and by force. Raises RequestRefused."""
        where = f"{path}?fieldManager={manager}&force=true"
        return self.request("PATCH", where, document, _APPLY)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    def _send(
        self, method: str, path: str, data: bytes | None, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        idle = self._connection.sock is not None
        try:
            return self._exchange(method, path, data, headers)
        except (ConnectionError, ssl.SSLError, http.client.HTTPException):
            self._connection.close()
            if not idle:
                raise
            # The server closes connections that have been idle for long.
            return self._exchange(method, path, data, headers)

    def _exchange(
        self, method: str, path: str, data: bytes | None, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        self._connection.request(method, path, data, headers)
        response = self._connection.getresponse()
        return response.status, response.read()
