"""AdmittedRequest: the only place that calls admission, for all verbs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, overload

from apiserver.access.admission.chain import AdmissionAttributes
from apiserver.client.client import Reader
from apiserver.machinery.gvk import GroupVersionKind
from apiserver.machinery.objects import Object, name_of
from apiserver.machinery.options import DeleteOptions, WriteOptions
from apiserver.machinery.valueclasses import valueclass
from apiserver.registry.context import RequestContext
from apiserver.registry.decision import Attempt
from apiserver.registry.offload import SMALL
from apiserver.registry.reader import LoopReader, TrackedReader
from apiserver.registry.resource import Resource

T = TypeVar("T")


@valueclass
class AdmittedRequest:
    """A verb on a resource, with its user and its options.

    ``kind``: the kind that admission sees, where it is not the resource's own kind but, for
    example, Scale.
    """

    resource: Resource
    context: RequestContext
    options: WriteOptions | DeleteOptions
    kind: GroupVersionKind | None = None

    @overload
    async def mutated(
        self, attempt: Attempt, operation: str, desired: Object, old: Object | None
    ) -> Object: ...

    @overload
    async def mutated(
        self, attempt: Attempt, operation: str, desired: None, old: Object | None
    ) -> None: ...

    async def mutated(
        self, attempt: Attempt, operation: str, desired: Object | None, old: Object | None
    ) -> Object | None:
        """Return ``desired`` after mutating admission; a DELETE has none.

        Raises the errors of admission.
        """
        resource, subresource = self.resource, self.context.subresource
        if not resource.admission.mutates(operation, resource.definition.gvr, subresource):
            return desired
        attributes = self._attributes(attempt, operation, desired, old)
        return await resource.admission.mutate(attributes, attempt.reader, _plugin_thread(attempt))

    async def provide(self, operation: str, desired: Object) -> None:
        """Let plugins create the prerequisites of a new object. Raises the errors of admission."""
        resource = self.resource
        reader = TrackedReader(resource.find, {})
        attempt = Attempt(None, reader, self.context.warn, {})
        await resource.admission.provide(
            self._attributes(attempt, operation, desired, None), reader
        )

    async def validate(
        self, attempt: Attempt, operation: str, desired: Object | None, old: Object | None
    ) -> None:
        """Raise StatusError if admission denies the write; record its charge to quotas."""
        admission = self.resource.admission
        sort = operation, self.resource.definition.gvr, self.context.subresource
        charges = admission.charges(*sort)
        if not charges and not admission.validates(*sort):
            return
        if desired is not None and old is not None:
            desired = _based_on(desired, old)
        attributes = self._attributes(attempt, operation, desired, old)
        await admission.validate(attributes, attempt.reader, _plugin_thread(attempt))
        if charges:
            attempt.charged = attributes

    def _attributes(
        self, attempt: Attempt, operation: str, desired: Object | None, old: Object | None
    ) -> AdmissionAttributes:
        context, definition = self.context, self.resource.definition
        return AdmissionAttributes(
            operation=operation,
            user=context.user,
            gvk=self.kind or definition.gvk,
            gvr=definition.gvr,
            subresource=context.subresource,
            namespace=context.namespace,
            name=_requested_name(context, desired),
            object=desired,
            old_object=old,
            dry_run=self.options.dry_run,
            options=self.options,
            warn=attempt.warn,
            annotate=context.annotate,
            annotate_at_request_level=context.annotate_at_request_level,
            deadline=context.deadline,
            cancellable=context.cancellable,
        )


def _based_on(desired: Object, old: Object) -> Object:
    """Return the desired object with the resourceVersion that it replaces."""
    version = old["metadata"].get("resourceVersion")
    if not version or desired["metadata"].get("resourceVersion") == version:
        return desired
    return {**desired, "metadata": {**desired["metadata"], "resourceVersion": version}}


def _requested_name(context: RequestContext, desired: Object | None) -> str:
    if context.in_collection:
        return ""
    return context.name or (name_of(desired) if desired is not None else "")


class _PluginThread:
    """Calls plugins in a thread, with a reader that reads in the event loop."""

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self._reader = LoopReader(attempt.reader)

    async def __call__(
        self, method: Callable[[AdmissionAttributes, Reader], T], attributes: AdmissionAttributes
    ) -> T:
        return await self._attempt.run(method, attributes, self._reader)


def _plugin_thread(attempt: Attempt) -> _PluginThread | None:
    return None if attempt.size <= SMALL else _PluginThread(attempt)
