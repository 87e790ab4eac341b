"""Leader election: candidates for one Lease."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from apiserver.client.client import Client
from apiserver.controllers.leader_election import ElectionTimes, LeaderElector
from apiserver.machinery.builtin_resources import EVENTS, LEASES
from apiserver.machinery.errors import ServiceUnavailable
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.machinery.options import DeleteOptions
from apiserver.machinery.times import Clock
from apiserver.registry.loopback import Loopback, system_client
from tests.unit.cluster import NAMESPACES, create, named, registry_in_memory
from tests.waiting import eventually

TIMES = ElectionTimes(lease=15, renew=1, retry=0.01)


class Watch(Clock):
    """A clock that stands still unless it is moved."""

    now = 1_000_000.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


class Cut:
    """A client that can be cut off from the server."""

    def __init__(self, client: Loopback) -> None:
        self._client = client
        self.cut = False
        self.updates = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def get(self, *args: Any) -> Object:
        self._check()
        return await self._client.get(*args)

    async def update(self, resource: GroupVersionResource, document: Object) -> Object:
        self._check()
        self.updates += 1
        return await self._client.update(resource, document)

    def _check(self) -> None:
        if self.cut:
            raise ServiceUnavailable("cut off")


class Candidate:
    """An elector, and whether it leads."""

    def __init__(self, client: Client, name: str, clock: Clock) -> None:
        self.elector = LeaderElector(client, "lease", name, clock, TIMES)
        self.leads = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self.elector.run(self._lead))

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _lead(self) -> None:
        self.leads = True
        try:
            await asyncio.Event().wait()
        finally:
            self.leads = False


class Election:
    """The Lease and those who want it."""

    def __init__(self, client: Loopback) -> None:
        self.client = client
        self.clock = Watch()
        self.cuts = {name: Cut(client) for name in "ab"}
        self.a, self.b = (
            Candidate(cut, name, self.clock)  # type: ignore[arg-type]
            for name, cut in self.cuts.items()
        )

    async def spec(self) -> Object:
        lease = await self.client.get(LEASES, "kube-system", "lease")
        spec: Object = lease["spec"]
        return spec

    async def a_leads(self) -> None:
        self.a.start()
        await eventually(lambda: self.a.leads)
        self.b.start()


@asynccontextmanager
async def electing() -> AsyncIterator[Election]:
    async with registry_in_memory() as registry:
        await create(registry, NAMESPACES, named("kube-system"))
        election = Election(system_client(registry))
        try:
            yield election
        finally:
            await election.a.stop()
            await election.b.stop()


@pytest.fixture
async def election() -> AsyncIterator[Election]:
    async with electing() as election:
        yield election


async def test_the_first_candidate_leads_and_says_so(election: Election) -> None:
    await election.a_leads()
    spec = await election.spec()
    assert spec["holderIdentity"] == "a"
    assert spec["leaseDurationSeconds"] == 15
    assert spec["leaseTransitions"] == 0
    assert spec["acquireTime"] == "1970-01-12T13:46:40.000000Z"
    (event,) = (await election.client.list(EVENTS, "kube-system")).items
    assert (event["reason"], event["message"]) == ("LeaderElection", "a became leader")


async def test_a_leader_renews_and_nobody_takes_over(election: Election) -> None:
    await election.a_leads()
    for _ in range(5):
        seen = election.cuts["a"].updates
        election.clock.now += 14
        await eventually(lambda seen=seen: election.cuts["a"].updates > seen + 1)
    assert election.a.leads
    assert not election.b.leads
    spec = await election.spec()
    assert spec["acquireTime"] < spec["renewTime"]
    assert election.cuts["b"].updates == 0


async def test_one_that_leaves_is_followed_at_once(election: Election) -> None:
    await election.a_leads()
    await election.a.stop()
    await eventually(lambda: election.b.leads)
    spec = await election.spec()
    assert (spec["holderIdentity"], spec["leaseTransitions"]) == ("b", 1)


async def test_one_that_is_cut_off_stops_and_is_followed_when_the_lease_expires(
    election: Election,
) -> None:
    await election.a_leads()
    await eventually(lambda: election.a.leads)
    election.cuts["a"].cut = True
    await eventually(lambda: not election.a.leads)
    assert not election.b.leads
    assert (await election.spec())["holderIdentity"] == "a"

    async def moved() -> bool:
        # The other one measures from when it has seen the last renewal.
        election.clock.now += 15
        return election.b.leads

    await eventually(moved)
    election.cuts["a"].cut = False
    assert (await election.spec())["holderIdentity"] == "b"
    assert not election.a.leads


async def test_a_lease_that_was_deleted_is_made_again(election: Election) -> None:
    await election.a_leads()
    await election.client.delete(LEASES, "kube-system", "lease", DeleteOptions())
    seen = election.cuts["a"].updates
    await eventually(lambda: election.cuts["a"].updates > seen + 2 or election.b.leads)
    # If the other one has made it, the former leader learns of that when it renews.
    await eventually(lambda: election.a.leads != election.b.leads)


async def test_a_lease_that_somebody_else_has_changed_is_kept(election: Election) -> None:
    await election.a_leads()
    await election.client.patch(
        LEASES, "kube-system", "lease", {"metadata": {"labels": {"a": "b"}}}
    )
    seen = election.cuts["a"].updates
    await eventually(lambda: election.cuts["a"].updates > seen + 2)
    assert election.a.leads
    lease = await election.client.get(LEASES, "kube-system", "lease")
    assert lease["metadata"]["labels"] == {"a": "b"}


async def test_a_leader_whose_lease_was_taken_stops(election: Election) -> None:
    await election.a_leads()
    spec = {"holderIdentity": "somebody"}
    await election.client.patch(LEASES, "kube-system", "lease", {"spec": spec})
    await eventually(lambda: not election.a.leads)
    assert (await election.spec())["holderIdentity"] == "somebody"
