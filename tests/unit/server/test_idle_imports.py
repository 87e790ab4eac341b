"""A server does not import what no flag of it and no request asks for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.waiting import PATIENCE

# The second start of a server finds its certificates and keys. It lists its modules when all its
# controllers run and have nothing to do.
PROGRAM: Final = """
import asyncio, sys
from contextlib import asynccontextmanager
from apiserver.server.cli import parse_arguments
from apiserver.server.serving import Embedding, serve_until

class Listing(Embedding):
    owns_process = False

    @asynccontextmanager
    async def serving(self, server, url, kubeconfig):
        listing = asyncio.create_task(self.list_modules(server.manager))
        yield
        await listing

    async def list_modules(self, manager):
        while manager.failed() or not manager.idle():
            await asyncio.sleep(0.01)
        print(*sys.modules, sep="\\n")
        stop.set()

async def main():
    global stop
    stop = asyncio.Event()
    config, _ = parse_arguments([f"--data-dir={sys.argv[1]}", "--secure-port=0"])
    await serve_until(config, stop, Listing())

asyncio.run(main())
"""

#: Libraries, and modules that stand for a feature.
UNNEEDED: Final = frozenset(
    """
    celpy cryptography ctypes google grpc hpack jsonpatch jsonschema kubernetes lark pytest requests
    unittest yaml zipfile
    apiserver.access.audit
    apiserver.access.authentication.oidc
    apiserver.cel.evaluation
    apiserver.endpoints.openapi.builder
    apiserver.registry.encryption.encryption
    apiserver.resources.builtin.batch.jobs
    apiserver.resources.builtin.certificates.der
    apiserver.resources.builtin.core.pods.strategy
    apiserver.testing
    storage.etcd
    """.split()
)


def test_an_idle_server_has_not_imported_what_it_does_not_need(tmp_path: Path) -> None:
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(tmp_path)],
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE,
        )
    modules = set(done.stdout.split())
    assert "apiserver.registry.registry" in modules
    assert sorted(modules & UNNEEDED) == []
