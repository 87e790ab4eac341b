"""Polling, for conditions without an event."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from inspect import isawaitable
from typing import Final

#: Seconds. What a test waits for comes in milliseconds, but not on a machine that others keep busy.
PATIENCE: Final = 120
#: Seconds. Where a test sees that nobody waits, this is what they would wait.
FOR_EVER: Final = 3600
_PAUSE: Final = 0.01


async def eventually(holds: Callable[[], object]) -> None:
    """Return when something holds, or an awaitable of it, that others bring about."""
    async with asyncio.timeout(PATIENCE):
        while not (await found if isawaitable(found := holds()) else found):
            await asyncio.sleep(_PAUSE)


def wait_until(holds: Callable[[], object]) -> None:
    """Return when something holds that happens in another process or thread."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "waited for too long"
        time.sleep(_PAUSE)
