"""Leases: shared by what ends at about the same time, never shorter than asked."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from storage.etcd import rpc
from storage.etcd.connection import Connection
from storage.etcd.leases import MAX_OBJECTS, Leases, window


class Grants:
    """Grants leases and notes for how long."""

    def __init__(self) -> None:
        self.seconds: list[int] = []
        self.now = 0.0

    async def grant(self, request: rpc.LeaseGrantRequest) -> Any:
        self.seconds.append(request.TTL)
        await asyncio.sleep(0)
        return rpc.LeaseGrantResponse(ID=100 + len(self.seconds))

    def leases(self) -> Leases:
        return Leases(cast("Connection", self), clock=lambda: self.now)


@pytest.mark.parametrize(("ttl", "expected"), [(1, 0), (19, 0), (20, 1), (600, 30), (3600, 60)])
def test_the_window_is_a_twentieth_and_a_minute_at_most(ttl: int, expected: int) -> None:
    assert window(ttl) == expected


async def test_objects_of_one_window_share_a_lease_that_outlives_the_last() -> None:
    grants = Grants()
    leases = grants.leases()
    taken = []
    for grants.now in (0.0, 30.0, 59.9, 60.0, 119.0, 121.0):
        taken.append(await leases.take(3600))
    assert taken == [101, 101, 101, 102, 102, 103]
    assert grants.seconds == [3660, 3660, 3660]


async def test_short_lifetimes_end_on_time() -> None:
    grants = Grants()
    leases = grants.leases()
    assert [await leases.take(15), await leases.take(15)] == [101, 102]
    assert grants.seconds == [15, 15]


async def test_lifetimes_do_not_mix() -> None:
    grants = Grants()
    leases = grants.leases()
    assert [await leases.take(ttl) for ttl in (3600, 600, 3600)] == [101, 102, 101]


async def test_a_lease_has_a_limit_of_objects() -> None:
    grants = Grants()
    leases = grants.leases()
    taken = [await leases.take(3600) for _ in range(MAX_OBJECTS + 1)]
    assert taken[MAX_OBJECTS - 1 :] == [101, 102]


async def test_many_at_once_are_granted_one() -> None:
    grants = Grants()
    leases = grants.leases()
    assert set(await asyncio.gather(*(leases.take(3600) for _ in range(20)))) == {101}


async def test_a_lease_that_etcd_does_not_know_is_given_out_no_more() -> None:
    grants = Grants()
    leases = grants.leases()
    leases.forget(await leases.take(3600))
    assert await leases.take(3600) == 102
