"""What is created and never stored: a Binding, an Eviction, a request for a token, a review.

It goes the way of everything that is created, up to the store: it must belong where it is sent, it
has a manager, admission may change it and may refuse it. What it asks for is done then, and what is
answered is itself, or a Status.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

from apiserver.access.admission.chain import CREATE, AdmissionAttributes
from apiserver.fieldmanager.manager import FieldManager
from apiserver.fieldmanager.managers import manager_name
from apiserver.machinery.gvk import GroupVersionKind
from apiserver.machinery.objects import Object, name_of
from apiserver.machinery.options import WriteOptions
from apiserver.machinery.times import now
from apiserver.registry import metadata
from apiserver.registry.context import RequestContext
from apiserver.registry.resource import Resource
from apiserver.schema.openapi import builtin_schema

_SYSTEM_FIELDS: Final = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
)


@dataclass(frozen=True, slots=True)
class Submission:
    """One such request: to which resource, by whom, of which kind."""

    resource: Resource
    context: RequestContext
    options: WriteOptions
    kind: GroupVersionKind

    async def received(self, document: Object, *, keeps_identity: bool = False) -> Object:
        """Return the document as it is to be obeyed.

        ``keeps_identity``: its uid is not its own but that of what it is about. Raises BadRequest
        for one that belongs elsewhere, and what admission raises.
        """
        context, admission = self.context, self.resource.admission
        if not keeps_identity:
            document = _without_identity(document)
        document = metadata.check_namespace(document, context.namespace)
        document = metadata.distinct_owners(document, context.warn, admitted=False)
        document = _field_manager(self.kind).update(
            None,
            document,
            manager=manager_name(self.options.field_manager, context.user_agent),
            subresource=context.subresource,
            now=now(),
        )
        if not admission.mutates(CREATE, self.resource.definition.gvr, context.subresource):
            return document
        admitted = await admission.mutate(self._attributes(document))
        return metadata.distinct_owners(admitted, context.warn, admitted=True)

    async def validated(self, document: Object) -> None:
        """Raise StatusError where admission refuses the document."""
        admission, subresource = self.resource.admission, self.context.subresource
        if admission.validates(CREATE, self.resource.definition.gvr, subresource):
            await admission.validate(self._attributes(document))

    def _attributes(self, document: Object) -> AdmissionAttributes:
        context = self.context
        return AdmissionAttributes(
            operation=CREATE,
            user=context.user,
            gvk=self.kind,
            gvr=self.resource.definition.gvr,
            subresource=context.subresource,
            namespace=context.namespace,
            name=context.name or name_of(document),
            object=document,
            dry_run=self.options.dry_run,
            options=self.options,
            warn=context.warn,
        )


def _without_identity(document: Object) -> Object:
    given = document["metadata"]
    kept = {key: value for key, value in given.items() if key not in _SYSTEM_FIELDS}
    return {**document, "metadata": kept}


@cache
def _field_manager(kind: GroupVersionKind) -> FieldManager:
    return FieldManager(
        lambda version: builtin_schema(version, kind.kind), kind.api_version, kind.kind
    )
