"""Priority: resolves the priority of Pods from their PriorityClass."""

from __future__ import annotations

from typing import Any, Final

from apiserver.access.admission.chain import CREATE, UPDATE, AdmissionAttributes
from apiserver.client.client import Reader
from apiserver.machinery.builtin_resources import PODS, PRIORITY_CLASSES
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object, name_of, with_spec

NAME: Final = "Priority"
_DEFAULT_POLICY: Final = "PreemptLowerPriority"
_COMPUTED: Final = (
    "must not be provided in pod spec; priority admission controller computed {} from the given "
    "PriorityClass name"
)


class PodPriority:
    """Sets the priority of Pods, and rejects one that differs from their class."""

    name = NAME

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return resource == PODS and operation in (CREATE, UPDATE) and not subresource

    def mutate(self, attributes: AdmissionAttributes, reader: Reader) -> Object | None:
        pod, old = attributes.object, attributes.old_object
        assert pod is not None
        if old is not None:
            return _kept(pod, old)
        spec = pod["spec"]
        name = spec.get("priorityClassName") or ""
        if name:
            class_ = reader.get(PRIORITY_CLASSES, "", name)
            if class_ is None:
                raise attributes.forbidden(f"no PriorityClass with name {name} was found")
        else:
            class_ = default_class(reader)
        priority = class_.get("value", 0) if class_ else 0
        policy = (class_ or {}).get("preemptionPolicy") or _DEFAULT_POLICY
        _check(attributes, spec, priority, policy)
        changes: dict[str, Any] = {"priority": priority, "preemptionPolicy": policy}
        if class_ and not name:
            changes["priorityClassName"] = name_of(class_)
        return with_spec(pod, **changes)


class SingleGlobalDefault:
    """Rejects a second PriorityClass with ``globalDefault``."""

    name = NAME

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return resource == PRIORITY_CLASSES and operation in (CREATE, UPDATE) and not subresource

    def validate(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        class_ = attributes.object
        if class_ is None or not class_.get("globalDefault"):
            return
        other = default_class(reader)
        if other is None:
            return
        if attributes.operation == CREATE or name_of(other) != name_of(class_):
            raise attributes.forbidden(
                f"PriorityClass {name_of(other)} is already marked as default. "
                "Only one default can exist"
            )


def default_class(reader: Reader) -> Object | None:
    """Return the global default class; of several the one with the lowest value."""
    classes = [c for c in reader.list(PRIORITY_CLASSES) if c.get("globalDefault")]
    return min(classes, key=lambda class_: int(class_.get("value", 0)), default=None)


def _kept(pod: Object, old: Object) -> Object | None:
    kept = {
        member: old["spec"][member]
        for member in ("priority", "preemptionPolicy")
        if member not in pod["spec"] and member in old["spec"]
    }
    return with_spec(pod, **kept) if kept else None


def _check(
    attributes: AdmissionAttributes, spec: dict[str, Any], priority: int, policy: str
) -> None:
    given, preemption = spec.get("priority"), spec.get("preemptionPolicy")
    if given is not None and given != priority:
        text = f"the integer value of priority ({given}) {_COMPUTED.format(priority)}"
        raise attributes.forbidden(text)
    if preemption is not None and preemption != policy:
        text = f"the string value of PreemptionPolicy ({preemption}) {_COMPUTED.format(policy)}"
        raise attributes.forbidden(text)
