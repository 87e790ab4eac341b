"""The chain of admission: all plugins that change an object, in order, then all that may refuse it.

A plugin says which writes it handles; the chain asks it once for each sort of write and remembers,
so that a write that no plugin handles costs one look-up. Most plugins decide at once, from objects
in memory. Those that must wait for somebody (an authorizer, a webhook) come after the others of
their phase.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, runtime_checkable

from apiserver.client.client import Reader
from apiserver.machinery.errors import Forbidden
from apiserver.machinery.gvk import GroupResource, GroupVersionKind, GroupVersionResource
from apiserver.machinery.objects import Object, metadata_of
from apiserver.machinery.users import UserInfo

CREATE: Final = "CREATE"
UPDATE: Final = "UPDATE"
DELETE: Final = "DELETE"
CONNECT: Final = "CONNECT"


def _unheard(text: str) -> None:
    """Tell nobody."""


# Made for every write, so not frozen: a frozen class takes several times as long to fill.
@dataclass(slots=True)
class AdmissionAttributes:
    """One write: who wants to make what of which object.

    ``object`` is what is to be written, ``None`` on DELETE; ``old_object`` what is there, ``None``
    on CREATE. Both are shared. ``name`` is empty while it is to be generated. ``options`` are those
    of the request, whatever its verb.
    """

    operation: str
    user: UserInfo
    gvk: GroupVersionKind
    gvr: GroupVersionResource
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    object: Object | None = None
    old_object: Object | None = None
    dry_run: bool = False
    options: Any = None
    #: Tells the client something besides the answer.
    warn: Callable[[str], None] = _unheard

    @property
    def group_resource(self) -> GroupResource:
        """The resource as messages name it."""
        return GroupResource(self.gvr.group, self.gvr.resource)

    def forbidden(self, why: str) -> Forbidden:
        """Return the refusal of this write."""
        return Forbidden.of(self.group_resource, self.display_name, why)

    @property
    def display_name(self) -> str:
        """The name that a refusal shows; one that is to be generated is shown by its beginning."""
        if self.name:
            return self.name
        metadata = metadata_of(self.object) if self.object is not None else {}
        return metadata.get("name") or metadata.get("generateName") or "Unknown"


class Plugin(Protocol):
    """One rule of admission, with one or more of the methods of the four classes below."""

    name: str

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        """Tell whether writes of this sort concern the plugin at all."""
        ...


@runtime_checkable
class Mutator(Protocol):
    """Changes what is to be written."""

    def mutate(self, attributes: AdmissionAttributes, reader: Reader) -> Object | None:
        """Return a changed object, ``None`` to leave it. Raises StatusError to refuse it."""
        ...


@runtime_checkable
class AsyncMutator(Protocol):
    """Changes what is to be written, once somebody else has answered."""

    async def mutate_async(self, attributes: AdmissionAttributes, reader: Reader) -> Object | None:
        """Return a changed object, ``None`` to leave it. Raises StatusError to refuse it."""
        ...


@runtime_checkable
class Validator(Protocol):
    """Refuses what may not be written."""

    def validate(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        """Raise StatusError to refuse."""
        ...


@runtime_checkable
class AsyncValidator(Protocol):
    """Refuses what may not be written, once somebody else has answered."""

    async def validate_async(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        """Raise StatusError to refuse."""
        ...


@dataclass(frozen=True, slots=True)
class _Selected:
    mutators: tuple[Mutator, ...]
    async_mutators: tuple[AsyncMutator, ...]
    validators: tuple[Validator, ...]
    async_validators: tuple[AsyncValidator, ...]
    mutates: bool
    validates: bool


class AdmissionChain:
    """The plugins of a server, in order."""

    def __init__(self, plugins: Sequence[Plugin]) -> None:
        self.plugins = tuple(plugins)
        self._selected: dict[tuple[str, GroupVersionResource, str], _Selected] = {}

    def mutates(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        """Tell whether writes of this sort go through `mutate`."""
        return self._select(operation, resource, subresource).mutates

    def validates(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        """Tell whether writes of this sort go through `validate`."""
        return self._select(operation, resource, subresource).validates

    async def mutate(self, attributes: AdmissionAttributes, reader: Reader) -> Object:
        """Return the object as the plugins want it. Raises StatusError when one refuses it.

        The attributes are the caller's own: their object becomes the new one.
        """
        selected = self._of(attributes)
        for plugin in selected.mutators:
            changed = plugin.mutate(attributes, reader)
            if changed is not None:
                attributes.object = changed
        for waiting in selected.async_mutators:
            changed = await waiting.mutate_async(attributes, reader)
            if changed is not None:
                attributes.object = changed
        # Nothing is to be written where something is deleted.
        return attributes.object if attributes.object is not None else {}

    async def validate(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        """Raise StatusError when a plugin refuses the write."""
        selected = self._of(attributes)
        for plugin in selected.validators:
            plugin.validate(attributes, reader)
        for waiting in selected.async_validators:
            await waiting.validate_async(attributes, reader)

    def _of(self, attributes: AdmissionAttributes) -> _Selected:
        return self._select(attributes.operation, attributes.gvr, attributes.subresource)

    def _select(
        self, operation: str, resource: GroupVersionResource, subresource: str
    ) -> _Selected:
        key = (operation, resource, subresource)
        known = self._selected.get(key)
        if known is None:
            taking_part = [plugin for plugin in self.plugins if plugin.handles(*key)]
            known = self._selected[key] = _sorted(taking_part)
        return known


def _sorted(plugins: Sequence[Plugin]) -> _Selected:
    mutators = tuple(plugin for plugin in plugins if isinstance(plugin, Mutator))
    async_mutators = tuple(plugin for plugin in plugins if isinstance(plugin, AsyncMutator))
    validators = tuple(plugin for plugin in plugins if isinstance(plugin, Validator))
    async_validators = tuple(plugin for plugin in plugins if isinstance(plugin, AsyncValidator))
    return _Selected(
        mutators,
        async_mutators,
        validators,
        async_validators,
        mutates=bool(mutators or async_mutators),
        validates=bool(validators or async_validators),
    )
