"""Two servers on one etcd: each sees the writes of the other at once.

The feed of one server is stopped, so that its cache becomes stale. It must then read from the store
for every response: no read, conflict, dry run or no-op update may be decided from the stale cache.
"""

from __future__ import annotations

import asyncio
import logging
import random
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.etcd_process import etcd_process
from tests.robustness.servers import broken
from tests.robustness.servers.http import MERGE_PATCH, Answer, Api
from tests.robustness.servers.runs import Run, carry_out, etcd_judge, make_namespace
from tests.server_process import ServerProcess
from tests.waiting import PATIENCE

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pair:
    """Two servers on one etcd that hear of each other, and one that hears nothing."""

    one: str
    other: str
    deaf: str
    etcd: str


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    directory = tmp_path_factory.mktemp("pair")
    with etcd_process() as etcd:
        flags = (f"--etcd-servers={etcd.endpoint}", f"--cert-dir={directory / 'identity'}")
        one = ServerProcess(directory / "one", *flags)
        other = ServerProcess(directory / "other", *flags)
        deaf = ServerProcess(
            directory / "deaf", *flags, "--fault=hears_nothing", module=broken.__name__
        )
        with _started(one, other, deaf):
            yield Pair(one.url, other.url, deaf.url, etcd.endpoint)
        for server in (one, other, deaf):
            assert "Traceback" not in server.log, server.log


@contextmanager
def _started(*servers: ServerProcess) -> Iterator[None]:
    try:
        for server in servers:
            server.start()
        yield
    finally:
        for server in servers:
            server.kill()


class Through:
    """A client of one server, in a collection of ConfigMaps."""

    def __init__(self, url: str, namespace: str) -> None:
        self.api = Api.at(url)
        self.path = f"/api/v1/namespaces/{namespace}/configmaps"

    async def create(self, name: str, value: str = "", query: str = "") -> Answer:
        document = {"metadata": {"name": name}, "data": {"value": value}}
        return await self.api.send("POST", self.path + query, document)

    async def get(self, name: str) -> Answer:
        return await self.api.send("GET", f"{self.path}/{name}")

    async def patch(self, name: str, value: str, version: str = "", query: str = "") -> Answer:
        metadata = {"resourceVersion": version} if version else {}
        return await self.api.send(
            "PATCH",
            f"{self.path}/{name}{query}",
            {"metadata": metadata, "data": {"value": value}},
            media_type=MERGE_PATCH,
        )

    async def delete(self, name: str, body: Any = None) -> Answer:
        return await self.api.send("DELETE", f"{self.path}/{name}", body)

    async def names(self) -> list[str]:
        answer = await self.api.send("GET", self.path)
        return [item["metadata"]["name"] for item in answer.json["items"]]


@dataclass(frozen=True)
class Two:
    """The same collection through a server that writes, and through one that is put to the test."""

    writer: Through
    tested: Through


@pytest.fixture(params=["other", "deaf"])
async def two(request: pytest.FixtureRequest, pair: Pair) -> AsyncIterator[Two]:
    namespace = await make_namespace(pair.one)
    both = Two(Through(pair.one, namespace), Through(getattr(pair, request.param), namespace))
    yield both
    both.writer.api.close()
    both.tested.api.close()


async def test_what_was_written_elsewhere_is_read_at_once(two: Two) -> None:
    for number in range(20):
        name = f"a-{number:02}"
        assert (await two.writer.create(name, "one")).status == 201
        assert (await two.tested.get(name)).json["data"]["value"] == "one"
        assert (await two.writer.patch(name, "two")).status == 200
        assert (await two.tested.get(name)).json["data"]["value"] == "two"
        assert await two.tested.names() == [f"a-{n:02}" for n in range(number)] + [name]
    assert (await two.writer.delete("a-00")).status == 200
    assert (await two.tested.get("a-00")).reason == "NotFound"
    assert "a-00" not in await two.tested.names()


async def test_what_was_made_elsewhere_is_not_made_again(two: Two) -> None:
    await two.writer.create("a", "one")
    assert (await two.tested.create("a", "two")).reason == "AlreadyExists"
    assert (await two.tested.create("a", "two", "?dryRun=All")).reason == "AlreadyExists"
    assert (await two.writer.get("a")).json["data"]["value"] == "one"


async def test_what_was_deleted_elsewhere_is_made_anew(two: Two) -> None:
    first = (await two.tested.create("a", "one")).json
    await two.writer.delete("a")
    assert (await two.tested.create("a", "two", "?dryRun=All")).status == 201
    second = (await two.tested.create("a", "two")).json
    assert second["metadata"]["uid"] != first["metadata"]["uid"]


async def test_what_was_deleted_elsewhere_is_not_found(two: Two) -> None:
    await two.tested.create("a", "one")
    await two.writer.delete("a")
    assert (await two.tested.patch("a", "two")).reason == "NotFound"
    assert (await two.tested.patch("a", "two", query="?dryRun=All")).reason == "NotFound"
    assert (await two.tested.delete("a")).reason == "NotFound"
    assert (await two.tested.delete("a", {"dryRun": ["All"]})).reason == "NotFound"


async def test_what_was_made_elsewhere_is_found(two: Two) -> None:
    await two.writer.create("a", "one")
    assert (await two.tested.patch("a", "two")).json["data"]["value"] == "two"
    assert (await two.tested.delete("a")).status == 200
    assert (await two.writer.get("a")).reason == "NotFound"


