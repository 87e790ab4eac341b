"""scale: reading and writing the number of replicas of an object.

Patches, ownership and admission are applied to a Scale, which is a view of the object. The
resulting number of replicas and its owners are copied into the object, which is then processed like
every update.
"""

from __future__ import annotations

from collections.abc import Callable

from apiserver.access.admission.chain import UPDATE
from apiserver.fieldmanager import managedfields
from apiserver.fieldmanager import scale as ownership
from apiserver.fieldmanager.elements import member
from apiserver.fieldmanager.errors import FieldManagerError, MalformedManagedFields
from apiserver.fieldmanager.fieldset import Path
from apiserver.fieldmanager.managers import manager_name
from apiserver.machinery.errors import Conflict, Invalid
from apiserver.machinery.gvk import GroupResource
from apiserver.machinery.objects import Object, with_metadata
from apiserver.machinery.options import WriteOptions
from apiserver.machinery.times import now
from apiserver.machinery.valueclasses import valueclass
from apiserver.registry.apply import check_duplicates, inconvertible, read_applied
from apiserver.registry.context import RequestContext
from apiserver.registry.decision import Attempt
from apiserver.registry.errors import status_of_ownership
from apiserver.registry.get import get_object
from apiserver.registry.offload import offload
from apiserver.registry.outcome import Outcome
from apiserver.registry.patch import APPLY, Patch, Patching
from apiserver.registry.resource import Resource
from apiserver.registry.stored import Stored
from apiserver.registry.update import addressed, check_version
from apiserver.registry.write import Write, write
from apiserver.registry.write_request import WriteRequest
from apiserver.resources.scaling import (
    SCALE,
    Scaling,
    desired_of,
    scale_of,
    scaled,
)
from apiserver.schema.kindtypes import DecodeError
from storage.interface import Record

#: Returns the desired Scale, with its owners, given the existing one.
Wanted = Callable[[Object, Attempt], Object]


async def get_scale(resource: Resource, namespace: str, name: str, version: str = "") -> Object:
    """Return the Scale of an object. Raises NotFound of the object..."""
    stored = await get_object(resource, namespace, name, version)
    return _shown(resource, stored.object)


async def update_scale(
    resource: Resource, context: RequestContext, scale: Object, options: WriteOptions
) -> Object:
    """Set the replicas of an object to those of a Scale. Raises Conflict, Invalid, NotFound..."""
    scale = addressed(scale, context)
    scaling = _Scaling(WriteRequest(resource, context, options, SCALE))

    def wanted(existing: Object, _attempt: Attempt) -> Object:
        return scaling.owned(existing, scale)

    return await scaling.write(wanted)


async def patch_scale(
    resource: Resource, context: RequestContext, patch: Patch, options: WriteOptions
) -> Object:
    """Set the replicas of an object to those of its Scale after a patch."""
    request = WriteRequest(resource, context, options, SCALE)
    scaling = _Scaling(request)
    if patch.media_type == APPLY:
        applied, duplicates = await offload(context.size, read_applied, patch.body)

        def wanted(existing: Object, attempt: Attempt) -> Object:
            merged = scaling.merged(existing, applied)
            check_duplicates(duplicates, options, attempt.warn)
            return addressed(merged, context)

        return await scaling.write(wanted)
    patching = Patching(request, patch, resource.types_at(context.subresource))

    def changed(existing: Object, attempt: Attempt) -> Object:
        return scaling.owned(existing, addressed(patching.of(existing, attempt.warn), context))

    return await scaling.write(changed)


