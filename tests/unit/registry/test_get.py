"""Gets: the revision that they return, and their errors."""

from __future__ import annotations

import asyncio

import pytest

from apiserver.registry.get import get_object
from tests.unit.cluster import CONFIG_MAPS
from tests.unit.registry.lists import make
from tests.unit.registry.watched import (
    Cluster,
    another_server,
    refusal,
)


async def test_a_get_sees_what_was_acknowledged_unless_it_asks_for_less(cluster: Cluster) -> None:
    config_maps = cluster.resource(CONFIG_MAPS)
    async with another_server(cluster) as other:
        cluster.store.feeding.clear()
        (version,) = await make(other, "a")
        getting = [
            asyncio.create_task(get_object(config_maps, "ns", "a", bound))
            for bound in ("", version)
        ]
        await asyncio.sleep(0)
        assert (await refusal(get_object(config_maps, "ns", "a", "0")))[0] == 404
        assert not any(task.done() for task in getting)
        cluster.store.feeding.set()
        assert [str((await task).revision) for task in getting] == [version, version]


@pytest.mark.usefixtures("no_wait")
@pytest.mark.parametrize(
    ("name", "version", "code", "message"),
    [
        ("b", "", 404, 'configmaps "b" not found'),
        ("b", "0", 404, 'configmaps "b" not found'),
        ("..", "", 400, "Name parameter invalid: \"..\": may not be '..'"),
        ("a%", "", 400, "Name parameter invalid: \"a%\": may not contain '%'"),
        ("a", "x", 500, 'parsing "x": invalid syntax'),
        ("a", "999", 504, "Too large resource version: 999"),
        ("a", "18446744073709551615", 504, "Too large resource version: 18446744073709551615"),
        ("a", "18446744073709551616", 500, "value out of range"),
    ],
)
async def test_what_cannot_be_got_is_refused(
    cluster: Cluster, name: str, version: str, code: int, message: str
) -> None:
    await make(cluster, "a")
    found = await refusal(get_object(cluster.resource(CONFIG_MAPS), "ns", name, version))
    assert found[0] == code
    assert message in found[1]
