"""Unused tokens in Secrets are invalidated, and deleted a year later."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from apiserver.controllers.controller import Controller
from apiserver.controllers.legacy_token_controllers import LegacyTokenCleaner, LegacyTokenTracking
from apiserver.machinery.builtin_resources import CONFIG_MAPS, PODS, SECRETS, SERVICE_ACCOUNTS
from apiserver.machinery.errors import NotFound
from apiserver.machinery.legacytokens import TRACKING_NAME, day_of
from apiserver.machinery.options import DeleteOptions
from apiserver.machinery.times import Clock
from apiserver.registry.loopback import Loopback, controller_client
from tests.unit.cluster import NAMESPACES, named, pod, registry_in_memory
from tests.waiting import eventually

DAY = 86_400
LAST_USED = "kubernetes.io/legacy-token-last-used"
INVALID_SINCE = "kubernetes.io/legacy-token-invalid-since"


class Later(Clock):
    """A clock that is ahead by some days."""

    def __init__(self, days: float) -> None:
        self.days = days

    def time(self) -> float:
        return time.time() + self.days * DAY


@pytest.fixture
async def client() -> AsyncIterator[Loopback]:
    async with registry_in_memory() as registry:
        client = controller_client(registry, "tests")
        for namespace in ("kube-system", "n"):
            await client.create(NAMESPACES, named(namespace))
        yield client


async def since(client: Loopback) -> str | None:
    try:
        found = await client.get(CONFIG_MAPS, "kube-system", TRACKING_NAME)
    except NotFound:
        return None
    day: str | None = (found.get("data") or {}).get("since")
    return day


async def test_the_beginning_of_tracking_is_kept(client: Loopback) -> None:
    today = day_of(time.time())
    task = asyncio.create_task(Controller("test", client, LegacyTokenTracking(client)).run())

    async def is_since(day: str) -> bool:
        return await since(client) == day

    await eventually(lambda: is_since(today))
    await client.patch(CONFIG_MAPS, "kube-system", TRACKING_NAME, {"data": {"since": "x"}})
    await eventually(lambda: is_since(today))
    await client.delete(CONFIG_MAPS, "kube-system", TRACKING_NAME, DeleteOptions())
    await eventually(lambda: is_since(today))
    await client.patch(CONFIG_MAPS, "kube-system", TRACKING_NAME, {"data": {"since": "2020-01-01"}})
    await eventually(lambda: is_since("2020-01-01"))
    task.cancel()
    await asyncio.wait([task])


async def token(client: Loopback, name: str, *, generated: bool = True, **labels: str) -> None:
    """Make a Secret with a token, which its account names if it was generated."""
    account = {**named("robot", "n"), "secrets": [{"name": "none"}]}
    try:
        found = await client.get(SERVICE_ACCOUNTS, "n", "robot")
    except NotFound:
        found = await client.create(SERVICE_ACCOUNTS, account)
    if generated:
        secrets = [*found["secrets"], {"name": name}]
        await client.update(SERVICE_ACCOUNTS, {**found, "secrets": secrets})
    annotations = {"kubernetes.io/service-account.name": "robot"}
    metadata = named(name, "n", annotations=annotations, labels=labels)
    await client.create(SECRETS, {**metadata, "type": "kubernetes.io/service-account-token"})


async def state(client: Loopback, name: str) -> Any:
    """Return since when a token is invalid, or that it is gone."""
    try:
        found = await client.get(SECRETS, "n", name)
    except NotFound:
        return "gone"
    return (found["metadata"].get("labels") or {}).get(INVALID_SINCE)


async def tracked(client: Loopback, day: str = "2020-01-01") -> None:
    metadata = named(TRACKING_NAME, "kube-system")
    await client.create(CONFIG_MAPS, {**metadata, "data": {"since": day}})


async def test_an_unused_token_is_invalidated_and_then_deleted(client: Loopback) -> None:
    await tracked(client)
    await token(client, "old")
    for days, expected in ((364, None), (366, 366), (366 + 365, 366), (366 + 366, "gone")):
        clock = Later(days)
        await LegacyTokenCleaner(client, clock).reconcile("")
        day = day_of(time.time() + expected * DAY) if isinstance(expected, int) else expected
        assert await state(client, "old") == day


@pytest.mark.parametrize(
    ("labels", "generated", "day"),
    [
        ({LAST_USED: day_of(time.time())}, True, True),
        ({LAST_USED: day_of(time.time() + 300 * DAY)}, True, False),
        ({LAST_USED: "lately"}, True, False),
        ({INVALID_SINCE: "lately"}, True, True),
        ({}, False, False),
    ],
)
async def test_which_tokens_are_invalidated(
    client: Loopback, labels: dict[str, str], generated: bool, day: bool
) -> None:
    await tracked(client)
    await token(client, "t", generated=generated, **labels)
    clock = Later(400)
    await LegacyTokenCleaner(client, clock).reconcile("")
    expected = day_of(clock.time()) if day else labels.get(INVALID_SINCE)
    assert await state(client, "t") == expected


async def test_what_pods_mount_is_in_use(client: Loopback) -> None:
    await tracked(client)
    await token(client, "t")
    volume = {"name": "v", "secret": {"secretName": "t"}}
    await client.create(PODS, pod("p", "n", volumes=[volume]))
    await LegacyTokenCleaner(client, Later(400)).reconcile("")
    assert await state(client, "t") is None


@pytest.mark.parametrize("day", [day_of(time.time() + 35 * DAY), "lately"])
async def test_before_a_year_of_tracking_nothing_is_known(client: Loopback, day: str) -> None:
    await token(client, "t")
    await LegacyTokenCleaner(client, Later(400)).reconcile("")
    await tracked(client, day)
    await LegacyTokenCleaner(client, Later(400)).reconcile("")
    assert await state(client, "t") is None
