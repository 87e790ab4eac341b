"""CustomResources: the catalogue serves what the CustomResourceDefinitions in the store define.

Every process follows the definitions by itself, with a watch on its own cache. What exists at the
start is served before the server is ready. A definition whose change does not concern the served
kinds, such as one of its labels, changes nothing. Groups of built-in kinds are closed: a definition
in one of them is never served, as in Kubernetes, where the paths of such a group end in the server
of the built-in kinds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Final

from apiserver.machinery.errors import StatusError
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.machinery.options import list_options
from apiserver.registry.codec import Stored
from apiserver.registry.registry import Registry
from apiserver.registry.watch import DELETED, Watch, WatchEvent, watch_objects
from apiserver.registry.yielding import Yielder
from apiserver.resources.custom.customkinds import custom_kinds, published_schema, served_state
from apiserver.resources.definition import ResourceDefinition
from apiserver.resources.kind import UnloadedKind
from storage.errors import StorageError

_DEFINITIONS: Final = GroupVersionResource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions"
)
_RETRY_SECONDS: Final = 0.2

log = logging.getLogger(__name__)


class _Served:
    """What is served of a definition: its kinds, in a state; ``stored`` has this state, too."""

    __slots__ = ("kinds", "state", "stored")

    def __init__(self, state: str, stored: Stored, before: Sequence[UnloadedKind]) -> None:
        self.state = state
        self.stored = stored
        self.kinds = custom_kinds(stored.object, lambda: self.stored.object, before)


class CustomResources:
    """Follows the definitions in the store of a registry, and changes its catalogue."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        # By the name of the definition.
        self._served: dict[str, _Served] = {}
        self._synced = asyncio.Event()

    def schema(self, definition: ResourceDefinition) -> Object | None:
        """Return the schema of a custom kind, to be published; ``None`` if it has none."""
        served = self._served.get(f"{definition.resource}.{definition.group}")
        return (
            None if served is None else published_schema(served.stored.object, definition.version)
        )

    async def wait_until_synced(self) -> None:
        """Wait until everything is served that was defined when `run` began."""
        await self._synced.wait()

    async def run(self) -> None:
        """Follow the definitions until cancelled."""
        while True:
            try:
                await self._follow()
            except StatusError as error:
                log.warning("watch of custom resource definitions failed: %s", error)
            except Exception:
                # An error here is a bug. It must not end what is served.
                log.exception("custom resource definitions: starting again after an error")
            await asyncio.sleep(_RETRY_SECONDS)

    async def _follow(self) -> None:
        definitions = self._registry.resource(*_DEFINITIONS)
        assert definitions is not None
        watch = await watch_objects(definitions, "", list_options({}))
        try:
            await self._load(watch)
            self._synced.set()
            pending = asyncio.Event()
            watch.subscribed(pending.set)
            while await pending.wait():
                pending.clear()
                for part in watch.take_parts():
                    await self._apply(watch.select(part))
        except EOFError:
            # The watch has ended, and with it what is known of later changes: it starts again.
            return
        finally:
            watch.close()

    async def _load(self, watch: Watch) -> None:
        """Serve what exists, and nothing else."""
        absent = set(self._served)
        async with aclosing(watch.opening()) as opening:
            async for events in opening:
                await self._apply(events)
                absent.difference_update(_name(event.stored) for event in events)
        self._replace(absent, {})

    async def _apply(self, events: Iterable[WatchEvent]) -> None:
        """Serve what the events show; of several events of one definition, the last one."""
        gone: set[str] = set()
        changed: dict[str, _Served] = {}
        yielder = Yielder()
        for event in events:
            name = _name(event.stored)
            served = None if event.type == DELETED else self._read(name, event.stored)
            if served is None:
                gone.add(name)
                changed.pop(name, None)
            else:
                gone.discard(name)
                changed[name] = served
            await yielder.yield_if_due()
        self._replace(gone, changed)

    def _read(self, name: str, stored: Stored) -> _Served | None:
        """Return what is to be served of a definition, ``None`` for nothing."""
        try:
            crd = stored.object
            if self._registry.catalog.has_builtin_group(crd["spec"]["group"]):
                return None
            state = served_state(crd)
            known = self._served.get(name)
            if known is not None and known.state == state:
                known.stored = stored
                return known
            served = _Served(state, stored, () if known is None else known.kinds)
        except (StorageError, LookupError, TypeError, ValueError):
            # This server would not have stored it, and does not know what it means.
            log.exception("custom resource definition %s cannot be served", name)
            return None
        return served if served.kinds else None

    def _replace(self, gone: Iterable[str], changed: dict[str, _Served]) -> None:
        """Bring the catalogue up to date, in one batch."""
        before: list[UnloadedKind] = []
        after: list[UnloadedKind] = []
        for name in gone:
            known = self._served.pop(name, None)
            before += known.kinds if known is not None else ()
        for name, served in changed.items():
            known = self._served.get(name)
            self._served[name] = served
            if known is not served:
                before += known.kinds if known is not None else ()
                after += served.kinds
        kept = {kind.definition.gvr for kind in after}
        removed = [kind.definition for kind in before if kind.definition.gvr not in kept]
        self._registry.catalog.replace(removed=removed, added=after)


def _name(stored: Stored) -> str:
    return stored.key.rpartition("/")[2]


@asynccontextmanager
async def serving(resources: CustomResources) -> AsyncGenerator[None, None]:
    """Serve custom resources while the block runs, from the beginning all that exist."""
    following = asyncio.create_task(resources.run(), name="custom-resources")
    try:
        await resources.wait_until_synced()
        yield
    finally:
        following.cancel()
        await asyncio.wait([following])
