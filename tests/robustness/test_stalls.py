"""No body of the allowed size keeps the event loop from other requests."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from apiserver.server.serving import freeze_memory
from tests.bench import bench_stalls as stalls
from tests.unit.server.in_process import server_in_process

#: The shapes with the longest steps, one of each kind of step.
SHAPES = (
    "unknown empty lists", "raw nested lists", "data of members:", "half members", "half labels",
    "half finalizers", "half containers", "half environment", "half endpoints", "half raw members",
    "service ports", "half custom rules", "half custom members", "one text", "one long name",
    "broken at the end",
)  # fmt: skip
#: A machine that does something else as well makes every step longer.
TOLERANCE = 3.0


@pytest.fixture
def collector() -> Iterator[None]:
    """Let the garbage collector be as it was."""
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


@pytest.mark.robustness
@pytest.mark.usefixtures("collector")
@pytest.mark.timeout(600)
async def test_no_request_stops_the_loop(tmp_path: Path) -> None:
    """The best of three counts: what the code does is the same each time, what else runs is not."""
    over: dict[str, float] = {}
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as client:
        async with server_in_process(tmp_path, stalls.WITHOUT_ACCOUNTS) as server:
            await stalls.prepare(server)
            freeze_memory()
            for case in stalls.cases(list(SHAPES)):
                longest = 0.0
                for _ in range(3):
                    _, longest = await stalls.stall(
                        lambda case=case: loop.run_in_executor(
                            client, stalls.send, server.url, case, {}
                        )
                    )
                    if longest < stalls.BUDGET_MS:
                        break
                if longest > TOLERANCE * stalls.BUDGET_MS:
                    over[f"{case.shape}: {case.verb}"] = longest
    assert not over
