"""delete_object."""

from __future__ import annotations

from apiserver.access.admission.chain import DELETE
from apiserver.machinery.errors import Forbidden
from apiserver.machinery.options import DeleteOptions
from apiserver.machinery.times import system_clock
from apiserver.registry import deletion
from apiserver.registry.admission import AdmittedRequest
from apiserver.registry.context import RequestContext
from apiserver.registry.decision import Attempt
from apiserver.registry.outcome import Outcome
from apiserver.registry.resource import Resource
from apiserver.registry.write import Write, Written, write


async def delete_object(
    resource: Resource, context: RequestContext, options: DeleteOptions, *, admits: bool = True
) -> Written:
    """Remove an object, or mark it as being deleted while a finalizer or grace period holds it.

    ``admits`` is false if admission has seen the request in another form. Raises NotFound, Conflict
    if a precondition does not hold, Forbidden...
    """
    refusal = resource.strategy.deletion_refusal(context.name)
    if refusal:
        raise Forbidden.of(resource.group_resource, context.name, refusal)
    return await delete_item(resource, context, options, admits=admits)


async def delete_item(
    resource: Resource, context: RequestContext, options: DeleteOptions, *, admits: bool = True
) -> Written:
    """Delete an object of a collection, even one that cannot be deleted by name."""
    request = AdmittedRequest(resource, context, options)

    async def rule(attempt: Attempt) -> Outcome:
        if attempt.existing is None:
            raise resource.not_found(context.name)
        existing = attempt.existing.value.object
        deletion.check_preconditions(resource.strategy, existing, options)
        if admits:
            await request.mutated(attempt, DELETE, None, existing)
            await request.validate(attempt, DELETE, None, existing)
        return deletion.decide(existing, options, resource.strategy, int(system_clock().time()))

    key = resource.key(context.namespace, context.name)
    return await write(Write(resource, context, key, "delete", options.dry_run), rule)
