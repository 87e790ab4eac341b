"""A server in this process, with or without a custom kind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.server.gadgets import define, definition
from tests.unit.server.in_process import InProcess, server_in_process


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[InProcess]:
    """A server of the built-in kinds."""
    async with server_in_process(tmp_path) as api:
        yield api


@pytest.fixture
async def gadgets(api: InProcess) -> None:
    """Gadgets, which the server serves as well."""
    await define(api, definition())
