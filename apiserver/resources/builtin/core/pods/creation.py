"""Preparation of a new Pod before it is stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from apiserver.machinery.objects import Object
from apiserver.resources.builtin.parts.affinity import PREFERRED, REQUIRED
from apiserver.resources.builtin.parts.podrules import annotations_of
from apiserver.resources.builtin.parts.profiles import (
    APPARMOR_OF_CONTAINER,
    apparmor_profile,
)
from apiserver.resources.builtin.parts.windows import WINDOWS

# Annotations for init containers from before the field initContainers; no longer read.
_OLD_ANNOTATIONS: Final = frozenset(
    [
        "pod.beta.kubernetes.io/init-containers",
        "pod.alpha.kubernetes.io/init-containers",
        "pod.beta.kubernetes.io/init-container-statuses",
        "pod.alpha.kubernetes.io/init-container-statuses",
    ]
)
_PARTS: Final = ("containers", "initContainers", "ephemeralContainers")


def drop_old_annotations(metadata: dict[str, Any]) -> None:
    """Remove, in place, annotations that are no longer read."""
    annotations = metadata.get("annotations")
    if not annotations or _OLD_ANNOTATIONS.isdisjoint(annotations):
        return
    kept = {key: text for key, text in annotations.items() if key not in _OLD_ANNOTATIONS}
    if kept:
        metadata["annotations"] = kept
    else:
        del metadata["annotations"]


def gated(moment: str) -> dict[str, Any]:
    """Return the condition of a Pod with scheduling gates, which must not be scheduled yet."""
    return {
        "type": "PodScheduled",
        "status": "False",
        "lastProbeTime": None,
        "lastTransitionTime": moment,
        "reason": "SchedulingGated",
        "message": "Scheduling is blocked due to non-empty scheduling gates",
    }


def with_selected_labels(spec: dict[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    """Return a spec with the label values for matchLabelKeys added to its selectors."""
    affinity = spec.get("affinity")
    if affinity is not None:
        changed = _affinity(affinity, labels)
        if changed is not affinity:
            spec = {**spec, "affinity": changed}
    constraints = spec.get("topologySpreadConstraints")
    if constraints and any(it.get("matchLabelKeys") for it in constraints):
        spec = {**spec, "topologySpreadConstraints": [_term(it, labels) for it in constraints]}
    return spec


def _affinity(affinity: dict[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    changed = dict(affinity)
    for kind in ("podAffinity", "podAntiAffinity"):
        terms = affinity.get(kind)
        if terms is None or not any(map(_has_keys, _terms(terms))):
            continue
        kept = dict(terms)
        if REQUIRED in terms:
            kept[REQUIRED] = [_term(term, labels) for term in terms[REQUIRED]]
        if PREFERRED in terms:
            kept[PREFERRED] = [
                {**weighted, "podAffinityTerm": _term(weighted["podAffinityTerm"], labels)}
                for weighted in terms[PREFERRED]
            ]
        changed[kind] = kept
    return affinity if changed == affinity else changed


def _terms(terms: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from terms.get(REQUIRED) or ()
    for weighted in terms.get(PREFERRED) or ():
        yield weighted["podAffinityTerm"]


def _has_keys(term: Mapping[str, Any]) -> bool:
    return bool(term.get("matchLabelKeys") or term.get("mismatchLabelKeys"))


def _term(term: dict[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    selector = term.get("labelSelector")
    if selector is None:
        return term
    added = [
        {"key": key, "operator": operator, "values": [labels[key]]}
        for member, operator in (("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn"))
        for key in term.get(member) or ()
        if key in labels
    ]
    if not added:
        return term
    expressions = [*(selector.get("matchExpressions") or ()), *added]
    return {**term, "labelSelector": {**selector, "matchExpressions": expressions}}


def with_apparmor_fields(pod: Object) -> Object:
    """Return a Pod with the AppArmor profiles of deprecated annotations copied to fields."""
    spec, annotations = pod["spec"], annotations_of(pod)
    if not _has_annotations(annotations) or (spec.get("os") or {}).get("name") == WINDOWS:
        return pod
    of_pod = (spec.get("securityContext") or {}).get("appArmorProfile")
    changed = dict(spec)
    for part in _PARTS:
        if spec.get(part):
            changed[part] = [_with_profile(it, of_pod, annotations) for it in spec[part]]
    return {**pod, "spec": changed}


def _has_annotations(annotations: Mapping[str, str]) -> bool:
    return any(key.startswith(APPARMOR_OF_CONTAINER) for key in annotations)


def _with_profile(
    container: dict[str, Any],
    of_pod: Mapping[str, Any] | None,
    annotations: Mapping[str, str],
) -> dict[str, Any]:
    text = annotations.get(APPARMOR_OF_CONTAINER + container["name"])
    context = container.get("securityContext") or {}
    known = text is None or "appArmorProfile" in context
    profile = None if known else apparmor_profile(text or "")
    if profile is None or profile == of_pod:
        return container
    return {**container, "securityContext": {**context, "appArmorProfile": profile}}


def apparmor_warnings(pod: Object) -> list[str]:
    """Return the warnings for a Pod whose AppArmor profiles come from annotations.

    Field ownership was recorded before the annotations were copied to fields, so it shows which of
    them the client set.
    """
    annotations = annotations_of(pod)
    if not _has_annotations(annotations):
        return []
    of_pod = (pod["spec"].get("securityContext") or {}).get("appArmorProfile")
    warnings = []
    for part in _PARTS:
        for container in pod["spec"].get(part) or ():
            name = container["name"]
            key = APPARMOR_OF_CONTAINER + name
            own = (container.get("securityContext") or {}).get("appArmorProfile")
            profile = apparmor_profile(annotations.get(key, ""))
            if profile is None or profile != own or profile == of_pod:
                continue
            place = ("f:spec", f"f:{part}", f'k:{{"name":"{name}"}}', "f:securityContext")
            given = _is_owned(pod, "f:metadata", "f:annotations", f"f:{key}")
            if given and not _is_owned(pod, *place, "f:appArmorProfile"):
                warnings.append(
                    f"metadata.annotations[{key}]: deprecated since v1.30; use the "
                    '"appArmorProfile" field instead'
                )
    return warnings


def _is_owned(pod: Object, *path: str) -> bool:
    for entry in pod["metadata"].get("managedFields") or ():
        fields: Any = entry.get("fieldsV1")
        for step in path:
            fields = fields.get(step) if isinstance(fields, dict) else None
        if fields is not None:
            return True
    return False
