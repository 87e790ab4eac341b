"""Fixtures of the contract suites."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.store.stacks import STACKS, Setting, Stack


@pytest.fixture(params=list(STACKS))
async def setting(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Setting]:
    """A store of every stack in turn, and what a test may do to it."""
    stack: Stack = STACKS[request.param]
    needs = request.node.get_closest_marker("needs")
    missing = set(needs.args if needs else ()) - stack.can
    if missing:
        pytest.skip(f"{request.param} does not claim: {', '.join(sorted(missing))}")
    place = request.getfixturevalue("etcd_url") if stack.on_etcd else str(tmp_path / "store.db")
    async with stack.opened(place) as opened:
        yield opened


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker by which a test says what only some stacks can do."""
    config.addinivalue_line("markers", "needs(*capabilities): what a stack must claim")
