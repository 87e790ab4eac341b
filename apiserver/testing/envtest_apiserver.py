"""The program ``kube-apiserver`` of the assets for envtest: this server, as envtest expects it.

It takes the flags of the server, and differs in three defaults. Objects are stored in the data
directory of the `envtest_etcd` that ``--etcd-servers`` names; a real etcd is used as such. All
files of the server are in ``--cert-dir``, which envtest removes. And none of the controllers of
kube-controller-manager runs, because none runs in envtest: tests may have owners that do not exist.
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from apiserver.testing.envtest_etcd import STAND_IN

_ASK_SECONDS: Final = 5.0
_NO_CONTROLLERS: Final = "--controllers=-*"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a server until it is stopped; return the exit code."""
    from apiserver.server.cli import main as run_server

    return run_server(server_flags(sys.argv[1:] if arguments is None else arguments))


def server_flags(given: Sequence[str]) -> list[str]:
    """Return the flags of the server for those that envtest gives."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for name in ("etcd-servers", "cert-dir", "data-dir", "controllers"):
        parser.add_argument(f"--{name}")
    own, flags = parser.parse_known_args(given)
    data_dir = own.data_dir or own.cert_dir
    kept = {"cert-dir": own.cert_dir, "data-dir": data_dir}
    flags += [f"--{name}={value}" for name, value in kept.items() if value]
    flags.append(_NO_CONTROLLERS if own.controllers is None else f"--controllers={own.controllers}")
    if own.etcd_servers:
        directory = stand_in_directory(own.etcd_servers)
        path = quote(str(directory / "state.db")) if directory else ""
        flags.append(
            f"--storage=sqlite:///{path}" if path else f"--etcd-servers={own.etcd_servers}"
        )
    return flags


def stand_in_directory(url: str) -> Path | None:
    """Return the data directory of the stand-in at ``url``; ``None`` if it is a real etcd."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname or "," in url:
        return None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=_ASK_SECONDS)
    try:
        connection.request("GET", "/version")
        answer = dict(json.loads(connection.getresponse().read()))
    except (OSError, http.client.HTTPException, TypeError, ValueError):
        # The server reports an etcd that cannot be reached, and waits for it.
        return None
    finally:
        connection.close()
    return Path(answer["dataDir"]) if answer.get("etcdserver") == STAND_IN else None
