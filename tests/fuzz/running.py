"""Sends generated requests, and checks the server afterwards."""

from __future__ import annotations

import argparse
import http.client
import json
import ssl
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from tests.fuzz.making import Maker, Request
from tests.server_process import ServerProcess, running_server
from tests.waiting import PATIENCE

#: How many watches go on at once.
WATCHES = 50
UNHANDLED = "unhandled exception"


@dataclass
class Findings:
    """What a run found: how often each status came, and what must not happen."""

    statuses: Counter[int] = field(default_factory=Counter)
    #: Requests that ended in an error that nobody meant, or in none at all.
    broken: list[str] = field(default_factory=list)
    #: The server's memory after the first tenth of the requests and at the end, in bytes.
    memory: tuple[int, int] = (0, 0)
    slowest: float = 0.0


def fuzz(server: ServerProcess, count: int, seed: int) -> Findings:
    """Send ``count`` requests."""
    findings, maker = Findings(), Maker(seed)
    client = _Client(server.url)
    before = 0
    watches: list[tuple[Request, http.client.HTTPResponse]] = []
    for number in range(count):
        if number == count // 10:
            before = _memory(server)
        request = maker.request()
        logged = _size(server)
        begun = time.monotonic()
        try:
            answer = client.begin(request)
            if answer.status == 200 and _is_watch(request):
                # It goes on for a second, others are sent meanwhile.
                watches.append((request, answer))
                client, body = _Client(server.url), b""
            else:
                body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            findings.broken.append(f"{error!r}: {request}")
            client = _Client(server.url)
            continue
        status = answer.status
        findings.slowest = max(findings.slowest, time.monotonic() - begun)
        findings.statuses[status] += 1
        # Of a stream the status is sent before it breaks, so the log has the last word.
        if UNHANDLED in _log(server, logged) or (status == 500 and not is_status(body)):
            findings.broken.append(f"{status} {body[:300]!r}: {request}")
        if len(watches) > WATCHES:
            findings.broken += _ended(watches)
    findings.broken += _ended(watches)
    findings.memory = before, _memory(server)
    return findings


def _is_watch(request: Request) -> bool:
    query = dict(parse_qsl(urlsplit(request.path).query, keep_blank_values=True))
    return request.method == "GET" and "watch" in query


def _ended(watches: list[tuple[Request, http.client.HTTPResponse]]) -> list[str]:
    """Read watches to their ends; return those that broke."""
    broken = []
    for request, answer in watches:
        try:
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            broken.append(f"{error!r}: {request}")
        answer.close()
    watches.clear()
    return broken


class _Client:
    def __init__(self, url: str) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self._connection = http.client.HTTPSConnection(
            urlsplit(url).netloc, context=context, timeout=PATIENCE
        )

    def begin(self, request: Request) -> http.client.HTTPResponse:
        """Send a request; return the answer, of which the body is not read yet."""
        headers = {**request.headers, "Authorization": "Bearer admin-token"}
        self._connection.request(request.method, request.path, request.body or None, headers)
        return self._connection.getresponse()


def is_status(body: bytes) -> bool:
    """Tell whether an answer is a Status, in JSON or YAML."""
    try:
        return bool(json.loads(body)["kind"] == "Status")
    except (ValueError, TypeError, KeyError):
        return b"kind: Status" in body


def _size(server: ServerProcess) -> int:
    return (server.directory / "stderr").stat().st_size


def _log(server: ServerProcess, since: int) -> str:
    with (server.directory / "stderr").open("rb") as file:
        file.seek(since)
        return file.read().decode(errors="replace")


def _memory(server: ServerProcess) -> int:
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def main() -> int:
    """Run as a command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as directory,
        running_server(Path(directory), "--storage=memory://") as server,
    ):
        findings = fuzz(server, given.requests, given.seed)
        log = server.log
    before, after = (each >> 20 for each in findings.memory)
    sys.stdout.write(
        f"seed {given.seed}: {dict(sorted(findings.statuses.items()))}, {len(findings.broken)} "
        f"broken, slowest {findings.slowest:.2f} s, memory {before} -> {after} MiB\n"
    )
    for each in findings.broken:
        sys.stdout.write(f"{each}\n")
    if findings.broken:
        sys.stderr.write(log)
    return bool(findings.broken)


if __name__ == "__main__":
    sys.exit(main())
