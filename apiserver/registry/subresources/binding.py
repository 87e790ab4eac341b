"""binding: a scheduler assigns a Pod to a node, permanently.

As in Kubernetes, admission sees the Binding, not the Pod; so the Pod is written without the checks
of an update.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from apiserver.machinery import status
from apiserver.machinery.errors import BadRequest, Conflict, UnknownError
from apiserver.machinery.fielderrors import FieldError, aggregate, not_supported, required
from apiserver.machinery.gvk import GroupResource
from apiserver.machinery.objects import Object, name_of, with_metadata
from apiserver.machinery.quoting import quote
from apiserver.machinery.times import now
from apiserver.registry.create_virtual import VirtualRequest
from apiserver.registry.decision import Attempt
from apiserver.registry.outcome import Outcome, Save
from apiserver.registry.resource import Resource
from apiserver.registry.stored import Stored
from apiserver.registry.subresources.podconditions import with_condition
from apiserver.registry.write import Write, write
from storage.interface import Record

_OF_BINDING: Final = GroupResource("", "pods/binding")


async def bind_pod(pods: Resource, request: VirtualRequest, binding: Object) -> Object:
    """Assign a Pod to the node of a Binding. Raises Conflict if the Pod cannot be assigned."""
    binding = await request.prepared(binding, keeps_identity=True)
    name = name_of(binding)
    if request.context.name and request.context.name != name:
        raise BadRequest("name in URL does not match name in Binding object")
    errors = _validate(binding)
    if errors:
        # As in Kubernetes, these errors do not become an Invalid status.
        raise UnknownError(aggregate(errors))
    await request.validate(binding)
    context = replace(request.context, name=name)

    async def rule(attempt: Attempt) -> Outcome:
        if attempt.existing is None:
            raise pods.not_found(name)
        _check_meant(pods, binding, attempt.existing)
        return Save(bound(attempt.existing.value.object, binding, now()))

    key = pods.key(context.namespace, name)
    await write(Write(pods, context, key, "update", request.options.dry_run), rule)
    return status.success(code=201)


def bound(pod: Object, binding: Object, now: str) -> Object:
    """Return a Pod with the node of a Binding. Raises Conflict."""
    spec, name = pod["spec"], name_of(pod)
    if "deletionTimestamp" in pod["metadata"]:
        raise _refusal(name, f"pod {name} is being deleted, cannot be assigned to a host")
    if spec.get("nodeName"):
        node = quote(spec["nodeName"])
        raise _refusal(name, f"pod {name} is already assigned to node {node}")
    if spec.get("schedulingGates"):
        raise _refusal(name, f"pod {name} has non-empty .spec.schedulingGates")
    changes: dict[str, Any] = {}
    for member in ("annotations", "labels"):
        given = binding["metadata"].get(member)
        if given:
            changes[member] = {**(pod["metadata"].get(member) or {}), **given}
    assigned = with_metadata(pod, **changes) if changes else pod
    state = {key: value for key, value in pod["status"].items() if key != "nominatedNodeName"}
    assigned = {
        **assigned,
        "spec": {**spec, "nodeName": binding["target"]["name"]},
        "status": state,
    }
    return with_condition(assigned, {"type": "PodScheduled", "status": "True"}, now)


def _validate(binding: Object) -> list[FieldError]:
    target, errors = binding.get("target") or {}, []
    if target.get("kind", "") not in ("", "Node"):
        errors.append(not_supported("target.kind", target["kind"], ("Node", "<empty>")))
    if not target.get("name"):
        errors.append(required("target.name"))
    return errors


def _check_meant(pods: Resource, binding: Object, current: Record[Stored]) -> None:
    given, found = binding["metadata"], current.value.metadata
    for member, shown in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
        wanted = given.get(member)
        if wanted and wanted != found.get(member):
            raise Conflict.of(
                pods.group_resource,
                found["name"],
                f"StorageError: invalid object, Code: 4, Key: {current.key}, ResourceVersion: 0, "
                f"AdditionalErrorMsg: Precondition failed: {shown} in precondition: {wanted}, "
                f"{shown} in object meta: {found.get(member, '')}",
            )


def _refusal(name: str, why: str) -> Conflict:
    return Conflict.of(_OF_BINDING, name, why)
