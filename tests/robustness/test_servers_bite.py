"""Validation finds servers that break a guarantee."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.contract.etcd.proxy import proxied
from tests.robustness.history import History
from tests.robustness.servers import broken
from tests.robustness.servers.runs import FileJudge, Result, Run, carry_out
from tests.robustness.servers.validation import validate
from tests.server_process import ServerProcess
from tests.waiting import PATIENCE

pytestmark = pytest.mark.robustness

BREAKING = {each.__name__: guarantee for each, guarantee in broken.FAULTS.items() if guarantee}
SOUND = "hears_late"


@dataclass(frozen=True)
class Broken:
    """A server with a fault, and its file."""

    process: ServerProcess
    file: Path


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Broken]]:
    """A server for each fault; they start side by side."""
    directory = tmp_path_factory.mktemp("broken")
    made = {}
    for fault in (*BREAKING, SOUND):
        file = directory / fault / "store" / "state.db"
        file.parent.mkdir(parents=True)
        flags = (f"--storage=sqlite:///{file}", f"--fault={fault}")
        process = ServerProcess(directory / fault, *flags, module=broken.__name__)
        made[fault] = Broken(process, file)
    try:
        with ThreadPoolExecutor() as threads:
            list(threads.map(lambda each: each.process.start(), made.values()))
        yield made
    finally:
        for each in made.values():
            each.process.kill()


async def outcome(server: Broken, timeout: float) -> Result:
    """Run some traffic on a server; connections are cut, so that watches have to be resumed."""
    url = server.process.url
    judge = FileJudge(server.file, url, server.process.stop)
    async with proxied(int(url.rpartition(":")[2])) as proxy:

        async def cut(_: random.Random) -> None:
            proxy.cut()

        through = f"https://127.0.0.1:{proxy.port}"
        run = Run([through], cut, judge, watchers=2, requests=500, between=50, timeout=timeout)
        return await carry_out(run, seconds=0)


@pytest.mark.parametrize("fault", list(BREAKING))
async def test_a_broken_server_is_found_out(servers: dict[str, Broken], fault: str) -> None:
    result = await outcome(servers[fault], timeout=1.0)
    violations = result.violations()
    assert any(each.startswith(BREAKING[fault]) for each in violations), (
        violations[:5],
        result.summary,
    )


async def test_a_sound_server_is_not(servers: dict[str, Broken], tmp_path: Path) -> None:
    """One whose memory lags behind its store, and who knows."""
    result = await outcome(servers[SOUND], timeout=PATIENCE)
    assert result.violations() == []
    assert len(result.log.changes) > 20, result.summary
    result.history.save(tmp_path / "history.json")
    assert validate(History.load(tmp_path / "history.json"), result.log) == []
