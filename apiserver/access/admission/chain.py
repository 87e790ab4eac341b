"""The admission chain: all mutating plugins in order, then all validating plugins.

A plugin states which writes it handles. The chain asks it once per kind of write and caches the
result, so a write without plugins costs one lookup; a plugin whose configuration has changed says
so. Most plugins decide immediately, from cached objects. Plugins that have to wait (for an
authorizer or a webhook) run last in their phase.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar, runtime_checkable

from apiserver.client.client import Reader
from apiserver.machinery.errors import Forbidden
from apiserver.machinery.gvk import GroupResource, GroupVersionKind, GroupVersionResource
from apiserver.machinery.objects import Object, metadata_of
from apiserver.machinery.users import UserInfo
from apiserver.machinery.valueclasses import valueclass

T = TypeVar("T")

CREATE: Final = "CREATE"
UPDATE: Final = "UPDATE"
DELETE: Final = "DELETE"
CONNECT: Final = "CONNECT"


def _drop_warning(text: str) -> None:
    """Drop a warning."""


def drop_annotation(key: str, value: str) -> None:
    """Drop an annotation."""


class Reinvocation:
    """The second round of mutating admission, after webhooks or policies have changed the object.

    In it all plugins run once more, so that each has seen what the others have changed. A plugin
    keeps what it needs to know then in ``states``, under its name.
    """

    def __init__(self) -> None:
        self.running = False
        self.states: dict[str, Any] = {}
        self._requested = False

    def request(self) -> None:
        """Request a reinvocation; there is at most one."""
        self._requested = True

    def begin(self) -> bool:
        """Start the reinvocation if one was requested; return whether it was."""
        self.running = self._requested
        return self.running


# Not frozen: it is created for every write, and frozen dataclasses are slower to create.
@dataclass(slots=True)
class AdmissionAttributes:
    """A write under admission: operation, user, resource and object.

    ``object`` is the object to be written, ``None`` on DELETE; ``old_object`` is the existing one,
    ``None`` on CREATE. Both are shared. ``name`` is empty while it is to be generated. ``options``
    are those of the request, for every verb.
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
    #: Adds a warning to the response.
    warn: Callable[[str], None] = _drop_warning
    #: Adds an annotation, key and value, to the audit event.
    annotate: Callable[[str, str], None] = drop_annotation
    #: The same for events of the level Request or a higher one.
    annotate_at_request_level: Callable[[str, str], None] = drop_annotation
    #: Until when the request must be answered, in the time of the event loop.
    deadline: float | None = None
    #: Returns a context in which the request is cancelled if its client disconnects.
    cancellable: Callable[[], AbstractContextManager[None]] = nullcontext
    #: Set by the first plugin that may need a second round.
    reinvocation: Reinvocation | None = None

    @property
    def group_resource(self) -> GroupResource:
        """The group and resource, as in messages."""
        return GroupResource(self.gvr.group, self.gvr.resource)

    def forbidden(self, why: str) -> Forbidden:
        """Return the error that rejects this write."""
        return Forbidden.of(self.group_resource, self.display_name, why)

    @property
    def display_name(self) -> str:
        """The name for messages; for a name to be generated, its prefix."""
        if self.name:
            return self.name
        metadata = metadata_of(self.object) if self.object is not None else {}
        return metadata.get("name") or metadata.get("generateName") or "Unknown"


class PluginRunner(Protocol):
    """Calls a synchronous method of a plugin in a thread."""

    def __call__(
        self, method: Callable[[AdmissionAttributes, Reader], T], attributes: AdmissionAttributes
    ) -> Awaitable[T]:
        """Return the result of the method, which gets a reader for the thread."""
        ...


class Plugin(Protocol):
    """An admission plugin. It has one or more of the methods of the protocols below."""

    name: str

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        """Return whether the plugin handles writes of this kind."""
        ...


@runtime_checkable
class ChangingPlugin(Protocol):
    """A plugin that handles other writes from time to time, as its configuration says."""

    def on_change(self, listener: Callable[[], None]) -> None:
        """Register a callback for changes of the set of writes that the plugin handles."""
        ...

    def forget(self) -> None:
        """Clear the caches that depend on the served resources, which have changed."""
        ...


