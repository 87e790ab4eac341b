"""A server in a thread of this process, where a debugger reaches it.

The clock and the random source of this program are those of the whole process, so one such server
runs at a time. Nothing else of the process is changed.
"""

from __future__ import annotations

import asyncio
import queue
import shutil
import threading
from typing import Any, Final

import uvloop

from apiserver.server.serving import StartError
from apiserver.testing.embedding import Ready, serve_for_tests
from apiserver.testing.launched import StartFailed

_STOP_SECONDS: Final = 10.0
_running = threading.Lock()


class ServerThread:
    """A server with an event loop in a thread of its own."""

    def __init__(self, settings: dict[str, Any]) -> None:
        if not _running.acquire(blocking=False):
            shutil.rmtree(settings["directory"])
            raise StartFailed("another server runs in this process")
        self._settings = settings
        self._startup: queue.SimpleQueue[Ready | BaseException] = queue.SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="apiserver", daemon=True)
        self._thread.start()

    def wait(self, timeout: float) -> dict[str, Any]:
        """Wait until the server is ready; return its state. Raises StartFailed."""
        try:
            result = self._startup.get(timeout=timeout)
        except queue.Empty as error:
            raise StartFailed(f"the server did not start in {timeout:g} seconds") from error
        if isinstance(result, BaseException):
            raise StartFailed(str(result)) from result
        return {**result}

    def stop(self) -> None:
        """End the thread and remove the directory of the server."""
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_STOP_SECONDS)
        _running.release()
        shutil.rmtree(self._settings["directory"], ignore_errors=True)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            self._loop = runner.get_loop()
            try:
                runner.run(self._serve())
            except SystemExit:
                self._startup.put(ValueError("a flag is wrong, see stderr"))
            except StartError as error:
                self._startup.put(error)
            except Exception as error:
                self._startup.put(error)
                raise

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        await serve_for_tests(self._settings, self._stop, self._startup.put)
