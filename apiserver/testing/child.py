"""The process of a server for tests: reads its settings, and serves until its input ends."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import shutil
import signal
import sys
from typing import Any

from apiserver.server.imports import without_system_ca


def main() -> None:
    """Serve as the settings in the first line of input say; announce it in a line of output.

    Both lines are JSON.
    """
    gc.disable()
    # Ctrl-C is for the tests, which end this process when they have cleaned up.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    with without_system_ca():
        import uvloop

        from apiserver.server.serving import StartError
    settings = json.loads(sys.stdin.buffer.readline())
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings))
    except StartError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(1) from error
    # The parent process removes it as well, unless it was killed.
    shutil.rmtree(settings["directory"], ignore_errors=True)


async def _serve(settings: dict[str, Any]) -> None:
    from apiserver.server.serving import freeze_memory
    from apiserver.testing.embedding import Ready, serve_for_tests

    def announce(ready: Ready) -> None:
        freeze_memory()
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), stop.set)
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    await serve_for_tests(settings, stop, announce)
