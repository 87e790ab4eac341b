"""update_object."""

from __future__ import annotations

from collections.abc import Callable

from apiserver.machinery import fielderrors
from apiserver.machinery.errors import BadRequest, Conflict, Invalid
from apiserver.machinery.gvk import GroupVersionKind
from apiserver.machinery.objects import Object
from apiserver.machinery.options import WriteOptions
from apiserver.registry import create, deletion, freshness, metadata, namespaces
from apiserver.registry.codec import Stored
from apiserver.registry.context import RequestContext
from apiserver.registry.resource import Resource
from apiserver.registry.write import Outcome, Put, Remove, Write, Written, write
from storage.interface import Record

_MODIFIED = (
    "the object has been modified; please apply your changes to the latest version and try again"
)


async def update_object(
    resource: Resource, context: RequestContext, document: Object, options: WriteOptions
) -> Written:
    """Replace an object, or its status when the context names that subresource.

    ``document`` is canonical, of the resource's kind. Raises Conflict when it was made of another
    state of the object, NotFound, Invalid...
    """
    document = _addressed(document, context)
    prepare = _preparation(resource, context)

    def decide(current: Record[Stored] | None) -> Outcome:
        if current is None:
            return _absent(resource, context, document)
        old = current.value.object
        _check_identity(resource, document, current)
        desired = prepare(metadata.carry_over(document, old), old)
        _check_valid(resource, desired, old)
        if deletion.is_finished(desired):
            return Remove(desired)
        return Put(desired)

    key = resource.key(context.namespace, context.name)
    return await write(Write(resource, key, "update", options.dry_run), decide)


def _addressed(document: Object, context: RequestContext) -> Object:
    document = metadata.check_namespace(document, context.namespace)
    name = document["metadata"].get("name", "")
    if not name:
        raise BadRequest(
            f"the name of the object ({context.name} based on URL) was undeterminable: "
            "name must be provided"
        )
    if name != context.name:
        raise BadRequest(
            f"the name of the object ({name}) does not match the name on the URL ({context.name})"
        )
    return document


def _preparation(
    resource: Resource, context: RequestContext
) -> Callable[[Object, Object], Object]:
    strategy = resource.strategy
    if context.subresource == "status":
        return strategy.prepare_for_status_update
    return lambda document, old: strategy.prepare_for_update(strategy.default(document), old)


def _absent(resource: Resource, context: RequestContext, document: Object) -> Outcome:
    if context.subresource or not resource.strategy.allow_create_on_update:
        raise resource.not_found(context.name)
    requires = namespaces.requirements(resource, context.namespace, context.name)
    fields = {k: v for k, v in document["metadata"].items() if k != "resourceVersion"}
    desired = metadata.begin(resource.strategy.default({**document, "metadata": fields}))
    return Put(create.prepare(resource, desired), requires)


def _check_identity(resource: Resource, document: Object, current: Record[Stored]) -> None:
    given, name = document["metadata"], document["metadata"]["name"]
    uid = current.value.metadata.get("uid")
    if given.get("uid", uid) != uid:
        raise Conflict.of(
            resource.group_resource,
            name,
            f"StorageError: invalid object, Code: 4, Key: {current.key}, ResourceVersion: 0, "
            f"AdditionalErrorMsg: Precondition failed: UID in precondition: {given['uid']}, "
            f"UID in object meta: {uid}",
        )
    version = freshness.parse_for_get(given.get("resourceVersion") or "0")
    if version == 0:
        if not resource.strategy.allow_unconditional_update:
            raise _version_required(resource, name)
    elif version != current.revision:
        raise Conflict.of(resource.group_resource, name, _MODIFIED)


def _version_required(resource: Resource, name: str) -> Invalid:
    group, plural = resource.definition.group, resource.definition.resource
    error = fielderrors.invalid(
        "metadata.resourceVersion", 0, "must be specified for an update"
    )
    return Invalid.of(GroupVersionKind(group, "", plural), name, [error])


def _check_valid(resource: Resource, desired: Object, old: Object) -> None:
    strategy = resource.strategy
    errors = [
        *metadata.validate_update(desired, old, strategy),
        *strategy.validate_update(desired, old),
    ]
    if errors:
        raise Invalid.of(resource.definition.gvk, desired["metadata"]["name"], errors)
