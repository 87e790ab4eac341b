"""Selects, builds and runs the controllers of a server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

from apiserver.client.client import Client
from apiserver.controllers.controller import Controller, Reconciler
from apiserver.controllers.disruption.disruption_controller import DisruptionController
from apiserver.controllers.flow_schema_status_controller import FlowSchemaStatusController
from apiserver.controllers.garbagecollector.collector import GarbageCollector
from apiserver.controllers.namespace.namespace_controller import NamespaceController
from apiserver.controllers.resource_quota_controller import ResourceQuotaController
from apiserver.controllers.service_accounts_controller import ServiceAccountsController
from apiserver.controllers.serviceendpoints.endpoints_controller import EndpointsController
from apiserver.controllers.serviceendpoints.endpointslice_controller import EndpointSliceController
from apiserver.controllers.serviceendpoints.endpointslice_mirroring_controller import (
    EndpointSliceMirroringController,
)
from apiserver.registry.loopback import controller_client, system_client
from apiserver.registry.registry import Registry

_WORKERS: Final = 4
_FLOW_SCHEMAS: Final = "flow-schema-status"
GARBAGE_COLLECTOR: Final = "garbage-collector-controller"
_ALL: Final[Mapping[str, Callable[[Client], Reconciler]]] = {
    "disruption-controller": DisruptionController,
    "endpoints-controller": EndpointsController,
    "endpointslice-controller": EndpointSliceController,
    "endpointslice-mirroring-controller": EndpointSliceMirroringController,
    GARBAGE_COLLECTOR: GarbageCollector,
    "namespace-controller": NamespaceController,
    "resourcequota-controller": ResourceQuotaController,
    "serviceaccount-controller": ServiceAccountsController,
}

log = logging.getLogger(__name__)


def selected_controllers(given: Sequence[str], known: Sequence[str]) -> list[str]:
    """Return the ``known`` controllers that the value of ``--controllers`` enables.

    ``name`` enables a controller, ``-name`` disables it, ``*`` enables all others. The first
    mention of a name counts.
    """
    chosen: dict[str, bool] = {}
    for text in given:
        chosen.setdefault(text.removeprefix("-"), not text.startswith("-"))
    everything = chosen.pop("*", False)
    for name in chosen.keys() - set(known):
        log.warning("unknown controller in --controllers: %s", name)
    return [name for name in known if chosen.get(name, everything)]


def build_controllers(given: Sequence[str], registry: Registry) -> list[Controller]:
    """Return the enabled controllers, each with a client of its own, and those of the server."""
    clients = {
        name: controller_client(registry, name) for name in selected_controllers(given, list(_ALL))
    }
    controllers = [
        Controller(name, client, _ALL[name](client), _WORKERS) for name, client in clients.items()
    ]
    system = system_client(registry)
    return [*controllers, Controller(_FLOW_SCHEMAS, system, FlowSchemaStatusController(system))]


@asynccontextmanager
async def run_controllers(
    controllers: Sequence[Controller], ready: asyncio.Event
) -> AsyncIterator[None]:
    """Run controllers while the block runs, starting when the server is ``ready``."""

    async def run() -> None:
        await ready.wait()
        async with asyncio.TaskGroup() as group:
            for controller in controllers:
                group.create_task(controller.run(), name=controller.name)

    task = asyncio.create_task(run(), name="controllers")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
