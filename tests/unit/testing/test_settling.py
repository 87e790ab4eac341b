"""When a server for tests counts as idle."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import Mock

from apiserver.testing.control_operations import Operations


async def test_what_needs_many_turns_of_the_loop_is_waited_for_however_busy_the_machine_is() -> (
    None
):
    revision = 1

    async def current() -> int:
        return revision

    async def nothing() -> None:
        return

    async def react() -> None:
        nonlocal revision
        for _ in range(50):
            await asyncio.sleep(0)
        revision += 1

    unused: Any = Mock()
    operations = Operations(
        cast("Any", SimpleNamespace(manager=SimpleNamespace(idle=lambda: True))),
        cast("Any", SimpleNamespace(revision=current)),
        unused,
        cast("Any", SimpleNamespace(settle=nothing)),
        *(unused, unused),
    )
    reacting = asyncio.create_task(react())
    # The time has passed at once, as it has where others had the processor meanwhile.
    await operations.table()["settle"](quiet=0, timeout=60)
    assert reacting.done()
    assert revision == 2
