"""The tests' end of the control channel: calls to the server's process, one JSON line each."""

from __future__ import annotations

import json
import socket
import threading
from typing import Any, Final

_SECONDS: Final = 60.0


class ControlFailed(Exception):
    """The server refused a call, or its process is gone."""


class ControlClient:
    """A connection to the control socket at ``path``; threads may share it.

    ``token`` proves that the caller may control the server.
    """

    def __init__(self, path: str, token: str) -> None:
        self.path = path
        self.token = token
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._lines: Any = None

    def call(self, operation: str, **arguments: Any) -> Any:
        """Call an operation and return its result. Raises ControlFailed."""
        request = {"token": self.token, "call": operation, "arguments": arguments}
        with self._lock:
            try:
                reply = self._exchange(json.dumps(request).encode() + b"\n")
            except (OSError, ValueError) as error:
                self._disconnect()
                raise ControlFailed(f"{operation}: the server does not answer: {error}") from error
        if "error" in reply:
            raise ControlFailed(f"{operation}: {reply['error']}")
        return reply["result"]

    def close(self) -> None:
        """Close the connection; the next call opens another one."""
        with self._lock:
            self._disconnect()

    def _exchange(self, request: bytes) -> dict[str, Any]:
        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._socket.settimeout(_SECONDS)
            self._socket.connect(self.path)
            self._lines = self._socket.makefile("rb")
        self._socket.sendall(request)
        line = self._lines.readline()
        if not line:
            raise ConnectionError("the connection was closed")
        reply: dict[str, Any] = json.loads(line)
        return reply

    def _disconnect(self) -> None:
        for each in (self._lines, self._socket):
            if each is not None:
                each.close()
        self._lines = self._socket = None
