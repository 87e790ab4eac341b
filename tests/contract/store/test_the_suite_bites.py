"""Every deliberately broken store fails at least one test of the contract, a sound one none."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, cast

import pytest

from storage.errors import StorageError
from storage.interface import FeedStore, Store
from storage.memory import MemoryStore
from storage.transform import TransformStore
from tests.contract.store.broken import BROKEN
from tests.contract.store.brokentransforms import BROKEN_TRANSFORMS
from tests.contract.store.stacks import STACKS, ByKey, Setting, Stack

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


async def failed_check(stack: Stack, place: Path) -> str | None:
    """Return the first test that a stack fails."""
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
    stack = Stack("memory", can=CAN, timeout=0.25, memory=store)
    assert await failed_check(stack, tmp_path), f"{store.__doc__} And nothing noticed."


@pytest.mark.parametrize("kind", BROKEN_TRANSFORMS, ids=lambda kind: kind.__name__)
async def test_a_broken_transformation_is_caught(
    kind: type[TransformStore], tmp_path: Path
) -> None:
    async def build(store: Store[Any], root: str, closing: AsyncExitStack) -> Store[Any]:
        return kind(cast("FeedStore[bytes]", store), ByKey())

    stack = Stack("memory", build, can=CAN, timeout=0.25)
    assert await failed_check(stack, tmp_path), f"{kind.__doc__} And nothing noticed."


@pytest.mark.parametrize("name", ["memory", "transform-over-memory"])
async def test_a_sound_store_is_not(name: str, tmp_path: Path) -> None:
    assert await failed_check(STACKS[name], tmp_path) is None
