"""``apiserver test``: a server for the tests of any language, while a command runs.

The command finds the server by KUBECONFIG; the environment also has APISERVER_URL, APISERVER_TOKEN,
APISERVER_CA_FILE, and APISERVER_CONTROL with APISERVER_CONTROL_TOKEN for the control channel (see
`control_server`). Its exit code is that of ``apiserver test``.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from apiserver.testing.harness import ApiServer
from apiserver.testing.launched import StartFailed

_USAGE: Final = "apiserver test [--print-json] [--seed=N] [--FLAG=VALUE ...] [-- COMMAND ...]"
_NOT_FOUND: Final = 127
_BY_SIGNAL: Final = 128


def main(arguments: Sequence[str]) -> int:
    """Run a command with a server; return its exit code. Without one, serve until Ctrl-C."""
    own, flags, command = _parse(arguments)
    try:
        with ApiServer(*flags, seed=own.seed) as server:
            if own.print_json:
                sys.stdout.write(json.dumps(described(server)) + "\n")
                sys.stdout.flush()
            return _run(command, server) if command else _wait()
    except StartFailed as error:
        sys.stderr.write(f"apiserver: {error}\n")
        return 1


def described(server: ApiServer) -> dict[str, str]:
    """Return how a server is reached."""
    return {
        "url": server.url,
        "kubeconfig": str(server.kubeconfig),
        "token": server.admin.token,
        "ca_file": str(server.ca_file),
        "control": server.control.path,
        "control_token": server.control.token,
    }


def _parse(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str], list[str]]:
    given = list(arguments)
    end = given.index("--") if "--" in given else len(given)
    own, flags = command_parser().parse_known_args(given[:end])
    return own, flags, given[end + 1 :]


def command_parser() -> argparse.ArgumentParser:
    """Return the parser of the command's own options; others are flags of the server."""
    parser = argparse.ArgumentParser(
        prog="apiserver test",
        usage=_USAGE,
        description="Start a server with its data in memory, run a command with KUBECONFIG set, "
        "stop the server. Other flags are those of apiserver.",
        allow_abbrev=False,
    )
    parser.add_argument("--print-json", action="store_true", help="print how to reach the server")
    parser.add_argument("--seed", type=int, metavar="N", help="predictable UIDs and names")
    return parser


def _run(command: Sequence[str], server: ApiServer) -> int:
    known = described(server)
    variables = {f"APISERVER_{name.upper()}": known[name] for name in known if name != "kubeconfig"}
    environment = {**os.environ, "KUBECONFIG": known["kubeconfig"], **variables}
    try:
        process = subprocess.Popen(command, env=environment)  # noqa: S603 - it is the user's own
    except OSError as error:
        sys.stderr.write(f"apiserver: {command[0]}: {error.strerror}\n")
        return _NOT_FOUND
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    while True:
        # Ctrl-C goes to the command as well, which decides when it ends.
        with suppress(KeyboardInterrupt):
            code = process.wait()
            return _BY_SIGNAL - code if code < 0 else code


def _wait() -> int:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    with suppress(KeyboardInterrupt):
        signal.sigwait([signal.SIGTERM])
    return 0