async def test_a_condition_is_held_against_what_is_there(two: Two) -> None:
    old = (await two.tested.create("a", "one")).json["metadata"]["resourceVersion"]
    new = (await two.writer.patch("a", "two")).json["metadata"]["resourceVersion"]
    assert (await two.tested.patch("a", "three", old)).reason == "Conflict"
    stale = {"preconditions": {"resourceVersion": old}}
    assert (await two.tested.delete("a", stale)).reason == "Conflict"
    assert (await two.tested.delete("a", {**stale, "dryRun": ["All"]})).reason == "Conflict"
    assert (await two.tested.patch("a", "three", new)).status == 200


async def test_a_change_that_changes_nothing_answers_what_is_there(two: Two) -> None:
    await two.tested.create("a", "one")
    changed = (await two.writer.patch("a", "two")).json
    answer = (await two.tested.patch("a", "two")).json
    assert answer["metadata"]["resourceVersion"] == changed["metadata"]["resourceVersion"]
    await two.writer.patch("a", "three")
    # What was a change of nothing a moment ago is one now.
    assert (await two.tested.patch("a", "two")).json["data"]["value"] == "two"
    assert (await two.writer.get("a")).json["data"]["value"] == "two"


async def test_a_dry_run_tries_what_is_there(two: Two) -> None:
    await two.tested.create("a", "one")
    other = {"metadata": {"labels": {"by": "other"}}}
    await two.writer.api.send("PATCH", f"{two.writer.path}/a", other, media_type=MERGE_PATCH)
    tried = (await two.tested.patch("a", "two", query="?dryRun=All")).json
    assert tried["metadata"]["labels"] == {"by": "other"}
    assert (await two.writer.get("a")).json["data"]["value"] == "one"


async def test_a_namespace_that_was_made_elsewhere_is_there(two: Two, pair: Pair) -> None:
    inside = Through(pair.one, await make_namespace(pair.one))
    inside.api.close()
    here = Through(f"https://{two.tested.api.host}:{two.tested.api.port}", "")
    here.path = inside.path
    assert (await here.create("a")).status == 201
    here.api.close()


async def test_a_namespace_that_was_deleted_elsewhere_is_not_written_into(two: Two) -> None:
    """First on its way out, as something is left that it waits for; then gone; then another one."""
    namespace = two.writer.path.split("/")[4]
    path = f"/api/v1/namespaces/{namespace}"
    assert (await two.tested.create("a")).status == 201
    answer = await two.writer.api.send("DELETE", path)
    assert answer.status == 200, answer
    refused = await two.tested.create("b")
    gone = (await two.writer.api.send("GET", path)).status == 404
    assert refused.reason == ("NotFound" if gone else "Forbidden"), refused


async def test_a_namespace_that_was_changed_elsewhere_is_written_into(two: Two) -> None:
    """Its revision is another one than was remembered."""
    namespace = two.writer.path.split("/")[4]
    assert (await two.tested.create("a")).status == 201
    labelled = {"metadata": {"labels": {"changed": "elsewhere"}}}
    path = f"/api/v1/namespaces/{namespace}"
    answer = await two.writer.api.send("PATCH", path, labelled, media_type=MERGE_PATCH)
    assert answer.status == 200, answer
    assert (await two.tested.create("b")).status == 201


@pytest.mark.robustness
async def test_traffic_through_a_deaf_server_is_told_the_truth(pair: Pair) -> None:
    """All but watches, which hear nothing."""
    async with etcd_judge([pair.etcd]) as judge:

        async def nothing(_: random.Random) -> None:
            await asyncio.sleep(0.1)

        run = Run([pair.one, pair.other, pair.deaf], nothing, judge, clients=9, watchers=0)
        result = await carry_out(run)
    log.info("deaf: %s", result.summary)
    assert result.violations("deaf")[:10] == []
    assert len([each for each in result.history.operations if each.wrote]) > 20, result.summary


@pytest.mark.robustness
async def test_what_was_written_elsewhere_is_told_to_watches_in_milliseconds(pair: Pair) -> None:
    namespace = await make_namespace(pair.one)
    writer = Through(pair.one, namespace)
    told: dict[str, float] = {}

    async def watch(url: str, heard: asyncio.Event) -> None:
        watching = Api.at(url)
        query = "?watch=1&sendInitialEvents=1&resourceVersionMatch=NotOlderThan"
        query += "&allowWatchBookmarks=1"
        async with aclosing(watching.watch(writer.path + query)) as events:
            async for event in events:
                heard.set()
                told[event["object"]["metadata"].get("name", "")] = time.perf_counter()

    listening = asyncio.Event()
    task = asyncio.create_task(watch(pair.other, listening))
    await listening.wait()
    taken = []
    for number in range(100):
        name = f"a-{number}"
        assert (await writer.create(name)).status == 201
        answered = time.perf_counter()
        async with asyncio.timeout(PATIENCE):
            while name not in told:
                await asyncio.sleep(0.0002)
        taken.append(told[name] - answered)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    writer.api.close()
    middle, most = statistics.median(taken) * 1000, max(taken) * 1000
    log.info("told by the other server %.1f ms after the answer, %.1f at most", middle, most)
    assert middle < 50
