"""The subresource ``ephemeralcontainers``, which adds containers to a Pod for debugging."""

from __future__ import annotations

from apiserver.machinery.fielderrors import FieldError, forbidden
from apiserver.machinery.objects import Object
from apiserver.machinery.quoting import quote
from apiserver.resources.builtin.core.pods.rules import validate_annotations_of_update, validate_pod
from apiserver.resources.builtin.parts.difference import difference
from apiserver.resources.builtin.parts.podannotations import MIRROR
from apiserver.resources.builtin.parts.podrules import annotations_of
from apiserver.resources.builtin.parts.podupdaterules import rules_for_update
from apiserver.resources.strategy import with_metadata_of
from apiserver.schema.internalform import internal_form

_MEMBER = "ephemeralContainers"
_PATH = f"spec.{_MEMBER}"


def prepare(pod: Object, old: Object) -> Object:
    """Return the old Pod with the ephemeral containers of the new one."""
    spec = {name: value for name, value in old["spec"].items() if name != _MEMBER}
    if pod["spec"].get(_MEMBER):
        spec[_MEMBER] = pod["spec"][_MEMBER]
    return {**with_metadata_of(pod, old), "spec": spec, "status": old.get("status", {})}


def validate(pod: Object, old: Object) -> list[FieldError]:
    """Reject changed or removed ephemeral containers."""
    annotations = annotations_of(old)
    if MIRROR in annotations:
        return [forbidden("", "static pods do not support ephemeral containers")]
    errors = validate_pod(pod, rules_for_update(old, is_pod=True))
    errors += validate_annotations_of_update(pod, old)
    there = {container["name"]: container for container in pod["spec"].get(_MEMBER) or ()}
    for container in old["spec"].get(_MEMBER) or ():
        name = container["name"]
        if name not in there:
            detail = f"existing ephemeral containers {quote(name)} may not be removed\n"
            errors.append(forbidden(_PATH, detail))
        elif there[name] != container:
            before, after = (
                internal_form("core.v1.EphemeralContainer", it) for it in (container, there[name])
            )
            detail = f"existing ephemeral containers {quote(name)} may not be changed\n"
            errors.append(forbidden(_PATH, detail + difference(before, after)))
    return errors
