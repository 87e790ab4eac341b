"""How long small requests take while something else goes on, measured in a process of its own.

    python -m tests.robustness.servers.probe URL PATH

Sends one request after the other, with a pause between two, until its standard input ends; then it
writes how long they took, in seconds, as JSON.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import sys
import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from tests.robustness.servers.http import TOKEN, trusting
from tests.waiting import PATIENCE

_PAUSE: Final = 0.002


@dataclass
class Measured:
    """How long requests took, in seconds."""

    taken: list[float] = field(default_factory=list)

    def percentile(self, percent: float) -> float:
        """Return how long so many percent of the requests took at most, in milliseconds."""
        ordered = sorted(self.taken)
        return ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)] * 1000

    def __str__(self) -> str:
        if not self.taken:
            return "no requests"
        return (
            f"{len(self.taken)} requests: p50 {self.percentile(50):.1f} ms, "
            f"p99 {self.percentile(99):.1f} ms, at most {self.percentile(100):.1f} ms"
        )


@asynccontextmanager
async def measured(url: str, path: str) -> AsyncIterator[Measured]:
    """Yield what will have been measured when the block has ended."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__, url, path),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    result = Measured()
    try:
        assert await process.stdout.readline() == b"measuring\n"
        yield result
        output, _ = await asyncio.wait_for(process.communicate(b""), PATIENCE)
        result.taken = json.loads(output)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def probe(url: str, path: str, over: threading.Event) -> Sequence[float]:
    """Send requests until it is over; return how long each took."""
    host, _, port = url.removeprefix("https://").rpartition(":")
    connection = http.client.HTTPSConnection(host, int(port), context=trusting(), timeout=PATIENCE)
    taken = []
    while not over.wait(_PAUSE):
        begun = time.perf_counter()
        connection.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}"})
        response = connection.getresponse()
        response.read()
        taken.append(time.perf_counter() - begun)
        assert response.status == 200, response.status
        if len(taken) == 1:
            sys.stdout.write("measuring\n")
            sys.stdout.flush()
    return taken[1:]


def main(url: str, path: str) -> None:
    """Measure until the standard input ends."""
    over = threading.Event()

    def listen() -> None:
        sys.stdin.read()
        over.set()

    threading.Thread(target=listen, daemon=True).start()
    sys.stdout.write(json.dumps(probe(url, path, over)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
