"""The program ``etcd`` of the assets for envtest: it keeps a place for data, and no data.

envtest starts an etcd, waits for its ``/health``, hands its address to the API server and ends it
with SIGTERM. The API server of the assets stores its objects in SQLite, in the data directory of
this program, which it asks for at ``/version``. So a restarted API server finds its objects, and
envtest removes them with the directory of its etcd.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer
from typing import Final
from urllib.parse import urlsplit

#: What ``/version`` answers as the version of the server.
STAND_IN: Final = "stand-in"


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal ends the process; return the exit code if it cannot."""
    own, _ = _parser().parse_known_args(arguments)
    url = urlsplit(own.listen_client_urls)
    if url.scheme != "http" or not url.hostname:
        sys.stderr.write(f"etcd: --listen-client-urls={own.listen_client_urls}: not supported\n")
        return 2
    data_dir = Path(own.data_dir).absolute()
    data_dir.mkdir(parents=True, exist_ok=True)
    documents = {
        "/health": {"health": "true", "reason": ""},
        "/version": {"etcdserver": STAND_IN, "etcdcluster": STAND_IN, "dataDir": str(data_dir)},
    }
    handler = _handler({path: json.dumps(each).encode() for path, each in documents.items()})
    try:
        with _Server((url.hostname, url.port or 80), handler) as server:
            server.serve_forever()
    except OSError as error:
        sys.stderr.write(f"etcd: {own.listen_client_urls}: {error.strerror}\n")
    return 1


class _Server(ThreadingTCPServer):
    # Not http.server's HTTPServer: it asks the name service for its own name before it serves.
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="etcd",
        description="Stands in for etcd where envtest starts the API server of `apiserver "
        "envtest-assets`. Other flags of etcd are accepted and have no effect.",
        allow_abbrev=False,
    )
    parser.add_argument("--listen-client-urls", metavar="URL", default="http://127.0.0.1:2379")
    parser.add_argument("--data-dir", metavar="DIR", default="default.etcd")
    # envtest looks for it in the help before it sets it.
    parser.add_argument(
        "--unsafe-no-fsync", nargs="?", const="true", metavar="BOOL", help="has no effect"
    )
    return parser


def _handler(documents: dict[str, bytes]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Answer with the document of the path."""
            data = documents.get(self.path)
            self.send_response(200 if data is not None else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data or b"")))
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, *_: object) -> None:
            """Log nothing: envtest asks every tenth of a second."""

    return Handler
