"""Requests that wait for seats: the order of dispatch, and 429."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any, cast

import pytest
from aiohttp import web

from apiserver.access.flowcontrol.flow_control import FlowControl
from apiserver.access.flowcontrol.flow_schemas import FlowSchema
from apiserver.access.flowcontrol.priority_level import PriorityLevel
from apiserver.access.flowcontrol.work_estimate import ONE_SEAT, WorkEstimate
from apiserver.endpoints.filters.priority_and_fairness import with_priority_and_fairness
from apiserver.endpoints.http_request import HTTPRequest
from apiserver.machinery.users import UserInfo
from apiserver.registry.flow_reflectors import build_flow_control
from tests.unit.endpoints.made_requests import made_request

CONFIG_MAP = "/api/v1/namespaces/n/configmaps/a"
QUEUES = (64, 6, 50)


def request(who: str, path: str = CONFIG_MAP, query: str = "", method: str = "GET") -> HTTPRequest:
    groups = ("system:masters",) if who == "admin" else ("staff",)
    return made_request(method, f"{path}?{query}", user=UserInfo(who, groups=groups))


EVERYTHING = {
    "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"],
    "clusterScope": True,
}  # fmt: skip


def staff() -> FlowSchema:
    subject = {"kind": "Group", "group": {"name": "staff"}}
    spec = {
        "priorityLevelConfiguration": {"name": "staff"},
        "matchingPrecedence": 5,
        "distinguisherMethod": {"type": "ByUser"},
        "rules": [{"subjects": [subject], "resourceRules": [EVERYTHING]}],
    }
    return FlowSchema({"metadata": {"name": "staff"}, "spec": spec})


class Costly:
    """An estimator of one answer."""

    def __init__(self, work: WorkEstimate) -> None:
        self.work = work

    def estimate(self, *_: Any) -> WorkEstimate:
        return self.work


class Served:
    """A filter over a handler that is as slow as the test wants, and the order of what it did."""

    def __init__(
        self, seats: int, queues: tuple[int, int, int], work: WorkEstimate = ONE_SEAT
    ) -> None:
        control: FlowControl = build_flow_control(1000)
        members = zip(("queues", "handSize", "queueLengthLimit"), queues, strict=True)
        response = {"type": "Queue", "queuing": dict(members)}
        limited = {"nominalConcurrencyShares": 1, "limitResponse": response}
        spec = {"type": "Limited", "limited": limited}
        control.put_level({"metadata": {"name": "staff"}, "spec": spec})
        control.put_schema(staff())
        self.level: PriorityLevel = next(each for each in control.levels() if each.name == "staff")
        self.level.limit = seats
        # No request takes longer than estimated, so that no queue is charged for it.
        self.level._now = lambda: 0.0
        self.handle = with_priority_and_fairness(
            self._serve, control, 60.0, cast("Any", Costly(work))
        )
        self.order: list[str] = []
        self.most = 0
        self._inside: list[asyncio.Event] = []

    async def _serve(self, served: HTTPRequest) -> web.StreamResponse:
        done = asyncio.Event()
        self._inside.append(done)
        self.order.append(served.user.name)
        self.most = max(self.most, len(self._inside))
        await done.wait()
        return web.Response(status=200)

    def start(self, made: HTTPRequest) -> asyncio.Task[web.StreamResponse]:
        return asyncio.create_task(cast("Any", self.handle(made)))

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await asyncio.sleep(0)

    async def inside(self, number: int) -> None:
        await self.until(lambda: len(self._inside) == number)

    def finish_one(self) -> None:
        self._inside.pop(0).set()

    async def finish_all(self, tasks: list[asyncio.Task[web.StreamResponse]]) -> list[int]:
        while not all(task.done() for task in tasks):
            if self._inside:
                self.finish_one()
            await asyncio.sleep(0)
        return [(await task).status for task in tasks]


async def test_a_noisy_user_does_not_keep_a_quiet_one_waiting() -> None:
    served = Served(4, QUEUES)
    tasks = [served.start(request("noisy")) for _ in range(200)]
    await served.inside(4)
    tasks += [served.start(request("quiet")) for _ in range(5)]
    await served.until(lambda: served.level.waiting == 201)
    statuses = await served.finish_all(tasks)
    assert Counter(statuses) == {200: 205}
    assert served.most == 4
    # The noisy user has six queues, and the quiet one's requests get a queue each.
    last = max(place for place, name in enumerate(served.order) if name == "quiet")
    assert last < 4 + 5 + 2 * 6


async def test_waiting_ends_after_a_quarter_of_the_time() -> None:
    served = Served(1, QUEUES)
    busy = served.start(request("alice"))
    await served.inside(1)
    hurried = request("bob")
    hurried.deadline = asyncio.get_running_loop().time() + 0.04
    assert (await served.handle(hurried)).status == 429
    assert dict(served.level.rejected) == {("staff", "time-out"): 1}
    assert await served.finish_all([busy]) == [200]
    assert served.level.executing == 0


@pytest.mark.parametrize("granted", [False, True])
async def test_a_client_that_leaves_frees_its_place(granted: bool) -> None:
    served = Served(1, QUEUES)
    busy = served.start(request("alice"))
    await served.inside(1)
    leaving = served.start(request("bob"))
    await served.until(lambda: served.level.waiting == 1)
    if granted:
        served.finish_one()
        await served.until(lambda: served.level.waiting == 0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert await served.finish_all([busy]) == [200]
    assert served.level.executing == 0
    assert served.level.demand.seats == 0


async def test_administrators_and_long_requests_need_no_seat() -> None:
    served = Served(1, QUEUES)
    tasks = [served.start(request("alice"))]
    tasks += [served.start(request("admin")) for _ in range(5)]
    tasks.append(served.start(request("alice", "/api/v1/namespaces/n/pods/p/log")))
    await served.inside(7)
    assert await served.finish_all(tasks) == [200] * 7


async def test_a_watch_frees_its_seat_once_whatever_becomes_of_it() -> None:
    served = Served(1, QUEUES)

    async def stream() -> None:
        return

    watch = request("alice", "/api/v1/pods", "watch=1")
    watch.stream_body = stream
    task = served.start(watch)
    await served.inside(1)
    assert await served.finish_all([task]) == [200]
    assert served.level.queue.seats_in_use == 1
    assert watch.initialized is not None
    watch.initialized()
    watch.initialized()
    assert served.level.queue.seats_in_use == 0
    refused = served.start(request("alice", "/api/v1/pods", "watch=1"))
    await served.inside(1)
    assert await served.finish_all([refused]) == [200]
    assert served.level.queue.seats_in_use == 0


async def test_seats_for_events_are_kept_after_the_response() -> None:
    served = Served(10, QUEUES, WorkEstimate(1, 3, 0.001))
    task = served.start(request("alice", method="PUT"))
    await served.inside(1)
    assert served.level.queue.seats_in_use == 3
    assert await served.finish_all([task]) == [200]
    assert served.level.queue.seats_in_use == 3
    await served.until(lambda: served.level.queue.seats_in_use == 0)
