"""delete_object."""

from __future__ import annotations

import time

from apiserver.access.admission.chain import DELETE, AdmissionAttributes
from apiserver.machinery.errors import NotFound
from apiserver.machinery.objects import Object
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
    """Remove an object, or mark it as being deleted while something holds it.

    Raises NotFound, Conflict when a precondition does not hold, Forbidden...
    """
    key = resource.key(context.namespace, context.name)
    change = Write(resource, context, key, "delete", options.dry_run)
    ends = False

    async def decide(current: Record[Stored] | None) -> Outcome:
        nonlocal ends
        if current is None:
            raise resource.not_found(context.name)
        existing = current.value.object
        deletion.check_preconditions(resource.strategy, existing, options)
        await _admitted(resource, context, options, existing)
        decision = deletion.decide(existing, options, resource.strategy, int(time.time()))
        ends = decision.removed
        if ends and (decision.object is existing or options.dry_run):
            return Remove(None if decision.object is existing else decision.object)
        return Keep() if decision.object is existing else Put(decision.object)

    written = await write(change, decide)
    if ends and not written.removed:
        return await _finish(change, written)
    return written


async def _finish(change: Write, marked: Written) -> Written:
    """Remove an object that has been marked and that nothing holds any more."""

    async def decide(current: Record[Stored] | None) -> Outcome:
        if current is None or current.value.metadata["uid"] != marked.stored.metadata["uid"]:
            # Somebody else was faster, which comes to the same.
            raise change.resource.not_found(change.context.name)
        finished = deletion.is_finished(current.value.object, change.resource.strategy)
        return Remove() if finished else Keep()

    try:
        return await write(change, decide)
    except NotFound:
        return Written(marked.stored, removed=True)


async def _admitted(
    resource: Resource, context: RequestContext, options: DeleteOptions, existing: Object
) -> None:
    definition, admission = resource.definition, resource.admission
    if not admission.validates(DELETE, definition.gvr, context.subresource):
        return
    attributes = AdmissionAttributes(
        operation=DELETE,
        user=context.user,
        gvk=definition.gvk,
        gvr=definition.gvr,
        subresource=context.subresource,
        namespace=context.namespace,
        name=context.name,
        old_object=existing,
        dry_run=options.dry_run,
        warn=context.warn,
    )
    await admission.validate(attributes)
