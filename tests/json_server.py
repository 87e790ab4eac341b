"""A server of JSON documents over TLS, in threads of the test: an issuer, or a webhook."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeAlias

from tests.unit.client.webhook_server import make_certificate

#: Answers a path, headers and a document (None for a GET) with a document, or bytes as they are.
Respond: TypeAlias = Callable[[str, dict[str, str], Any], Any]


@dataclass(frozen=True, slots=True)
class JSONServer:
    """A running server, and the file with its certificate."""

    url: str
    certificate: Path


@contextmanager
def serving_json(directory: Path, respond: Respond) -> Iterator[JSONServer]:
    """Serve what ``respond`` returns while the block runs."""
    made = make_certificate("127.0.0.1")
    both, certificate = directory / "json-server.pem", directory / "json-server.crt"
    both.write_text(made.key + made.pem)
    certificate.write_text(made.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            self.request = context.wrap_socket(self.request, server_side=True)
            super().setup()

        def do_GET(self) -> None:
            self._answer(None)

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, document: Any) -> None:
            answer = respond(self.path, dict(self.headers.items()), document)
            body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield JSONServer(f"https://127.0.0.1:{server.server_port}", certificate)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: Any) -> None:
        # A client has closed its connection.
        pass
