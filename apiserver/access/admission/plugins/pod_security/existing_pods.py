"""Pods that exist already: which updates of them are checked, and what a stricter level means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from apiserver.access.admission.plugins.pod_security.checks import Violation, violations
from apiserver.access.admission.plugins.pod_security.policy import (
    PRIVILEGED,
    LevelVersion,
    PodSecuritySettings,
)
from apiserver.machinery.objects import Object, annotations_of, metadata_of, name_of
from apiserver.machinery.quoting import quote

_SECCOMP: Final = "container.seccomp.security.alpha.kubernetes.io/"
#: How many Pods of a namespace are checked when its level changes.
_MAX_CHECKED: Final = 3000


def broken_rules(policy: LevelVersion, pod: Object) -> list[Violation]:
    """Return the rules of a policy that a Pod, or the template of one, violates."""
    if policy.level == PRIVILEGED:
        return []
    return violations(policy, pod.get("metadata") or {}, pod["spec"])


def is_significant(pod: Object, old: Object) -> bool:
    """Return whether an update of a Pod is checked: it has new containers, or other images.

    What was created before the level became stricter goes on running, until it changes.
    """
    for part in ("containers", "initContainers"):
        new, before = pod["spec"].get(part) or (), old["spec"].get(part) or ()
        if len(new) != len(before):
            return True
        pairs = zip(new, before, strict=True)
        if any(_has_changed(mine, its, pod, old) for mine, its in pairs):
            return True
    known = {each["name"]: each for each in old["spec"].get("ephemeralContainers") or ()}
    return any(
        each["name"] not in known or _has_changed(each, known[each["name"]], pod, old)
        for each in pod["spec"].get("ephemeralContainers") or ()
    )


def _has_changed(new: dict[str, Any], before: dict[str, Any], pod: Object, old: Object) -> bool:
    if new.get("image") != before.get("image"):
        return True
    key = _SECCOMP + new["name"]
    return annotations_of(pod).get(key) != annotations_of(old).get(key)


def existing_pod_warnings(
    namespace: str, policy: LevelVersion, pods: Iterable[Object], settings: PodSecuritySettings
) -> list[str]:
    """Return the warnings about the Pods of a namespace that violate its new enforced level.

    Of the Pods of a controller the first one is checked before the others.
    """
    by_reasons: dict[str, list[str]] = {}
    ordered = list(_prioritized(pods, settings))
    for pod in ordered[:_MAX_CHECKED]:
        broken = broken_rules(policy, pod)
        if broken:
            reasons = ", ".join(violation.reason for violation in broken)
            by_reasons.setdefault(reasons, []).append(name_of(pod))
    warnings = []
    if len(ordered) > _MAX_CHECKED:
        warnings.append(
            "new PodSecurity enforce level only checked against the first "
            f"{_MAX_CHECKED} of {len(ordered)} existing pods"
        )
    if by_reasons:
        warnings.append(
            f"existing pods in namespace {quote(namespace)} violate the new PodSecurity enforce "
            f"level {quote(str(policy))}"
        )
    return warnings + sorted(
        f"{min(names)}{_more(len(names) - 1)}: {reasons}" for reasons, names in by_reasons.items()
    )


def _more(count: int) -> str:
    return f" (and {count} other pod{'s' if count > 1 else ''})" if count else ""


def _prioritized(pods: Iterable[Object], settings: PodSecuritySettings) -> Iterator[Object]:
    later, controllers = [], set()
    for pod in pods:
        if pod["spec"].get("runtimeClassName") in settings.runtime_classes:
            continue
        owners = metadata_of(pod).get("ownerReferences") or ()
        controller = next((each["uid"] for each in owners if each.get("controller")), None)
        if controller is None or controller not in controllers:
            controllers.add(controller)
            yield pod
        else:
            later.append(pod)
    yield from later
