"""delete_object."""

from __future__ import annotations

from apiserver.machinery.options import DeleteOptions
from apiserver.registry import deletion
from apiserver.registry.codec import Stored
from apiserver.registry.context import RequestContext
from apiserver.registry.resource import Resource
from apiserver.registry.write import Keep, Outcome, Put, Remove, Write, Written, write
from storage.interface import Record


async def delete_object(
    resource: Resource, context: RequestContext, options: DeleteOptions
) -> Written:
    """Remove an object, or mark it as being deleted while it has finalizers.

    Raises NotFound, Conflict when a precondition does not hold, Forbidden...
    """

    def decide(current: Record[Stored] | None) -> Outcome:
        if current is None:
            raise resource.not_found(context.name)
        existing = current.value.object
        resource.strategy.check_delete(existing)
        deletion.check_preconditions(resource.definition, existing, options)
        marked = deletion.mark(existing)
        if marked is None:
            return Remove()
        return Keep() if marked is existing else Put(marked)

    key = resource.key(context.namespace, context.name)
    return await write(Write(resource, key, "delete", options.dry_run), decide)
