"""HTTPS with one server, as its administrator."""

from __future__ import annotations

import http.client
import json
import ssl
from pathlib import Path
from typing import Any, Final

from tests.server_process import ServerProcess
from tests.waiting import PATIENCE

ADMIN: Final = {"Authorization": "Bearer admin-token"}


def port_of(server: ServerProcess) -> int:
    """Return the port that a server listens on."""
    return int(server.url.rpartition(":")[2])


def connect(server: ServerProcess, ca: Path | None = None) -> http.client.HTTPSConnection:
    """Return a connection that trusts the server's CA, or another, and nobody else."""
    context = ssl.create_default_context(cafile=str(ca or server.ca))
    return http.client.HTTPSConnection(
        "localhost", port_of(server), context=context, timeout=PATIENCE
    )


def get(connection: http.client.HTTPSConnection, path: str) -> tuple[int, bytes]:
    """Return the status and the body of what is at a path."""
    connection.request("GET", path, headers=ADMIN)
    response = connection.getresponse()
    return response.status, response.read()


def ask(server: ServerProcess, method: str, path: str, document: Any = None) -> Any:
    """Return what is answered to a request that must succeed."""
    connection = connect(server)
    body = None if document is None else json.dumps(document)
    connection.request(method, path, body, {**ADMIN, "Content-Type": "application/json"})
    response = connection.getresponse()
    answer = response.read()
    assert response.status in (200, 201), answer
    connection.close()
    return json.loads(answer)


def create_namespace(server: ServerProcess, name: str) -> None:
    """Create a namespace: in an instant, which kubectl would take a process for."""
    ask(server, "POST", "/api/v1/namespaces", {"metadata": {"name": name}})
