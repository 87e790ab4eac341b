"""WriteRequest: a create, an update or a patch, and the resulting object.

The order is that of Kubernetes: ownership is recorded, mutating admission may change the object,
the strategy of its kind prepares and validates it, validating admission may deny it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, ParamSpec

from apiserver.access.admission.chain import CREATE, UPDATE
from apiserver.fieldmanager import managedfields
from apiserver.fieldmanager.errors import MalformedManagedFields
from apiserver.fieldmanager.managers import manager_name
from apiserver.machinery.builtin_resources import NAMESPACES
from apiserver.machinery.errors import Forbidden, Invalid
from apiserver.machinery.fielderrors import FieldError
from apiserver.machinery.objects import Object, metadata_of, name_of, with_metadata
from apiserver.machinery.options import WriteOptions
from apiserver.machinery.times import now
from apiserver.machinery.valueclasses import valueclass
from apiserver.registry import deletion, metadata
from apiserver.registry.admission import AdmittedRequest
from apiserver.registry.allocating import LoopView, View
from apiserver.registry.decision import Attempt
from apiserver.registry.offload import SMALL, in_thread
from apiserver.registry.outcome import Outcome, Remove, Save
from apiserver.registry.preparation import Prepared, prepare_create, prepare_update

P = ParamSpec("P")

_INVALID_OWNERS: Final = (
    ".metadata.managedFields was in an invalid state after admission; this could be caused by an "
    "outdated mutating admission controller; please fix your requests"
)


@valueclass
class WriteRequest(AdmittedRequest):
    """A create, an update or a patch.

    ``owns``: the desired object already has its final managedFields, as after an apply. ``admits``
    is false if the caller passes another object, such as a Scale, to admission. ``patches``:
    duplicate owner references are removed, with a warning, only after admission.
    """

    options: WriteOptions
    owns: bool = False
    admits: bool = True
    patches: bool = False

    async def create(self, attempt: Attempt, document: Object, generated: str = "") -> Object:
        """Return the new object to store. Raises Invalid, or the errors of admission.

        ``generated`` is its name, if it still has none after mutating admission.
        """
        desired = metadata.wiped(document)
        desired = await attempt.run(self._owned, None, desired, attempt.warn)
        desired = await self._admitted(attempt, CREATE, desired, None)
        if generated and not name_of(desired):
            desired = with_metadata(desired, name=generated)
        desired = metadata.begin(desired)
        if not self.context.subresource:
            # A create through the status subresource, where a kind allows it, allocates nothing.
            desired = await self._allocated(attempt, desired, None)
        prepared = await self._prepared(
            attempt, prepare_create, self.resource.strategy, desired, self.context.user
        )
        self._check(attempt, prepared, None)
        refusal = self.resource.strategy.creation_refusal
        if refusal:
            raise Forbidden.of(self.resource.group_resource, name_of(prepared.object), refusal)
        if self.context.authorize_create is not None:
            await self.context.authorize_create()
        if self.admits:
            await self.validate(attempt, CREATE, prepared.object, None)
        return prepared.object

    async def update(
        self,
        attempt: Attempt,
        document: Object,
        old: Object,
        check: Callable[[Object], None] | None = None,
    ) -> Outcome:
        """Return the outcome for ``old``. Raises Invalid, or the errors of admission.

        ``check`` may refuse the object after mutating admission.
        """
        strategy = self.resource.strategy
        desired = await attempt.run(self._owned, old, document, attempt.warn)
        desired = await self._admitted(attempt, UPDATE, desired, old)
        if check is not None:
            check(desired)
        if strategy.update_of(self.context.subresource).allocates:
            desired = await self._allocated(attempt, desired, old)
        prepared = await self._prepared(
            attempt, prepare_update, strategy, desired, old, self.context.subresource
        )
        self._check(attempt, prepared, old)
        desired = prepared.object
        if self.admits:
            await self.validate(attempt, UPDATE, desired, old)
        return Remove(desired) if deletion.is_finished(desired, strategy) else Save(desired)

    def _owned(
        self, existing: Object | None, document: Object, warn: Callable[[str], None]
    ) -> Object:
        """Return an object with the request's manager as the owner of the fields that it sets.

        Its owner references are distinct.
        """
        desired = metadata.distinct_owners(document, warn, admitted=self.patches)
        if self.owns:
            return desired
        context = self.context
        return self.resource.field_manager.update(
            existing,
            desired,
            manager=manager_name(self.options.field_manager, context.user_agent),
            subresource=context.subresource,
            now=now(),
        )

    async def _admitted(
        self, attempt: Attempt, operation: str, desired: Object, old: Object | None
    ) -> Object:
        if not self.admits:
            return desired
        admitted = await self.mutated(attempt, operation, desired, old)
        if admitted is desired:
            return desired
        admitted = metadata.check_namespace(admitted, self.context.namespace)
        admitted = _with_valid_owners(admitted, desired, attempt.warn)
        return await attempt.run(metadata.distinct_owners, admitted, attempt.warn, admitted=True)

    async def _allocated(self, attempt: Attempt, desired: Object, old: Object | None) -> Object:
        strategy = self.resource.strategy
        if not strategy.allocates:
            return desired
        view = View(self.resource, attempt.reader, self.options.dry_run)
        desired, attempt.allocation = (
            strategy.allocate(desired, old, view)
            if attempt.size <= SMALL
            else await attempt.run(strategy.allocate, desired, old, LoopView(view))
        )
        return desired

    async def _prepared(
        self, attempt: Attempt, prepare: Callable[P, Prepared], *args: P.args, **kwargs: P.kwargs
    ) -> Prepared:
        if self.resource.strategy.validates_slowly:
            return await in_thread(prepare, *args, **kwargs)
        return await attempt.run(prepare, *args, **kwargs)

    def _check(self, attempt: Attempt, prepared: Prepared, old: Object | None) -> None:
        for text in prepared.warnings:
            attempt.warn(text)
        errors = [*self._errors_in_namespace(attempt, prepared.object, old), *prepared.errors]
        if errors:
            # Errors name the stored kind and version, whichever version was requested.
            kind, name = self.resource.definition.storage_kind, name_of(prepared.object)
            raise Invalid.of(kind, name, errors)

    def _errors_in_namespace(
        self, attempt: Attempt, desired: Object, old: Object | None
    ) -> list[FieldError]:
        strategy, context = self.resource.strategy, self.context
        if not strategy.checks_namespace:
            return []
        namespace = attempt.reader.get(NAMESPACES, "", context.namespace)
        labels = metadata_of(namespace or {}).get("labels") or {}
        return strategy.validate_in_namespace(desired, old, context.subresource, labels)


def _with_valid_owners(admitted: Object, desired: Object, warn: Callable[[str], None]) -> Object:
    """Return an object after admission, with the owners before it if these are not valid."""
    before, after = (document["metadata"].get("managedFields") for document in (desired, admitted))
    if after == before:
        return admitted
    try:
        managedfields.parse(after or [])
    except MalformedManagedFields as error:
        warn(f"{_INVALID_OWNERS}: {error}")
        return with_metadata(admitted, managedFields=before)
    return admitted
