"""CustomResources: the catalogue serves what the CustomResourceDefinitions in the store define.

A definition whose change does not concern the served kinds, such as one of its labels, changes
nothing. Groups of built-in kinds are closed: a definition in one of them is never served, as in
Kubernetes, where the paths of such a group end in the server of the built-in kinds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from apiserver.client.webhook import WebhookClient
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import NamespacedName, Object
from apiserver.registry.reflector import Reflector, ReflectorTarget
from apiserver.registry.registry import Registry
from apiserver.registry.stored import Stored
from apiserver.resources.custom.customkinds import custom_kinds, published_schema, served_state
from apiserver.resources.definition import ResourceDefinition
from apiserver.resources.kind import UnloadedKind

_DEFINITIONS: Final = GroupVersionResource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions"
)


class _Served:
    """What is served of a definition: its kinds, in a state; ``stored`` has this state, too."""

    __slots__ = ("kinds", "state", "stored")

    def __init__(
        self, state: str, stored: Stored, webhooks: WebhookClient, before: Sequence[UnloadedKind]
    ) -> None:
        self.state = state
        self.stored = stored
        self.kinds = custom_kinds(stored.object, lambda: self.stored.object, webhooks, before)


class CustomResources(ReflectorTarget):
    """Changes the catalogue of a registry as the definitions in its store change.

    ``webhooks`` calls the conversion webhooks.
    """

    def __init__(self, registry: Registry, webhooks: WebhookClient) -> None:
        self._registry = registry
        self._webhooks = webhooks
        # By the name of the definition; the changes are not carried out yet, ``None`` removes.
        self._served: dict[str, _Served] = {}
        self._changes: dict[str, _Served | None] = {}

    def reflector(self) -> Reflector:
        """Return the reflector that keeps the catalogue in step."""
        return Reflector(self._registry, _DEFINITIONS, self)

    def schema(self, definition: ResourceDefinition) -> Object | None:
        """Return the schema of a custom kind, to be published; ``None`` if it has none."""
        served = self._served.get(f"{definition.resource}.{definition.group}")
        return (
            None if served is None else published_schema(served.stored.object, definition.version)
        )

    async def put(self, key: NamespacedName, stored: Stored) -> None:
        self._changes[key[1]] = self._read(key[1], stored)

    def remove(self, key: NamespacedName) -> None:
        self._changes[key[1]] = None

    def flush(self) -> None:
        """Bring the catalogue up to date, in one batch."""
        changes, self._changes = self._changes, {}
        before: list[UnloadedKind] = []
        after: list[UnloadedKind] = []
        for name, served in changes.items():
            known = self._served.pop(name, None)
            if served is not None:
                self._served[name] = served
            if known is not served:
                before += known.kinds if known is not None else ()
                after += served.kinds if served is not None else ()
        kept = {kind.definition.gvr for kind in after}
        removed = [kind.definition for kind in before if kind.definition.gvr not in kept]
        self._registry.catalog.replace(removed=removed, added=after)

    def _read(self, name: str, stored: Stored) -> _Served | None:
        """Return the kind to serve for a definition, ``None`` for none.

        Raises Corrupt, KeyError, TypeError or ValueError.
        """
        crd = stored.object
        if self._registry.catalog.has_builtin_group(crd["spec"]["group"]):
            return None
        state = served_state(crd)
        known = self._served.get(name)
        if known is not None and known.state == state:
            known.stored = stored
            return known
        served = _Served(state, stored, self._webhooks, () if known is None else known.kinds)
        return served if served.kinds else None
