"""ComponentStatuses: not stored, but probed whenever they are read.

The probes run concurrently, and each of them limits its own time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from apiserver.machinery.errors import UnknownError
from apiserver.machinery.objects import Object
from apiserver.machinery.options import ListOptions
from apiserver.machinery.valueclasses import valueclass
from apiserver.registry.list import ObjectList, check_list
from apiserver.registry.resource import Resource
from apiserver.registry.selection import Selection
from apiserver.registry.stored import Stored


@valueclass
class ComponentHealth:
    """The result of a probe: the status, message and error of the condition ``Healthy``."""

    healthy: bool
    message: str = ""
    error: str = ""


#: Probes a component. Raises nothing: a failed probe means an unhealthy component.
Probe: TypeAlias = Callable[[], Awaitable[ComponentHealth]]


@valueclass
class ComponentStatuses:
    """The components of a cluster, by name."""

    probes: Mapping[str, Probe]

    async def get(self, resource: Resource, name: str) -> Stored:
        """Return the status of one component. Raises UnknownError where there is none."""
        probe = self.probes.get(name)
        if probe is None:
            # Kubernetes answers with 500 and without a reason.
            raise UnknownError(f"Component not found: {name}")
        return _component_status(resource, name, await probe())

    async def list(self, resource: Resource, options: ListOptions) -> ObjectList:
        """Return the statuses that are selected, in one page and without a resourceVersion.

        Raises Invalid or BadRequest for options that cannot be met.
        """
        check_list(options)
        selection = Selection(options, resource.kind)
        healths = await asyncio.gather(*(probe() for probe in self.probes.values()))
        statuses = [
            _component_status(resource, name, health)
            for name, health in zip(self.probes, healths, strict=True)
        ]
        return ObjectList([status for status in statuses if status in selection], "")


def _component_status(resource: Resource, name: str, health: ComponentHealth) -> Stored:
    definition = resource.definition
    condition: dict[str, Any] = {"type": "Healthy", "status": str(health.healthy)}
    if health.message:
        condition["message"] = health.message
    if health.error:
        condition["error"] = health.error
    document: Object = {
        "kind": definition.kind,
        "apiVersion": definition.api_version,
        "metadata": {"name": name},
        "conditions": [condition],
    }
    return Stored.preview("", document, 0)
