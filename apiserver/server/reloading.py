"""Reloads files that have changed: certificates, CAs and tokens. SIGHUP reloads all of them.

A file that cannot be used changes nothing: what was loaded last stays in effect. A certificate and
its key are not replaced at once, so the first attempt may fail and the next one succeed.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from apiserver.access.loaded_files import LoadedFiles, State

#: The interval of looking at the files, in seconds.
INTERVAL: Final = 2.0

log = logging.getLogger(__name__)


class Reloader:
    """The groups of files of a server."""

    def __init__(self, groups: Sequence[LoadedFiles]) -> None:
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

    def _load(self, group: LoadedFiles, state: State) -> None:
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
        await asyncio.wait([looking])


async def _look(reloader: Reloader, interval: float) -> None:
    while True:
        await asyncio.sleep(interval)
        reloader.check()
