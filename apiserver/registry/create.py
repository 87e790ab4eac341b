"""create_object."""

from __future__ import annotations

from apiserver.machinery.errors import AlreadyExists, Invalid
from apiserver.machinery.objects import Object
from apiserver.machinery.options import WriteOptions
from apiserver.registry import metadata, namespaces
from apiserver.registry.codec import Stored
from apiserver.registry.context import RequestContext
from apiserver.registry.resource import Resource
from apiserver.registry.write import Outcome, Put, Write, Written, write
from storage.interface import Record

_NAME_ATTEMPTS = 8


async def create_object(
    resource: Resource, context: RequestContext, document: Object, options: WriteOptions
) -> Written:
    """Create an object, under a generated name if it has none.

    ``document`` is canonical, of the resource's kind. Raises AlreadyExists, Invalid, NotFound (of
    the namespace)...
    """
    document = metadata.check_namespace(document, context.namespace)
    generated = not document["metadata"].get("name")
    for attempt in range(_NAME_ATTEMPTS):
        desired = metadata.begin(resource.strategy.default(document))
        try:
            return await _create(resource, context, desired, options)
        except AlreadyExists:
            if not generated:
                raise
            if attempt == _NAME_ATTEMPTS - 1:
                name = desired["metadata"]["name"]
                raise AlreadyExists.generated(resource.group_resource, name) from None
    raise AssertionError("unreachable")


def prepare(resource: Resource, desired: Object) -> Object:
    """Return a new object as it is to be stored. Raises Invalid."""
    strategy = resource.strategy
    prepared = strategy.prepare_for_create(desired)
    errors = [*metadata.validate(prepared, strategy), *strategy.validate(prepared)]
    if errors:
        name = prepared["metadata"].get("name", "")
        raise Invalid.of(resource.definition.gvk, name, errors)
    return prepared


async def _create(
    resource: Resource, context: RequestContext, desired: Object, options: WriteOptions
) -> Written:
    name = desired["metadata"].get("name", "")

    def decide(current: Record[Stored] | None) -> Outcome:
        requires = namespaces.requirements(resource, context.namespace, name)
        prepared = prepare(resource, desired)
        if current is not None:
            deleting = "deletionTimestamp" in current.value.metadata
            raise AlreadyExists.of(resource.group_resource, name, deleting=deleting)
        return Put(prepared, requires)

    key = resource.key(context.namespace, name)
    return await write(Write(resource, key, "create", options.dry_run), decide)
