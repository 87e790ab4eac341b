"""create_object."""

from __future__ import annotations

from apiserver.access.admission.chain import CREATE
from apiserver.machinery.errors import AlreadyExists
from apiserver.machinery.names import generate_name
from apiserver.machinery.objects import Object, name_of, with_metadata
from apiserver.machinery.options import WriteOptions
from apiserver.machinery.uids import new_uid
from apiserver.registry import metadata, namespaces
from apiserver.registry.context import RequestContext
from apiserver.registry.decision import Attempt
from apiserver.registry.offload import offload
from apiserver.registry.outcome import Outcome, Save
from apiserver.registry.resource import Resource
from apiserver.registry.write import Write, Written, write
from apiserver.registry.write_request import WriteRequest

_NAME_ATTEMPTS = 8


async def create_object(
    resource: Resource, context: RequestContext, document: Object, options: WriteOptions
) -> Written:
    """Create an object, with a generated name if it has none.

    ``document`` is canonical, of the resource's kind, and the caller's own. Raises AlreadyExists,
    Invalid, NotFound (of the namespace)...
    """
    document = metadata.check_namespace(document, context.namespace)
    await offload(context.size, resource.strategy.default, document)
    request = WriteRequest(resource, context, options)
    if resource.admission.provides(CREATE, resource.definition.gvr, context.subresource):
        await request.provide(CREATE, document)
    prefix = document["metadata"].get("generateName")
    if resource.strategy.names_the_nameless and not name_of(document) and not prefix:
        document = with_metadata(document, name=new_uid())
    if name_of(document) or not prefix:
        return await _create(request, document)
    name = ""
    for _ in range(_NAME_ATTEMPTS):
        name = generate_name(prefix)
        try:
            return await _create(request, document, name)
        except AlreadyExists:
            continue
    raise AlreadyExists.generated(resource.group_resource, name)


async def _create(request: WriteRequest, document: Object, generated: str = "") -> Written:
    resource, context = request.resource, request.context
    name = generated or name_of(document)
    # Until mutating admission has passed, an object is known by the prefix of its name.
    shown = document["metadata"].get("generateName", "") if generated else name

    async def rule(attempt: Attempt) -> Outcome:
        namespaces.require(attempt, resource, context.namespace, shown)
        desired = await request.create(attempt, document, generated)
        if not request.options.dry_run:
            metadata.check_new(desired)
        existing, stored_name = attempt.existing, name_of(desired)
        if stored_name != name:
            attempt.key = resource.key(context.namespace, stored_name)
            existing = attempt.reader.record(resource.store, attempt.key)
        if existing is not None:
            deleting = existing.value.is_deleting()
            raise AlreadyExists.of(resource.group_resource, stored_name, deleting=deleting)
        return Save(desired)

    key = resource.key(context.namespace, name)
    change = Write(resource, context, key, "create", request.options.dry_run, droppable=True)
    return await write(change, rule)
