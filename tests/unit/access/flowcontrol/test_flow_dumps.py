"""The tables of levels, queues and requests, and the metrics."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from apiserver.access.flowcontrol.flow_dumps import (
    dump_priority_levels,
    dump_queues,
    dump_requests,
)
from apiserver.access.flowcontrol.flow_metrics import flow_families
from apiserver.access.flowcontrol.priority_level import LevelSpec, PriorityLevel
from apiserver.access.flowcontrol.work_estimate import ONE_SEAT, WorkEstimate
from apiserver.endpoints.request_info import RequestInfo, parse
from apiserver.machinery.instruments import Histogram
from apiserver.machinery.users import UserInfo


@dataclass(eq=False)
class Asked:
    """A request as it is shown."""

    user: UserInfo
    verb: str
    info: RequestInfo


JANE = Asked(UserInfo("jane"), "list", parse("GET", "/apis/apps/v1/namespaces/n/deployments"))


@pytest.fixture
async def level() -> AsyncIterator[PriorityLevel]:
    """A level with one seat, which is taken, and one request that waits."""
    made = PriorityLevel("mine", lambda: 1.0)
    made.spec = LevelSpec(exempt=False, shares=1, queues=2, hand_size=1, queue_length=5)
    made.limit = 1
    assert made.take_seat()
    counts = made.counts["s"]
    counts.dispatched += 1
    counts.executing[Asked(UserInfo("bob"), "get", parse("GET", "/version"))] = (
        ONE_SEAT, 1.0, None,
    )  # fmt: skip
    task = asyncio.create_task(made.enter(("s", "jane"), 5, WorkEstimate(1, 3, 0.005), JANE))
    while not made.waiting:
        await asyncio.sleep(0)
    made.rejected["s", "time-out"] = 2
    yield made
    task.cancel()
    await asyncio.wait([task])


def cells(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split(",")] for line in table.splitlines()]


async def test_levels(level: PriorityLevel) -> None:
    assert dump_priority_levels([level]) == (
        "PriorityLevelName, ActiveQueues, IsIdle, IsQuiescing, WaitingRequests, "
        "ExecutingRequests, DispatchedRequests, RejectedRequests, TimedoutRequests, "
        "CancelledRequests\n"
        "mine,              1,            false,  false,       1,               "
        "1,                 1,                  2,                2,                0\n"
    )


async def test_queues(level: PriorityLevel) -> None:
    (index,) = level.queue.queues
    rows = cells(dump_queues([level]))
    assert rows[0][:3] == ["PriorityLevelName", "Index", "PendingRequests"]
    assert [row[1] for row in rows[1:]] == ["0", "1"]
    assert rows[1 + index][2:] == [
        "1", "0", "0", "0.00000000ss", "1", "3", "0.00900000ss",
    ]  # fmt: skip


@pytest.mark.parametrize("details", [False, True])
async def test_requests(level: PriorityLevel, *, details: bool) -> None:
    (index,) = map(str, level.queue.queues)
    header, waiting, executing = cells(dump_requests([level], 1_700_000_000.25, details=details))
    arrived = "2023-11-14T22:13:21.25Z"
    assert waiting[:10] == [
        "mine", "s", index, "0", "jane", arrived, "1", "3", "5ms", "0001-01-01T00:00:00Z",
    ]  # fmt: skip
    assert executing[:10] == ["mine", "s", "-1", "-1", "", arrived, "1", "0", "0s", arrived]
    assert len(header) == (18 if details else 10)
    if details:
        path = "/apis/apps/v1/namespaces/n/deployments"
        assert waiting[10:] == ["jane", "list", path, "n", "", "apps/v1", "deployments", ""]


async def test_metrics(level: PriorityLevel) -> None:
    families = {each.name: each.values for each in flow_families([level], 0.5)}
    found: dict[str, Any] = {
        name.removeprefix("apiserver_flowcontrol_"): values for name, values in families.items()
    }
    for name, value in {
        "dispatched_requests": {("mine", "s"): 1},
        "rejected_requests": {("mine", "s", "time-out"): 2},
        "current_executing_requests": {("mine", "s"): 1},
        "current_executing_seats": {("mine", "s"): 1},
        "current_inqueue_requests": {("mine", "s"): 1},
        "current_inqueue_seats": {("mine", "s"): 3},
        "current_limit_seats": {("mine",): 1},
        "seat_fair_frac": {(): 0.5},
    }.items():
        assert found[name] == value, name
    waits = found["request_wait_duration_seconds"]
    assert isinstance(waits, Histogram)
    assert waits.buckets(("mine", "s", "true"))[0] == ("0.0", 1.0)