@valueclass
class _Scaling:
    """One write of a Scale."""

    request: WriteRequest

    def owned(self, existing: Object, desired: Object) -> Object:
        """Return the Scale of an update or a patch, with its manager as an owner."""
        context, options = self.request.context, self.request.options
        return self.request.resource.field_manager_at(context.subresource).update(
            existing,
            desired,
            manager=manager_name(options.field_manager, context.user_agent),
            subresource=context.subresource,
            now=now(),
        )

    def merged(self, existing: Object, applied: Object) -> Object:
        """Return the result of applying a Scale to another one. Raises StatusError."""
        context, options = self.request.context, self.request.options
        resource = self.request.resource
        try:
            merged = resource.field_manager_at(context.subresource).apply(
                existing,
                applied,
                manager=options.field_manager,
                force=options.force,
                subresource=context.subresource,
                now=now(),
            )
            canonical = resource.types_at(context.subresource).from_unstructured(merged)
        except FieldManagerError as error:
            raise status_of_ownership(error) from error
        except DecodeError as error:
            raise inconvertible(applied, error) from error
        return {"kind": SCALE.kind, "apiVersion": SCALE.api_version, **canonical.object}

    async def write(self, wanted: Wanted) -> Object:
        """Set the replicas of an object to those of the desired Scale, and return its Scale."""
        request = self.request
        resource, context = request.resource, request.context

        async def rule(attempt: Attempt) -> Outcome:
            if attempt.existing is None:
                raise resource.not_found(context.name)
            return await self._decide(attempt, attempt.existing, wanted)

        key = resource.key(context.namespace, context.name)
        change = Write(resource, context, key, "update", request.options.dry_run)
        written = await write(change, rule)
        return _shown(resource, written.stored.object)

    async def _decide(self, attempt: Attempt, current: Record[Stored], wanted: Wanted) -> Outcome:
        request = self.request
        resource, context = request.resource, request.context
        existing, scaling = current.value.object, _scaling(resource)
        view = _view(resource, existing)
        scale = await request.mutated(attempt, UPDATE, wanted(view, attempt), view)
        errors = scaling.validate(scale)
        if errors:
            raise Invalid.of(SCALE, context.name, errors)
        _check_identity(resource, scale, existing)
        if scale["metadata"].get("resourceVersion"):
            check_version(resource, scale, current)
        desired = scaled(existing, scaling, desired_of(scale))
        whole = WriteRequest(resource, context, request.options, owns=True, admits=False)
        outcome = await whole.update(attempt, _owned(resource, desired, scale), existing)
        await request.validate(attempt, UPDATE, scale, view)
        return outcome


def _shown(resource: Resource, document: Object) -> Object:
    scaling = _scaling(resource)
    scaling.check(document)
    return scale_of(document, scaling)


def _view(resource: Resource, existing: Object) -> Object:
    scale = scale_of(existing, _scaling(resource))
    try:
        owners = ownership.to_scale(managedfields.of(existing), _paths(resource))
    except MalformedManagedFields:
        # A Scale has no owners if those of the object cannot be parsed.
        return scale
    return with_metadata(scale, managedFields=owners or None)


def _owned(resource: Resource, desired: Object, scale: Object) -> Object:
    definition = resource.definition
    try:
        owners = ownership.to_parent(
            managedfields.of(desired),
            managedfields.of(scale),
            definition.api_version,
            _paths(resource),
        )
    except MalformedManagedFields:
        return desired
    return with_metadata(desired, managedFields=owners or None)


def _paths(resource: Resource) -> dict[str, Path]:
    paths = _scaling(resource).replicas_paths(resource.definition.api_version)
    return {version: tuple(map(member, names)) for version, names in paths.items()}


def _check_identity(resource: Resource, scale: Object, existing: Object) -> None:
    uid, found = scale["metadata"].get("uid"), existing["metadata"].get("uid")
    if uid and uid != found:
        group, plural = resource.group_resource
        raise Conflict.of(
            GroupResource(group, f"{plural}/scale"),
            existing["metadata"]["name"],
            f"Precondition failed: UID in precondition: {uid}, UID in object meta: {found}",
        )


def _scaling(resource: Resource) -> Scaling:
    scaling = resource.strategy.scale
    assert scaling is not None
    return scaling
