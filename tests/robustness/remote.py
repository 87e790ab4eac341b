"""A store in a process of its own, which tests may kill.

    python -m tests.robustness.remote PATH_OF_THE_FILE PATH_OF_THE_SOCKET

Requests and answers are pickled: both ends are this test.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import pickle
import signal
import struct
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

from storage.cache.cache import WatchCache
from storage.errors import OutcomeUnknown, StorageError, Unavailable
from storage.interface import LATEST, NO_REQUIREMENTS, Batch, Change, Page, Record, Store
from storage.sqlite.store import SQLiteStore
from tests.waiting import PATIENCE

ROOT = "/registry/"


def packed(content: object) -> bytes:
    """Return something with its length before it."""
    body = pickle.dumps(content)
    return struct.pack("!I", len(body)) + body


async def unpacked(reader: asyncio.StreamReader) -> Any:
    """Read what was packed. Raises IncompleteReadError where the other end is gone."""
    (length,) = struct.unpack("!I", await reader.readexactly(4))
    return pickle.loads(await reader.readexactly(length))


async def serve(path: str, socket: str) -> None:
    """Serve a store until the process ends."""
    store = await SQLiteStore.open(path)
    async with WatchCache(store, ROOT) as cache:

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            async with asyncio.TaskGroup() as tasks:
                while not reader.at_eof():
                    try:
                        number, method, args, kwargs = await unpacked(reader)
                    except asyncio.IncompleteReadError:
                        break
                    tasks.create_task(answer(writer, number, method, args, kwargs))

        async def answer(
            writer: asyncio.StreamWriter, number: int, method: str, args: Any, kwargs: Any
        ) -> None:
            try:
                if method == "watch":
                    watch = cast("AsyncGenerator[Any, None]", cache.watch(*args, **kwargs))
                    async with aclosing(watch) as batches:
                        async for batch in batches:
                            writer.write(packed((number, batch, None)))
                            await writer.drain()
                    return
                result, error = await getattr(cache, method)(*args, **kwargs), None
            except StorageError as failure:
                result, error = None, (type(failure), failure.args, failure.__dict__)
            except OSError:
                return
            writer.write(packed((number, result, error)))

        server = await asyncio.start_unix_server(connected, socket)
        async with server:
            await server.serve_forever()


class RemoteStore(Store[bytes]):
    """A store in another process."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._writer: asyncio.StreamWriter | None = None
        self._numbers = itertools.count()
        self._queues: dict[int, asyncio.Queue[Any]] = {}
        self._reading: asyncio.Task[None] | None = None
        self._connecting = asyncio.Lock()

    async def get(self, key: str, *, revision: int = LATEST) -> Record[bytes] | None:
        found: Record[bytes] | None = await self._call("get", key, revision=revision)
        return found

    async def list(
        self, prefix: str, *, start: str = "", limit: int = 0, revision: int = LATEST
    ) -> Page[bytes]:
        page: Page[bytes] = await self._call(
            "list", prefix, start=start, limit=limit, revision=revision
        )
        return page

    async def commit(
        self, changes: Sequence[Change[bytes]], *, requires: Mapping[str, int] = NO_REQUIREMENTS
    ) -> Sequence[Record[bytes]]:
        records: Sequence[Record[bytes]] = await self._call(
            "commit", changes, requires=dict(requires)
        )
        return records

    async def watch(self, prefix: str, *, after: int) -> AsyncGenerator[Batch[bytes], None]:
        number, queue = await self._send("watch", (prefix,), {"after": after})
        try:
            while True:
                batch: Batch[bytes] = _result(await queue.get())
                yield batch
        finally:
            self._queues.pop(number, None)

    async def revision(self) -> int:
        revision: int = await self._call("revision")
        return revision

    async def compact(self, revision: int) -> None:
        await self._call("compact", revision)

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        number, queue = await self._send(method, args, kwargs)
        try:
            return _result(await queue.get())
        except Unavailable as error:
            # The connection broke while the request was on its way, or the store refused it.
            if method == "commit" and error.args == (BROKEN,):
                changes: Sequence[Change[bytes]] = args[0]
                raise OutcomeUnknown(changes[0].key) from error
            raise
        finally:
            self._queues.pop(number, None)

    async def _send(self, method: str, args: Any, kwargs: Any) -> tuple[int, asyncio.Queue[Any]]:
        writer = await self._connected()
        number = next(self._numbers)
        queue = self._queues[number] = asyncio.Queue()
        writer.write(packed((number, method, args, kwargs)))
        return number, queue

    async def _connected(self) -> asyncio.StreamWriter:
        async with self._connecting:
            if self._writer is None:
                try:
                    reader, self._writer = await asyncio.open_unix_connection(self._socket)
                except OSError as error:
                    raise Unavailable("the process is not there") from error
                self._reading = asyncio.create_task(self._read(reader))
            return self._writer

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                number, result, error = await unpacked(reader)
                queue = self._queues.get(number)
                if queue is not None:
                    queue.put_nowait((result, error))
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            if self._writer is not None:
                self._writer.close()
            self._writer = None
            for queue in self._queues.values():
                queue.put_nowait((None, (Unavailable, (BROKEN,), {})))


BROKEN = "the connection to the process broke"


def _result(answer: tuple[Any, tuple[type[StorageError], Any, Any] | None]) -> Any:
    result, error = answer
    if error is None:
        return result
    kind, args, details = error
    failure = kind.__new__(kind)
    failure.args = args
    failure.__dict__.update(details)
    raise failure


class StoreProcess:
    """The process: it may be killed and started again."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "store.db"
        self.socket = directory / "socket"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the process and wait until it serves."""
        self.socket.unlink(missing_ok=True)
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.robustness.remote", self._file, self.socket
        )
        async with asyncio.timeout(PATIENCE):
            while not self.socket.exists():
                assert self._process.returncode is None, "the process ended"
                await asyncio.sleep(0.01)

    async def kill(self) -> None:
        """End the process as ``kill -9`` does."""
        if self._process is not None and self._process.returncode is None:
            os.kill(self._process.pid, signal.SIGKILL)
            await self._process.wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2]))
