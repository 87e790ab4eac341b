"""What happens to an object on its way into the store, on create and on update.

In this order, as Kubernetes has it: ownership is recorded, admission may change the object, the
kind takes back what the client may not set, everything that is wrong is gathered, warnings are
given, admission may refuse. Where an update changes nothing but the times of ownership, the old
ones stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from apiserver.access.admission.chain import CREATE, UPDATE, AdmissionAttributes
from apiserver.fieldmanager.managers import manager_name
from apiserver.machinery.equality import deep_equal
from apiserver.machinery.errors import Invalid
from apiserver.machinery.fielderrors import FieldError
from apiserver.machinery.objects import Object, name_of
from apiserver.machinery.options import WriteOptions
from apiserver.machinery.times import now
from apiserver.registry import deletion, metadata
from apiserver.registry.context import RequestContext
from apiserver.registry.resource import Resource
from apiserver.registry.write import Outcome, Put, Remove
from apiserver.resources import objectmeta


@dataclass(frozen=True, slots=True)
class Request:
    """A create, an update or a patch: on what, by whom, with which options.

    ``owns``: the desired object already says who owns what, as an apply leaves it. ``admits`` is
    false where admission is shown something else, a Scale, by whoever makes the object of that.
    ``patches``: owners that are named twice are found, and warned of, after admission only.
    """

    resource: Resource
    context: RequestContext
    options: WriteOptions
    owns: bool = False
    admits: bool = True
    patches: bool = False

    def owned(self, existing: Object | None, desired: Object) -> Object:
        """Return ``desired`` with the fields that it sets owned by the request's manager."""
        if self.owns:
            return desired
        context = self.context
        return self.resource.field_manager.update(
            existing,
            desired,
            manager=manager_name(self.options.field_manager, context.user_agent),
            subresource=context.subresource,
            now=now(),
        )

    def attributes(
        self, operation: str, desired: Object, old: Object | None
    ) -> AdmissionAttributes:
        """Return what admission is told of the request."""
        context, definition = self.context, self.resource.definition
        return AdmissionAttributes(
            operation=operation,
            user=context.user,
            gvk=definition.gvk,
            gvr=definition.gvr,
            subresource=context.subresource,
            namespace=context.namespace,
            name=context.name or name_of(desired),
            object=desired,
            old_object=old,
            dry_run=self.options.dry_run,
            warn=context.warn,
        )


async def prepared_for_create(request: Request, document: Object) -> Object:
    """Return a new object as it is to be stored. Raises Invalid, or what admission raises."""
    resource, context = request.resource, request.context
    strategy = resource.strategy
    desired = metadata.wiped(document)
    desired = metadata.distinct_owners(desired, context.warn, admitted=request.patches)
    desired = await _admitted(request, CREATE, request.owned(None, desired), None)
    desired = strategy.with_requester(metadata.begin(desired), context.user)
    desired = strategy.prepare_for_create(desired)
    desired = metadata.with_generation(desired, None, strategy)
    errors = [*objectmeta.validate_create(desired, strategy), *strategy.validate(desired)]
    _refuse(resource, desired, errors or objectmeta.validate_created(desired, strategy))
    for text in strategy.warnings_on_create(desired):
        context.warn(text)
    await _validated(request, CREATE, desired, None)
    return desired


async def prepared_for_update(request: Request, document: Object, old: Object) -> Outcome:
    """Return what to make of ``old``. Raises Invalid, or what admission raises."""
    resource, context = request.resource, request.context
    updates = resource.strategy.updates
    # A subresource without rules of its own (scale) changes the object itself.
    update = updates.get(context.subresource) or updates[""]
    desired = metadata.distinct_owners(document, context.warn, admitted=request.patches)
    desired = await _admitted(request, UPDATE, request.owned(old, desired), old)
    desired = update.prepare(metadata.carry_over(desired, old), old)
    desired = metadata.with_generation(desired, old, resource.strategy)
    errors = objectmeta.validate_update(desired, old, resource.strategy, update)
    _refuse(resource, desired, [*errors, *update.validate(desired, old)])
    for text in update.warnings(desired, old):
        context.warn(text)
    desired = _with_old_times(desired, old)
    await _validated(request, UPDATE, desired, old)
    if deletion.is_finished(desired, resource.strategy):
        return Remove(desired)
    return Put(desired)


async def _admitted(
    request: Request, operation: str, desired: Object, old: Object | None
) -> Object:
    resource, subresource = request.resource, request.context.subresource
    mutates = resource.admission.mutates(operation, resource.definition.gvr, subresource)
    if not (request.admits and mutates):
        return desired
    admitted = await resource.admission.mutate(request.attributes(operation, desired, old))
    return metadata.distinct_owners(admitted, request.context.warn, admitted=True)


async def _validated(
    request: Request, operation: str, desired: Object, old: Object | None
) -> None:
    resource, subresource = request.resource, request.context.subresource
    validates = resource.admission.validates(operation, resource.definition.gvr, subresource)
    if request.admits and validates:
        await resource.admission.validate(request.attributes(operation, desired, old))


def _refuse(resource: Resource, desired: Object, errors: list[FieldError]) -> None:
    if errors:
        # What is wrong is said of the kind that is stored, whichever was asked for.
        raise Invalid.of(resource.definition.storage_kind, name_of(desired), errors)


def _with_old_times(desired: Object, old: Object) -> Object:
    owners, before = desired["metadata"].get("managedFields"), old["metadata"].get("managedFields")
    if owners == before or not owners or not before or not _same_but_owners(desired, old):
        return desired
    if list(map(_timeless, owners)) != list(map(_timeless, before)):
        return desired
    return {**desired, "metadata": {**desired["metadata"], "managedFields": before}}


def _same_but_owners(desired: Object, old: Object) -> bool:
    if desired.keys() != old.keys():
        return False
    left, right = ({**each, "metadata": _without_owners(each)} for each in (desired, old))
    return deep_equal(left, right)


def _without_owners(document: Object) -> dict[str, Any]:
    ignored = ("managedFields", "resourceVersion")
    return {key: value for key, value in document["metadata"].items() if key not in ignored}


def _timeless(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key != "time"}