@runtime_checkable
class Provisioner(Protocol):
    """Creates the prerequisites of a new object, such as its namespace."""

    async def provide(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        """Provide it. Raises StatusError to reject the write."""
        ...


@runtime_checkable
class Mutator(Protocol):
    """Changes objects before they are written."""

    def mutate(self, attributes: AdmissionAttributes, reader: Reader) -> Object | None:
        """Return the changed object, or ``None`` for no change. Raises StatusError to reject it."""
        ...


@runtime_checkable
class AsyncMutator(Protocol):
    """Changes objects before they are written, and may wait for other services."""

    async def mutate_async(self, attributes: AdmissionAttributes, reader: Reader) -> Object | None:
        """Return the changed object, or ``None`` for no change. Raises StatusError to reject it."""
        ...


@runtime_checkable
class Validator(Protocol):
    """Rejects objects."""

    def validate(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        """Raise StatusError to reject the write."""
        ...


@runtime_checkable
class AsyncValidator(Protocol):
    """Rejects objects, and may wait for other services."""

    async def validate_async(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        """Raise StatusError to reject the write."""
        ...


@runtime_checkable
class Charger(Protocol):
    """Charges writes to quotas."""

    def charge(self, attributes: AdmissionAttributes, reader: Reader) -> Sequence[Object]:
        """Return the quotas whose status changes with the write. Raises StatusError to refuse.

        It is asked again where one of them has changed before the write is committed.
        """
        ...


@valueclass
class _Selected:
    mutators: tuple[Mutator, ...]
    async_mutators: tuple[AsyncMutator, ...]
    validators: tuple[Validator, ...]
    async_validators: tuple[AsyncValidator, ...]
    chargers: tuple[Charger, ...]
    providers: tuple[Provisioner, ...]
    mutates: bool
    validates: bool


class AdmissionChain:
    """The plugins of a server, in order."""

    def __init__(self, plugins: Sequence[Plugin]) -> None:
        self.plugins = tuple(plugins)
        self._selected: dict[tuple[str, GroupVersionResource, str], _Selected] = {}
        self._has_providers = any(isinstance(plugin, Provisioner) for plugin in plugins)
        self._changing = [plugin for plugin in plugins if isinstance(plugin, ChangingPlugin)]
        for plugin in self._changing:
            plugin.on_change(self._selected.clear)

    def forget(self) -> None:
        """Forget which plugins handle which writes, because the served resources have changed."""
        for plugin in self._changing:
            plugin.forget()
        self._selected.clear()

    def mutates(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        """Return whether writes of this kind have mutating plugins."""
        return self._select(operation, resource, subresource).mutates

    def validates(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        """Return whether writes of this kind have validating plugins."""
        return self._select(operation, resource, subresource).validates

    def charges(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        """Return whether writes of this kind have charging plugins."""
        return bool(self._select(operation, resource, subresource).chargers)

    def provides(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        """Return whether writes of this kind have providing plugins."""
        return self._has_providers and bool(
            self._select(operation, resource, subresource).providers
        )

    async def provide(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        """Create the prerequisites of a new object. Raises StatusError for a rejected write."""
        for plugin in self._of(attributes).providers:
            await plugin.provide(attributes, reader)

    async def mutate(
        self,
        attributes: AdmissionAttributes,
        reader: Reader,
        run_plugin: PluginRunner | None = None,
    ) -> Object | None:
        """Return the object as changed by the plugins. Raises StatusError if one rejects it.

        The attributes belong to the caller; their object is replaced. ``run_plugin``, for large
        objects, calls synchronous plugins.
        """
        selected = self._of(attributes)
        await _mutate(selected, attributes, reader, run_plugin)
        if attributes.reinvocation is not None and attributes.reinvocation.begin():
            await _mutate(selected, attributes, reader, run_plugin)
        return attributes.object

    async def validate(
        self,
        attributes: AdmissionAttributes,
        reader: Reader,
        run_plugin: PluginRunner | None = None,
    ) -> None:
        """Raise StatusError if a plugin rejects the write; ``run_plugin`` is as in `mutate`."""
        selected = self._of(attributes)
        for plugin in selected.validators:
            if run_plugin is None:
                plugin.validate(attributes, reader)
            else:
                await run_plugin(plugin.validate, attributes)
        if selected.async_validators:
            with attributes.cancellable():
                for waiting in selected.async_validators:
                    await waiting.validate_async(attributes, reader)

    def charge(self, attributes: AdmissionAttributes, reader: Reader) -> list[Object]:
        """Return the quotas whose status changes with the write. Raises Forbidden."""
        chargers = self._of(attributes).chargers
        return [quota for plugin in chargers for quota in plugin.charge(attributes, reader)]

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


async def _mutate(
    selected: _Selected,
    attributes: AdmissionAttributes,
    reader: Reader,
    run_plugin: PluginRunner | None,
) -> None:
    for plugin in selected.mutators:
        if run_plugin is None:
            changed = plugin.mutate(attributes, reader)
        else:
            changed = await run_plugin(plugin.mutate, attributes)
        if changed is not None:
            attributes.object = changed
    if not selected.async_mutators:
        return
    with attributes.cancellable():
        for waiting in selected.async_mutators:
            changed = await waiting.mutate_async(attributes, reader)
            if changed is not None:
                attributes.object = changed


def _sorted(plugins: Sequence[Plugin]) -> _Selected:
    mutators = tuple(plugin for plugin in plugins if isinstance(plugin, Mutator))
    async_mutators = tuple(plugin for plugin in plugins if isinstance(plugin, AsyncMutator))
    validators = tuple(plugin for plugin in plugins if isinstance(plugin, Validator))
    chargers = tuple(plugin for plugin in plugins if isinstance(plugin, Charger))
    async_validators = tuple(plugin for plugin in plugins if isinstance(plugin, AsyncValidator))
    return _Selected(
        mutators,
        async_mutators,
        validators,
        async_validators,
        chargers,
        tuple(plugin for plugin in plugins if isinstance(plugin, Provisioner)),
        mutates=bool(mutators or async_mutators),
        validates=bool(validators or async_validators),
    )
