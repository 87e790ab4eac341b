"""The default roles and bindings are created and completed while the server starts.

As in Kubernetes this is a hook of the start, and a health check of the same name: the server is not
ready before it has finished. Usually that is before the first request. Failures, such as those of a
store that does not answer, are retried beside the requests.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from apiserver.endpoints.health import Unhealthy
from apiserver.machinery.errors import Conflict, StatusError
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object, name_of, namespace_of
from apiserver.machinery.options import DeleteOptions, WriteOptions
from apiserver.registry.create import create_object
from apiserver.registry.delete import delete_object
from apiserver.registry.registry import Registry
from apiserver.registry.update import update_object
from apiserver.resources.builtin.rbac.bootstrap import GROUP, bootstrap_policy
from apiserver.server.bootstrap import ObjectLocation, ensure, locate
from apiserver.server.rbac_reconciliation import is_left_alone, is_rebound, reconciled

BOOTSTRAP_ROLES: Final = "poststarthook/rbac/bootstrap-roles"
#: Who owns the fields of these objects.
_USER_AGENT: Final = "kube-apiserver"
#: The pause after the first failure, which doubles up to the longest, in seconds.
_RETRY_SECONDS: Final = 1.0
_LONGEST_RETRY_SECONDS: Final = 30.0
_START_SECONDS: Final = 2.0
#: So many writes are made at a time. The store commits them together.
_CONCURRENT: Final = 32

log = logging.getLogger(__name__)


@dataclass(slots=True)
class BootstrapRoles:
    """The work, and whether it is done."""

    registry: Registry
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def check(self) -> None:
        """Raise Unhealthy until the roles and bindings exist."""
        if not self.done.is_set():
            raise Unhealthy("not finished")

    async def run(self) -> None:
        """Create and complete the default roles and bindings, and retry until that succeeds."""
        pause = _RETRY_SECONDS
        while not self.done.is_set():
            try:
                await self._reconcile_all()
            except StatusError as error:
                log.warning("the default roles cannot be written: %s", error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_RETRY_SECONDS)
            else:
                self.done.set()

    async def _reconcile_all(self) -> None:
        policy = bootstrap_policy()
        by_resource: Sequence[tuple[str, Iterable[Object]]] = (
            ("clusterroles", policy.clusterroles),
            ("clusterrolebindings", policy.clusterrolebindings),
            ("roles", policy.roles),
            ("rolebindings", policy.rolebindings),
        )
        gate = asyncio.Semaphore(_CONCURRENT)
        for plural, documents in by_resource:
            api = GroupVersionResource(GROUP, "v1", plural)
            await asyncio.gather(*(self._reconcile(api, each, gate) for each in documents))

    async def _reconcile(
        self, api: GroupVersionResource, wanted: Object, gate: asyncio.Semaphore
    ) -> None:
        async with gate:
            where = locate(self.registry, api, namespace_of(wanted), name_of(wanted))
            existing = where.existing
            if existing is None:
                await ensure(where, wanted, _USER_AGENT)
            elif not is_left_alone(existing):
                await _complete(where, existing, wanted)


async def _complete(where: ObjectLocation, existing: Object, wanted: Object) -> None:
    if is_rebound(existing, wanted):
        await delete_object(where.resource, where.context(_USER_AGENT), DeleteOptions())
        await create_object(where.resource, where.context(_USER_AGENT), wanted, WriteOptions())
        return
    desired = reconciled(existing, wanted)
    if desired is None:
        return
    try:
        await update_object(where.resource, where.context(_USER_AGENT), desired, WriteOptions())
    except Conflict:
        # Another server may have done the same.
        log.debug("%s has changed in the meantime", name_of(wanted))


@asynccontextmanager
async def bootstrapping_roles(roles: BootstrapRoles) -> AsyncGenerator[None, None]:
    """Create the roles; long work continues in the background of the block."""
    task = asyncio.create_task(roles.run(), name=BOOTSTRAP_ROLES)
    try:
        await asyncio.wait([task], timeout=_START_SECONDS)
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
