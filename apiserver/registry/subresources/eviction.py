"""eviction: a Pod is deleted unless its disruption budget forbids it.

As in Kubernetes, the budget is checked and decremented first, by a separate write that may have
conflicts; then the Pod is deleted. If no disruption was used, because the Pod was not ready or had
not started, it must be unchanged when it is deleted: otherwise it may have become ready.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from apiserver.machinery import status
from apiserver.machinery.errors import BadRequest, Conflict, Timeout, UnknownError
from apiserver.machinery.objects import Object, name_of
from apiserver.machinery.options import DeleteOptions, WriteOptions, delete_options_of
from apiserver.machinery.quoting import quote
from apiserver.machinery.times import now
from apiserver.machinery.users import SYSTEM_USER
from apiserver.machinery.valueclasses import valueclass
from apiserver.registry import deletion
from apiserver.registry.context import RequestContext
from apiserver.registry.create_virtual import VirtualRequest
from apiserver.registry.decision import Attempt
from apiserver.registry.delete import delete_object
from apiserver.registry.get import get_object
from apiserver.registry.outcome import Outcome, Save
from apiserver.registry.resource import Resource
from apiserver.registry.subresources import disruption
from apiserver.registry.subresources.podconditions import with_condition
from apiserver.registry.update import update_object
from apiserver.registry.write import Write, Written, write

_ATTEMPTS: Final = 20
_TOO_MANY: Final = (
    "This pod has more than one PodDisruptionBudget, "
    "which the eviction subresource does not support."
)
_EVICTED: Final[dict[str, Any]] = {
    "type": "DisruptionTarget",
    "status": "True",
    "reason": "EvictionByEvictionAPI",
    "message": "Eviction API: evicting",
}


async def evict_pod(budgets: Resource, request: VirtualRequest, eviction: Object) -> Object:
    """Delete a Pod according to an Eviction, and return a Status.

    ``budgets`` is the resource of PodDisruptionBudgets. Raises TooManyRequests if one of them
    forbids it, NotFound, Conflict...
    """
    eviction = await request.prepared(eviction)
    name = name_of(eviction)
    if name != request.context.name:
        raise BadRequest("name in URL does not match name in Eviction object")
    options = _delete_options(eviction, request.options)
    await request.validate(eviction)
    evicting = _Eviction(request.resource, budgets, request.context, options)
    return await evicting.run()


def _delete_options(eviction: Object, options: WriteOptions) -> DeleteOptions:
    given = eviction.get("deleteOptions") or {}
    if options.dry_run and len(given.get("dryRun") or ()) > 1:
        shown = " ".join(given["dryRun"])
        raise UnknownError(
            f"Non-matching dry-run options in request and content: [All] and [{shown}]"
        )
    read = delete_options_of(given)
    return replace(read, dry_run=read.dry_run or options.dry_run)


@valueclass
class _Eviction:
    """One eviction of one Pod."""

    pods: Resource
    budgets: Resource
    context: RequestContext
    options: DeleteOptions

    async def run(self) -> Object:
        """Delete the Pod, if its budget allows it."""
        if await self._deleted_without_asking():
            return status.success(code=201)
        pod = await self._pod()
        protecting = await self._protecting(pod)
        if len(protecting) > 1:
            raise UnknownError(_TOO_MANY)
        if protecting and disruption.can_ignore_budget(protecting[0], pod):
            await self._delete_unchanged(pod, name_of(protecting[0]))
            return status.success(code=201)
        if protecting:
            await self._take_from(protecting[0])
        await self._delete(self.options)
        return status.success(code=201)

    async def _deleted_without_asking(self) -> bool:
        """Delete the Pod if that disrupts nothing; return whether it was deleted."""
        chosen = self.options.resource_version is not None
        for attempt in range(_ATTEMPTS):
            pod = await self._pod()
            if not disruption.is_disrupted_already(pod):
                return False
            options = self.options
            if not chosen and not disruption.has_ended(pod):
                options = _unchanged(options, pod)
            try:
                await self._delete(options)
            except Conflict:
                if chosen or attempt == _ATTEMPTS - 1:
                    raise
            else:
                return True
        raise AssertionError("the last attempt has an outcome")

    async def _delete_unchanged(self, pod: Object, budget: str) -> None:
        try:
            await self._delete(_unchanged(self.options, pod))
        except Conflict as error:
            if self.options.resource_version is not None:
                raise
            raise disruption.still_processed(budget) from error

    async def _pod(self) -> Object:
        stored = await get_object(self.pods, self.context.namespace, self.context.name)
        return stored.object

    async def _protecting(self, pod: Object) -> list[Object]:
        # The Pod was just read from the store, so the cache contains all older changes.
        page = self.budgets.store.list_cached(self.budgets.prefix(self.context.namespace))
        return disruption.budgets_of(pod, (record.value.object for record in page.records))

    async def _take_from(self, budget: Object) -> None:
        """Use one disruption of a budget, in the budget's state at the time of the write."""
        name = name_of(budget)
        context = RequestContext(
            user=SYSTEM_USER,
            namespace=self.context.namespace,
            name=name,
            subresource="status",
            user_agent="kube-apiserver",
        )
        for _ in range(_ATTEMPTS):
            disruption.check(budget)
            if self.options.dry_run:
                return
            desired = disruption.disrupted(budget, self.context.name, now())
            try:
                await update_object(self.budgets, context, desired, WriteOptions(), frees=True)
            except Conflict:
                stored = await get_object(self.budgets, context.namespace, name)
                budget = stored.object
            else:
                return
        raise Timeout(
            f"couldn't update PodDisruptionBudget {quote(name)} due to conflicts",
            {"retryAfterSeconds": 10},
        )

    async def _delete(self, options: DeleteOptions) -> None:
        if not options.dry_run:
            written = await self._mark(options)
            if options.resource_version is not None:
                options = _unchanged(options, written.stored.object)
        # Admission has seen the Eviction.
        await delete_object(self.pods, self.context, options, admits=False)

    async def _mark(self, options: DeleteOptions) -> Written:
        """Set the condition of the Pod that gives the reason for its deletion."""
        pods, context = self.pods, self.context

        async def rule(attempt: Attempt) -> Outcome:
            if attempt.existing is None:
                raise pods.not_found(context.name)
            existing = attempt.existing.value.object
            deletion.check_preconditions(pods.strategy, existing, options)
            return Save(with_condition(existing, _EVICTED, now()))

        key = pods.key(context.namespace, context.name)
        return await write(Write(pods, context, key, "update", frees=True), rule)


def _unchanged(options: DeleteOptions, pod: Object) -> DeleteOptions:
    return replace(options, resource_version=pod["metadata"]["resourceVersion"])
