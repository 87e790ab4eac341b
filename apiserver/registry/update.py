"""update_object."""

from __future__ import annotations

from functools import partial

from apiserver.machinery import fielderrors
from apiserver.machinery.errors import BadRequest, Conflict, Invalid
from apiserver.machinery.gvk import GroupVersionKind
from apiserver.machinery.objects import Object
from apiserver.machinery.options import WriteOptions
from apiserver.registry import freshness, metadata, namespaces
from apiserver.registry.context import RequestContext
from apiserver.registry.decision import Attempt
from apiserver.registry.offload import offload
from apiserver.registry.outcome import Outcome, Save
from apiserver.registry.resource import Resource
from apiserver.registry.stored import Stored
from apiserver.registry.write import Write, Written, write
from apiserver.registry.write_request import WriteRequest
from storage.interface import Record

#: Why an update is refused whose resourceVersion is not the current one.
OPTIMISTIC_LOCK = (
    "the object has been modified; please apply your changes to the latest version and try again"
)


async def update_object(
    resource: Resource,
    context: RequestContext,
    document: Object,
    options: WriteOptions,
    *,
    frees: bool = False,
) -> Written:
    """Replace an object, or the part that a subresource covers.

    ``document`` is canonical, of the resource's kind, and the caller's own. ``frees``: the update
    is a step to a deletion, which a store without space still makes. Raises Conflict if it is
    based on a stale state of the object, NotFound, Invalid...
    """
    document = addressed(document, context)
    await offload(context.size, resource.strategy.default, document)
    request = WriteRequest(resource, context, options)

    async def rule(attempt: Attempt) -> Outcome:
        existing = attempt.existing
        if existing is None:
            return await _absent(request, attempt, document)
        check_identity(resource, document, existing)
        # Mutating admission comes before: it may even change the resourceVersion.
        check = partial(check_version, resource, current=existing)
        return await request.update(attempt, document, existing.value.object, check)

    key = resource.key(context.namespace, context.name)
    change = Write(resource, context, key, "update", options.dry_run, droppable=True, frees=frees)
    return await write(change, rule)


def addressed(document: Object, context: RequestContext) -> Object:
    """Return the document if it matches the URL. Raises BadRequest if it does not."""
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


async def _absent(request: WriteRequest, attempt: Attempt, document: Object) -> Outcome:
    resource, context = request.resource, request.context
    creates = resource.strategy.allow_create_on_update
    if not creates or context.subresource not in ("", "status"):
        raise resource.not_found(context.name)
    return await _created(request, attempt, document)


async def _created(request: WriteRequest, attempt: Attempt, document: Object) -> Outcome:
    resource, context = request.resource, request.context
    namespaces.require(attempt, resource, context.namespace, context.name)
    given = document["metadata"]
    uid = given.get("uid")
    if uid:
        raise _wrong_uid(resource, resource.key(context.namespace, context.name), given, "")
    fields = {key: value for key, value in given.items() if key != "resourceVersion"}
    desired = {**document, "metadata": fields}
    return Save(await request.create(attempt, desired))


def check_identity(resource: Resource, document: Object, current: Record[Stored]) -> None:
    """Raise Conflict if a document has the uid of another object with the same name."""
    given = document["metadata"]
    uid = current.value.metadata.get("uid")
    if given.get("uid", uid) != uid:
        raise _wrong_uid(resource, current.key, given, str(uid))


def check_version(resource: Resource, document: Object, current: Record[Stored]) -> None:
    """Raise Conflict for a stale resourceVersion, Invalid for a missing one that is required."""
    name = str(current.value.metadata["name"])
    version = freshness.parse_precondition(document["metadata"].get("resourceVersion") or "0")
    if version == 0:
        if not resource.strategy.allow_unconditional_update:
            raise _version_required(resource, name)
    elif version != current.revision:
        raise Conflict.of(resource.group_resource, name, OPTIMISTIC_LOCK)


def _wrong_uid(resource: Resource, key: str, given: Object, found: str) -> Conflict:
    return Conflict.of(
        resource.group_resource,
        given["name"],
        f"StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, "
        f"AdditionalErrorMsg: Precondition failed: UID in precondition: {given['uid']}, "
        f"UID in object meta: {found}",
    )


def _version_required(resource: Resource, name: str) -> Invalid:
    group, plural = resource.definition.group, resource.definition.resource
    error = fielderrors.invalid("metadata.resourceVersion", 0, "must be specified for an update")
    return Invalid.of(GroupVersionKind(group, "", plural), name, [error])
