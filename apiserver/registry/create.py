"""create_object."""

from __future__ import annotations

from apiserver.machinery.errors import AlreadyExists
from apiserver.machinery.names import generate_name
from apiserver.machinery.objects import Object, name_of, with_metadata
from apiserver.machinery.options import WriteOptions
from apiserver.registry import metadata, namespaces
from apiserver.registry.codec import Stored
from apiserver.registry.context import RequestContext
from apiserver.registry.preparation import Request, prepared_for_create
from apiserver.registry.resource import Resource
from apiserver.registry.write import Outcome, Put, Write, Written, write
from storage.interface import Record

_NAME_ATTEMPTS = 8


async def create_object(
    resource: Resource, context: RequestContext, document: Object, options: WriteOptions
) -> Written:
    """Create an object, under a generated name if it has none.

    ``document`` is canonical, of the resource's kind, and the caller's own. Raises AlreadyExists,
    Invalid, NotFound (of the namespace)...
    """
    document = metadata.check_namespace(document, context.namespace)
    resource.strategy.default(document)
    request = Request(resource, context, options)
    prefix = document["metadata"].get("generateName")
    if name_of(document) or not prefix:
        return await _create(request, document)
    name = ""
    for _ in range(_NAME_ATTEMPTS):
        name = generate_name(prefix)
        try:
            return await _create(request, with_metadata(document, name=name))
        except AlreadyExists:
            continue
    raise AlreadyExists.generated(resource.group_resource, name)


async def _create(request: Request, document: Object) -> Written:
    resource, context = request.resource, request.context
    name = name_of(document)

    async def decide(current: Record[Stored] | None) -> Outcome:
        requires = await namespaces.requirements(resource, context, name)
        desired = await prepared_for_create(request, document)
        if current is not None:
            deleting = "deletionTimestamp" in current.value.metadata
            raise AlreadyExists.of(resource.group_resource, name, deleting=deleting)
        return Put(desired, requires)

    key = resource.key(context.namespace, name)
    change = Write(resource, context, key, "create", request.options.dry_run, droppable=True)
    return await write(change, decide)
