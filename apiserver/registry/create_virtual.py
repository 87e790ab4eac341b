"""Creation of objects that are never stored: Binding, Eviction, TokenRequest, reviews.

The request is processed like every create, except for the store: the object must match the URL, it
gets a manager, admission may change or deny it. Then the requested action is performed, and the
response is the object itself, or a Status. As nothing is stored, there is no conflict and no retry.
"""

from __future__ import annotations

from typing import Final

from apiserver.access.admission.chain import CREATE
from apiserver.fieldmanager.managers import manager_name
from apiserver.machinery.gvk import GroupVersionKind
from apiserver.machinery.objects import Object
from apiserver.machinery.options import WriteOptions
from apiserver.machinery.times import now
from apiserver.machinery.valueclasses import valueclass
from apiserver.registry import metadata
from apiserver.registry.admission import AdmittedRequest
from apiserver.registry.context import RequestContext
from apiserver.registry.decision import Attempt
from apiserver.registry.reader import TrackedReader
from apiserver.registry.resource import Resource

_SYSTEM_FIELDS: Final = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
)


@valueclass
class VirtualRequest:
    """A request for a virtual resource: its resource or subresource, and its user."""

    resource: Resource
    context: RequestContext
    options: WriteOptions

    @property
    def kind(self) -> GroupVersionKind:
        """The kind of the document."""
        return self.resource.types_at(self.context.subresource).kind

    async def prepared(self, document: Object, *, keeps_identity: bool = False) -> Object:
        """Return the document with its manager, after mutating admission.

        ``keeps_identity``: its uid is that of the object it refers to, so it is kept. Raises
        BadRequest if the document does not match the URL, and the errors of admission.
        """
        context = self.context
        if not keeps_identity:
            document = _without_identity(document)
        document = metadata.check_namespace(document, context.namespace)
        document = metadata.distinct_owners(document, context.warn, admitted=False)
        document = self.resource.field_manager_at(context.subresource).update(
            None,
            document,
            manager=manager_name(self.options.field_manager, context.user_agent),
            subresource=context.subresource,
            now=now(),
        )
        admitted = await self._request().mutated(self._attempt(), CREATE, document, None)
        return metadata.distinct_owners(admitted, context.warn, admitted=True)

    async def validate(self, document: Object) -> None:
        """Raise StatusError if admission denies the document."""
        await self._request().validate(self._attempt(), CREATE, document, None)

    def _request(self) -> AdmittedRequest:
        return AdmittedRequest(self.resource, self.context, self.options, self.kind)

    def _attempt(self) -> Attempt:
        return Attempt(None, TrackedReader(self.resource.find, {}), self.context.warn, {})


def _without_identity(document: Object) -> Object:
    given = document["metadata"]
    kept = {key: value for key, value in given.items() if key not in _SYSTEM_FIELDS}
    return {**document, "metadata": kept}
