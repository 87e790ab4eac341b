"""The Dangling condition of flow schemas."""

from __future__ import annotations

import asyncio

from apiserver.controllers.controller_manager import (
    ControllerOptions,
    build_manager,
    run_controllers,
)
from apiserver.machinery.builtin_resources import FLOW_SCHEMAS, PRIORITY_LEVELS
from apiserver.machinery.objects import Object
from apiserver.machinery.options import DeleteOptions
from apiserver.registry.loopback import Loopback, system_client
from tests.unit.cluster import registry_in_memory, webhooks_of
from tests.waiting import PATIENCE

SCHEMA = {"metadata": {"name": "s"}, "spec": {"priorityLevelConfiguration": {"name": "l"}}}
LEVEL = {
    "metadata": {"name": "l"},
    "spec": {"type": "Limited", "limited": {"limitResponse": {"type": "Reject"}}},
}


async def condition(client: Loopback, status: str) -> Object:
    async with asyncio.timeout(PATIENCE):
        while True:
            schema = await client.get(FLOW_SCHEMAS, "", "s")
            for found in schema.get("status", {}).get("conditions") or ():
                if found["status"] == status:
                    return {**found, "owners": schema["metadata"]["managedFields"]}
            await asyncio.sleep(0)


async def test_a_schema_follows_its_level() -> None:
    async with registry_in_memory() as registry:
        client, ready = system_client(registry), asyncio.Event()
        ready.set()
        async with run_controllers(
            build_manager(ControllerOptions(), registry, webhooks_of(registry)), ready
        ):
            await client.create(FLOW_SCHEMAS, SCHEMA)
            missing = await condition(client, "True")
            assert (missing["type"], missing["reason"]) == ("Dangling", "NotFound")
            await client.create(PRIORITY_LEVELS, LEVEL)
            found = await condition(client, "False")
            assert found["reason"] == "Found"
            assert found["message"] == (
                'This FlowSchema references the PriorityLevelConfiguration object named "l" and it '
                "exists"
            )
            owner = found["owners"][0]
            assert owner["manager"] == "api-priority-and-fairness-config-consumer-v1"
            assert (owner["operation"], owner["subresource"]) == ("Apply", "status")
            await client.delete(PRIORITY_LEVELS, "", "l", DeleteOptions())
            await condition(client, "True")
