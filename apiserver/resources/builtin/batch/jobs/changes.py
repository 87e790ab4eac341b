"""Changes of a Job's template: allowed only while the Job is suspended and no Pods run.

A queue controller may then change the scheduling directives and the resources of the Pods.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.apps.rules import (
    validate_same,
)
from apiserver.resources.builtin.batch.jobs.status import SUSPENDED, has_condition
from apiserver.schema.internalform import internal_form

_SCHEDULING: Final = ("nodeSelector", "tolerations", "schedulingGates")
_CONTAINERS: Final = ("containers", "initContainers")


def validate_template_change(document: Object, old: Object) -> list[FieldError]:
    """Reject a change of the template that the state of the Job does not allow."""
    template, before = document["spec"]["template"], old["spec"]["template"]
    if template == before:
        return []
    if not _waits(old):
        shown = internal_form("core.v1.PodTemplateSpec", template)
        return validate_same(template, before, "spec.template", shown)
    pod = template["spec"]
    granted, shown = _granted(before["spec"], pod), internal_form("core.v1.PodSpec", pod)
    return validate_same(pod, granted, "spec.template.spec", shown)


def _waits(job: Object) -> bool:
    status = job.get("status") or {}
    if not job["spec"].get("suspend") or status.get("active", 0):
        return False
    return "startTime" not in status or has_condition(status, SUSPENDED)


def _granted(pod: Object, wanted: Object) -> Object:
    """Return the old spec of the Pods with the new values of the mutable fields."""
    granted = dict(pod)
    for name in _SCHEDULING:
        _take(granted, name, wanted.get(name))
    _take(granted, "affinity", _affinity(pod.get("affinity"), wanted.get("affinity")))
    for name in _CONTAINERS:
        if name in pod:
            granted[name] = _resources(pod[name] or (), wanted.get(name) or ())
    return granted


def _affinity(affinity: Object | None, wanted: Object | None) -> Object | None:
    kept = {key: value for key, value in (affinity or {}).items() if key != "nodeAffinity"}
    if wanted is None:
        return kept or None
    if "nodeAffinity" in wanted:
        kept["nodeAffinity"] = wanted["nodeAffinity"]
    return kept


def _resources(containers: Sequence[Object], wanted: Sequence[Object]) -> list[Object]:
    if len(containers) != len(wanted):
        return list(containers)
    return [
        {**container, "resources": other.get("resources", {})}
        if container.get("name") == other.get("name")
        else container
        for container, other in zip(containers, wanted, strict=True)
    ]


def _take(granted: dict[str, Any], name: str, value: Any) -> None:
    if value is None:
        granted.pop(name, None)
    else:
        granted[name] = value
