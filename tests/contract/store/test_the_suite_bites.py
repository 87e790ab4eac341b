"""Every deliberately broken store fails at least one test of the contract, a sound one none."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.errors import StorageError
from storage.memory import MemoryStore
from tests.contract.store.broken import BROKEN
from tests.contract.store.stacks import STACKS, Setting, Stack

MODULES = (
    "test_put",
    "test_delete",
    "test_commit",
    "test_reads",
    "test_pages",
    "test_watch",
    "test_compaction",
    "test_expiry",
    "test_races",
)
CAN = STACKS["memory"].can

Check = Callable[..., Awaitable[None]]


def checks() -> Iterator[tuple[str, Check, dict[str, Any]]]:
    """Yield the tests of the contract that a store in memory is put to, with their parameters."""
    for module in (importlib.import_module(f"tests.contract.store.{name}") for name in MODULES):
        for name, check in inspect.getmembers(module, inspect.iscoroutinefunction):
            if not name.startswith("test_"):
                continue
            marks = [*getattr(check, "pytestmark", ()), *marks_of(module)]
            if any(set(mark.args) - CAN for mark in marks if mark.name == "needs"):
                continue
            tables = [mark.args for mark in marks if mark.name == "parametrize"]
            assert len(tables) < 2
            for argument, values in tables or [("", [None])]:
                for value in values:
                    yield name, check, {argument: value} if argument else {}


def marks_of(module: object) -> list[pytest.Mark]:
    """Return the marks that all tests of a module have."""
    marks = getattr(module, "pytestmark", [])
    return [each.mark for each in (marks if isinstance(marks, list) else [marks])]


async def failed_check(store: type[MemoryStore], place: Path) -> str | None:
    """Return the first test that a store fails."""
    stack = Stack("memory", can=CAN, patience=0.25, memory=store)
    for name, check, parameters in checks():
        async with stack.opened(str(place)) as setting:
            if not await passes(check, setting, parameters):
                return name
    return None


async def passes(check: Check, setting: Setting, parameters: dict[str, Any]) -> bool:
    """Tell whether a store passes one test."""
    try:
        await check(setting, **parameters)
    except (
        AssertionError,
        StorageError,
        TimeoutError,
        pytest.fail.Exception,
        StopAsyncIteration,
        LookupError,
        ValueError,
    ):
        return False
    return True


@pytest.mark.parametrize("store", BROKEN, ids=lambda store: store.__name__)
async def test_a_broken_store_is_caught(store: type[MemoryStore], tmp_path: Path) -> None:
    assert await failed_check(store, tmp_path), f"{store.__doc__} And nothing noticed."


async def test_a_sound_store_is_not(tmp_path: Path) -> None:
    assert await failed_check(MemoryStore, tmp_path) is None
