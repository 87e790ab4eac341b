"""Which controllers run, and when."""

from __future__ import annotations

import asyncio
import logging

import pytest

from apiserver.controllers.controller_manager import (
    build_controllers,
    run_controllers,
    selected_controllers,
)
from tests.unit.cluster import registry_in_memory
from tests.waiting import PATIENCE

KNOWN = ["a", "b", "c"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["*"], ["a", "b", "c"]),
        ([], []),
        (["b"], ["b"]),
        (["*", "-b"], ["a", "c"]),
        (["-b", "*"], ["a", "c"]),
        (["c", "a"], ["a", "c"]),
        (["b", "-b"], ["b"]),
        (["-b", "b", "*"], ["a", "c"]),
        (["-b"], []),
    ],
)
def test_names_choose_controllers(given: list[str], expected: list[str]) -> None:
    assert selected_controllers(given, KNOWN) == expected


def test_a_name_that_is_none_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert selected_controllers(["*", "-nobody"], KNOWN) == KNOWN
    assert "nobody" in caplog.text


async def test_controllers_begin_when_the_server_is_ready_and_end_with_it() -> None:
    async with registry_in_memory() as registry:
        ready = asyncio.Event()
        async with run_controllers(build_controllers(["*"], registry), ready):
            await asyncio.sleep(0)
            assert registry.store.watchers == 0
            ready.set()
            async with asyncio.timeout(PATIENCE):
                while not registry.store.watchers:
                    await asyncio.sleep(0)
        assert registry.store.watchers == 0
