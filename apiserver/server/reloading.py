"""Reloads files that have changed: certificates, CAs and tokens. SIGHUP reloads all of them.

A file that cannot be used changes nothing: what was loaded last stays in effect. A certificate and
its key are not replaced at once, so the first attempt may fail and the next one succeed.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

#: The interval of looking at the files, in seconds.
INTERVAL: Final = 2.0

_State: TypeAlias = tuple[tuple[int, ...] | None, ...]

log = logging.getLogger(__name__)


@dataclass(slots=True)
class FileGroup:
    """Files that are loaded together by ``load``, which raises ValueError or OSError.

    ``name`` is what they are, for the log.
    """

    name: str
    files: Sequence[Path]
    load: Callable[[], None]
    #: The state of the files when they were loaded, or could not be.
    seen: _State = field(init=False)

    def __post_init__(self) -> None:
        self.seen = self.state()

    def state(self) -> _State:
        """Return what changes when one of the files does. Links are followed."""
        return tuple(map(_state, self.files))


class Reloader:
    """The groups of files of a server."""

    def __init__(self, groups: Sequence[FileGroup]) -> None:
        self._groups = groups

    def check(self) -> None:
        """Load the groups that have changed."""
        for group in self._groups:
            state = group.state()
            if state != group.seen:
                self._load(group, state)

    def reload(self) -> None:
        """Load all groups."""
        for group in self._groups:
            self._load(group, group.state())

    def _load(self, group: FileGroup, state: _State) -> None:
        # The state from before reading: what changes meanwhile is a change that is still to come.
        group.seen = state
        try:
            group.load()
        except (OSError, ValueError) as error:
            log.warning("%s not reloaded, the previous one stays in effect: %s", group.name, error)
        else:
            log.info("%s reloaded", group.name)


@asynccontextmanager
async def reloading(
    reloader: Reloader, interval: float = INTERVAL, *, hangup: bool = True
) -> AsyncIterator[None]:
    """Reload on changes while the block runs, and on SIGHUP if ``hangup``."""
    loop = asyncio.get_running_loop()
    looking = asyncio.create_task(_look(reloader, interval), name="reloading")
    if hangup:
        loop.add_signal_handler(signal.SIGHUP, reloader.reload)
    try:
        yield
    finally:
        if hangup:
            loop.remove_signal_handler(signal.SIGHUP)
        looking.cancel()


async def _look(reloader: Reloader, interval: float) -> None:
    while True:
        await asyncio.sleep(interval)
        reloader.check()


def _state(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev
