"""The subresource ``resize``, which changes the CPU and memory of a running Pod."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, forbidden, invalid
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.core.pods.changes import spec_difference
from apiserver.resources.builtin.core.pods.rules import validate_pod
from apiserver.resources.builtin.parts.podannotations import MIRROR
from apiserver.resources.builtin.parts.poddisabledfields import drop_disabled_spec_fields
from apiserver.resources.builtin.parts.podresources import qos_class
from apiserver.resources.builtin.parts.podrules import annotations_of
from apiserver.resources.builtin.parts.podupdaterules import rules_for_update
from apiserver.resources.builtin.parts.resources import COMPUTE
from apiserver.resources.builtin.parts.windows import WINDOWS
from apiserver.resources.strategy import with_metadata_of

Spec = Mapping[str, Any]

_PARTS: Final = ("containers", "initContainers")
_RESIZED: Final = ("resources", "resizePolicy")


def prepare(pod: Object, old: Object) -> Object:
    """Return the old Pod with the resources of the new one.

    Containers that are not the same, in the same order, are taken unchanged, and validation rejects
    them.
    """
    spec, before = pod["spec"], old["spec"]
    changed = _taking(before, spec, ("resources",))
    for part in _PARTS:
        if _names(spec, part) != _names(before, part):
            changed[part] = spec.get(part) or []
        elif part in before:
            pairs = zip(before[part], spec[part], strict=True)
            changed[part] = [_taking(mine, its, _RESIZED) for mine, its in pairs]
    changed = drop_disabled_spec_fields(changed, before)
    return {**with_metadata_of(pod, old), "spec": changed, "status": old["status"]}


def _names(spec: Spec, part: str) -> list[str]:
    return [container["name"] for container in spec.get(part) or ()]


def _taking(owner: Spec, other: Spec, members: tuple[str, ...]) -> dict[str, Any]:
    kept = {name: value for name, value in owner.items() if name not in members}
    return {**kept, **{name: other[name] for name in members if name in other}}


def validate(pod: Object, old: Object) -> list[FieldError]:
    """Validate the new resources of a Pod."""
    if MIRROR in annotations_of(old):
        return [forbidden("", "static pods cannot be resized")]
    spec, before = pod["spec"], old["spec"]
    if (before.get("os") or {}).get("name") == WINDOWS:
        return [forbidden("", "windows pods cannot be resized")]
    errors = validate_pod(pod, rules_for_update(old, is_pod=True))
    quality = pod["status"].get("qosClass", "")
    if (old["status"].get("qosClass") or qos_class(before)) != qos_class(spec):
        detail = "Pod QOS Class may not change as a result of resizing"
        errors.append(invalid("spec", quality, detail))
    if not _may_be_resized(old):
        errors.append(forbidden("spec", "Pod running on node without support for resize"))
    order = list(_order(spec, before))
    if order:
        return errors + order
    for part in _PARTS:
        pairs = zip(spec.get(part) or (), before.get(part) or (), strict=True)
        for index, (mine, its) in enumerate(pairs):
            path = f"spec.{part}[{index}].resources"
            errors += _removed(mine.get("resources") or {}, its.get("resources") or {}, path)
    own, its_own = spec.get("resources"), before.get("resources")
    if its_own:
        errors += _removed(own or {}, its_own, "spec.resources")
    munged = _with_old_compute(spec, before)
    if munged != before:
        detail = f"only cpu and memory resources are mutable\n{spec_difference(before, munged)}"
        errors.append(forbidden("spec", detail))
    return errors


def _may_be_resized(pod: Object) -> bool:
    # A node that supports resize reports the resources of its containers.
    for status in pod["status"].get("containerStatuses") or ():
        if "running" in status["state"]:
            return "resources" in status
    return True


def _order(spec: Spec, old: Spec) -> Iterator[FieldError]:
    for part in _PARTS:
        names, before = _names(spec, part), _names(old, part)
        if len(names) != len(before):
            yield forbidden(f"spec.{part}", f"{part} may not be added or removed on resize")
            continue
        for index, (name, known) in enumerate(zip(names, before, strict=True)):
            if name != known:
                detail = f"{part} may not be renamed or reordered on resize"
                yield forbidden(f"spec.{part}[{index}].name", detail)


def _removed(requirements: Spec, old: Spec, path: str) -> Iterator[FieldError]:
    for part in ("requests", "limits"):
        if not (old.get(part) or {}).keys() <= (requirements.get(part) or {}).keys():
            yield forbidden(f"{path}.{part}", f"resource {part} cannot be removed")


def _with_old_compute(spec: Spec, old: Spec) -> dict[str, Any]:
    munged = dict(spec)
    for part in _PARTS:
        if part in spec:
            pairs = zip(spec[part], old[part], strict=True)
            munged[part] = [_with_old_resources(mine, its, resize=True) for mine, its in pairs]
    return _with_old_resources(munged, old, resize=False)


def _with_old_resources(owner: Spec, old: Spec, *, resize: bool) -> dict[str, Any]:
    changed = dict(owner)
    if resize:
        changed = _taking(owner, old, ("resizePolicy",))
    if "resources" not in changed and "resources" not in old:
        return changed
    mine, its = changed.get("resources") or {}, old.get("resources") or {}
    merged = {name: value for name, value in mine.items() if name not in ("limits", "requests")}
    for part in ("limits", "requests"):
        kept = {name: text for name, text in (mine.get(part) or {}).items() if name not in COMPUTE}
        kept |= {name: text for name, text in (its.get(part) or {}).items() if name in COMPUTE}
        if kept:
            merged[part] = kept
    changed["resources"] = merged
    return changed
