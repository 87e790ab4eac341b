"""scale: an object read and written as the number of its replicas."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from apiserver.machinery.errors import Conflict, Invalid, NotFound
from apiserver.machinery.gvk import GroupResource
from apiserver.machinery.objects import Object
from apiserver.machinery.options import WriteOptions
from apiserver.registry.codec import Stored
from apiserver.registry.context import RequestContext
from apiserver.registry.get import get_object
from apiserver.registry.patch import Patch, Patching
from apiserver.registry.preparation import Request, prepared_for_update
from apiserver.registry.resource import Resource
from apiserver.registry.update import addressed, check_version
from apiserver.registry.write import Outcome, Write, write
from apiserver.resources.scaling import SCALE, Scaling, desired_of, scale_of, scaled, validate_scale
from storage.interface import Record

#: Returns the Scale that is wanted, given the one that is there.
Wanted = Callable[[Object], Awaitable[Object]]


async def get_scale(resource: Resource, namespace: str, name: str, version: str = "") -> Object:
    """Return the Scale of an object. Raises NotFound..."""
    try:
        stored = await get_object(resource, namespace, name, version)
    except NotFound as error:
        raise NotFound.of(_of_scale(resource), name) from error
    return scale_of(stored.object, _scaling(resource))


async def update_scale(
    resource: Resource, context: RequestContext, scale: Object, options: WriteOptions
) -> Object:
    """Give an object the replicas that a Scale says. Raises Conflict, Invalid, NotFound..."""
    scale = addressed(scale, context)

    async def wanted(_: Object) -> Object:
        return scale

    return await _write(Request(resource, context, options), wanted)


async def patch_scale(
    resource: Resource, context: RequestContext, patch: Patch, options: WriteOptions
) -> Object:
    """Give an object the replicas that a patch makes of its Scale."""
    request = Request(resource, context, options)
    patching = Patching(request, patch, SCALE)

    async def wanted(existing: Object) -> Object:
        return addressed(patching.of(existing), context)

    return await _write(request, wanted)


async def _write(request: Request, wanted: Wanted) -> Object:
    resource, context = request.resource, request.context
    scaling = _scaling(resource)

    async def decide(current: Record[Stored] | None) -> Outcome:
        if current is None:
            raise NotFound.of(_of_scale(resource), context.name)
        existing = current.value.object
        scale = await wanted(scale_of(existing, scaling))
        errors = validate_scale(scale)
        if errors:
            raise Invalid.of(SCALE, context.name, errors)
        _check_identity(resource, scale, existing)
        check_version(resource, scale, current)
        desired = scaled(existing, scaling, desired_of(scale))
        return await prepared_for_update(request, desired, existing)

    key = resource.key(context.namespace, context.name)
    change = Write(resource, context, key, "update", request.options.dry_run)
    written = await write(change, decide)
    return scale_of(written.stored.object, scaling)


def _check_identity(resource: Resource, scale: Object, existing: Object) -> None:
    uid, found = scale["metadata"].get("uid"), existing["metadata"].get("uid")
    if uid and uid != found:
        raise Conflict.of(
            _of_scale(resource),
            existing["metadata"]["name"],
            f"Precondition failed: UID in precondition: {uid}, UID in object meta: {found}",
        )


def _scaling(resource: Resource) -> Scaling:
    scaling = resource.strategy.scale
    assert scaling is not None
    return scaling


def _of_scale(resource: Resource) -> GroupResource:
    group, plural = resource.group_resource
    return GroupResource(group, f"{plural}/scale")
